#include "nomograph/ops/nn/pool/pool_gradient.h"

#include <utility>

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const TensorType x[] = {context.input(1)};
  NOMO_ASSIGN_OR_RETURN(const PartialShape y, InferPooled(InferContext(context.attrs(), x, {}, 1)));
  if (!Compatible(context.shape(0), y)) {
    return InvalidArgument("input dy: expected the shape to which x is pooled, ", y.ToString(),
                           ", found ", context.shape(0).ToString());
  }
  return std::vector<TensorType>{context.input(1)};
}

PoolRanges::Range RangeAt(const WindowAxis& axis, int64_t output) {
  const int64_t start = output * axis.stride - axis.pad_begin, step = axis.dilation;
  const int64_t first = start >= 0 ? 0 : (step - 1 - start) / step;
  const int64_t end = std::min(axis.kernel.size(),
                               std::max<int64_t>(0, (axis.input.size() - start + step - 1) / step));
  const int64_t padded_end = axis.input.size() + axis.pad_end;
  return {.first = start + first * step,
          .count = std::max<int64_t>(0, end - first),
          .taps = std::min(axis.kernel.size(), (padded_end - start + step - 1) / step)};
}

}  // namespace

OpDef PoolGradOp(std::string name) {
  return WithPoolWindow(OpDef(std::move(name))
                            .TypeVar("T", kFloats)
                            .Input("dy", "T", "the gradient of what the pooling yields")
                            .Input("x", "T", "[batch, spatial..., channels], see data_format")
                            .Output("dx", "T", "as x")
                            .Infer(Infer)
                            .Work(AllCombinationsWork));
}

Attributes Without(Attributes attrs, std::initializer_list<absl::string_view> names) {
  for (const absl::string_view name : names) attrs.Erase(name);
  return attrs;
}

Value OverSpatial(const Value& pooled, const Value& x, const Attributes& attrs) {
  if (attrs.Bool("keepdims")) return pooled;
  const int first = IsChannelsLast(attrs) ? 1 : 2;
  std::vector<int64_t> axes;
  for (int i = 0; i < x.shape().rank() - 2; ++i) axes.push_back(first + i);
  return Call("array.Unsqueeze", {pooled}, {{"axes", axes}});
}

PoolRanges::PoolRanges(const Window& window) {
  const size_t missing = 3 - window.size();
  for (size_t a = 0; a < missing; ++a) ranges_[a] = {{.first = 0, .count = 1, .taps = 1}};
  for (size_t i = 0; i < window.size(); ++i) {
    const WindowAxis& axis = window[i];
    sizes_[missing + i] = axis.input.size();
    steps_[missing + i] = axis.dilation;
    for (int64_t output = 0; output < axis.output.size(); ++output)
      ranges_[missing + i].push_back(RangeAt(axis, output));
  }
}

}  // namespace nomograph::nn
