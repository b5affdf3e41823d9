// Cache: elements that are computed once and kept, in memory or in a file.
//
// The file is a TFRecord file. Its first record says what pipeline it belongs to, its last one how
// many elements there are; those between begin with kElement and hold a number of components, and
// of each dtype, rank, sizes and elements. All numbers are little-endian.
#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"
#include "nomograph/data/pipeline/tfrecord.h"

namespace nomograph {
namespace {

using NodeRef = std::shared_ptr<const DatasetNode>;
using NodeOr = absl::StatusOr<NodeRef>;
using StageOr = absl::StatusOr<std::unique_ptr<Stage>>;
using Elements = std::vector<Element>;

// What comes ahead of a cache is the same in every iteration.
IterationContext Unseeded(IterationContext context) {
  context.seed = 0;
  context.pass = 0;
  context.branch = 0;
  return context;
}

// ---- In memory ----

class MemoryCacheNode : public DatasetNode {
 public:
  explicit MemoryCacheNode(const NodeRef& input)
      : DatasetNode("Cache", {input}, input->types(), input->cardinality()) {}
  StageOr Start(IterationContext context) const override;

  std::shared_ptr<const Elements> elements() const {
    const std::lock_guard lock(mutex_);
    return elements_;
  }
  // Of two iterations that fill it at once, the first one's stay.
  void Keep(Elements elements) const {
    const std::lock_guard lock(mutex_);
    if (elements_ == nullptr) elements_ = std::make_shared<const Elements>(std::move(elements));
  }

 private:
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Elements> elements_;  // null until a whole pass is over
};

class FillMemoryStage : public Stage {
 public:
  FillMemoryStage(IterationContext context, const MemoryCacheNode& node,
                  std::unique_ptr<Stage> input)
      : Stage(std::move(context)), node_(node), input_(std::move(input)) {}

 private:
  StageResult DoNext() override {
    NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
    if (!element) {
      node_.Keep(std::exchange(elements_, {}));
      return std::nullopt;
    }
    for (Tensor& tensor : *element) tensor = ReadOnly(tensor);
    elements_.push_back(*element);
    return element;
  }

  const MemoryCacheNode& node_;
  const std::unique_ptr<Stage> input_;
  Elements elements_;
};

class ReadMemoryStage : public Stage {
 public:
  ReadMemoryStage(IterationContext context, std::shared_ptr<const Elements> elements)
      : Stage(std::move(context)), elements_(std::move(elements)) {}

 private:
  StageResult DoNext() override {
    if (next_ == elements_->size()) return std::nullopt;
    return (*elements_)[next_++];
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    const auto done = std::min(static_cast<size_t>(count), elements_->size() - next_);
    next_ += done;
    return static_cast<int64_t>(done);
  }

