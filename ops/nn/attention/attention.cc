// nn.Attention: multi-head self-attention with the weights of its projections.
#include <cmath>
#include <limits>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kX, kWeights, kBias, kMask, kPast, kScoreBias };

// How many columns of the weights make queries, keys and values; none where that is not known.
absl::StatusOr<Ints> ProjectionSizes(const Attributes& attrs, const PartialShape& weights) {
  const Dim columns = weights.has_rank() ? weights[1] : Dim();
  Ints sizes = attrs.Ints("qkv_hidden_sizes");
  if (sizes.empty()) {
    if (!columns.known()) return Ints{};
    if (columns.size() % 3 != 0) {
      return InvalidArgument(
          "weights: expected three times as many columns as queries have, found ", columns.size());
    }
    sizes.assign(3, columns.size() / 3);
  }
  if (sizes.size() != 3 || sizes[0] != sizes[1]) {
    return InvalidArgument(
        "qkv_hidden_sizes: expected the sizes of queries, keys (the same) and values, found ",
        AttrValue(sizes).ToString());
  }
  const int64_t sum = sizes[0] + sizes[1] + sizes[2];
  if (columns.known() && columns.size() != sum) {
    return InvalidArgument("weights: expected ", sum, " columns, found ", columns.size());
  }
  const int64_t heads = attrs.Int("num_heads");
  if (sizes[0] % heads == 0 && sizes[2] % heads == 0) return sizes;
  return InvalidArgument("num_heads: ", heads, " does not divide the hidden sizes ",
                         AttrValue(sizes).ToString());
}

absl::Status CheckMask(const InferContext& context, const PartialShape& x, const Dim& keys) {
  if (!context.has_input(kMask) || !context.shape(kMask).has_rank()) return absl::OkStatus();
  const PartialShape& mask = context.shape(kMask);
  const Dim batch = x[0], length = x[1];
  const bool is_ends = mask.rank() == 1 && Compatible(mask, {batch});
  const bool is_spans =
      mask.rank() == 1 && (!batch.known() || !mask[0].known() ||
                           (mask[0].size() % 2 == 0 && mask[0].size() / 2 == batch.size()));
  if (is_ends || is_spans || Compatible(mask, {batch, keys}) ||
      Compatible(mask, {batch, length, keys}) || Compatible(mask, {batch, 1, length, keys})) {
    return absl::OkStatus();
  }
  return InvalidArgument(
      "mask_index: expected [B], [2 B], [B, T], [B, S, T] or [B, 1, S, T] for x of shape ",
      x.ToString(), " ([B, S, D]) and T = ", keys.ToString(), " keys, found ", mask.ToString());
}

Dim Sum(const Dim& a, const Dim& b) {
  return a.known() && b.known() ? Dim(a.size() + b.size()) : Dim();
}

// [2, B, heads, T, size], the keys and values of T positions.
PartialShape PastShape(const Dim& batch, const Dim& length, const Attributes& attrs,
                       const Ints& sizes) {
  const int64_t heads = attrs.Int("num_heads");
  return {2, batch, heads, length, sizes.empty() ? Dim() : Dim(sizes[0] / heads)};
}

// How many keys there are: the past's and those of x.
absl::StatusOr<Dim> CountKeys(const InferContext& context, const PartialShape& x,
                              const Ints& sizes) {
  const bool has_past = context.has_input(kPast);
  if ((has_past || context.num_outputs() > 1) && !sizes.empty() && sizes[0] != sizes[2]) {
    return InvalidArgument(
        "past and present: expected keys and values of one size, found qkv_hidden_sizes ",
        AttrValue(sizes).ToString());
  }
  if (!has_past) return x[1];
  const PartialShape& past = context.shape(kPast);
  const PartialShape expected = PastShape(x[0], Dim(), context.attrs(), sizes);
  if (!Compatible(past, expected)) {
    return InvalidArgument("past: expected shape ", expected.ToString(), ", found ",
                           past.ToString());
  }
  return past.has_rank() ? Sum(past[3], x[1]) : Dim();
}

