// nn.Hardmax: 1 for the greatest element along an axis, 0 for the others.
#include <limits>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/lines.h"

namespace nomograph::nn {
namespace {

// NaN is greater than all else.
template <typename T>
bool IsGreater(T a, T b) {
  const ComputeType<T> left = a, right = b;
  return left > right || (left != left && right == right);
}

absl::Status HardmaxCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    ForEachLine(context.input_shape(0), context.attrs().Int("axis"),
                [&](int64_t first, int64_t size, int64_t step) {
                  const T* x = context.input<T>(0).data() + first;
                  T* y = context.output<T>(0).data() + first;
                  int64_t greatest = 0;
                  for (int64_t i = 1; i < size; ++i) {
                    if (IsGreater(x[i * step], x[greatest * step])) greatest = i;
                  }
                  for (int64_t i = 0; i < size; ++i) y[i * step] = static_cast<T>(i == greatest);
                });
  });
  return absl::OkStatus();
}

std::vector<Example> HardmaxExamples() {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x =
      Tensor::Of<float>({2, 3, 2}, {1, 2, -0.5, -2, 1.5, -2.5, -1.5, 1, -4.5, 1, -1, 0});
  return {
      {.name = "ONNX hardmax_example",
       .inputs = {Tensor::Of<float>({4, 4}, {3, 0, 1, 2, 2, 5, 1, 0, 0, 1, 3, 2, 0, 1, 2, 3})},
       .outputs = {Tensor::Of<float>({4, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1})}},
      {.name = "ONNX hardmax_one_hot",
       .inputs = {Tensor::Of<float>({1, 4}, {3, 3, 3, 1})},
       .outputs = {Tensor::Of<float>({1, 4}, {1, 0, 0, 0})}},
      {.name = "axis 0",
       .attrs = {{"axis", 0}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1})}},
      {.name = "axis -2",
       .attrs = {{"axis", -2}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0})}},
      {.name = "NaN counts as greatest",
       .inputs = {Tensor::Vector<double>({1, nan, inf})},
       .outputs = {Tensor::Vector<double>({0, 1, 0})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.Hardmax")
        .Doc(
            "1 for the greatest element along axis, the first of equals, and 0 for the others. NaN "
            "counts as greatest.")
        .Source("ONNX Hardmax since version 13")
        .Known({.as = "onnx", .name = "Hardmax", .since = 13})
        .TypeVar("T", kFloats)
        .Input("x", "T", "any shape of at least one axis")
        .Output("y", "T", "as x")
        .Attr("axis", -1, "in [-rank, rank)")
        .Infer(InferLines)
        .Reference(HardmaxCompute)
        .GradientIsZero()
        .Examples(HardmaxExamples));

}  // namespace
}  // namespace nomograph::nn
