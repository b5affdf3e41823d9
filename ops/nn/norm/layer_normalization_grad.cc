// nn.LayerNormalizationGrad: the gradients of layer and RMS normalisation.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/gradient_input.h"
#include "nomograph/ops/nn/norm/rows.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kDy, kX, kScale };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  NOMO_RETURN_IF_ERROR(CheckGradientInput(context, kDy, x));
  TensorType row{context.dtype(kX), PartialShape()};
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    row.shape = PartialShape::OfRank(0);
    for (int i = axis; i < x.rank(); ++i) row.shape.Append(x[i]);
  }
  if (context.has_input(kScale) && !Compatible(context.shape(kScale), row.shape)) {
    return InvalidArgument("input scale: expected shape ", row.shape.ToString(),
                           " (that of x from axis on), found ", context.shape(kScale).ToString());
  }
  return std::vector<TensorType>{context.input(kX), row, row};
}

// One row: yields dx, and adds to the gradients of scale and bias. With n = (x - mean) / deviation
// and s = dy scale, dx = (s - mean(s) - n mean(s n)) / deviation; without centering both means but
// the last are 0.
template <typename T, typename Sum>
void RowGradient(int64_t size, bool centered, double epsilon, const T* dy, const T* x,
                 const T* scale, T* dx, Sum* dscale, Sum* dbias) {
  const Sum count = static_cast<Sum>(size);
  Sum sum = 0, squares = 0, of_s = 0, of_product = 0;
  if (centered) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < size; ++i) sum += static_cast<Sum>(x[i]);
  }
  const Sum mean = sum / count;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < size; ++i) {
    const Sum difference = static_cast<Sum>(x[i]) - mean;
    squares += difference * difference;
  }
  const Sum inverse = 1 / std::sqrt(squares / count + static_cast<Sum>(epsilon));
#pragma omp simd reduction(+ : of_s, of_product)
  for (int64_t i = 0; i < size; ++i) {
    const Sum normal = (static_cast<Sum>(x[i]) - mean) * inverse, g = static_cast<Sum>(dy[i]);
    dscale[i] += g * normal;
    dbias[i] += g;
    const Sum s = scale == nullptr ? g : g * static_cast<Sum>(scale[i]);
    of_s += s;
    of_product += s * normal;
  }
  const Sum mean_s = centered ? of_s / count : 0, mean_product = of_product / count;
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    const Sum normal = (static_cast<Sum>(x[i]) - mean) * inverse, g = static_cast<Sum>(dy[i]);
    const Sum s = scale == nullptr ? g : g * static_cast<Sum>(scale[i]);
    dx[i] = static_cast<T>(inverse * (s - mean_s - normal * mean_product));
  }
}

// `sums` holds two rows for each thread.
template <typename T, typename Sum>
void Compute(KernelContext& context, Sum* sums, int threads) {
  const Rows rows = GetRows(context.input_shape(kX), context.attrs());
  const bool centered = context.attrs().Bool("centered");
  const double epsilon = context.attrs().Float("epsilon");
  const T* scale = context.has_input(kScale) ? context.input<T>(kScale).data() : nullptr;
  std::fill_n(sums, 2 * rows.size * threads, Sum{0});
  // Which rows are summed up together must not depend on which thread is faster.
  ParallelParts(threads, [&](int part, int parts) {
    Sum* const own = sums + part * 2 * rows.size;
    const int64_t end = rows.count * (part + 1) / parts;
    for (int64_t r = rows.count * part / parts; r < end; ++r) {
      RowGradient(rows.size, centered, epsilon, context.input<T>(kDy).data() + r * rows.size,
                  context.input<T>(kX).data() + r * rows.size, scale,
                  context.output<T>(0).data() + r * rows.size, own, own + rows.size);
    }
  });
  for (int output = 1; output < context.num_outputs(); ++output) {
    for (int64_t i = 0; i < rows.size; ++i) {
      Sum sum = 0;
      for (int t = 0; t < threads; ++t) sum += sums[(2 * t + output - 1) * rows.size + i];
      context.output<T>(output)[i] = static_cast<T>(sum);
    }
  }
}