  const std::shared_ptr<const Elements> elements_;
  size_t next_ = 0;
};

StageOr MemoryCacheNode::Start(IterationContext context) const {
  if (auto kept = elements(); kept != nullptr) {
    return std::make_unique<ReadMemoryStage>(std::move(context), std::move(kept));
  }
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(Unseeded(context)));
  return std::make_unique<FillMemoryStage>(std::move(context), *this, std::move(input));
}

// ---- In a file ----

constexpr char kElement = 'E', kEnd = 'Z';
constexpr absl::string_view kMagic = "nomograph dataset cache 1 ";
constexpr int64_t kAnySize = std::numeric_limits<int64_t>::max();

template <typename T>
void Append(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
template <typename T>
bool TakeValue(absl::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

std::string FormatElement(const Element& element) {
  std::string record(1, kElement);
  Append(static_cast<uint32_t>(element.size()), record);
  for (const Tensor& tensor : element) {
    Append(static_cast<uint8_t>(tensor.dtype()), record);
    Append(static_cast<uint8_t>(tensor.shape().rank()), record);
    for (const int64_t size : tensor.shape().dims()) Append(size, record);
    record.append(reinterpret_cast<const char*>(tensor.raw_data()),
                  static_cast<size_t>(tensor.num_bytes()));
  }
  return record;
}

absl::StatusOr<Tensor> TakeTensor(absl::string_view& bytes) {
  uint8_t code = 0, rank = 0;
  if (!TakeValue(bytes, code) || !TakeValue(bytes, rank)) return InvalidArgument("it ends early");
  const DType dtype = code < kNumDTypes ? static_cast<DType>(code) : DType::kInvalid;
  if (dtype == DType::kInvalid || rank > kMaxRank) return InvalidArgument("it holds no tensor");
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) {
    int64_t size = 0;
    if (!TakeValue(bytes, size)) return InvalidArgument("it ends early");
    shape.Append(size);
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t count, shape.CheckedNumElements());
  if (count > static_cast<int64_t>(bytes.size()) / DTypeSize(dtype)) {
    return InvalidArgument("it ends early");
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  const auto size = static_cast<size_t>(tensor.num_bytes());
  if (size > 0) std::memcpy(tensor.mutable_raw_data(), bytes.data(), size);
  bytes.remove_prefix(size);
  return tensor;
}

absl::StatusOr<Element> ParseElement(absl::string_view record,
                                     const std::vector<TensorType>& types) {
  record.remove_prefix(1);  // kElement
  uint32_t count = 0;
  if (!TakeValue(record, count) || count != types.size()) {
    return InvalidArgument("it has other components than the pipeline");
  }
  Element element;
  for (uint32_t i = 0; i < count; ++i) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, TakeTensor(record));
    element.push_back(std::move(tensor));
  }
  if (!record.empty()) return InvalidArgument("more bytes follow than its tensors have");
  NOMO_RETURN_IF_ERROR(CheckElement(element, types));
  return element;
}

class FileCacheNode : public DatasetNode {
 public:
  FileCacheNode(const NodeRef& input, std::string path)
      : DatasetNode("Cache(file)", {input}, input->types(), input->cardinality()),
        path_(std::move(path)),
        head_(absl::StrCat(kMagic, absl::Hex(PipelineHash(*input), absl::kZeroPad16))) {}
  StageOr Start(IterationContext context) const override;
  const std::string& path() const { return path_; }
  const std::string& head() const { return head_; }
  absl::Status Fault(const absl::Status& status) const {
    return Annotate(status, absl::StrCat("cache ", QuotedPath(path_)));
  }

 private:
  const std::string path_, head_;
};

class FillFileStage : public Stage {
 public:
  FillFileStage(IterationContext context, const FileCacheNode& node, std::unique_ptr<Stage> input,
                TfRecordWriter writer)
      : Stage(std::move(context)),
        node_(node),
        input_(std::move(input)),
        writer_(std::move(writer)) {}

 private:
  StageResult DoNext() override {
    NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
    if (element) {
      NOMO_RETURN_IF_ERROR(node_.Fault(writer_.Write(FormatElement(*element))));
      ++count_;
    } else if (!finished_) {
      std::string end(1, kEnd);
      Append(count_, end);
      NOMO_RETURN_IF_ERROR(node_.Fault(writer_.Write(end)));
      NOMO_RETURN_IF_ERROR(node_.Fault(writer_.Finish()));
      finished_ = true;
    }
    return element;
  }

  const FileCacheNode& node_;
  const std::unique_ptr<Stage> input_;
  TfRecordWriter writer_;
  int64_t count_ = 0;
  bool finished_ = false;
};

class ReadFileStage : public Stage {
 public:
  ReadFileStage(IterationContext context, const FileCacheNode& node,
                std::shared_ptr<const MappedFile> file)
      : Stage(std::move(context)),
        node_(node),
        file_(std::move(file)),
        reader_(file_->bytes(), kAnySize) {}

