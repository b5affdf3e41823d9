// nn.BatchNormalization: channels normalised by the statistics of training.
#include <cmath>

#include "absl/strings/match.h"
#include "nomograph/core/gradient/training_form.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/channel_affine.h"
#include "nomograph/ops/nn/norm/channels.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferBatchNormalization(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis,
                          NormalizeAxis(context.attrs().Int("axis"), context.shape(0).rank()));
    const Dim& channels = context.shape(0)[axis];
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 1, "scale", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 2, "offset", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 3, "mean", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 4, "variance", channels));
  }
  return SameAsInput(context);
}

// x as [outer, channels, inner].
Shape ThreeAxes(const Shape& x, int64_t axis) {
  const int channel_axis = *NormalizeAxis(axis, x.rank());
  Shape result = {1, x[channel_axis], 1};
  for (int i = 0; i < channel_axis; ++i) result[0] *= x[i];
  for (int i = channel_axis + 1; i < x.rank(); ++i) result[2] *= x[i];
  return result;
}

template <typename T>
void BatchNormalizationReference(const KernelContext& context) {
  const Shape shape = ThreeAxes(context.input_shape(0), context.attrs().Int("axis"));
  const double epsilon = context.attrs().Float("epsilon");
  const T* x = context.input<T>(0).data();
  T* y = context.output<T>(0).data();
  for (int64_t i = 0; i < shape[0]; ++i) {
    for (int64_t c = 0; c < shape[1]; ++c) {
      const double scale = context.has_input(1) ? static_cast<double>(context.input<T>(1)[c]) : 1.0;
      const double offset =
          context.has_input(2) ? static_cast<double>(context.input<T>(2)[c]) : 0.0;
      const double mean = context.input<T>(3)[c];
      const double deviation = std::sqrt(static_cast<double>(context.input<T>(4)[c]) + epsilon);
      for (int64_t j = 0; j < shape[2]; ++j) {
        *y++ = static_cast<T>((static_cast<double>(*x++) - mean) / deviation * scale + offset);
      }
    }
  }
}

absl::Status BatchNormalizationCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { BatchNormalizationReference<T>(context); });
  return absl::OkStatus();
}

// (x - mean) * factor + offset, which oneDNN's loops for arithmetic do several times faster than
// those for normalisation where the channels come before other axes.
bool BuildArithmetic(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32 || !b.is_constant(4)) return false;
  if (context.has_input(1) && !b.is_constant(1)) return false;
  for (const PostOp& op : context.post_ops) {
    if (op.kind != PostOp::Kind::kEltwise) return false;  // `data` has not x's axes
  }
  const Shape shape = ThreeAxes(context.inputs[0].shape, context.attrs.Int("axis"));
  constexpr int64_t kShortRow = 32;  // not worth the look at what each row is to be multiplied with
  if (shape[2] < kShortRow) return false;
  const onednn::Desc data = onednn::RowMajor(DType::kFloat32, shape.dims());
  const onednn::Desc vector = onednn::RowMajor(DType::kFloat32, {1, shape[1], 1});
  Tensor factors(DType::kFloat32, {shape[1]});
  for (int64_t c = 0; c < shape[1]; ++c) {
    const double scale = context.has_input(1) ? context.constants[1].data<float>()[c] : 1.0;
    const double variance = context.constants[4].data<float>()[c];
    factors.mutable_data<float>()[c] =
        static_cast<float>(scale / std::sqrt(variance + context.attrs.Float("epsilon")));
  }
  b.PostBinary(dnnl_binary_mul, b.Constant(vector, std::move(factors)));
  if (context.has_input(2)) b.PostBinary(dnnl_binary_add, b.Input(2, vector));
  if (!b.PostNodeOps(absl::Span<const int>())) return false;
  const auto pd =
      onednn::Describe<dnnl::binary>(b.Attr(), dnnl::algorithm::binary_sub, data, vector, data);
  if (!absl::StartsWith(pd.impl_info_str(), "jit")) return false;
  b.Add<dnnl::binary>(pd, {{DNNL_ARG_SRC_0, b.Input(0, data)},
                           {DNNL_ARG_SRC_1, b.Input(3, vector)},
                           {DNNL_ARG_DST, b.Output(0, data)}});
  return true;
}

