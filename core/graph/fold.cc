#include "nomograph/core/graph/fold.h"

#include <algorithm>

#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/keep_nan.h"
#include "nomograph/core/op/op.h"

namespace nomograph {
namespace {

// The inputs; empty where one that is there is not constant.
std::optional<std::vector<Tensor>> ConstantInputs(const InferContext& context) {
  std::vector<Tensor> inputs(context.num_inputs());
  for (int i = 0; i < context.num_inputs(); ++i) {
    if (!context.has_input(i)) continue;
    if (context.constant(i) == nullptr) return std::nullopt;
    inputs[i] = *context.constant(i);
  }
  return inputs;
}

// What the node costs before it has run.
struct Cost {
  int64_t bytes = 0, work = 0, largest = 0;
};

// An output whose shape depends on data (NonZero, Unique) holds at most an index of each axis for
// each element.
Cost CostOf(const OpDef& op, const InferContext& context, absl::Span<const TensorType> types,
            absl::Span<const Tensor> inputs) {
  Cost cost;
  WorkSizes sizes;
  int64_t rank = 1;
  for (const Tensor& input : inputs) {
    if (!input.valid()) continue;
    sizes.inputs = SaturatingAdd(sizes.inputs, input.num_elements());
    rank = std::max<int64_t>(rank, input.shape().rank());
  }
  for (const TensorType& type : types) {
    const bool known = type.shape.fully_known();
    const int64_t elements =
        known ? type.shape.ToShape().num_elements() : SaturatingMultiply(sizes.inputs, rank);
    sizes.outputs = SaturatingAdd(sizes.outputs, elements);
    cost.bytes = SaturatingAdd(
        cost.bytes, SaturatingMultiply(elements, std::max<int64_t>(DTypeSize(type.dtype), 1)));
    if (known) cost.largest = std::max(cost.largest, elements);
  }
  cost.work = EstimateWork(op, context, sizes);
  return cost;
}

// FoldNode(), as a status where a hook of the op says or throws one.
absl::StatusOr<std::vector<Tensor>> Fold(const OpDef& op, const InferContext& context,
                                         absl::Span<const TensorType> types, FoldBudget& budget,
                                         bool fast) {
  if (op.fold) {
    auto folded = CatchExceptions([&] { return op.fold(context); });
    if (folded.ok() && !folded->empty()) return folded;
  }
  if (!op.reference) return std::vector<Tensor>{};
  const std::optional<std::vector<Tensor>> inputs = ConstantInputs(context);
  if (!inputs) return std::vector<Tensor>{};
  const Cost cost = CostOf(op, context, types, *inputs);
  if (cost.largest > budget.limits().max_elements || !budget.Take(cost.bytes, cost.work)) {
    budget.AddRefused();
    return std::vector<Tensor>{};
  }
  const auto run = [&](bool by_fast) {
    return RunOp(op, *inputs, context.attrs(),
                 {.num_outputs = static_cast<int>(types.size()), .fast = by_fast});
  };
  const InvalidFlagScope flag;
  auto outputs = run(fast);
  // A run in fast mode that may have lost a NaN is repeated: so is this, whose flag no run sees.
  if (fast && flag.raised()) outputs = run(false);
  return outputs;
}

}  // namespace

void FoldBudget::AddOwn(const Tensor& constant) {
  if (!constant.valid()) return;
  bytes_ = SaturatingAdd(bytes_, SaturatingMultiply(constant.num_bytes(), limits_.bytes_per_byte));
  work_ =
      SaturatingAdd(work_, SaturatingMultiply(constant.num_elements(), limits_.work_per_element));
}

bool FoldBudget::Take(int64_t bytes, int64_t work) {
  if (bytes > bytes_ || work > work_) return false;
  bytes_ -= bytes;
  work_ -= work;
  return true;
}

std::vector<Tensor> FoldNode(const OpDef& op, const InferContext& context,
                             absl::Span<const TensorType> types, FoldBudget& budget, bool fast) {
  if (op.effects != Effects::kPure || CallsFunctions(context.attrs())) return {};
  auto outputs = CatchExceptions([&] { return Fold(op, context, types, budget, fast); });
  return outputs.ok() ? *std::move(outputs) : std::vector<Tensor>{};
}

}  // namespace nomograph
