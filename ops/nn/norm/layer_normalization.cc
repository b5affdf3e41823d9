// nn.LayerNormalization, nn.RmsNormalization: the axes from one on normalised by their mean and
// variance, or by their root mean square.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/rows.h"

namespace nomograph::nn {
namespace {

// Layer and RMS normalisation: rows are normalised that span the axes from `axis` on.

absl::Status CheckRowInput(const InferContext& context, int i, absl::string_view name,
                           const PartialShape& row) {
  if (!context.has_input(i) || Compatible(context.shape(i), row)) return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected shape ", row.ToString(),
                         " (that of x from axis on), found ", context.shape(i).ToString());
}

absl::StatusOr<std::vector<TensorType>> InferRowNormalization(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    PartialShape row = PartialShape::OfRank(0);
    for (int i = axis; i < x.rank(); ++i) row.Append(x[i]);
    NOMO_RETURN_IF_ERROR(CheckRowInput(context, 1, "scale", row));
    NOMO_RETURN_IF_ERROR(CheckRowInput(context, 2, "bias", row));
  }
  return SameAsInput(context);
}

template <typename T>
double ValueOr(const KernelContext& context, int input, int64_t i, double absent) {
  return context.has_input(input) ? static_cast<double>(context.input<T>(input)[i]) : absent;
}

// `centered`: whether the mean is taken away.
template <typename T>
void RowNormalizationReference(const KernelContext& context, bool centered) {
  const Rows rows = GetRows(context.input_shape(0), context.attrs());
  const double epsilon = context.attrs().Float("epsilon"), size = static_cast<double>(rows.size);
  const T* x = context.input<T>(0).data();
  T* y = context.output<T>(0).data();
  for (int64_t r = 0; r < rows.count; ++r, x += rows.size) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows.size; ++i) sum += static_cast<double>(x[i]);
    const double mean = centered ? sum / size : 0.0;
    for (int64_t i = 0; i < rows.size; ++i) {
      const double difference = static_cast<double>(x[i]) - mean;
      squares += difference * difference;
    }
    const double deviation = std::sqrt(squares / size + epsilon);
    for (int64_t i = 0; i < rows.size; ++i) {
      const double normal = (static_cast<double>(x[i]) - mean) / deviation;
      *y++ =
          static_cast<T>(normal * ValueOr<T>(context, 1, i, 1.0) + ValueOr<T>(context, 2, i, 0.0));
    }
  }
}

ComputeFn RowNormalization(bool centered) {
  return [centered](KernelContext& context) {
    Dispatch(FloatTypes{}, context.input_dtype(0),
             [&]<typename T>() { RowNormalizationReference<T>(context, centered); });
    return absl::OkStatus();
  };
}

bool BuildLayerNormalization(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  const Rows rows = GetRows(context.inputs[0].shape, context.attrs);
  onednn::Section data = onednn::RowMajor(DType::kFloat32, {rows.count, rows.size});
  if (b.IsPart()) {
    const auto share = b.Divide(0, rows.count, 1);
    if (!share) return false;
    data = onednn::Cut(data, 0, share->begin, share->count);
  }
  const auto vector = onednn::RowMajor(DType::kFloat32, {rows.size});
  auto flags = dnnl::normalization_flags::none;
  if (context.has_input(1)) flags |= dnnl::normalization_flags::use_scale;
  if (context.has_input(2)) flags |= dnnl::normalization_flags::use_shift;
  const auto pd = onednn::Describe<dnnl::layer_normalization_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, data.desc, data.desc,
      static_cast<float>(context.attrs.Float("epsilon")), flags);
  std::vector<onednn::Builder::Argument> arguments = {{DNNL_ARG_SRC, b.Input(0, data)},
                                                      {DNNL_ARG_DST, b.Output(0, data)}};
  if (context.has_input(1)) arguments.emplace_back(DNNL_ARG_SCALE, b.Input(1, vector));
  if (context.has_input(2)) arguments.emplace_back(DNNL_ARG_SHIFT, b.Input(2, vector));
  b.Add<dnnl::layer_normalization_forward>(pd, std::move(arguments));
  return true;
}