bool BuildBatchNormalization(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  if (!context.post_ops.empty()) return false;
  const Shape shape = ThreeAxes(context.inputs[0].shape, context.attrs.Int("axis"));
  // Two spatial axes, as oneDNN's fast kernels want them: with the channels last in memory where
  // they are.
  const bool last = shape[2] == 1;
  const int axes_last[] = {0, 3, 1, 2}, axes_first[] = {0, 1, 2, 3};
  const auto data =
      last ? onednn::Permuted(DType::kFloat32, {1, 1, shape[0], shape[1]}, axes_last)
           : onednn::Permuted(DType::kFloat32, {shape[0], shape[1], 1, shape[2]}, axes_first);
  const auto vector = onednn::RowMajor(DType::kFloat32, {shape[1]});
  auto flags = dnnl::normalization_flags::use_global_stats;
  if (context.has_input(1)) flags |= dnnl::normalization_flags::use_scale;
  if (context.has_input(2)) flags |= dnnl::normalization_flags::use_shift;
  const auto pd = onednn::Describe<dnnl::batch_normalization_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, data, data,
      static_cast<float>(context.attrs.Float("epsilon")), flags);
  std::vector<onednn::Builder::Argument> arguments = {{DNNL_ARG_SRC, b.Input(0, data)},
                                                      {DNNL_ARG_MEAN, b.Input(3, vector)},
                                                      {DNNL_ARG_VARIANCE, b.Input(4, vector)},
                                                      {DNNL_ARG_DST, b.Output(0, data)}};
  if (context.has_input(1)) arguments.emplace_back(DNNL_ARG_SCALE, b.Input(1, vector));
  if (context.has_input(2)) arguments.emplace_back(DNNL_ARG_SHIFT, b.Input(2, vector));
  b.Add<dnnl::batch_normalization_forward>(pd, std::move(arguments));
  return true;
}

std::optional<ChannelAffine> AsAffine(const FusionQuery& query) {
  if (query.fused_input != 0 || query.output.dtype != DType::kFloat32) return std::nullopt;
  for (size_t i = 1; i < query.inputs.size(); ++i) {
    if (query.inputs[i].dtype != DType::kInvalid && !query.constants[i].valid()) {
      return std::nullopt;
    }
  }
  const absl::Span<const Tensor> c = query.constants;
  return AffineOfStatistics(*NormalizeAxis(query.attrs.Int("axis"), query.output.shape.rank()),
                            c[1], c[2], c[3], c[4], query.attrs.Float("epsilon"));
}

std::optional<ChannelAffine> AffineWhenPrepared(const PrepareContext& context) {
  return AsAffine({context.attrs, context.inputs, context.constants, context.outputs[0],
                   /*fused_input=*/0});
}

std::vector<Example> BatchNormalizationExamples() {
  return {
      {.name = "channels last",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-3, -2, 2, 2, -2, -3, -1, -2}),
                  Tensor::Of<float>({2}, {1, 2}), Tensor::Of<float>({2}, {0, -1}),
                  Tensor::Of<float>({2}, {0.5, -0.5}), Tensor::Of<float>({2}, {1, 4})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 2}, {-3.4999826, -2.49999809, 1.49999249, 1.4999969, -2.4999876, -3.4999969,
                          -1.49999249, -2.49999809})}},
      {.name = "channels first, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({2}, {1.5, -2}), Tensor::Of<float>({2}, {0.25, 1}),
                  Tensor::Of<float>({2}, {0, 1}), Tensor::Of<float>({2}, {0, 2})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3},
           {-142.05249, -94.6183319, 95.1183319, -0.413860142, 5.24158049, 6.65544033, -47.184166,
            -94.6183319, -47.184166, -1.82772028, -1.82772028, 3.82772017})}},
      {.name = "a vector per row",
       .inputs = {Tensor::Of<float>({3, 2}, {-3, -2, 2, 2, -2, -3}), Tensor::Of<float>({2}, {1, 3}),
                  Tensor::Of<float>({2}, {0, 1}), Tensor::Of<float>({2}, {0.5, -0.5}),
                  Tensor::Of<float>({2}, {1, 4})},
       .outputs = {Tensor::Of<float>(
           {3, 2}, {-3.4999826, -1.24999714, 1.49999249, 4.74999523, -2.4999876, -2.74999523})}},
      {.name = "without scale and offset",
       .inputs = {Tensor::Of<float>({1, 3, 2}, {-3, -2, 2, 2, -2, -3}), Tensor(), Tensor(),
                  Tensor::Of<float>({2}, {1, 2}), Tensor::Of<float>({2}, {3, 0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 2}, {-2.30939722, -5.65679789, 0.577349305, 0, -1.73204792, -7.07099724})}},
      {.name = "without scale",
       .inputs = {Tensor::Of<float>({1, 3, 2}, {-3, -2, 2, 2, -2, -3}), Tensor(),
                  Tensor::Of<float>({2}, {10, 20}), Tensor::Of<float>({2}, {1, 2}),
                  Tensor::Of<float>({2}, {3, 0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 2}, {7.69060278, 14.3432026, 10.5773497, 20, 8.26795197, 12.9290028})}},
  };
}

