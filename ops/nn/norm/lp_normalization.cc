// nn.LpNormalization: vectors along an axis over their norm.
#include <algorithm>
#include <cmath>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/reduction/reduction.h"
#include "nomograph/ops/nn/lines.h"

namespace nomograph::nn {
namespace {

absl::Status LpNormalizationCompute(KernelContext& context) {
  const bool squares = context.attrs().Int("p") == 2;
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    ForEachLine(context.input_shape(0), context.attrs().Int("axis"),
                [&](int64_t first, int64_t size, int64_t step) {
                  const T* x = context.input<T>(0).data() + first;
                  T* y = context.output<T>(0).data() + first;
                  double sum = 0;
                  for (int64_t i = 0; i < size; ++i) {
                    const double value = static_cast<double>(x[i * step]);
                    sum += squares ? value * value : std::abs(value);
                  }
                  const double norm = squares ? std::sqrt(sum) : sum;
                  for (int64_t i = 0; i < size; ++i) {
                    const double value = static_cast<double>(x[i * step]);
                    y[i * step] = static_cast<T>(norm == 0 ? 0 : value / norm);
                  }
                });
  });
  return absl::OkStatus();
}

// y[k] = x[k] / norms[k * step], where that is not 0, else 0.
void DivideByNorms(const float* x, const double* norms, int64_t step, float* y, int64_t count) {
  if (step == 0) {
    if (*norms == 0) {
      std::fill_n(y, count, 0.0f);
      return;
    }
    const double factor = 1 / *norms;
#pragma omp simd
    for (int64_t k = 0; k < count; ++k) y[k] = static_cast<float>(x[k] * factor);
    return;
  }
#pragma omp simd
  for (int64_t k = 0; k < count; ++k) {
    const double quotient = x[k] / norms[k];
    y[k] = static_cast<float>(norms[k] == 0 ? 0 : quotient);
  }
}

// float32: the norms in another order than one after the other.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareLpNormalization(const PrepareContext& context) {
  const Shape& shape = context.inputs[0].shape;
  if (context.inputs[0].dtype != DType::kFloat32 || shape.num_elements() == 0) return nullptr;
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs.Int("axis"), shape.rank()));
  const bool squares = context.attrs.Int("p") == 2;
  const int64_t size = shape[axis], inner = shape.Strides()[axis];
  const int64_t outer = shape.num_elements() / size / inner;
  Reduction norm{
      .kind = squares ? Reduction::Kind::kSumOfSquares : Reduction::Kind::kSumOfMagnitudes,
      .outer = outer,
      .reduced = inner == 1 ? 1 : size,
      .kept = inner,
      .length = inner == 1 ? size : 1,
      .root = squares};
  constexpr int64_t kWorthThreads = 1 << 16;
  const int threads = shape.num_elements() < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [=](KernelContext& run) {
        const float* const x = run.input<float>(0).data();
        float* const y = run.output<float>(0).data();
        // Some lines that lie side by side at a time.
        constexpr int64_t kLines = 64;
        const int64_t parts = (inner + kLines - 1) / kLines;
        ParallelFor(threads, outer * parts, [&](int64_t part) {
          const int64_t o = part / parts, first = part % parts * kLines;
          const int64_t count = std::min(kLines, inner - first), begin = o * inner + first;
          double norms[kLines];
          ReduceToDouble(norm, x, norms, begin, begin + count);
          const int64_t at = o * size * inner + first;
          if (inner == 1) return DivideByNorms(x + at, norms, 0, y + at, size);
          for (int64_t i = 0; i < size; ++i) {
            DivideByNorms(x + at + i * inner, norms, 1, y + at + i * inner, count);
          }
        });
        return absl::OkStatus();
      },
      "loop");
}

std::vector<Example> LpNormalizationExamples() {
  const Tensor x = Tensor::Of<float>({2, 3, 2}, {0, 0, 1.5, 0, 3, 0, 1.5, 2.5, 1.5, 1.5, 0, -3});
  return {
      {.name = "axis -1, p = 2",
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {2, 3, 2}, {0, 0, 1, 0, 1, 0, 0.51449573, 0.8574929, 0.70710677, 0.70710677, 0, -1})}},
      {.name = "axis 1, p = 2, zeros",
       .attrs = {{"axis", 1}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {2, 3, 2}, {0, 0, 0.4472136, 0, 0.8944272, 0, 0.70710677, 0.5976143, 0.70710677,
                       0.35856858, 0, -0.71713716})}},
      {.name = "axis 1, p = 1, zeros",
       .attrs = {{"axis", 1}, {"p", 1}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {0, 0, 0.33333334, 0, 0.6666667, 0, 0.5, 0.35714287,
                                                 0.5, 0.21428572, 0, -0.42857143})}},
      {.name = "axis 0, p = 1",
       .attrs = {{"axis", 0}, {"p", 1}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {0, 0, 0.5, 0, 1, 0, 1, 1, 0.5, 1, 0, -1})}},
      {.name = "float16",
       .inputs = {Tensor::Vector<Half>({Half(3), Half(-4)})},
       .outputs = {Tensor::Vector<Half>({Half(0.6), Half(-0.8)})},
       .rtol = 1e-3},
  };
}

// (dy - slope of the norm times sum(dy y)) / norm; 0 where the norm is.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value x = g.input(0), y = g.output(0), dy = g.gradient(0);
  const auto sum = [&](const Value& of) {
    return Call("math.ReduceSum", {of},
                {{"axes", std::vector<int64_t>{g.attrs().Int("axis")}}, {"keepdims", true}});
  };
  const bool squares = g.attrs().Int("p") == 2;
  const Value norm = squares ? Call("math.Sqrt", {sum(x * x)}) : sum(Call("math.Abs", {x}));
  const Value slope = squares ? y : Call("math.Sign", {x});
  const Value dx = (dy - slope * sum(dy * y)) / norm;
  return std::vector<Value>{Call("array.Where", {norm > 0, dx, ConstantLike(0, x)})};
}

NOMO_REGISTER_OP(
    OpDef("nn.LpNormalization")
        .Doc("y = x / norm of x along axis: the root of the sum of squares, or with p = 1 the sum "
             "of "
             "magnitudes. Where all are 0, y is 0.")
        .Source("ONNX LpNormalization; torch.nn.functional.normalize; Keras UnitNormalization")
        .Known({.as = "onnx", .name = "LpNormalization"})
        .TypeVar("T", kFloats)
        .Input("x", "T", "any shape of at least one axis")
        .Output("y", "T", "as x")
        .Attr("axis", -1, "in [-rank, rank)")
        .Attr("p", 2, "1 or 2")
        .Min(1)
        .Max(2)
        .Infer(InferLines)
        .Reference(LpNormalizationCompute)
        .Fast(PrepareLpNormalization)
        .Gradient(Gradient)
        .InPlace()
        .Examples(LpNormalizationExamples));

}  // namespace
}  // namespace nomograph::nn