absl::Status CheckScoreBias(const InferContext& context, const PartialShape& x, const Dim& keys) {
  if (!context.has_input(kScoreBias)) return absl::OkStatus();
  const PartialShape scores = {x[0], context.attrs().Int("num_heads"), x[1], keys};
  const PartialShape& bias = context.shape(kScoreBias);
  if (!bias.has_rank()) return absl::OkStatus();
  const auto both = Broadcast(scores, bias);
  if (both.ok() && Compatible(*both, scores)) return absl::OkStatus();
  return InvalidArgument("attention_bias: expected a shape that broadcasts to ", scores.ToString(),
                         ", found ", bias.ToString());
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape x = context.shape(kX), weights = context.shape(kWeights);
  if (!x.has_rank()) x = PartialShape::OfRank(3);
  if (!weights.has_rank()) weights = PartialShape::OfRank(2);
  if (x.rank() != 3) return InvalidArgument("x: expected [B, S, D], found shape ", x.ToString());
  if (weights.rank() != 2 || !Compatible(weights, {x[2], Dim()})) {
    return InvalidArgument("weights: expected a matrix of as many rows as x has columns, ",
                           x[2].ToString(), ", found shape ", weights.ToString());
  }
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kBias, "bias", weights[1]));
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, ProjectionSizes(context.attrs(), weights));
  NOMO_ASSIGN_OR_RETURN(const Dim keys, CountKeys(context, x, sizes));
  NOMO_RETURN_IF_ERROR(CheckMask(context, x, keys));
  NOMO_RETURN_IF_ERROR(CheckScoreBias(context, x, keys));
  PartialShape present = PastShape(x[0], keys, context.attrs(), sizes);
  x[2] = sizes.empty() ? Dim() : Dim(sizes[2]);
  const DType dtype = context.dtype(kX);
  return std::vector<TensorType>{{dtype, std::move(x)}, {dtype, std::move(present)}};
}

Value Unsqueezed(const Value& x, Ints axes) {
  return Call("array.Unsqueeze", {x}, {{"axes", std::move(axes)}});
}

// [B, S, size] as [B, heads, S, size / heads].
Value SplitHeads(const Value& x, int64_t heads, int64_t size) {
  const Value split = Call("array.Reshape", {x}, {{"shape", Ints{0, 0, heads, size / heads}}});
  return Call("array.Transpose", {split}, {{"perm", Ints{0, 2, 1, 3}}});
}

Value SizeOf(const Value& x, int64_t axis) {
  return Call("array.Squeeze", {Call("array.Shape", {x}, {{"start", axis}, {"end", axis + 1}})});
}

// start, start + 1, ..., end - 1.
Value Positions(const Value& start, const Value& end) {
  return Call("array.Range", {start, end, Constant(Tensor::Scalar<int64_t>(1))});
}

// Which keys count, in a shape that broadcasts to [B, heads, S, T].
absl::StatusOr<Value> KeysThatCount(const Value& x, const Value& mask, const Value& positions) {
  const PartialShape& shape = mask.shape();
  if (shape.rank() == 2) return Unsqueezed(mask > 0, {1, 2});
  if (shape.rank() == 3) return Unsqueezed(mask > 0, {1});
  if (shape.rank() == 4) return mask > 0;
  const Value limits = Call("array.Cast", {mask}, {{"to", DType::kInt64}});
  const auto column = [](const Value& limit) { return Unsqueezed(limit, {1, 2, 3}); };
  const Dim batch = x.shape().has_rank() ? x.shape()[0] : Dim();
  if (shape.rank() == 1 && (shape[0] == batch || batch.size() == 0))
    return positions < column(limits);
  if (shape.rank() != 1 || !shape[0].known() || !batch.known()) {
    return InvalidArgument(
        "mask_index: expected known sizes, which tell ends from ends and starts, ", "found shape ",
        shape.ToString(), " for x of shape ", x.shape().ToString());
  }
  const auto halves = CallMulti("array.Split", {limits}, {}, {.num_outputs = 2});
  return Call("math.And", {positions < column(halves[0]), positions >= column(halves[1])});
}

// The keys and values of earlier positions stand ahead of those of x.
void PutBehind(const Value& past, Value& keys, Value& values) {
  const auto parts =
      CallMulti("array.Split", {past}, {{"axis", 0}, {"split", Ints{1, 1}}}, {.num_outputs = 2});
  const auto join = [](const Value& earlier, const Value& later) {
    const Value flat = Call("array.Squeeze", {earlier}, {{"axes", Ints{0}}});
    return Call("array.Concat", {flat, later}, {{"axis", 2}});
  };
  keys = join(parts[0], keys);
  values = join(parts[1], values);
}

