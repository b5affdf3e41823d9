// nn.BatchNormalizationTrainingGrad: the gradients of batch normalisation by the batch's
// statistics.
#include <cmath>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/channels.h"
#include "nomograph/ops/nn/norm/gradient_input.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

enum Input { kDy, kX, kScale, kBatchMean, kInverseDeviation };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  NOMO_RETURN_IF_ERROR(CheckGradientInput(context, kDy, x));
  if (context.has_input(kBatchMean) != context.has_input(kInverseDeviation))
    return InvalidArgument("expected batch_mean and inverse_deviation, found one of them");
  TensorType vector{context.dtype(kX), PartialShape::OfRank(1)};
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    vector.shape[0] = x[axis];
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kScale, "scale", x[axis]));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kBatchMean, "batch_mean", x[axis]));
    NOMO_RETURN_IF_ERROR(
        CheckVectorInput(context, kInverseDeviation, "inverse_deviation", x[axis]));
  }
  return std::vector<TensorType>{context.input(kX), vector, vector};
}

template <typename T>
double ScaleOf(const KernelContext& context, int64_t c) {
  return context.has_input(kScale) ? static_cast<double>(context.input<T>(kScale)[c]) : 1.0;
}

template <typename T>
void ReferenceFor(KernelContext& context) {
  const ChannelShape shape(context.input_shape(kX), context.attrs().Int("axis"));
  const auto x = context.input<T>(kX), dy = context.input<T>(kDy);
  const auto dx = context.output<T>(0);
  const auto count = static_cast<double>(shape.count());
  for (int64_t c = 0; c < shape.channels; ++c) {
    const auto for_each = [&](auto f) {
      for (int64_t o = 0; o < shape.outer; ++o) {
        for (int64_t j = 0; j < shape.inner; ++j) {
          const int64_t i = (o * shape.channels + c) * shape.inner + j;
          f(i, static_cast<double>(x[i]), static_cast<double>(dy[i]));
        }
      }
    };
    double mean = 0, inverse = 0;
    if (context.has_input(kBatchMean)) {
      mean = static_cast<double>(context.input<T>(kBatchMean)[c]);
      inverse = static_cast<double>(context.input<T>(kInverseDeviation)[c]);
    } else {
      double squares = 0;
      for_each([&](int64_t, double value, double) { mean += value / count; });
      for_each([&](int64_t, double value, double) { squares += (value - mean) * (value - mean); });
      inverse = 1 / std::sqrt(squares / count + context.attrs().Float("epsilon"));
    }
    double sum = 0, product = 0;
    for_each([&](int64_t, double value, double g) {
      sum += g;
      product += g * (value - mean) * inverse;
    });
    for_each([&](int64_t i, double value, double g) {
      const double normal = (value - mean) * inverse;
      dx[i] = static_cast<T>(ScaleOf<T>(context, c) * inverse *
                             (g - sum / count - normal * product / count));
    });
    if (context.num_outputs() > 1) context.output<T>(1)[c] = static_cast<T>(product);
    if (context.num_outputs() > 2) context.output<T>(2)[c] = static_cast<T>(sum);
  }
}

absl::Status Reference(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(kX), [&]<typename T>() { ReferenceFor<T>(context); });
  return absl::OkStatus();
}

// Of each channel: dx = factor dy + slope (x - mean) + offset.
struct Coefficients {
  float *mean, *inverse, *factor, *slope, *offset;
};
constexpr int kCoefficients = 5;

// The statistics, where they are not given.
void FindStatistics(KernelContext& context, const ChannelShape& shape, int threads, double* sums,
                    const Coefficients& of) {
  const float* const x = context.input<float>(kX).data();
  for (int64_t c = 0; c < shape.channels; ++c) of.mean[c] = x[c * shape.inner];
  SumChannels(
      shape, threads, sums,
      [=](int64_t i, int64_t c) {
        const float difference = x[i] - of.mean[c];
        return ChannelPair{difference, difference * difference};
      },
      [=](int64_t i, int64_t count, int64_t c) { return CenteredSums(x + i, of.mean[c], count); });
  const auto count = static_cast<double>(shape.count());
  for (int64_t c = 0; c < shape.channels; ++c) {
    const double shift = sums[c] / count;
    const double variance = std::max(0.0, sums[shape.channels + c] / count - shift * shift);
    of.mean[c] = static_cast<float>(of.mean[c] + shift);
    of.inverse[c] = static_cast<float>(1 / std::sqrt(variance + context.attrs().Float("epsilon")));
  }
}

