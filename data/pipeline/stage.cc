#include "nomograph/data/pipeline/stage.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

IterationContext IterationContext::WithPass(uint64_t number) const {
  IterationContext result = *this;
  if (number != 0) result.pass = MixKeys(pass, number);
  return result;
}

IterationContext IterationContext::WithBranch(uint64_t number) const {
  IterationContext result = *this;
  if (number != 0) result.branch = MixKeys(branch, number);
  return result;
}

StageResult Stage::Next() {
  const Stopwatch watch;
  waited_ns_ = 0;
  StageResult result = CatchExceptions([this] { return DoNext(); });
  if (!Asynchronous()) AddBusy(std::max<int64_t>(watch.Ns() - waited_ns_, 0));
  if (result.ok() && result->has_value()) {
    context_.record->elements.fetch_add(1, std::memory_order_relaxed);
  }
  return result;
}

absl::StatusOr<int64_t> Stage::Skip(int64_t count) {
  if (count <= 0) return 0;
  return CatchExceptions([&] { return DoSkip(count); });
}

absl::StatusOr<int64_t> Stage::DoSkip(int64_t count) {
  int64_t done = 0;
  for (; done < count; ++done) {
    NOMO_RETURN_IF_ERROR(CheckCancelled());
    NOMO_ASSIGN_OR_RETURN(const std::optional<Element> element, DoNext());
    if (!element) break;
  }
  return done;
}

StageResult Stage::Pull(Stage& input) {
  const Stopwatch watch;
  StageResult result = input.Next();
  AddWaiting(watch.Ns());
  return result;
}

absl::StatusOr<int64_t> Stage::PullSkip(Stage& input, int64_t count) {
  const Stopwatch watch;
  absl::StatusOr<int64_t> result = input.Skip(count);
  AddWaiting(watch.Ns());
  return result;
}

void Stage::AddWaiting(int64_t ns) {
  context_.record->waiting_ns.fetch_add(ns, std::memory_order_relaxed);
  if (!Asynchronous()) waited_ns_ += ns;
}

absl::Status Stage::CheckCancelled() const {
  if (!context_.state->cancel.load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::CancelledError("the iteration was ended");
}

DatasetNode::DatasetNode(std::string name, Inputs inputs, std::vector<TensorType> types,
                         int64_t cardinality, bool draws_random_numbers)
    : name_(std::move(name)),
      inputs_(std::move(inputs)),
      types_(std::move(types)),
      cardinality_(cardinality) {
  for (const auto& input : inputs_) {
    depth_ = std::max(depth_, input->depth() + 1);
    random_ = std::max(random_, input->random_number());
    stages_ = std::min(stages_ + input->stages(), kManyStages);
  }
  if (draws_random_numbers) ++random_;
}

uint64_t DatasetNode::Key(const IterationContext& context) const {
  return MixKeys(MixKeys(context.seed, random_), MixKeys(context.pass, context.branch));
}

absl::StatusOr<std::unique_ptr<Stage>> DatasetNode::StartInput(const IterationContext& context,
                                                               size_t index) const {
  return StartNode(*inputs_[index], context, index);
}

IterationContext InputContext(const IterationContext& context, const std::string& name,
                              size_t place) {
  IterationContext inner = context.WithBranch(place);
  const std::lock_guard lock(context.state->records_mutex);
  std::unique_ptr<StageRecord>& record = context.record->inputs[name];
  if (record == nullptr) {
    record = std::make_unique<StageRecord>();
    record->name = name;
    context.record->order.push_back(record.get());
  }
  inner.record = record.get();
  return inner;
}

absl::StatusOr<std::unique_ptr<Stage>> StartNode(const DatasetNode& node,
                                                 const IterationContext& context, size_t place) {
  return node.Start(InputContext(context, node.name(), place));
}

uint64_t PipelineHash(const DatasetNode& node) {
  uint64_t hash = StableHash(absl::StrCat(node.name(), TypesText(node.types())));
  for (const auto& input : node.inputs()) hash = MixKeys(hash, PipelineHash(*input));
  return hash;
}

absl::Status CheckElement(const Element& element, const std::vector<TensorType>& types) {
  if (element.size() != types.size()) {
    return InvalidArgument("expected ", types.size(), " components, found ", element.size());
  }
  for (size_t i = 0; i < types.size(); ++i) {
    const bool fits = (types[i].dtype == DType::kInvalid ? element[i].valid()
                                                         : element[i].dtype() == types[i].dtype) &&
                      Matches(element[i].shape(), types[i].shape);
    if (!fits) {
      return InvalidArgument("component ", i, ": expected ", types[i].ToString(), ", found ",
                             element[i].valid() ? element[i].type().ToString() : "no tensor");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::thread> StartThread(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {  // the standard library reports it in no other way
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start a thread: ", error.code().message()));
  }
}

Tensor ReadOnly(const Tensor& tensor) {
  if (!tensor.writable()) return tensor;
  return Tensor::FromBuffer(tensor.dtype(), tensor.shape(), tensor.raw_data(),
                            std::make_shared<const Tensor>(tensor));
}

std::string TypesText(const std::vector<TensorType>& types) {
  return absl::StrCat("{",
                      absl::StrJoin(types, ", ",
                                    [](std::string* out, const TensorType& type) {
                                      absl::StrAppend(out, type.ToString());
                                    }),
                      "}");
}

}  // namespace nomograph
