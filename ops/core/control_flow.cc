#include "nomograph/ops/core/control_flow.h"

#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/random.h"

namespace nomograph {

PartialShape CommonShape(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || a.rank() != b.rank()) return PartialShape();
  PartialShape common = a;
  for (int axis = 0; axis < a.rank(); ++axis) {
    if (a[axis] != b[axis]) common[axis] = Dim();
  }
  return common;
}

absl::Status CheckCondition(const TensorType& type, absl::string_view what) {
  const bool one = Compatible(type.shape, Shape{}) || Compatible(type.shape, Shape{1});
  if (type.dtype == DType::kBool && one) return absl::OkStatus();
  return InvalidArgument(what, ": expected bool[], found ", type.ToString());
}

absl::StatusOr<bool> ConditionValue(const Tensor& condition, absl::string_view what) {
  NOMO_RETURN_IF_ERROR(CheckCondition(condition.type(), what));
  return condition.raw_data()[0] != std::byte{0};
}

std::vector<Tensor> BorrowInputs(const KernelContext& context, int first) {
  std::vector<Tensor> inputs;
  for (int i = first; i < context.num_inputs(); ++i) inputs.push_back(context.BorrowInput(i));
  return inputs;
}

absl::StatusOr<std::vector<Tensor>> CallFunction(const KernelContext& context,
                                                 absl::string_view attr,
                                                 absl::Span<const Tensor> inputs, uint64_t call) {
  RunContext run = context.run();
  if (run.functions == nullptr) {
    return absl::FailedPreconditionError(
        "control flow calls functions of a model, which only a session can run");
  }
  run.call_path = MixKeys(NodeKey(context), call);
  return run.functions->Call(context.attrs().Function(attr).name, inputs, run);
}

OpDef WithKey(OpDef op) {
  return op.OptionalAttr("key", AttrType::kString,
                         "the node whose calls these count as, so that random ops in them draw "
                         "the same; absent: this one");
}

absl::Status SetOutputs(KernelContext& context, absl::Span<const Tensor> values) {
  if (static_cast<int>(values.size()) < context.num_outputs()) {
    return InvalidArgument("expected ", context.num_outputs(), " outputs, the function yields ",
                           values.size());
  }
  for (int i = 0; i < context.num_outputs(); ++i) {
    NOMO_RETURN_IF_ERROR(context.SetOutput(i, values[i]));
  }
  return absl::OkStatus();
}

}  // namespace nomograph