absl::Status RunFast(KernelContext& context, const ChannelShape& shape, int threads) {
  const float* const x = context.input<float>(kX).data();
  const float* const dy = context.input<float>(kDy).data();
  float* const dx = context.output<float>(0).data();
  const int64_t channels = shape.channels;
  auto* const sums = reinterpret_cast<double*>(context.scratch());
  auto* const floats = reinterpret_cast<float*>(sums + SumDoubles(shape, threads));
  const Coefficients of{floats, floats + channels, floats + 2 * channels, floats + 3 * channels,
                        floats + 4 * channels};
  if (context.has_input(kBatchMean)) {
    std::copy_n(context.input<float>(kBatchMean).data(), channels, of.mean);
    std::copy_n(context.input<float>(kInverseDeviation).data(), channels, of.inverse);
  } else {
    FindStatistics(context, shape, threads, sums, of);
  }
  SumChannels(
      shape, threads, sums,
      [=](int64_t i, int64_t c) {
        return ChannelPair{dy[i], dy[i] * (x[i] - of.mean[c])};
      },
      [=](int64_t i, int64_t count, int64_t c) {
        return CenteredProducts(dy + i, x + i, of.mean[c], count);
      });
  const auto count = static_cast<double>(shape.count());
  for (int64_t c = 0; c < channels; ++c) {
    const double inverse = of.inverse[c], sum = sums[c], product = sums[channels + c] * inverse;
    const double factor = ScaleOf<float>(context, c) * inverse;
    of.factor[c] = static_cast<float>(factor);
    of.slope[c] = static_cast<float>(-factor * inverse * product / count);
    of.offset[c] = static_cast<float>(-factor * sum / count);
    if (context.num_outputs() > 1) context.output<float>(1)[c] = static_cast<float>(product);
    if (context.num_outputs() > 2) context.output<float>(2)[c] = static_cast<float>(sum);
  }
  ForEachInChannels(shape, threads, [=](int64_t i, int64_t c) {
    dx[i] = of.factor[c] * dy[i] + of.slope[c] * (x[i] - of.mean[c]) + of.offset[c];
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const Shape& x = context.inputs[kX].shape;
  if (context.inputs[kX].dtype != DType::kFloat32 || x.num_elements() == 0) return nullptr;
  const ChannelShape shape(x, context.attrs.Int("axis"));
  const int threads = ThreadsWorth(shape, context.threads);
  const int64_t bytes = SumDoubles(shape, threads) * static_cast<int64_t>(sizeof(double)) +
                        kCoefficients * shape.channels * static_cast<int64_t>(sizeof(float));
  return MakeComputeKernel(
      [shape, threads](KernelContext& kernel) { return RunFast(kernel, shape, threads); },
      "channel loop", bytes);
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const Value dy = in[kDy], x = in[kX];
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const auto given = [&](size_t i) { return i < in.size() && in[i].valid(); };
  const ChannelValues channels(x.shape().rank(), attrs.Int("axis"));
  const Value mean = channels.Spread(given(kBatchMean) ? in[kBatchMean] : channels.Mean(x));
  const Value centered = x - mean;
  const Value inverse = channels.Spread(
      given(kInverseDeviation)
          ? in[kInverseDeviation]
          : Call("math.Rsqrt", {channels.Mean(centered * centered) + attrs.Float("epsilon")}));
  const Value normal = centered * inverse;
  const Value inner = dy - channels.Spread(channels.Mean(dy)) -
                      normal * channels.Spread(channels.Mean(dy * normal));
  const Value dx = inverse * inner;
  return std::vector<Value>{given(kScale) ? dx * channels.Spread(in[kScale]) : dx,
                            channels.Sum(dy * normal), channels.Sum(dy)};
}

std::vector<Example> Examples() {
  return {
      {.name = "channels last",
       .inputs = {Tensor::Of<float>({4, 3}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>({4, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({3}, {-3, -3, 0}), Tensor::Of<float>({3}, {0.25, -0.75, -0.75}),
                  Tensor::Of<float>({3}, {0.41931358, 0.46187973, 0.560111165})},
       .outputs = {Tensor::Of<float>(
                       {4, 3}, {1.43764949, 2.3093996, 0, 1.54823303, -3.23315716, 0, -2.54352736,
                                0.923760414, -0, -0.442355305, -2.95602399e-06, 0}),
                   Tensor::Of<float>({3}, {3.98347878, 2.30939865, -1.11022302e-16}),
                   Tensor::Of<float>({3}, {2, 0, 4})},
       .atol = 1e-5},
      {.name = "channels last, computed anew",
       .inputs = {Tensor::Of<float>({4, 3}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>({4, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({3}, {-3, -3, 0})},
       .outputs = {Tensor::Of<float>(
                       {4, 3}, {1.43764949, 2.3093996, 0, 1.54823303, -3.23315716, 0, -2.54352736,
                                0.923760414, -0, -0.442355305, -2.95602399e-06, 0}),
                   Tensor::Of<float>({3}, {3.98347878, 2.30939865, -1.11022302e-16}),
                   Tensor::Of<float>({3}, {2, 0, 4})},
       .atol = 1e-5},
      {.name = "channels first, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 3}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                   2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({2, 2, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2}),
                  Tensor::Of<float>({2}, {-3, -3}), Tensor::Of<float>({2}, {-1.25, 0}),
                  Tensor::Of<float>({2}, {0.560024202, 0.612257659})},
       .outputs = {Tensor::Of<float>(
                       {2, 2, 2, 3},
                       {4.87546873,   4.80960417,  -0.494071841, 1.1860007,   -1.91068625,
                        -0.16474916,  -3.82643819, 1.2248596,    1.68388069,  -1.9903537,
                        -0.153580815, -5.66321135, -1.91068625,  -3.72248793, 1.38359439,
                        1.31772983,   -3.52489424, -1.84482169,  5.81644773,  -5.66321135,
                        6.27546883,   -1.53064418, -1.07162297,  4.89840555}),
                   Tensor::Of<float>({2}, {-0.840036273, 4.89806128}),
                   Tensor::Of<float>({2}, {10, 2})},
       .atol = 1e-5},
      {.name = "channels first, Keras' epsilon, computed anew",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 3}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                   2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({2, 2, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2}),
                  Tensor::Of<float>({2}, {-3, -3})},
       .outputs = {Tensor::Of<float>(
                       {2, 2, 2, 3},
                       {4.87546873,   4.80960417,  -0.494071841, 1.1860007,   -1.91068625,
                        -0.16474916,  -3.82643819, 1.2248596,    1.68388069,  -1.9903537,
                        -0.153580815, -5.66321135, -1.91068625,  -3.72248793, 1.38359439,
                        1.31772983,   -3.52489424, -1.84482169,  5.81644773,  -5.66321135,
                        6.27546883,   -1.53064418, -1.07162297,  4.89840555}),
                   Tensor::Of<float>({2}, {-0.840036273, 4.89806128}),
                   Tensor::Of<float>({2}, {10, 2})},
       .atol = 1e-5},
      {.name = "without scale and offset",
       .inputs = {Tensor::Of<float>({5, 2}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2}),
                  Tensor::Of<float>({5, 2}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3}), Tensor(),
                  Tensor::Of<float>({2}, {-1, -0.400000006}),
                  Tensor::Of<float>({2}, {0.597613215, 0.413802594})},
       .outputs = {Tensor::Of<float>(
                       {5, 2}, {-1.00740671, -0.623538494, -0.281729668, -0.306100011, 1.16961372,
                                0.745410919, 0.956181169, -0.209735915, -0.836658537, 0.393963486}),
                   Tensor::Of<float>({2}, {2.9880662, 3.72422338}), Tensor::Of<float>({2}, {2, 0})},
       .atol = 1e-5},
      {.name = "without scale and offset, computed anew",
       .inputs = {Tensor::Of<float>({5, 2}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2}),
                  Tensor::Of<float>({5, 2}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3})},
       .outputs = {Tensor::Of<float>(
                       {5, 2}, {-1.00740671, -0.623538494, -0.281729668, -0.306100011, 1.16961372,
                                0.745410919, 0.956181169, -0.209735915, -0.836658537, 0.393963486}),
                   Tensor::Of<float>({2}, {2.9880662, 3.72422338}), Tensor::Of<float>({2}, {2, 0})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(
    OpDef("nn.BatchNormalizationTrainingGrad")
        .Doc("The gradients of nn.BatchNormalizationTraining for x, scale and offset. With n = (x "
             "- mean) / sqrt(variance + epsilon), dx = scale (dy - mean(dy) - n mean(dy n)) / "
             "sqrt(variance + epsilon), dscale = sum(dy n) and doffset = sum(dy), over all but the "
             "channel axis. The batch's statistics are computed where they are not given.")
        .Source("S. Ioffe & C. Szegedy, 2015; torch.nn.functional.batch_norm")
        .TypeVar("T", kFloats)
        .Input("dy", "T", "as x")
        .Input("x", "T", "any shape of at least one axis")
        .OptionalInput("scale", "T", "[channels]; 1 where it is absent")
        .OptionalInput("batch_mean", "T", "[channels]: as the op yields it")
        .OptionalInput("inverse_deviation", "T", "[channels]: as the op yields it")
        .Output("dx", "T", "as x")
        .OptionalOutput("dscale", "T", "[channels]")
        .OptionalOutput("doffset", "T", "[channels]")
        .Attr("axis", -1, "the channel axis")
        .Attr("epsilon", 1e-5, "is added to the variance")
        .Min(0)
        .Infer(Infer)
        .Reference(Reference)
        .Fast(Prepare)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
