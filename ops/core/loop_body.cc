#include "nomograph/ops/core/loop_body.h"

#include <cstring>

#include "nomograph/ops/core/control_flow.h"

namespace nomograph {
namespace {

// After so many rounds of inference a shape that still changes counts as of unknown rank.
constexpr int kMaxRounds = 8;

// What the body yields for these inputs.
absl::StatusOr<std::vector<TensorType>> InferOnce(const InferContext& context,
                                                  const Carried& carried,
                                                  absl::Span<const TensorType> inputs) {
  auto outputs = context.InferFunction(context.attrs().Function("body"), inputs);
  NOMO_RETURN_IF_ERROR(Annotate(outputs.status(), "body"));
  if (static_cast<int>(outputs->size()) < carried.first_output + carried.count) {
    return InvalidArgument("body: expected an output for each of ", carried.count, " variables",
                           carried.first_output > 0 ? " behind the condition" : "", ", found ",
                           outputs->size());
  }
  for (int i = 0; i < carried.count; ++i) {
    const TensorType& before = inputs[carried.first_input + i];
    const TensorType& after = (*outputs)[carried.first_output + i];
    if (before.dtype != after.dtype) {
      return InvalidArgument("body: variable ", i, " is ", before.ToString(), " but becomes ",
                             after.ToString());
    }
  }
  return outputs;
}

}  // namespace

// Shapes that the body changes become unknown, round by round until nothing changes any more.
absl::StatusOr<std::vector<TensorType>> InferLoopBody(const InferContext& context,
                                                      const Carried& carried,
                                                      std::vector<TensorType>& inputs) {
  for (int round = 0;; ++round) {
    NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> outputs, InferOnce(context, carried, inputs));
    bool changed = false;
    for (int i = 0; i < carried.count; ++i) {
      TensorType& variable = inputs[carried.first_input + i];
      PartialShape common = CommonShape(variable.shape, outputs[carried.first_output + i].shape);
      if (common == variable.shape) continue;
      variable.shape = round >= kMaxRounds ? PartialShape() : std::move(common);
      changed = true;
    }
    if (!changed) return outputs;
  }
}

absl::Status StackedOutput::Add(Tensor slice) {
  if (!slices_.empty() && slice.type() != slices_[0].type()) {
    return InvalidArgument("iteration ", slices_.size(), " yields ", slice.type().ToString(),
                           ", the first one ", slices_[0].type().ToString());
  }
  slices_.push_back(std::move(slice));
  return absl::OkStatus();
}

absl::Status StackedOutput::WriteEmpty(KernelContext& context, int i) const {
  const TensorView& view = context.output_view(i);
  if (view.data != nullptr) return context.AllocateOutput(i, *view.shape);
  Shape shape = view.shape->rank() > 0 ? *view.shape : Shape{0};
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(axis_, shape.rank()));
  shape[axis] = 0;
  return context.AllocateOutput(i, shape);
}

absl::Status StackedOutput::Write(KernelContext& context, int i) const {
  if (slices_.empty()) return WriteEmpty(context, i);
  const Shape& slice = slices_[0].shape();
  if (slices_[0].dtype() != context.output_dtype(i)) {
    return InvalidArgument("output ", i, " is ", DTypeName(context.output_dtype(i)),
                           ", the body yields ", slices_[0].type().ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(axis_, slice.rank() + 1));
  const int64_t count = static_cast<int64_t>(slices_.size());
  Shape shape(slice.dims().first(axis));
  const int64_t outer = shape.num_elements();
  shape.Append(count);
  for (const int64_t size : slice.dims().subspan(axis)) shape.Append(size);
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(i, shape));
  const int64_t bytes =
      Shape(slice.dims().subspan(axis)).num_elements() * DTypeSize(slices_[0].dtype());
  std::byte* const to = context.output_view(i).data;
  for (int64_t s = 0; s < count; ++s) {
    const int64_t place = backwards_ ? count - 1 - s : s;
    for (int64_t o = 0; o < outer && bytes > 0; ++o) {
      std::memcpy(to + (o * count + place) * bytes, slices_[s].raw_data() + o * bytes, bytes);
    }
  }
  return absl::OkStatus();
}

}  // namespace nomograph
