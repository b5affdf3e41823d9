// nn.BatchNormalizationTraining: channels normalised by the statistics of the batch.
#include <cmath>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/channels.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

enum Input { kX, kScale, kOffset, kMean, kVariance };
enum Output { kY, kNextMean, kNextVariance, kBatchMean, kInverseDeviation };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  TensorType vector{context.dtype(kX), PartialShape::OfRank(1)};
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    vector.shape[0] = x[axis];
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kScale, "scale", x[axis]));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kOffset, "offset", x[axis]));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kMean, "mean", x[axis]));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kVariance, "variance", x[axis]));
  }
  return std::vector<TensorType>{context.input(kX), vector, vector, vector, vector};
}

// What is computed of one channel's statistics.
struct Channel {
  double mean, inverse, scale, offset;
};

template <typename T>
double ValueOr(const KernelContext& context, int input, int64_t c, double absent) {
  return context.has_input(input) ? static_cast<double>(context.input<T>(input)[c]) : absent;
}

// Writes the outputs of one channel but y.
template <typename T>
Channel SetStatistics(KernelContext& context, int64_t c, double mean, double variance) {
  const double momentum = context.attrs().Float("momentum");
  const double inverse = 1 / std::sqrt(variance + context.attrs().Float("epsilon"));
  const auto moved = [&](Input input, double batch) {
    return static_cast<double>(context.input<T>(input)[c]) * momentum + batch * (1 - momentum);
  };
  const double values[] = {0, moved(kMean, mean), moved(kVariance, variance), mean, inverse};
  for (int i = 1; i < context.num_outputs(); ++i)
    context.output<T>(i)[c] = static_cast<T>(values[i]);
  return {mean, inverse, ValueOr<T>(context, kScale, c, 1), ValueOr<T>(context, kOffset, c, 0)};
}

template <typename T>
void ReferenceFor(KernelContext& context) {
  const ChannelShape shape(context.input_shape(kX), context.attrs().Int("axis"));
  const auto x = context.input<T>(kX);
  const auto y = context.output<T>(kY);
  for (int64_t c = 0; c < shape.channels; ++c) {
    const auto for_each = [&](auto f) {
      for (int64_t o = 0; o < shape.outer; ++o) {
        for (int64_t i = 0; i < shape.inner; ++i) f((o * shape.channels + c) * shape.inner + i);
      }
    };
    double sum = 0, squares = 0;
    for_each([&](int64_t i) { sum += static_cast<double>(x[i]); });
    const double mean = sum / static_cast<double>(shape.count());
    for_each([&](int64_t i) {
      const double difference = static_cast<double>(x[i]) - mean;
      squares += difference * difference;
    });
    const Channel channel =
        SetStatistics<T>(context, c, mean, squares / static_cast<double>(shape.count()));
    for_each([&](int64_t i) {
      y[i] = static_cast<T>((static_cast<double>(x[i]) - mean) * channel.inverse * channel.scale +
                            channel.offset);
    });
  }
}

absl::Status Reference(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(kX), [&]<typename T>() { ReferenceFor<T>(context); });
  return absl::OkStatus();
}