// The scores of keys that do not count are lowered, of those that a query must not see -infinity.
absl::StatusOr<Value> Masked(Value scores, const Value& x, const Value& mask, const Value& keys,
                             const Attributes& attrs) {
  const bool causal = attrs.Bool("unidirectional");
  if (!mask.valid() && !causal) return scores;
  const Value end = SizeOf(keys, 2);
  const Value positions = Positions(Constant(Tensor::Scalar<int64_t>(0)), end);
  if (mask.valid()) {
    NOMO_ASSIGN_OR_RETURN(const Value count, KeysThatCount(x, mask, positions));
    const Value filter = ConstantLike(attrs.Float("mask_filter_value"), scores);
    scores = scores + Call("array.Where", {count, ConstantLike(0, scores), filter});
  }
  if (!causal) return scores;
  const Value queries = Positions(end - SizeOf(x, 1), end);
  const Value later = ConstantLike(-std::numeric_limits<double>::infinity(), scores);
  return Call("array.Where", {positions <= Unsqueezed(queries, {1}), scores, later});
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const auto optional = [&](size_t i) { return i < in.size() ? in[i] : Value(); };
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, ProjectionSizes(attrs, in[kWeights].shape()));
  if (sizes.empty()) return InvalidArgument("weights: the number of columns must be known");
  Value projected = Call("math.MatMul", {in[kX], in[kWeights]});
  if (optional(kBias).valid()) projected = projected + in[kBias];
  const auto parts =
      CallMulti("array.Split", {projected}, {{"axis", -1}, {"split", sizes}}, {.num_outputs = 3});
  const int64_t heads = attrs.Int("num_heads");
  const Value queries = SplitHeads(parts[0], heads, sizes[0]);
  Value keys = SplitHeads(parts[1], heads, sizes[1]);
  Value values = SplitHeads(parts[2], heads, sizes[2]);
  if (optional(kPast).valid()) PutBehind(in[kPast], keys, values);
  const double scale = attrs.Has("scale") ? attrs.Float("scale")
                                          : 1 / std::sqrt(static_cast<double>(sizes[0] / heads));
  Value scores = Call("math.MatMul", {queries, keys}, {{"transpose_b", true}}) * scale;
  NOMO_ASSIGN_OR_RETURN(scores, Masked(scores, in[kX], optional(kMask), keys, attrs));
  if (optional(kScoreBias).valid()) scores = scores + in[kScoreBias];
  const Value mixed = Call("math.MatMul", {Call("nn.Softmax", {scores}), values});
  const Value joined = Call("array.Transpose", {mixed}, {{"perm", Ints{0, 2, 1, 3}}});
  const Value y = Call("array.Reshape", {joined}, {{"shape", Ints{0, 0, sizes[2]}}});
  if (sizes[1] != sizes[2]) return std::vector<Value>{y};  // there is no present
  return std::vector<Value>{
      y, Call("array.Concat", {Unsqueezed(keys, {0}), Unsqueezed(values, {0})}, {{"axis", 0}})};
}