absl::Status RmsNormalizationFast(KernelContext& context, int threads) {
  const Rows rows = GetRows(context.input_shape(0), context.attrs());
  const float epsilon = static_cast<float>(context.attrs().Float("epsilon"));
  const float* scale = context.has_input(1) ? context.input<float>(1).data() : nullptr;
  const float* in = context.input<float>(0).data();
  float* out = context.output<float>(0).data();
  ParallelFor(threads, rows.count, [&](int64_t r) {
    const float* x = in + r * rows.size;
    float* y = out + r * rows.size;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < rows.size; ++i) squares += x[i] * x[i];
    const float factor = 1.0f / std::sqrt(squares / static_cast<float>(rows.size) + epsilon);
    for (int64_t i = 0; i < rows.size; ++i)
      y[i] = x[i] * factor * (scale == nullptr ? 1.0f : scale[i]);
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareRmsNormalization(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return RmsNormalizationFast(kernel, threads); },
      "rms loop");
}

GradientFn RowNormalizationGradient(bool centered) {
  return [centered](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    Attributes attrs = g.attrs();
    attrs.Set("centered", centered);
    return CallMulti("nn.LayerNormalizationGrad",
                     {g.gradient(0), g.input(0), g.has_input(1) ? g.input(1) : Value()}, attrs,
                     {.num_outputs = g.wants(2)   ? 3
                                     : g.wants(1) ? 2
                                                  : 1});
  };
}

OpDef RowNormalizationSchema(OpDef op) {
  return op.TypeVar("T", kFloats)
      .Input("x", "T", "any shape of at least one axis")
      .OptionalInput("scale", "T", "the shape of x from axis on; 1 where it is absent")
      .Output("y", "T", "as x")
      .Attr("axis", -1,
            "the first of the axes over which x is normalised; the others are those behind it")
      .Attr("epsilon", 1e-5, "is added to the mean square (Keras' LayerNormalization gives 1e-3)")
      .Min(0)
      .Infer(InferRowNormalization)
      .InPlace();
}

