// TfRecord: the records of a file.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/gzip_source.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;
using StageOr = absl::StatusOr<std::unique_ptr<Stage>>;

// Pages of the file that have been read are given back after so many bytes.
constexpr int64_t kPieceBytes = int64_t{32} << 20;

class TfRecordNode : public DatasetNode {
 public:
  TfRecordNode(std::string path, const TfRecordDatasetOptions& options)
      : DatasetNode("TfRecord", {}, {{DType::kUInt8, PartialShape::OfRank(1)}},
                    kUnknownCardinality),
        path_(std::move(path)),
        options_(options) {}
  StageOr Start(IterationContext context) const override;
  const std::string& path() const { return path_; }
  const TfRecordDatasetOptions& options() const { return options_; }

 private:
  const std::string path_;
  const TfRecordDatasetOptions options_;
};

class TfRecordStage : public Stage {
 public:
  TfRecordStage(IterationContext context, const TfRecordNode& node,
                std::shared_ptr<const MappedFile> file)
      : Stage(std::move(context)),
        node_(node),
        file_(std::move(file)),
        reader_(file_->bytes(), node.options().max_record_bytes) {}
  // Of a gzipped file.
  TfRecordStage(IterationContext context, const TfRecordNode& node,
                std::unique_ptr<ByteSource> source)
      : Stage(std::move(context)),
        node_(node),
        reader_(std::move(source), node.options().max_record_bytes) {}

 private:
  bool skips_errors() const { return node_.options().on_error == OnError::kSkip; }
  absl::Status Fault(const absl::Status& status) const {
    return Annotate(status, QuotedPath(node_.path()));
  }

  void GiveBackPages() {
    if (file_ == nullptr) return;
    const int64_t read = reader_.offset() - given_back_;
    if (read < kPieceBytes) return;
    MappedFile::GiveBack(file_->bytes().data() + given_back_, static_cast<size_t>(read));
    given_back_ += read;
  }

  StageResult DoNext() override {
    while (!ended_) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      const auto record = reader_.Next();
      GiveBackPages();
      if (record.ok()) {
        if (!*record) break;
        const auto size = static_cast<int64_t>((*record)->size());
        if (file_ != nullptr)
          return Element{Tensor::FromBuffer(DType::kUInt8, {size}, (*record)->data(), file_)};
        NOMO_ASSIGN_OR_RETURN(Tensor bytes, Tensor::Create(DType::kUInt8, {size}));
        std::copy_n((*record)->data(), size, reinterpret_cast<char*>(bytes.mutable_raw_data()));
        return Element{std::move(bytes)};
      }
      if (!skips_errors()) return Fault(record.status());
      CountSkipped();
      ended_ = !reader_.can_go_on();
    }
    ended_ = true;
    return std::nullopt;
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    if (skips_errors()) return Stage::DoSkip(count);
    int64_t done = 0;
    for (; done < count && !ended_; ++done) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      const absl::StatusOr<bool> more = reader_.SkipRecord();
      if (!more.ok()) return Fault(more.status());
      if (!*more) break;
      GiveBackPages();
    }
    return done;
  }

  const TfRecordNode& node_;
  const std::shared_ptr<const MappedFile> file_;  // null: it is gzipped
  TfRecordReader reader_;
  int64_t given_back_ = 0;
  bool ended_ = false;
};

StageOr TfRecordNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::Open(path_));
  if (IsGzippedTfRecord(file->bytes())) {
    NOMO_ASSIGN_OR_RETURN(GzipFile packed, OpenGzip(path_, std::numeric_limits<int64_t>::max()));
    return std::make_unique<TfRecordStage>(std::move(context), *this, std::move(packed.source));
  }
  return std::make_unique<TfRecordStage>(std::move(context), *this, std::move(file));
}

NodeOr MakeTfRecord(const std::string& path, const TfRecordDatasetOptions& options) {
  if (options.max_record_bytes < 1) {
    return InvalidArgument("TfRecord: max_record_bytes is ", options.max_record_bytes);
  }
  return std::make_shared<TfRecordNode>(path, options);
}

}  // namespace

Dataset Dataset::TfRecord(const std::string& path, const TfRecordDatasetOptions& options) {
  return Dataset(MakeTfRecord(path, options));
}

}  // namespace nomograph
