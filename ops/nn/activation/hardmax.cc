// nn.Hardmax: 1 for the greatest element along an axis, 0 for the others.
#include <algorithm>
#include <limits>
#include <memory>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/reduction/arg_reduction.h"
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

// float32: zeros, and a 1 at each place that a loop of vectors finds.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareHardmax(const PrepareContext& context) {
  const Shape& shape = context.inputs[0].shape;
  if (context.inputs[0].dtype != DType::kFloat32 || shape.num_elements() == 0) return nullptr;
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs.Int("axis"), shape.rank()));
  ArgReduction r{.count = shape[axis], .inner = shape.Strides()[axis]};
  if (r.count > std::numeric_limits<int32_t>::max()) return nullptr;
  r.outer = shape.num_elements() / r.count / r.inner;
  constexpr int64_t kWorthThreads = 1 << 16;
  const int threads = shape.num_elements() < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [=](KernelContext& run) {
        const float* const x = run.input<float>(0).data();
        float* const y = run.output<float>(0).data();
        ParallelRanges(threads, r.outer, [&](int64_t begin, int64_t end) {
          const int64_t size = r.count * r.inner;
          std::fill(y + begin * size, y + end * size, 0.0f);
          constexpr int64_t kPlaces = 64;
          int64_t places[kPlaces];
          for (int64_t i = begin * r.inner; i < end * r.inner; i += kPlaces) {
            const int64_t count = std::min(kPlaces, end * r.inner - i);
            ArgReduce(r, x, places, i, i + count);
            for (int64_t k = 0; k < count; ++k) {
              const int64_t line = (i + k) / r.inner, at = (i + k) % r.inner;
              y[line * size + places[k] * r.inner + at] = 1;
            }
          }
        });
        return absl::OkStatus();
      },
      "loop");
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
        .Fast(PrepareHardmax)
        .GradientIsZero()
        .Examples(HardmaxExamples));

}  // namespace
}  // namespace nomograph::nn