std::vector<Example> Examples() {
  return {
      {.name = "two heads",
       .attrs = {{"num_heads", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12},
                                    {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4}, {-1.32823783,  3.13732458,  -6.47843799,  0.495006903,    -0.730921147,
                       5.12710273,   -2.99810025, 0.384955193,  -1.48501446,    2.5591168,
                       -6.49879657,  0.499701985, -0.566645267, 6.31678792,     -2.4310434,
                       -0.590515056, -1.5,        4.5,          -3.26471294,    -0.152920935,
                       -2.20948934,  3.61091357,  -4.45578683,  -8.44570107e-05})}},
      {.name = "unidirectional, no bias, a scale of its own",
       .attrs = {{"num_heads", 1}, {"unidirectional", true}, {"scale", 0.5}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5})},
       .outputs = {Tensor::Of<float>({2, 3, 4},
                                     {1,           5,          -3.5,        -1,
                                      0.743168009, 3.97267203, -2.72950403, -0.871584004,
                                      1.98445727,  6.96742496, -5.46816975, -0.507026576,
                                      -1,          2,          0,           -2.5,
                                      -0.13296424, 2,          -0.86703576, -1.19944636,
                                      0.964882183, 4.89619911, -3.41298174, -1.00077628})}},
      {.name = "how many keys count",
       .attrs = {{"num_heads", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor::Of<int32_t>({2}, {2, 3})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4},
           {-1.37485046,  3.00059815,   -4.4074377,  0.0154270495, -1.087479,   4.150084,
            -2.32328373,  0.362786044,  -1.48583396, 2.55666414,   -4.48859454, 0.00190091078,
            -0.566645267, 6.31678792,   -2.4310434,  -0.590515056, -1.5,        4.5,
            -3.26471294,  -0.152920935, -2.20948934, 3.61091357,   -4.45578683, -8.44570107e-05})}},
      {.name = "ends and starts",
       .attrs = {{"num_heads", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor::Of<int32_t>({4}, {3, 2, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4},
           {-1.44336416, 2.66990751,   -6.49839434, 0.5,          -0.839523099, 4.4814307,
            -2.54925381, 0.5,          -1.4991628,  2.5025116,    -6.49998862,  0.5,
            -1.59128069, 3.5,          -1.412521,   -0.881218501, -2,           3.5,
            -1.77511755, -0.337323677, -2.27511755, 3.5,          -1.99681224,  -0.00478164646})}},
      {.name = "a mask of keys, a filter of its own, values of another size",
       .attrs = {{"num_heads", 1},
                 {"mask_filter_value", -1.0},
                 {"qkv_hidden_sizes", Ints{4, 4, 1}}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 9}, {-0.5, 0, -0.5, -1.5, 0, -1, -0.5, 0, 0, -1, -0.5, -2,
                                             2, 2, 1.5, 0, 2, 1}),
                  Tensor::Of<float>({9}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5}),
                  Tensor::Of<int32_t>({2, 3}, {1, 0, 1, 0, 1, 1})},
       .outputs = {Tensor::Of<float>({2, 3, 1}, {0.367971886, -0.630750103, 0.423264986,
                                                 -0.62529474, -1.018496, -0.673539918})}},
      {.name = "a mask for each query, and unidirectional",
       .attrs = {{"num_heads", 2}, {"unidirectional", true}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor::Of<int32_t>({2, 3, 3},
                                      {1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4},
           {-0.5,        6.5,         -4.5,        0,          -1.087479,   4.150084,
            -2.32328373, 0.362786044, -1.48583396, 2.55666414, -4.48859454, 0.00190091078,
            -2.5,        3.5,         -1,          -1.5,       -2.5,        3.5,
            -1,          -1.5,        -2.27511755, 3.5,        -1.99681224, -0.00478164646})}},
      {.name = "a mask of four axes",
       .attrs = {{"num_heads", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor::Of<int32_t>({2, 1, 3, 3},
                                      {1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0})},
       .outputs = {Tensor::Of<float>({2, 3, 4},
                                     {-0.5,         6.5,        -4.5,        0,
                                      -0.730921147, 5.12710273, -2.99810025, 0.384955193,
                                      -1.48583396,  2.55666414, -4.48859454, 0.00190091078,
                                      -0.566645267, 6.31678792, -2.4310434,  -0.590515056,
                                      -1.5,         5,          -3.94987781, -0.235766654,
                                      -2.27511755,  3.5,        -1.99681224, -0.00478164646})}},
      {.name = "a past, and unidirectional",
       .attrs = {{"num_heads", 2}, {"unidirectional", true}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor(),
                  Tensor::Of<float>({2, 2, 2, 1, 2}, {1, 1.5, -2, 1.5, 0, 0, 0.5, -1, 2, -2, -1,
                                                      -0.5, 0.5, -0.5, -1.5, -2})},
       .outputs =
           {Tensor::Of<float>({2, 3, 4},
                              {0.75,        2.25,        -3.97005961,  -0.0757057697,  -0.185793346,
                               2.35397704,  -1.46669475, -0.195713242, -1.43635502,    2.49546023,
                               -6.49859411, 0.499665177, 0.415046244,  -0.386728326,   -1.33488077,
                               -1.83488077, -1.16666667, 2.16666667,   -1.75826706,    -0.439159832,
                               -1.94807632, 3.21429036,  -4.45578153,  -8.80419271e-05}),
            Tensor::Of<float>(
                {2, 2, 2, 4, 2},
                {1,    1.5,   1,    1.5,  -1,    -1,   3,   3,    -2,   1.5, -0.75, 3.5,  -1.25,
                 1.5,  -0.75, 5.5,  0,    0,     -3,   -1,  -1,   -0.5, 1,   1.5,   0.5,  -1,
                 -0.5, -0.5,  -1,   1.5,  -0.75, 3.5,  2,   -2,   -0.5, 6.5, -1.5,  2.5,  0.5,
                 8.5,  -1,    -0.5, -4.5, 0,     -1.5, 0.5, -6.5, 0.5,  0.5, -0.5,  -2.5, 3.5,
                 -1.5, 3.5,   -0.5, 6.5,  -1.5,  -2,   -1,  -1.5, -2,   0,   -4.5,  0})}},
      {.name = "a past, a mask of keys and a bias of scores",
       .attrs = {{"num_heads", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-1.5, 1, -0.5, 0, -1.5, 2, -2, -1, -1, 0, -1.5, 1}),
                  Tensor::Of<float>({2, 12},
                                    {-0.5, 0,    -0.5, -1.5, 0, -1,  -0.5, 0, 0, -2, 1,  1,
                                     -1,   -0.5, -2,   2,    2, 1.5, 0,    2, 1, 2,  -2, 0.5}),
                  Tensor::Of<float>({12}, {-0.5, 0, -2, -1, -1, -1.5, -1.5, 1.5, -1.5, 1.5, -1, 1}),
                  Tensor::Of<int32_t>({2, 4}, {1, 0, 1, 1, 0, 1, 1, 1}),
                  Tensor::Of<float>({2, 2, 2, 1, 2}, {1, 1.5, -2, 1.5, 0, 0, 0.5, -1, 2, -2, -1,
                                                      -0.5, 0.5, -0.5, -1.5, -2}),
                  Tensor::Of<float>({1, 2, 3, 4},
                                    {-2, -2,  -1.5, 2,    -1.5, 0.5, 1, -1,  -1, -0.5, -1, 2, -1.5,
                                     2,  1.5, 1.5,  -1.5, -0.5, 0.5, 0, 0.5, 1,  0.5,  -2})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4},
           {-0.411297704, 5.13180994,    -6.4979017,  0.499910402,  -1.20188056, 2.62540495,
            -1.92186636,  0.272288194,   -1.43437865, 2.48612103,   -6.49739401, 0.499551378,
            -0.50199854,  6.49432999,    -2.13992261, -0.775533886, -1.77051185, 3.73308674,
            -3.09848626,  -0.0780839381, -1.72289974, 4.51730646,   -4.04907945, -0.00141604601})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.Attention")
        .Doc("Self-attention of several heads. x weights + bias gives queries Q, keys K and values "
             "V, each of which is cut into heads along its columns; for each head y = softmax(Q "
             "K^T scale + mask) V, and the heads' results lie side by side.\n\n"
             "mask_index says which keys count; to the others' scores mask_filter_value is added. "
             "It is [B], how many of the first keys count; [2 B], the ends and then the starts of "
             "the keys that count; or [B, T], [B, S, T] (for each query) or [B, 1, S, T], where "
             "numbers above 0 stand for keys that count. With unidirectional, keys behind the "
             "query have no weight at all.\n\n"
             "past holds the keys and the values of P earlier positions, which stand ahead of "
             "those of x: there are T = P + S keys for S queries. present is the past for the next "
             "positions; both need Dq = Dv.")
        .Source("com.microsoft Attention; A. Vaswani et al., \"Attention Is All You Need\", 2017")
        .TypeVar("T", kFloats)
        .Input("x", "T", "[B, S, D]")
        .Input("weights", "T", "[D, Dq + Dk + Dv]: the projections to queries, keys, values")
        .OptionalInput("bias", "T", "[Dq + Dk + Dv]; absent: 0")
        .OptionalInput("mask_index", "int32", "which keys count; absent: all")
        .OptionalInput("past", "T", "[2, B, num_heads, P, Dq / num_heads]; absent: P is 0")
        .OptionalInput("attention_bias", "T",
                       "broadcasts to [B, num_heads, S, T] and is added to the scores")
        .Output("y", "T", "[B, S, Dv]")
        .OptionalOutput("present", "T", "[2, B, num_heads, T, Dq / num_heads]")
        .RequiredAttr("num_heads", AttrType::kInt, "divides Dq and Dv")
        .Min(1)
        .Attr("unidirectional", false, "whether a position sees only itself and those ahead of it")
        .Attr("qkv_hidden_sizes", Ints{}, "Dq, Dk (the same) and Dv; none: three equal ones")
        .Min(1)
        .Max(1 << 30)
        .OptionalAttr("scale", AttrType::kFloat, "absent: 1 / sqrt(Dq / num_heads)")
        .Attr("mask_filter_value", -10000.0, "is added to the scores of keys that do not count")
        .Infer(Infer)
        .Body(Body)
        .Work(AllCombinationsWork)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