// By all inputs, with the statistics as they are given.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value x = g.input(0), dy = g.gradient(0);
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const ChannelValues channels(x.shape().rank(), g.attrs().Int("axis"));
  const Value inverse = Call("math.Rsqrt", {g.input(4) + g.attrs().Float("epsilon")});
  const Value factor = g.has_input(1) ? g.input(1) * inverse : inverse;
  std::vector<Value> result(5);
  if (g.wants(0)) result[0] = dy * channels.Spread(factor);
  const Value sum = channels.Sum(dy);
  const Value product =
      g.wants(1) || g.wants(4) ? channels.Sum(dy * (x - channels.Spread(g.input(3)))) : Value();
  if (g.wants(1)) result[1] = product * inverse;
  if (g.wants(2)) result[2] = sum;
  if (g.wants(3)) result[3] = -(sum * factor);
  if (g.wants(4)) result[4] = product * factor * inverse * inverse * -0.5;
  return result;
}

// The statistics of the batch take the place of those that are kept, which move.
absl::StatusOr<TrainingForm> InTraining(absl::Span<const Value> inputs, const Attributes& attrs) {
  const std::vector<Value> outputs =
      CallMulti("nn.BatchNormalizationTraining", std::vector<Value>(inputs.begin(), inputs.end()),
                attrs, {.num_outputs = 5});
  return TrainingForm{.outputs = {outputs[0]}, .updates = {{3, outputs[1]}, {4, outputs[2]}}};
}

NOMO_REGISTER_OP(OpDef("nn.BatchNormalization", 1)
                     .Doc("y = (x - mean) / sqrt(variance + epsilon) * scale + offset, with one "
                          "mean, variance, scale and offset per channel: what batch normalisation "
                          "does in inference, with the statistics of training. In training it is "
                          "nn.BatchNormalizationTraining. It is an error when "
                          "one of these vectors has another size than the channel axis.")
                     .Source("ONNX BatchNormalization with training_mode 0 (there axis is 1); "
                             "Keras BatchNormalization in inference; S. Ioffe & C. Szegedy, 2015")
                     .TypeVar("T", kFloats)
                     .Input("x", "T", "any shape of at least one axis")
                     .OptionalInput("scale", "T", "[channels]; 1 where it is absent")
                     .OptionalInput("offset", "T", "[channels]; 0 where it is absent")
                     .Input("mean", "T", "[channels]")
                     .Input("variance", "T", "[channels], not negative")
                     .Output("y", "T", "as x")
                     .Attr("axis", -1, "the channel axis")
                     .Attr("epsilon", 1e-5, "is added to the variance (Keras' layer gives 1e-3)")
                     .Min(0)
                     .Attr("momentum", 0.99,
                           "how much of mean and variance stays at each step of training: "
                           "nn.BatchNormalizationTraining")
                     .Min(0)
                     .Max(1)
                     .Gradient(Gradient)
                     .InTraining(InTraining)
                     .Infer(InferBatchNormalization)
                     .Reference(BatchNormalizationCompute)
                     .Fast(FastChannelAffine(AffineWhenPrepared))
                     .Fast(onednn::Fast(BuildArithmetic))
                     .Fast(onednn::Prepare(BuildBatchNormalization))
                     .InPlace()
                     .AsAffine(AsAffine)
                     .Examples(BatchNormalizationExamples));

}  // namespace
}  // namespace nomograph::nn