  absl::Status ReadHead() {
    const auto head = reader_.Next();
    if (!head.ok() || !*head || !absl::StartsWith(**head, kMagic)) {
      return node_.Fault(absl::FailedPreconditionError(
          "it is no cache that this version wrote; remove it, or choose another path"));
    }
    if (**head == node_.head()) return absl::OkStatus();
    return node_.Fault(absl::FailedPreconditionError(
        "another pipeline wrote it (stages, their parameters or element types differ); remove it, "
        "or choose another path"));
  }

 private:
  // The next element's record; empty at the end.
  absl::StatusOr<absl::string_view> NextRecord() {
    if (ended_) return absl::string_view();
    const int64_t offset = reader_.offset();
    auto record = reader_.Next();
    if (!record.ok()) return node_.Fault(record.status());
    if (!*record) {
      return node_.Fault(absl::DataLossError(absl::StrCat("it ends without its last record")));
    }
    if (absl::StartsWith(**record, absl::string_view(&kElement, 1))) {
      ++count_;
      return **record;
    }
    absl::string_view rest = **record;
    int64_t count = -1;
    const bool whole = absl::ConsumePrefix(&rest, absl::string_view(&kEnd, 1)) &&
                       TakeValue(rest, count) && rest.empty() && count == count_ &&
                       reader_.offset() == static_cast<int64_t>(file_->bytes().size());
    if (!whole) {
      return node_.Fault(absl::DataLossError(absl::StrCat(
          "record at byte ", offset, ": expected an element, or the end after ", count_)));
    }
    ended_ = true;
    return absl::string_view();
  }

  StageResult DoNext() override {
    const int64_t offset = reader_.offset();
    NOMO_ASSIGN_OR_RETURN(const absl::string_view record, NextRecord());
    if (record.empty()) return std::nullopt;
    absl::StatusOr<Element> element = ParseElement(record, node_.types());
    if (!element.ok()) {
      return node_.Fault(Annotate(element.status(), absl::StrCat("record at byte ", offset)));
    }
    return *std::move(element);
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t done = 0;
    for (; done < count; ++done) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(const absl::string_view record, NextRecord());
      if (record.empty()) break;
    }
    return done;
  }

  const FileCacheNode& node_;
  const std::shared_ptr<const MappedFile> file_;
  TfRecordReader reader_;
  int64_t count_ = 0;
  bool ended_ = false;
};

StageOr FileCacheNode::Start(IterationContext context) const {
  absl::StatusOr<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path_);
  if (file.ok()) {
    auto stage = std::make_unique<ReadFileStage>(std::move(context), *this, *std::move(file));
    NOMO_RETURN_IF_ERROR(stage->ReadHead());
    return stage;
  }
  if (!absl::IsNotFound(file.status())) return Fault(file.status());
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(Unseeded(context)));
  absl::StatusOr<TfRecordWriter> writer = TfRecordWriter::Create(path_);
  if (!writer.ok()) return Fault(writer.status());
  NOMO_RETURN_IF_ERROR(Fault(writer->Write(head_)));
  return std::make_unique<FillFileStage>(std::move(context), *this, std::move(input),
                                         *std::move(writer));
}

absl::Status CheckFinite(const NodeRef& input) {
  if (input->cardinality() != kInfiniteCardinality) return absl::OkStatus();
  return InvalidArgument(
      "Cache: its input never ends (put Repeat() behind it); expected a dataset that does");
}

NodeOr MakeMemoryCache(const NodeRef& input) {
  NOMO_RETURN_IF_ERROR(CheckFinite(input));
  return std::make_shared<MemoryCacheNode>(input);
}

NodeOr MakeFileCache(const NodeRef& input, const std::string& path) {
  NOMO_RETURN_IF_ERROR(CheckFinite(input));
  if (path.empty()) return InvalidArgument("Cache: the path is empty");
  return std::make_shared<FileCacheNode>(input, path);
}

}  // namespace

Dataset Dataset::Cache() const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeMemoryCache(node_));
}

Dataset Dataset::Cache(const std::string& path) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeFileCache(node_, path));
}

}  // namespace nomograph