std::vector<Example> LayerNormalizationExamples() {
  return {
      {.name = "the last axis",
       .inputs = {Tensor::Of<float>({2, 4}, {-3, -2, 2, 2, -2, -3, -1, -2}),
                  Tensor::Of<float>({4}, {-0.5, 1.5, 1.5, -0.5}),
                  Tensor::Of<float>({4}, {-2, 1, 0, 2})},
       .outputs = {Tensor::Of<float>({2, 4}, {-1.3962971, -0.152523622, 1.48181605, 1.50606132, -2,
                                              -1.12129915, 2.12129903, 2})}},
      {.name = "scale only",
       .inputs = {Tensor::Of<float>({2, 4}, {-3, -2, 2, 2, -2, -3, -1, -2}),
                  Tensor::Of<float>({4}, {-0.5, 1.5, 1.5, -0.5})},
       .outputs = {Tensor::Of<float>({2, 4}, {0.603702843, -1.15252364, 1.48181605, -0.493938684, 0,
                                              -2.12129903, 2.12129903, 0})}},
      {.name = "two axes",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({2, 3}, {-3, -3, 0, -1, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3}, {2.77745724, 1.38872862, 0, -1.38872862, -0.462909549, 0, 1.72038496,
                       3.19500065, 0, -1.39269257, 1.39269257, 0})}},
      {.name = "all axes behind the batch, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({1, 2, 2}, {-3, -2, 2, 2})},
       .outputs = {Tensor::Of<float>({1, 2, 2},
                                     {-1.20729053, -0.768275797, 0.987783134, 0.987783134})}},
      {.name = "alike elements",
       .attrs = {{"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({1, 3}, {7, 7, 7})},
       .outputs = {Tensor::Of<float>({1, 3}, {0, 0, 0})}},
  };
}

std::vector<Example> RmsNormalizationExamples() {
  return {
      {.name = "scale only",
       .inputs = {Tensor::Of<float>({2, 4}, {-3, -2, 2, 2, -2, -3, -1, -2}),
                  Tensor::Of<float>({4}, {-0.5, 1.5, 1.5, -0.5})},
       .outputs = {Tensor::Of<float>(
           {2, 4}, {0.654653072, -1.30930614, 1.30930614, -0.436435372, 0.471403986, -2.1213181,
                    -0.707105994, 0.471403986})}},
      {.name = "two axes",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({2, 3}, {-3, -3, 0, -1, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3}, {3.7807529, 2.52050185, 0, -0.840167284, -0.840167284, -0, 1.46969211,
                       2.93938422, -0, -1.46969211, 1.46969211, -0})}},
      {.name = "all axes behind the batch, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({1, 2, 2}, {-3, -2, 2, 2})},
       .outputs = {Tensor::Of<float>({1, 2, 2},
                                     {-1.30918264, -0.872788429, 0.872788429, 0.872788429})}},
      {.name = "alike elements",
       .attrs = {{"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({1, 3}, {7, 7, 7})},
       .outputs = {Tensor::Of<float>({1, 3}, {0.999989808, 0.999989808, 0.999989808})}},
  };
}

// The formula of the last axis, with the square of x - mean as a power or as a product.
Pattern LayerNormalizationPattern(bool power) {
  const Pattern x = Pattern::Input(0);
  const auto mean = [](const Pattern& of) {
    return Pattern::Op("math.ReduceMean", {of}).Where(ReducesLastAxis);
  };
  const Pattern centered = Pattern::Op("math.Sub", {x, mean(x)});
  const Pattern square = power ? Pattern::Op("math.Pow", {centered, Pattern::Number(2)})
                               : Pattern::Op("math.Mul", {centered, centered});
  const Pattern variance =
      Pattern::AnyOrder("math.Add", mean(square), Pattern::Attribute("epsilon"));
  const Pattern normal = Pattern::Op("math.Div", {centered, Pattern::Op("math.Sqrt", {variance})});
  return Pattern::AnyOrder("math.Add", Pattern::AnyOrder("math.Mul", normal, Pattern::Input(1)),
                           Pattern::Input(2));
}

NOMO_REGISTER_OP(
    RowNormalizationSchema(
        OpDef("nn.LayerNormalization", 1)
            .Doc("y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the mean and the "
                 "(population) variance over the axes from axis on, for each index of the others. "
                 "It is an error when scale or bias has another shape than x has there.")
            .Source("ONNX LayerNormalization; Keras LayerNormalization; J. Ba et al., 2016"))
        .OptionalInput("bias", "T", "the shape of x from axis on; 0 where it is absent")
        .Reference(RowNormalization(/*centered=*/true))
        .Fast(onednn::FastInParts(BuildLayerNormalization).prepare)
        .Gradient(RowNormalizationGradient(/*centered=*/true))
        .Written(LayerNormalizationPattern(/*power=*/true))
        .Written(LayerNormalizationPattern(/*power=*/false))
        .Examples(LayerNormalizationExamples));
NOMO_REGISTER_OP(
    RowNormalizationSchema(OpDef("nn.RmsNormalization", 1)
                               .Doc("y = x / sqrt(mean(x^2) + epsilon) * scale, with the mean over "
                                    "the axes from axis on, for each index of the others. It is an "
                                    "error when scale has another shape than x has there.")
                               .Source("ONNX RMSNormalization; B. Zhang & R. Sennrich, \"Root Mean "
                                       "Square Layer Normalization\", 2019"))
        .Reference(RowNormalization(/*centered=*/false))
        .Fast(PrepareRmsNormalization)
        .Gradient(RowNormalizationGradient(/*centered=*/false))
        .Examples(RmsNormalizationExamples));

}  // namespace
}  // namespace nomograph::nn