// Goes over x twice. The squares of the differences from a channel's first element lose nothing
// where the mean is far from 0.
absl::Status RunFast(KernelContext& context, const ChannelShape& shape, int threads) {
  const float* const x = context.input<float>(kX).data();
  float* const y = context.output<float>(kY).data();
  auto* const sums = reinterpret_cast<double*>(context.scratch());
  auto* const first = reinterpret_cast<float*>(sums + SumDoubles(shape, threads));
  float *const mean = first + shape.channels, *const factor = mean + shape.channels;
  float* const offset = factor + shape.channels;
  for (int64_t c = 0; c < shape.channels; ++c) first[c] = x[c * shape.inner];
  SumChannels(
      shape, threads, sums,
      [=](int64_t i, int64_t c) {
        const float difference = x[i] - first[c];
        return ChannelPair{difference, difference * difference};
      },
      [=](int64_t i, int64_t count, int64_t c) { return CenteredSums(x + i, first[c], count); });
  const auto count = static_cast<double>(shape.count());
  for (int64_t c = 0; c < shape.channels; ++c) {
    const double shift = sums[c] / count;
    // In this order of the two NaN stays NaN.
    const double variance = std::max(sums[shape.channels + c] / count - shift * shift, 0.0);
    const Channel channel =
        SetStatistics<float>(context, c, static_cast<double>(first[c]) + shift, variance);
    mean[c] = static_cast<float>(channel.mean);
    factor[c] = static_cast<float>(channel.inverse * channel.scale);
    offset[c] = static_cast<float>(channel.offset);
  }
  ForEachInChannels(shape, threads,
                    [=](int64_t i, int64_t c) { y[i] = (x[i] - mean[c]) * factor[c] + offset[c]; });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const Shape& x = context.inputs[kX].shape;
  if (context.inputs[kX].dtype != DType::kFloat32 || x.num_elements() == 0) return nullptr;
  const ChannelShape shape(x, context.attrs.Int("axis"));
  const int threads = ThreadsWorth(shape, context.threads);
  const int64_t bytes = SumDoubles(shape, threads) * static_cast<int64_t>(sizeof(double)) +
                        4 * shape.channels * static_cast<int64_t>(sizeof(float));
  return MakeComputeKernel(
      [shape, threads](KernelContext& kernel) { return RunFast(kernel, shape, threads); },
      "channel loop", bytes);
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value x = g.input(kX);
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const double momentum = g.attrs().Float("momentum");
  std::vector<Value> result(5);
  const auto add = [](Value& sum, const Value& part) { sum = sum.valid() ? sum + part : part; };
  if (g.has_gradient(kY)) {
    const auto given = [&](Output i) { return g.has_output(i) ? g.output(i) : Value(); };
    result = CallMulti("nn.BatchNormalizationTrainingGrad",
                       {g.gradient(kY), x, g.has_input(kScale) ? g.input(kScale) : Value(),
                        given(kBatchMean), given(kInverseDeviation)},
                       {{"axis", g.attrs().Int("axis")}, {"epsilon", g.attrs().Float("epsilon")}},
                       {.num_outputs = 3});
    result.resize(5);
  }
  // What flows back into the batch's mean and variance.
  Value of_mean, of_variance;
  if (g.has_gradient(kNextMean)) {
    result[kMean] = g.gradient(kNextMean) * momentum;
    add(of_mean, g.gradient(kNextMean) * (1 - momentum));
  }
  if (g.has_gradient(kNextVariance)) {
    result[kVariance] = g.gradient(kNextVariance) * momentum;
    add(of_variance, g.gradient(kNextVariance) * (1 - momentum));
  }
  if (g.has_gradient(kBatchMean)) add(of_mean, g.gradient(kBatchMean));
  if (g.has_gradient(kInverseDeviation)) {
    const Value inverse = g.output(kInverseDeviation);
    add(of_variance, g.gradient(kInverseDeviation) * inverse * inverse * inverse * -0.5);
  }
  if (!g.wants(kX)) return result;
  const ChannelValues channels(x.shape().rank(), g.attrs().Int("axis"));
  const Value count = CastLike(Call("array.Size", {x}) / Call("array.Size", {g.input(kMean)}), x);
  if (of_mean.valid()) {
    const Value spread = channels.Spread(of_mean / count);
    add(result[kX], Call("array.Expand", {spread, ShapeOf(x)}, {}, {.output_types = {x.type()}}));
  }
  if (of_variance.valid()) {
    const Value difference = x - channels.Spread(channels.Mean(x));
    add(result[kX], difference * channels.Spread(of_variance * 2 / count));
  }
  return result;
}

