// Shuffle: each element is drawn from a buffer of elements that have been read ahead.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

using NodeRef = std::shared_ptr<const DatasetNode>;

// Philox counts blocks of four numbers in 32 bits.
constexpr int64_t kMostDraws = int64_t{1} << 34;
// 32 random bits choose an element: with so few of them each has the same chance but for one part
// in 256.
constexpr int64_t kMostBuffered = int64_t{1} << 24;

class ShuffleNode : public DatasetNode {
 public:
  ShuffleNode(const NodeRef& input, int64_t buffer, ShuffleOptions options)
      : DatasetNode(Name(buffer, options), {input}, input->types(), input->cardinality(),
                    /*draws_random_numbers=*/true),
        buffer_(buffer),
        options_(options) {}

  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const override;
  int64_t buffer() const { return buffer_; }

  uint64_t OrderKey(const IterationContext& context) const {
    IterationContext of_order = context;
    if (!options_.reshuffle_each_iteration) of_order.pass = 0;
    if (!options_.seed) return Key(of_order);
    return MixKeys(MixKeys(of_order.seed, *options_.seed), of_order.pass);
  }

 private:
  static std::string Name(int64_t buffer, const ShuffleOptions& options) {
    return absl::StrCat("Shuffle(", buffer, options.seed ? absl::StrCat(",", *options.seed) : "",
                        options.reshuffle_each_iteration ? "" : ",same", ")");
  }
  const int64_t buffer_;
  const ShuffleOptions options_;
};

class ShuffleStage : public Stage {
 public:
  ShuffleStage(IterationContext context, const ShuffleNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)),
        node_(node),
        random_(node.OrderKey(context_), 0, 0),
        input_(std::move(input)) {}

 private:
  // Draws from `buffer`: the element goes, and the last one takes its place.
  template <typename T>
  T Draw(std::vector<T>& buffer) {
    const uint64_t bits = random_.At(static_cast<uint64_t>(drawn_++));
    const size_t choice = (bits * buffer.size()) >> 32;
    T drawn = std::exchange(buffer[choice], std::move(buffer.back()));
    buffer.pop_back();
    return drawn;
  }

  absl::Status Fill() {
    while (!ended_ && static_cast<int64_t>(buffer_.size()) < node_.buffer()) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      ended_ = !element;
      if (element) buffer_.push_back(*std::move(element));
    }
    return absl::OkStatus();
  }

  StageResult DoNext() override {
    NOMO_RETURN_IF_ERROR(Fill());
    if (buffer_.empty()) return std::nullopt;
    if (drawn_ >= kMostDraws) {
      return absl::ResourceExhaustedError(
          absl::StrCat("Shuffle: more than ", kMostDraws, " elements in one pass"));
    }
    return Draw(buffer_);
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override;
  absl::Status Gather(const std::vector<int64_t>& wanted);

  const ShuffleNode& node_;
  const PhiloxStream random_;
  const std::unique_ptr<Stage> input_;
  std::vector<Element> buffer_;
  int64_t drawn_ = 0;
  bool ended_ = false;
};

// Where the number of elements is known, it follows from the random numbers alone which elements
// the buffer holds afterwards, and only these are read. Else all are read.
absl::StatusOr<int64_t> ShuffleStage::DoSkip(int64_t count) {
  const int64_t total = node_.inputs()[0]->cardinality();
  const bool fresh = drawn_ == 0 && buffer_.empty() && !ended_;
  if (!fresh || total == kUnknownCardinality) return Stage::DoSkip(count);
  int64_t done = 0, read = 0;
  std::vector<int64_t> indices;
  while (done < count && drawn_ < kMostDraws) {
    if ((done & 0xffff) == 0) NOMO_RETURN_IF_ERROR(CheckCancelled());
    while (static_cast<int64_t>(indices.size()) < node_.buffer() &&
           (total == kInfiniteCardinality || read < total)) {
      indices.push_back(read++);
    }
    if (indices.empty()) break;
    Draw(indices);
    ++done;
  }
  NOMO_RETURN_IF_ERROR(Gather(indices));
  // What lies between the last element of the buffer and the first that is not read yet.
  const int64_t behind =
      indices.empty() ? 0 : *std::max_element(indices.begin(), indices.end()) + 1;
  NOMO_RETURN_IF_ERROR(PullSkip(*input_, read - behind).status());
  return done;
}

// The buffer with the elements of these indices, each in its place.
absl::Status ShuffleStage::Gather(const std::vector<int64_t>& wanted) {
  std::vector<size_t> order(wanted.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return wanted[a] < wanted[b]; });
  buffer_.resize(wanted.size());
  int64_t at = 0;
  for (const size_t place : order) {
    NOMO_RETURN_IF_ERROR(CheckCancelled());
    NOMO_RETURN_IF_ERROR(PullSkip(*input_, wanted[place] - at).status());
    NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
    if (!element) {
      return absl::DataLossError(
          absl::StrCat("Shuffle: element ", wanted[place], " is not there any more"));
    }
    buffer_[place] = *std::move(element);
    at = wanted[place] + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Stage>> ShuffleNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<ShuffleStage>(std::move(context), *this, std::move(input));
}

absl::StatusOr<NodeRef> MakeShuffle(const NodeRef& input, int64_t buffer,
                                    const ShuffleOptions& options) {
  if (buffer < 1 || buffer > kMostBuffered) {
    return InvalidArgument("Shuffle: the buffer has ", buffer, " elements; expected 1 to ",
                           kMostBuffered);
  }
  return std::make_shared<ShuffleNode>(input, buffer, options);
}

}  // namespace

Dataset Dataset::Shuffle(int64_t buffer, ShuffleOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeShuffle(node_, buffer, options));
}

}  // namespace nomograph
