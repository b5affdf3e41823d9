// nn.SkipLayerNormalization: the sum of x, a skip connection and a bias, normalised.
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kX, kSkip, kGamma, kBeta, kBias };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  const TensorType sum = context.input(kX);
  if (!x.has_rank()) return std::vector<TensorType>{sum, sum, sum, sum};
  if (x.rank() == 0) return InvalidArgument("x: expected at least one axis, found a scalar");
  const auto joined = Broadcast(x, context.shape(kSkip));
  if (!joined.ok() || !Compatible(*joined, x)) {
    return InvalidArgument("skip: expected a shape that broadcasts to ", x.ToString(), ", found ",
                           context.shape(kSkip).ToString());
  }
  const Dim size = x[x.rank() - 1];
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kGamma, "gamma", size));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kBeta, "beta", size));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kBias, "bias", size));
  TensorType row = sum;
  row.shape[x.rank() - 1] = Dim(1);
  return std::vector<TensorType>{sum, row, row, sum};
}

// Squares and sums of 16 bits overflow.
Value Widened(const Value& x) {
  return Is16BitFloat(x.dtype()) ? Call("array.Cast", {x}, {{"to", DType::kFloat32}}) : x;
}

Value Mean(const Value& x) { return Call("math.ReduceMean", {x}, {{"axes", Ints{-1}}}); }

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const auto optional = [&](size_t i) { return i < in.size() ? in[i] : Value(); };
  const double epsilon = attrs.Float("epsilon");
  Value sum = in[kX] + in[kSkip];
  if (optional(kBias).valid()) sum = sum + in[kBias];
  const Value wide = Widened(sum), mean = Mean(wide);
  const Value inverse = Call("math.Rsqrt", {Mean(Call("math.Square", {wide - mean})) + epsilon});
  const auto narrowed = [&](const Value& x) {
    return x.dtype() == sum.dtype() ? x : Call("array.Cast", {x}, {{"to", sum.dtype()}});
  };
  return std::vector<Value>{
      Call("nn.LayerNormalization", {sum, in[kGamma], optional(kBeta)}, {{"epsilon", epsilon}}),
      narrowed(mean), narrowed(inverse), sum};
}

std::vector<Example> Examples() {
  constexpr DType half = DType::kFloat16;
  return {
      {.name = "all inputs and outputs",
       .attrs = {{"epsilon", 1e-5}},
       .inputs = {Tensor::Of<float>({2, 1, 4}, {-0.5, 1, 1, -2, 2, 0, 1.5, -2}),
                  Tensor::Of<float>({2, 1, 4}, {-2, 1.5, -1.5, 0.5, 1.5, -2, -1.5, 0}),
                  Tensor::Of<float>({4}, {1, -1, -1.5, -1}),
                  Tensor::Of<float>({4}, {1.5, -2, 0.5, -2}),
                  Tensor::Of<float>({4}, {-2, 0, 0, -0.5})},
       .outputs = {Tensor::Of<float>({2, 1, 4},
                                     {0.168189253, -3.43046339, 0.13005257, -1.65471573, 2.90556111,
                                      -1.21913271, -0.202780557, -0.9067858}),
                   Tensor::Of<float>({2, 1, 1}, {-1.125, -0.75}),
                   Tensor::Of<float>({2, 1, 1}, {0.394610592, 0.624693829}),
                   Tensor::Of<float>({2, 1, 4}, {-4.5, 2.5, -0.5, -2, 1.5, -2, 0, -2.5})}},
      {.name = "a skip that broadcasts, no beta, no bias",
       .inputs = {Tensor::Of<float>({2, 1, 4}, {-0.5, 1, 1, -2, 2, 0, 1.5, -2}),
                  Tensor::Of<float>({1, 1, 4}, {-1, 0, 1, -0.5}),
                  Tensor::Of<float>({4}, {1, -1, -1.5, -1})},
       .outputs = {Tensor::Of<float>(
           {2, 1, 4}, {-0.68680282, -0.68680282, -1.85436761, 1.23624508, 0.412081692, 0.137360564,
                       -1.85436761, 1.5109662})}},
      {.name = "bias without beta",
       .inputs = {Tensor::Of<float>({2, 1, 4}, {-0.5, 1, 1, -2, 2, 0, 1.5, -2}),
                  Tensor::Of<float>({2, 1, 4}, {0, 1.5, -1.5, 1, 3.5, -2, -1.5, 0.5}),
                  Tensor::Of<float>({4}, {1, -1, -1.5, -1}), Tensor(),
                  Tensor::Of<float>({4}, {-2, 0, 0, -0.5})},
       .outputs = {Tensor::Of<float>(
           {2, 1, 4}, {-1.06904497, -1.60356745, 0, 0.534522484, 1.61360316, 0.834622326,
                       -0.0834622326, 0.834622326})}},
      {.name = "float16, which does not hold the squares",
       .inputs = {Tensor::Of<float>({2, 4}, {-200, 200, -100, 100, 0, 1, 1, 2}).Cast(half),
                  Tensor::Of<float>({2, 4}, {-100, 100, -200, 200, 1, 1, 2, 3}).Cast(half),
                  Tensor::Full(half, {4}, 1)},
       .outputs = {Tensor::Of<float>(
                       {2, 4}, {-1, 1, -1, 1, -1.18321596, -0.50709255, 0.16903085, 1.52127766})
                       .Cast(half),
                   Tensor::Of<float>({2, 1}, {0, 2.75}).Cast(half),
                   Tensor::Of<float>({2, 1}, {0.00333333333, 0.676123404}).Cast(half),
                   Tensor::Of<float>({2, 4}, {-300, 300, -300, 300, 1, 2, 3, 5}).Cast(half)},
       .rtol = 2e-3},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.SkipLayerNormalization")
        .Doc("The sum s = x + skip + bias, and y = nn.LayerNormalization(s, gamma, beta) over the "
             "last axis; with the mean of s there, and 1 / sqrt(variance + epsilon).")
        .Source("com.microsoft SkipLayerNormalization")
        .Known({.as = "com.microsoft", .name = "SkipLayerNormalization"})
        .TypeVar("T", kFloats)
        .Input("x", "T", "[..., H]")
        .Input("skip", "T", "broadcasts to x")
        .Input("gamma", "T", "[H]: the scale")
        .OptionalInput("beta", "T", "[H]: is added at the end; absent: 0")
        .OptionalInput("bias", "T", "[H]: is added at first; absent: 0")
        .Output("y", "T", "as x")
        .OptionalOutput("mean", "T", "[..., 1]")
        .OptionalOutput("inv_std_var", "T", "[..., 1]")
        .OptionalOutput("input_skip_bias_sum", "T", "s, as x")
        .Attr("epsilon", 1e-12, "is added to the variance")
        .Min(0)
        .Infer(Infer)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
