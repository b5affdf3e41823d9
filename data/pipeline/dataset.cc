#include "nomograph/data/pipeline/dataset.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/position.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

// Chains are walked by recursion; no pipeline that somebody wrote has so many stages in a row.
constexpr int kMaxDepth = 1000;

std::string Describe(const DatasetNode& node) {
  std::string text;
  for (const auto& input : node.inputs()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", Describe(*input));
  }
  if (node.inputs().size() > 1) text = absl::StrCat("(", text, ")");
  return absl::StrCat(text, text.empty() ? "" : " > ", node.name());
}

constexpr double kSecondsInNs = 1e-9;

void AddStats(const StageRecord& record, int depth, std::vector<StageStats>& stages) {
  stages.push_back({record.name, depth, record.elements, record.skipped,
                    static_cast<double>(record.busy_ns) * kSecondsInNs,
                    static_cast<double>(record.waiting_ns) * kSecondsInNs});
  for (const StageRecord* input : record.order) AddStats(*input, depth + 1, stages);
}

}  // namespace

class DatasetIterator::Impl {
 public:
  Impl(std::shared_ptr<const DatasetNode> node, IterateOptions options)
      : node_(std::move(node)), options_(options) {}
  ~Impl() { Cancel(); }

  absl::Status Start() {
    const MemoryScope scope(state_->memory);
    state_->records.name = node_->name();
    IterationContext context{state_, &state_->records, options_.seed};
    context = context.WithPass(static_cast<uint64_t>(options_.epoch));
    NOMO_ASSIGN_OR_RETURN(stage_, CatchExceptions([&] { return node_->Start(context); }));
    return absl::OkStatus();
  }

  StageResult Next() {
    if (!error_.ok()) return error_;
    const MemoryScope scope(state_->memory);
    const Stopwatch watch;
    StageResult result = stage_->Next();
    caller_waiting_ns_.fetch_add(watch.Ns(), std::memory_order_relaxed);
    if (!result.ok()) error_ = result.status();
    if (result.ok() && result->has_value()) ++elements_;
    return result;
  }

  absl::Status PassOver(int64_t count) {
    const MemoryScope scope(state_->memory);
    NOMO_ASSIGN_OR_RETURN(elements_, stage_->Skip(count));
    if (elements_ == count) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the position is behind ", count,
                                            " elements, but the dataset has only ", elements_));
  }

  void Cancel() { state_->cancel = true; }

  Position position() const {
    return {PipelineHash(*node_), options_.seed, options_.epoch, elements_};
  }

  PipelineStats stats() const {
    PipelineStats stats;
    stats.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - state_->start).count();
    stats.caller_waiting_seconds = static_cast<double>(caller_waiting_ns_) * kSecondsInNs;
    const std::lock_guard lock(state_->records_mutex);
    AddStats(state_->records, 0, stats.stages);
    return stats;
  }

  const std::shared_ptr<const DatasetNode>& node() const { return node_; }
  const IterateOptions& options() const { return options_; }

 private:
  const std::shared_ptr<const DatasetNode> node_;
  const IterateOptions options_;
  const std::shared_ptr<IterationState> state_ =
      std::make_shared<IterationState>(options_.memory_limit_bytes);
  std::unique_ptr<Stage> stage_;
  int64_t elements_ = 0;
  std::atomic<int64_t> caller_waiting_ns_{0};
  absl::Status error_;
};

DatasetIterator::DatasetIterator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DatasetIterator::~DatasetIterator() = default;

StageResult DatasetIterator::Next() { return impl_->Next(); }
std::string DatasetIterator::SavePosition() const { return FormatPosition(impl_->position()); }
void DatasetIterator::Cancel() { impl_->Cancel(); }
PipelineStats DatasetIterator::stats() const { return impl_->stats(); }

absl::Status DatasetIterator::RestorePosition(absl::string_view text) {
  NOMO_ASSIGN_OR_RETURN(const Position position, ParsePosition(text));
  if (position.pipeline != impl_->position().pipeline) {
    return InvalidArgument(
        "the position is one of another pipeline: its stages, their parameters or element types "
        "differ from ",
        Describe(*impl_->node()));
  }
  IterateOptions options = impl_->options();
  options.seed = position.seed;
  options.epoch = position.epoch;
  auto impl = std::make_unique<Impl>(impl_->node(), options);
  NOMO_RETURN_IF_ERROR(impl->Start());
  NOMO_RETURN_IF_ERROR(impl->PassOver(position.elements));
  impl_ = std::move(impl);
  return absl::OkStatus();
}

Dataset::Dataset(absl::StatusOr<std::shared_ptr<const DatasetNode>> node) : status_(node.status()) {
  if (!node.ok()) return;
  node_ = *std::move(node);
  if (node_->depth() > kMaxDepth) {
    status_ = InvalidArgument("the pipeline has more than ", kMaxDepth,
                              " stages in a row (one Concatenate() takes many datasets)");
  } else if (node_->stages() >= DatasetNode::kManyStages) {
    status_ = InvalidArgument("the pipeline has more than ", DatasetNode::kManyStages, " stages");
  }
  if (!status_.ok()) node_ = nullptr;
}

const absl::Status& Dataset::status() const { return status_; }

const std::vector<TensorType>& Dataset::element_types() const {
  static const auto* const none = new std::vector<TensorType>;
  return node_ == nullptr ? *none : node_->types();
}

int64_t Dataset::Cardinality() const {
  return node_ == nullptr ? kUnknownCardinality : node_->cardinality();
}

std::string Dataset::ToString() const {
  return node_ == nullptr ? status_.ToString() : Describe(*node_);
}

absl::StatusOr<std::unique_ptr<DatasetIterator>> Dataset::Iterate(IterateOptions options) const {
  NOMO_RETURN_IF_ERROR(status_);
  if (options.epoch < 0 || options.memory_limit_bytes < 0) {
    return InvalidArgument("epoch and memory_limit_bytes must not be negative; found ",
                           options.epoch, " and ", options.memory_limit_bytes);
  }
  auto impl = std::make_unique<DatasetIterator::Impl>(node_, options);
  NOMO_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<DatasetIterator>(new DatasetIterator(std::move(impl)));
}

}  // namespace nomograph
