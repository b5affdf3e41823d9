// nn.MeanVarianceNormalization: x normalised by its mean and variance over given axes.
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(Annotate(
        NormalizeAxes(context.attrs().Ints("axes"), context.shape(0).rank()).status(), "axes"));
  }
  return SameAsInput(context);
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> inputs, const Attributes& attrs) {
  const auto mean = [&](const Value& x) {
    return Call("math.ReduceMean", {x}, {{"axes", attrs.Ints("axes")}, {"keepdims", true}});
  };
  const DType dtype = inputs[0].dtype();
  const bool narrow = DTypeSize(dtype) == 2;  // in which epsilon would be 0
  const Value x = narrow ? Call("array.Cast", {inputs[0]}, {{"to", DType::kFloat32}}) : inputs[0];
  const Value centered = x - mean(x);
  // A square root of 0 has no derivative; this one is far below epsilon.
  const Value variance = mean(centered * centered);
  const Value least = ConstantLike(1e-30, variance);
  const Value deviation = Call("math.Sqrt", {Call("math.Max", {variance, least})});
  const Value y = centered / (deviation + attrs.Float("epsilon"));
  return std::vector<Value>{narrow ? Call("array.Cast", {y}, {{"to", dtype}}) : y};
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX mvn",
       .inputs = {Tensor::Of<float>(
           {3, 3, 3, 1},
           {0.8439683,  0.5665144, 0.05836735, 0.02916367, 0.12964272, 0.5060197, 0.79538304,
            0.9411346,  0.9546573, 0.17730942, 0.46192095, 0.26480448, 0.6746842, 0.01665257,
            0.62473077, 0.9240844, 0.9722341,  0.11965699, 0.41356155, 0.9129373, 0.59330076,
            0.81929934, 0.7862604, 0.11799799, 0.69248444, 0.54119414, 0.07513223})},
       .outputs = {Tensor::Of<float>(
           {3, 3, 3, 1},
           {1.3546423,  0.33053496, -1.5450814,  -1.2106764,  -0.8925952,  0.29888135, 0.38083088,
            0.81808794, 0.85865635, -1.1060555,  -0.05552877, -0.78310335, 0.83281356, -1.250282,
            0.67467856, 0.7669372,  0.9113869,   -1.6463585,  -0.23402764, 1.6092131,  0.42940593,
            1.2906139,  1.1860244,  -0.92945826, 0.0721334,   -0.38174,    -1.7799333})},
       .rtol = 1e-4},
      {.name = "the last axis",
       .attrs = {{"axes", Ints{-1}}},
       .inputs = {Tensor::Of<float>({2, 3}, {-0.5, -1.5, -3, 0.5, -1, -2})},
       .outputs = {Tensor::Of<float>(
           {2, 3}, {1.1355499, 0.16222142, -1.2977713, 1.2977713, -0.16222142, -1.1355499})}},
      {.name = "epsilon",
       .attrs = {{"axes", Ints{0}}, {"epsilon", 0.5}},
       .inputs = {Tensor::Of<float>({2, 3}, {-0.5, -1.5, -3, 0.5, -1, -2})},
       .outputs = {Tensor::Of<float>({2, 3}, {-0.5, -0.33333334, -0.5, 0.5, 0.33333334, 0.5})}},
      {.name = "a constant, float64",
       .attrs = {{"axes", Ints{1}}},
       .inputs = {Tensor::Of<double>({1, 4}, {3, 3, 3, 3})},
       .outputs = {Tensor::Of<double>({1, 4}, {0, 0, 0, 0})}},
      {.name = "float16",
       .attrs = {{"axes", Ints{1}}},
       .inputs = {Tensor::Of<Half>({1, 3}, {Half(1), Half(2), Half(4)})},
       .outputs = {Tensor::Of<Half>({1, 3}, {Half(-1.069), Half(-0.2673), Half(1.336)})},
       .rtol = 2e-3},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.MeanVarianceNormalization")
        .Doc(
            "y = (x - mean) / (sqrt(variance) + epsilon), with mean and variance (the mean squared "
            "deviation) over the given axes together.")
        .Source("ONNX MeanVarianceNormalization")
        .Known({.as = "onnx",
                .name = "MeanVarianceNormalization",
                .attrs = {{"epsilon", KnownAttr::kDefault}}})
        .TypeVar("T", kFloats)
        .Input("x", "T", "any shape")
        .Output("y", "T", "as x")
        .Attr("axes", Ints{0, 2, 3},
              "the axes that are reduced, in [-rank, rank); by default all but the channels of "
              "[batch, channels, height, width]")
        .Attr("epsilon", 1e-9, "keeps the divisor from 0")
        .Min(0)
        .Infer(Infer)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