absl::Status Reference(KernelContext& context) {
  const Rows rows = GetRows(context.input_shape(kX), context.attrs());
  std::vector<double> sums(2 * rows.size);
  Dispatch(FloatTypes{}, context.input_dtype(kX),
           [&]<typename T>() { Compute<T, double>(context, sums.data(), 1); });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (context.inputs[kX].dtype != DType::kFloat32) return nullptr;
  const Rows rows = GetRows(context.inputs[kX].shape, context.attrs);
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = rows.count * rows.size < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) {
        Compute<float, float>(kernel, reinterpret_cast<float*>(kernel.scratch()), threads);
        return absl::OkStatus();
      },
      "row loop", threads * 2 * rows.size * static_cast<int64_t>(sizeof(float)));
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const Value dy = in[kDy], x = in[kX];
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const int rank = x.shape().rank(), axis = *NormalizeAxis(attrs.Int("axis"), rank);
  Ints row_axes, lead;
  for (int i = 0; i < rank; ++i) (i < axis ? lead : row_axes).push_back(i);
  const auto mean = [&](const Value& v) {
    return Call("math.ReduceMean", {v}, {{"axes", row_axes}, {"keepdims", true}});
  };
  const auto over_rows = [&](const Value& v) {
    if (lead.empty()) return v;
    return Call("math.ReduceSum", {v}, {{"axes", lead}, {"keepdims", false}});
  };
  const bool centered = attrs.Bool("centered");
  const Value from_mean = centered ? x - mean(x) : x;
  const Value inverse = Call("math.Rsqrt", {mean(from_mean * from_mean) + attrs.Float("epsilon")});
  const Value normal = from_mean * inverse;
  const Value s = in.size() > kScale && in[kScale].valid() ? dy * in[kScale] : dy;
  const Value rest = s - normal * mean(s * normal);
  return std::vector<Value>{inverse * (centered ? rest - mean(s) : rest), over_rows(dy * normal),
                            over_rows(dy)};
}

std::vector<Example> Examples() {
  return {
      {.name = "the last axis",
       .attrs = {{"epsilon", 0.1}},
       .inputs = {Tensor::Of<float>({3, 4}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>({3, 4}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>({3, 4},
                                     {-0.222069129, 0.333103687, -0.0555172823, -0.0555172823,
                                      -5.16397762, 0.322748601, 0.968245864, 3.87298346, 1.49966264,
                                      -1.49966264, 1.46352613, -1.46352613}),
                   Tensor::Of<float>({4}, {3.37959909, 2.20656347, 4.54821062, -2.96318889}),
                   Tensor::Of<float>({4}, {-1, 1, 4, 2})},
       .atol = 1e-5},
      {.name = "the last two axes, without scale",
       .attrs = {{"axis", 1}, {"epsilon", 0.1}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>({2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({2, 2, 3},
                                     {-0.755907357, -0.835982263, 0.217803821, -0.240224794,
                                      0.996132135, 0.618178487, 0.619387269, -0.723149002,
                                      -0.837732434, 0.161053419, -0.324653149, 1.10509384}),
                   Tensor::Of<float>({2, 3}, {0.698799133, 1.96842146, 1.94074357, 2.75233722,
                                              0.460111409, -2.61603022}),
                   Tensor::Of<float>({2, 3}, {0, -3, 0, 2, 3, 4})},
       .atol = 1e-5},
      {.name = "root mean square",
       .attrs = {{"epsilon", 0.1}, {"centered", false}},
       .inputs = {Tensor::Of<float>({3, 4}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>({3, 4}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>({3, 4}, {0.775783539, 1.38186443, 1.21216178, 1.21216178,
                                              -1.83460188, 0.0456116498, 0.48145628, 1.42916501,
                                              0.937709868, -1.48470736, 1.17213738, -1.71913481}),
                   Tensor::Of<float>({4}, {1.17182398, 2.9874382, 1.26059294, -0.395917535}),
                   Tensor::Of<float>({4}, {-1, 1, 4, 2})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(
    OpDef("nn.LayerNormalizationGrad")
        .Doc("The gradients of nn.LayerNormalization or, where not centered, of "
             "nn.RmsNormalization, which have the same attributes. With n = (x - mean) / "
             "sqrt(variance "
             "+ epsilon) and s = dy scale, dx = (s - mean(s) - n mean(s n)) / sqrt(variance + "
             "epsilon); not centered, both the mean of x and that of s are taken for 0. dscale and "
             "dbias are the sums of dy n and of dy over all rows.")
        .Source("J. Ba et al., Layer Normalization, 2016; torch.nn.functional.layer_norm")
        .TypeVar("T", kFloats)
        .Input("dy", "T", "as x")
        .Input("x", "T", "any shape of at least one axis")
        .OptionalInput("scale", "T", "the shape of x from axis on; 1 where it is absent")
        .Output("dx", "T", "as x")
        .OptionalOutput("dscale", "T", "as scale")
        .OptionalOutput("dbias", "T", "as scale")
        .Attr("axis", -1, "the first of the axes over which x is normalised")
        .Attr("epsilon", 1e-5, "is added to the mean square")
        .Min(0)
        .Attr("centered", true, "whether the mean is taken away")
        .Infer(Infer)
        .Reference(Reference)
        .Fast(Prepare)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