std::vector<Example> Examples() {
  return {
      {.name = "channels last",
       .inputs = {Tensor::Of<float>({4, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({3}, {-3, -3, 0}), Tensor::Of<float>({3}, {-2, 1, 0}),
                  Tensor::Of<float>({3}, {2, 1, 3}), Tensor::Of<float>({3}, {4, 9, 9})},
       .outputs = {Tensor::Of<float>(
                       {4, 3}, {2.08830738, 2.73204899, 0, -4.20139599, 2.73204899, 0, -0.427574128,
                                2.73204899, 0, -5.45933676, -4.19614697, 0}),
                   Tensor::Of<float>({3}, {1.98249996, 0.982500017, 2.9625001}),
                   Tensor::Of<float>({3}, {4.01687479, 8.95687485, 8.94187546}),
                   Tensor::Of<float>({3}, {0.25, -0.75, -0.75}),
                   Tensor::Of<float>({3}, {0.41931358, 0.46187973, 0.560111165})},
       .atol = 1e-5},
      {.name = "channels first, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}, {"momentum", 0.75}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2}),
                  Tensor::Of<float>({2}, {-3, -3}), Tensor::Of<float>({2}, {-3, -2}),
                  Tensor::Of<float>({2}, {2, 1}), Tensor::Of<float>({2}, {9, 4})},
       .outputs = {Tensor::Of<float>({2, 2, 2, 3}, {-0.0598729849,
                                                    -1.73994553,
                                                    -8.4602356,
                                                    -8.4602356,
                                                    -1.73994553,
                                                    -0.0598729849,
                                                    -0.163227051,
                                                    1.67354584,
                                                    -0.163227051,
                                                    -7.51031876,
                                                    -7.51031876,
                                                    -0.163227051,
                                                    -1.73994553,
                                                    -5.1000905,
                                                    -3.4200182,
                                                    -5.1000905,
                                                    -0.0598729849,
                                                    -0.0598729849,
                                                    -2,
                                                    -0.163227051,
                                                    -3.83677292,
                                                    -2,
                                                    -3.83677292,
                                                    1.67354584}),
                   Tensor::Of<float>({2}, {1.1875, 0.75}),
                   Tensor::Of<float>({2}, {7.546875, 3.66666675}),
                   Tensor::Of<float>({2}, {-1.25, 0}),
                   Tensor::Of<float>({2}, {0.560024202, 0.612257659})},
       .atol = 1e-5},
      {.name = "without scale and offset",
       .attrs = {{"momentum", 0.9}},
       .inputs = {Tensor::Of<float>({5, 2}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3}), Tensor(),
                  Tensor(), Tensor::Of<float>({2}, {2, 1}), Tensor::Of<float>({2}, {4, 9})},
       .outputs = {Tensor::Of<float>(
                       {5, 2}, {-1.19522643, -0.662084162, 1.79283977, 0.993126214, -0.597613215,
                                -1.07588673, 0, -0.662084162, 0, 1.40692878}),
                   Tensor::Of<float>({2}, {1.70000005, 0.860000014}),
                   Tensor::Of<float>({2}, {3.88000011, 8.68400002}),
                   Tensor::Of<float>({2}, {-1, -0.400000006}),
                   Tensor::Of<float>({2}, {0.597613215, 0.413802594})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(
    OpDef("nn.BatchNormalizationTraining")
        .Doc("What nn.BatchNormalization is in training: y = (x - mean) / sqrt(variance + epsilon) "
             "* scale + offset, with the mean and the variance of each channel over the batch. The "
             "statistics that are kept move: next = old * momentum + the batch's * (1 - momentum). "
             "Variances are the mean squared deviation (biased), as in Keras and ONNX; PyTorch "
             "normalises with it, but keeps the unbiased one.")
        .Source("ONNX BatchNormalization with training_mode 1 (there axis is 1); Keras "
                "BatchNormalization in training; S. Ioffe & C. Szegedy, 2015")
        .TypeVar("T", kFloats)
        .Input("x", "T", "any shape of at least one axis")
        .OptionalInput("scale", "T", "[channels]; 1 where it is absent")
        .OptionalInput("offset", "T", "[channels]; 0 where it is absent")
        .Input("mean", "T", "[channels]: the one that is kept")
        .Input("variance", "T", "[channels]: the one that is kept")
        .Output("y", "T", "as x")
        .OptionalOutput("next_mean", "T", "[channels]")
        .OptionalOutput("next_variance", "T", "[channels]")
        .OptionalOutput("batch_mean", "T", "[channels]")
        .OptionalOutput("inverse_deviation", "T", "[channels]: 1 / sqrt(variance + epsilon)")
        .Attr("axis", -1, "the channel axis")
        .Attr("epsilon", 1e-5, "is added to the variance (Keras' layer gives 1e-3)")
        .Min(0)
        .Attr("momentum", 0.99, "how much of the kept statistics stays (ONNX gives 0.9)")
        .Min(0)
        .Max(1)
        .Infer(Infer)
        .Reference(Reference)
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
