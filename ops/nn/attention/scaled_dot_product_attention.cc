// Attention over queries, keys and values that are given, as ONNX has it.
#include <cmath>
#include <limits>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/attention/repeat_heads.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kKeyCounts };
// What the output `scores` holds.
enum Scores { kProducts, kMaskedScores, kCappedScores, kWeights };

Dim Product(const Dim& a, const Dim& b) {
  return a.known() && b.known() ? Dim(a.size() * b.size()) : Dim();
}

// [B, heads, S, size], also of what is given as [B, S, heads * size].
absl::StatusOr<PartialShape> SplitShape(const InferContext& context, int i, absl::string_view name,
                                        absl::string_view heads_attr) {
  const PartialShape& shape = context.shape(i);
  if (!shape.has_rank()) return PartialShape::OfRank(4);
  if (shape.rank() == 4) return shape;
  if (shape.rank() != 3) {
    return InvalidArgument(name, ": expected [B, heads, S, size] or [B, S, heads * size], found ",
                           shape.ToString());
  }
  if (!context.attrs().Has(heads_attr)) {
    return InvalidArgument(heads_attr, " is required where ", name, " has three axes");
  }
  const int64_t heads = context.attrs().Int(heads_attr);
  if (shape[2].known() && shape[2].size() % heads != 0) {
    return InvalidArgument(heads_attr, ": ", heads, " does not divide the size ", shape[2].size(),
                           " of ", name);
  }
  const Dim size = shape[2].known() ? Dim(shape[2].size() / heads) : Dim();
  return PartialShape{shape[0], heads, shape[1], size};
}

absl::Status CheckSame(absl::string_view what, const Dim& a, const Dim& b) {
  if (Compatible(PartialShape{a}, PartialShape{b})) return absl::OkStatus();
  return InvalidArgument(what, ": expected one size, found ", a.ToString(), " and ", b.ToString());
}

// `now` behind what `past` holds.
absl::StatusOr<PartialShape> Joined(const InferContext& context, int past_input,
                                    absl::string_view name, const PartialShape& now) {
  if (!context.has_input(past_input)) return now;
  const PartialShape& past = context.shape(past_input);
  const PartialShape expected = {now[0], now[1], Dim(), now[3]};
  if (!Compatible(past, expected)) {
    return InvalidArgument(name, ": expected shape ", expected.ToString(), ", found ",
                           past.ToString());
  }
  const bool known = past.has_rank() && past[2].known() && now[2].known();
  const Dim length = known ? Dim(past[2].size() + now[2].size()) : Dim();
  return PartialShape{now[0], now[1], length, now[3]};
}

// Ahead of keys that a shorter mask leaves out.
absl::Status CheckMask(const InferContext& context, const PartialShape& scores) {
  if (!context.has_input(kMask) || !context.shape(kMask).has_rank()) return absl::OkStatus();
  const PartialShape& mask = context.shape(kMask);
  PartialShape whole = mask;
  if (mask.rank() > 0 && context.has_input(kKeyCounts)) whole[mask.rank() - 1] = Dim();
  const auto both = Broadcast(scores, whole);
  if (mask.rank() > 0 && both.ok() && Compatible(*both, scores)) return absl::OkStatus();
  return InvalidArgument("attn_mask: expected a shape that broadcasts to ", scores.ToString(),
                         ", found ", mask.ToString());
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const auto q, SplitShape(context, kQuery, "query", "q_num_heads"));
  NOMO_ASSIGN_OR_RETURN(const auto k, SplitShape(context, kKey, "key", "kv_num_heads"));
  NOMO_ASSIGN_OR_RETURN(const auto v, SplitShape(context, kValue, "value", "kv_num_heads"));
  NOMO_RETURN_IF_ERROR(CheckSame("the batch of query and key", q[0], k[0]));
  NOMO_RETURN_IF_ERROR(CheckSame("the size of a head of query and key", q[3], k[3]));
  NOMO_RETURN_IF_ERROR(CheckSame("the heads of key and value", k[1], v[1]));
  NOMO_RETURN_IF_ERROR(CheckSame("the length of key and value", k[2], v[2]));
  if (q[1].known() && k[1].known() && (k[1].size() == 0 || q[1].size() % k[1].size() != 0)) {
    return InvalidArgument("the heads of query must be a multiple of those of key, found ",
                           q[1].size(), " and ", k[1].size());
  }
  if (context.has_input(kPastKey) != context.has_input(kPastValue)) {
    return InvalidArgument("past_key and past_value are given both or not at all");
  }
  NOMO_ASSIGN_OR_RETURN(const auto keys, Joined(context, kPastKey, "past_key", k));
  NOMO_ASSIGN_OR_RETURN(const auto values, Joined(context, kPastValue, "past_value", v));
  const PartialShape scores = {q[0], q[1], q[2], keys[2]};
  NOMO_RETURN_IF_ERROR(CheckMask(context, scores));
  if (context.has_input(kKeyCounts) && !Compatible(context.shape(kKeyCounts), {q[0]})) {
    return InvalidArgument("nonpad_kv_seqlen: expected a number for each of the batch, found ",
                           context.shape(kKeyCounts).ToString());
  }
  const bool flat = context.shape(kQuery).has_rank() && context.shape(kQuery).rank() == 3;
  PartialShape y =
      flat ? PartialShape{q[0], q[2], Product(q[1], v[3])} : PartialShape{q[0], q[1], q[2], v[3]};
  if (!context.shape(kQuery).has_rank()) y = PartialShape();
  const DType dtype = context.dtype(kQuery);
  return std::vector<TensorType>{
      {dtype, std::move(y)}, {dtype, keys}, {dtype, values}, {dtype, scores}};
}

Value Unsqueezed(const Value& x, Ints axes) {
  return Call("array.Unsqueeze", {x}, {{"axes", std::move(axes)}});
}

// [B, heads, S, size].
Value SplitHeads(const Value& x, const Attributes& attrs, absl::string_view heads_attr) {
  if (x.shape().rank() == 4) return x;
  const Value split =
      Call("array.Reshape", {x}, {{"shape", Ints{0, 0, attrs.Int(heads_attr), -1}}});
  return Call("array.Transpose", {split}, {{"perm", Ints{0, 2, 1, 3}}});
}

Value SizeOf(const Value& x, int64_t axis) {
  return Call("array.Squeeze", {Call("array.Shape", {x}, {{"start", axis}, {"end", axis + 1}})});
}

Value Number(int64_t value) { return Constant(Tensor::Scalar<int64_t>(value)); }

// start, start + 1, ..., end - 1.
Value Positions(const Value& start, const Value& end) {
  return Call("array.Range", {start, end, Number(1)});
}

// A mask of fewer keys than there are says nothing of the others, which do not count.
Value WithAllKeys(const Value& mask, const Value& keys, const Value& absent) {
  const Value last = Call("array.Shape", {mask}, {{"start", -1}});
  const Value total = Call("array.Shape", {keys}, {{"start", 2}, {"end", 3}});
  const Value pads =
      Call("array.Concat", {Constant(Tensor::Vector<int64_t>({0})), total - last}, {{"axis", 0}});
  return Call("array.Pad", {mask, pads, absent, Constant(Tensor::Vector<int64_t>({-1}))});
}

struct Bias {
  Value scores, keys;
  Value infinity() const { return ConstantLike(-std::numeric_limits<double>::infinity(), scores); }
  // -infinity where `hidden`.
  void Hide(const Value& hidden) { scores = Call("array.Where", {hidden, infinity(), scores}); }
};

void AddMask(Bias& bias, const Value& mask, bool may_be_short) {
  Value whole = mask;
  if (mask.dtype() == DType::kBool) {
    whole = Call("array.Where", {mask, ConstantLike(0, bias.scores), bias.infinity()});
  }
  const Dim last = mask.shape()[mask.shape().rank() - 1];
  if (may_be_short && !(last.known() && last == bias.keys.shape()[2])) {
    whole = WithAllKeys(whole, bias.keys, bias.infinity());
  }
  bias.scores = bias.scores + whole;
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const auto given = [&](size_t i) { return i < in.size() && in[i].valid(); };
  for (const int i : {kQuery, kKey, kValue}) {
    if (!in[i].shape().has_rank()) return InvalidArgument("the number of axes must be known");
  }
  const Value q = SplitHeads(in[kQuery], attrs, "q_num_heads");
  Value keys = SplitHeads(in[kKey], attrs, "kv_num_heads");
  Value values = SplitHeads(in[kValue], attrs, "kv_num_heads");
  const Dim heads = q.shape()[1], groups = keys.shape()[1], size = q.shape()[3];
  if (!heads.known() || !groups.known() || !size.known() || !values.shape()[3].known()) {
    return InvalidArgument("the numbers and sizes of heads must be known");
  }
  if (given(kPastKey)) {
    keys = Call("array.Concat", {in[kPastKey], keys}, {{"axis", 2}});
    values = Call("array.Concat", {in[kPastValue], values}, {{"axis", 2}});
  }
  const int64_t sharing = heads.size() / groups.size();
  // The root of the scale on both sides keeps products of 16 bits small.
  const double scale =
      attrs.Has("scale") ? attrs.Float("scale") : 1 / std::sqrt(static_cast<double>(size.size()));
  const Value products =
      Call("math.MatMul", {q * std::sqrt(scale), RepeatHeads(keys, sharing) * std::sqrt(scale)},
           {{"transpose_b", true}});
  Bias bias{products, keys};
  if (given(kMask)) AddMask(bias, in[kMask], given(kKeyCounts));
  const Value positions = Positions(Number(0), SizeOf(keys, 2));
  if (given(kKeyCounts)) {
    bias.Hide(Call("math.GreaterOrEqual", {positions, Unsqueezed(in[kKeyCounts], {1, 2, 3})}));
  }
  if (attrs.Bool("is_causal")) {
    const Value first = given(kPastKey) ? SizeOf(in[kPastKey], 2) : Number(0);
    const Value queries = Positions(first, first + SizeOf(q, 2));
    bias.Hide(Call("math.Greater", {positions, Unsqueezed(queries, {1})}));
  }
  const Value masked = bias.scores;
  const double cap = attrs.Float("softcap");
  const Value capped = cap == 0 ? masked : Call("math.Tanh", {masked * (1 / cap)}) * cap;
  Value weights = capped;
  const bool other_type =
      attrs.Has("softmax_precision") && attrs.Type("softmax_precision") != q.dtype();
  if (other_type)
    weights = Call("array.Cast", {weights}, {{"to", attrs.Type("softmax_precision")}});
  weights = Call("nn.Softmax", {weights});
  if (other_type) weights = Call("array.Cast", {weights}, {{"to", q.dtype()}});
  Value y = Call("math.MatMul", {weights, RepeatHeads(values, sharing)});
  if (in[kQuery].shape().rank() == 3) {
    y = Call("array.Transpose", {y}, {{"perm", Ints{0, 2, 1, 3}}});
    y = Call("array.Reshape", {y},
             {{"shape", Ints{0, 0, heads.size() * values.shape()[3].size()}}});
  }
  const Value scores[] = {products, masked, capped, weights};
  return std::vector<Value>{y, keys, values, scores[attrs.Int("qk_matmul_output_mode")]};
}

std::vector<Example> Examples() {
  return {
      {.name = "two heads",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {2, 0.5, 1, 2, 0.5, 1, 1.5, -1}),
                  Tensor::Of<float>({1, 2, 3, 2},
                                    {-2, -1, -1, 1.5, 2, -2, 0, 1.5, -1.5, 1.5, -1.5, 0}),
                  Tensor::Of<float>({1, 2, 3, 3}, {1.5, -1, -0.5, -1, 1, -1, 2, 0, 0, 0, 0.5, 0, 0,
                                                   2, 1.5, 1.5, 1, 0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 3},
           {1.85673499, 0.0422506891, -0.0493276827, -0.801354349, 0.91816771, -0.938246787,
            0.170514911, 1.04933262, 0.549332619, 0.492494315, 0.834679663, 0.334679693})}},
      {.name = "causal, a scale and a limit",
       .attrs = {{"is_causal", true}, {"scale", 0.5}, {"softcap", 2.0}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {2, 0.5, 1, 2, 0.5, 1, 1.5, -1}),
                  Tensor::Of<float>({1, 2, 3, 2},
                                    {-2, -1, -1, 1.5, 2, -2, 0, 1.5, -1.5, 1.5, -1.5, 0}),
                  Tensor::Of<float>({1, 2, 3, 3}, {1.5, -1, -0.5, -1, 1, -1, 2, 0, 0, 0, 0.5, 0, 0,
                                                   2, 1.5, 1.5, 1, 0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 3},
           {0.922687829, -0.134031713, -0.5, -0.669004738, 0.801145434, -0.914960504, 0.0875629485,
            0.616750598, 0.116750598, 0.237696633, 0.983813286, 0.483813286})}},
      {.name = "a mask of bool",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {2, 0.5, 1, 2, 0.5, 1, 1.5, -1}),
                  Tensor::Of<float>({1, 2, 3, 2},
                                    {-2, -1, -1, 1.5, 2, -2, 0, 1.5, -1.5, 1.5, -1.5, 0}),
                  Tensor::Of<float>({1, 2, 3, 3}, {1.5, -1, -0.5, -1, 1, -1, 2, 0, 0, 0, 0.5, 0, 0,
                                                   2, 1.5, 1.5, 1, 0.5}),
                  Tensor::Of<bool>({2, 3}, {true, false, true, true, true, false})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 3},
           {1.99752474, -0.00495051499, -0.0024752575, -0.964584887, 0.971667945, -0.992917001,
            0.253866941, 0.584622324, 0.0846223086, 0, 0.753866911, 0.253866941})}},
      {.name = "shared keys side by side, a past, a mask, scores",
       .attrs = {{"q_num_heads", 2},
                 {"kv_num_heads", 1},
                 {"is_causal", true},
                 {"qk_matmul_output_mode", 3}},
       .inputs = {Tensor::Of<float>({2, 2, 4}, {-0.5, 2, 0, -1.5, 1.5, -1.5, 1.5, 0.5, -1.5, -2, 0,
                                                -2, -1.5, 0, 2, 0}),
                  Tensor::Of<float>({2, 2, 2}, {1.5, 2, 1.5, 0.5, -0.5, 0, -1, 0}),
                  Tensor::Of<float>({2, 2, 2}, {-0.5, -1, 2, -2, -2, -1.5, 2, 1}),
                  Tensor::Of<float>({2, 3}, {0.5, -1.5, 0, -1, 2, 1.5}),
                  Tensor::Of<float>({2, 1, 1, 2}, {1.5, -1.5, 1, -0.5}),
                  Tensor::Of<float>({2, 1, 1, 2}, {0, -2, 0.5, 1.5})},
       .outputs = {Tensor::Of<float>(
                       {2, 2, 4}, {-0.47512579, -1.04974842, -0.00164706993, -1.99670589,
                                   0.906668305, -1.83377433, 0.155890778, -1.27078295, -0.116830848,
                                   0.759802997, 0.343611747, 1.31233406, 0.0326618813, -0.222442403,
                                   -0.69658041, -0.337112069}),
                   Tensor::Of<float>({2, 1, 3, 2},
                                     {1.5, -1.5, 1.5, 2, 1.5, 0.5, 1, -0.5, -0.5, 0, -1, 0}),
                   Tensor::Of<float>({2, 1, 3, 2},
                                     {0, -2, -0.5, -1, 2, -2, 0.5, 1.5, -2, -1.5, 2, 1}),
                   Tensor::Of<float>(
                       {2, 2, 2, 3},
                       {0.0497484468, 0.950251579,   0, 0.338883728,   0.166225687, 0.4948906,
                        0.99670589,   0.00329413987, 0, 0.0105332257,  0.729217112, 0.260249674,
                        0.753267646,  0.246732339,   0, 0.00496968161, 0.489970893, 0.505059421,
                        0.937444687,  0.0625552982,  0, 0.24226132,    0.583297074, 0.174441576})}},
      {.name = "how many keys count, with a mask of fewer",
       .inputs = {Tensor::Of<float>({2, 1, 2, 2}, {-1.5, 0, 2, 1.5, 1, 0.5, -2, 1}),
                  Tensor::Of<float>({2, 1, 3, 2},
                                    {0, -2, -1, 0, 1, 0, 0.5, 1.5, 1, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({2, 1, 3, 2},
                                    {-2, -2, 0.5, -0.5, 0.5, -1, -1, -1.5, -0.5, 1.5, -0.5, -0.5}),
                  Tensor::Of<float>({2, 2}, {0.5, 2, -0.5, 0.5}), Tensor(), Tensor(),
                  Tensor::Of<int64_t>({2}, {2, 1})},
       .outputs = {Tensor::Of<float>({2, 1, 2, 2}, {0.320716053, -0.60757035, 0.116151609,
                                                    -0.73030901, -1, -1.5, -1, -1.5})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.ScaledDotProductAttention")
        .Doc("Attention of several heads: for each, y = softmax(scores) V with scores = Q K^T "
             "scale + mask. Queries, keys and values are [B, heads, S, size], or [B, S, heads * "
             "size] with the heads side by side; keys and values may have fewer heads, each of "
             "which as many heads of queries share.\n\n"
             "attn_mask broadcasts to [B, heads, S, T]: numbers are added to the scores, of bool "
             "false hides a key. is_causal hides the keys behind a query. nonpad_kv_seqlen says "
             "how many keys of each of the batch count; attn_mask may then be shorter. A softcap c "
             "above 0 makes scores c tanh(scores / c).\n\n"
             "past_key and past_value stand ahead of key and value: there are T = P + L keys; "
             "present_key and present_value are the past for the next positions.")
        .Source("ONNX Attention (opset 24); A. Vaswani et al., \"Attention Is All You Need\", 2017")
        .Known({.as = "onnx", .name = "Attention", .since = 23})
        .TypeVar("T", kFloats)
        .TypeVar("M", kFloats | DTypeSet{DType::kBool})
        .Input("query", "T", "[B, Hq, S, D] or [B, S, Hq * D]")
        .Input("key", "T", "[B, Hk, L, D] or [B, L, Hk * D]; Hk divides Hq")
        .Input("value", "T", "[B, Hk, L, Dv] or [B, L, Hk * Dv]")
        .OptionalInput("attn_mask", "M", "broadcasts to [B, Hq, S, T]; absent: 0")
        .OptionalInput("past_key", "T", "[B, Hk, P, D]; absent: P is 0")
        .OptionalInput("past_value", "T", "[B, Hk, P, Dv]")
        .OptionalInput("nonpad_kv_seqlen", "int64", "[B]: how many keys count; absent: all")
        .Output("y", "T", "[B, Hq, S, Dv] or [B, S, Hq * Dv], as query")
        .OptionalOutput("present_key", "T", "[B, Hk, T, D]")
        .OptionalOutput("present_value", "T", "[B, Hk, T, Dv]")
        .OptionalOutput("scores", "T", "[B, Hq, S, T]: what qk_matmul_output_mode says")
        .OptionalAttr("q_num_heads", AttrType::kInt, "Hq, where query has three axes")
        .Min(1)
        .OptionalAttr("kv_num_heads", AttrType::kInt, "Hk, where key and value have three axes")
        .Min(1)
        .Attr("is_causal", false, "whether a query sees only the past, itself and keys ahead of it")
        .OptionalAttr("scale", AttrType::kFloat, "absent: 1 / sqrt(D)")
        .Min(0)
        .Attr("softcap", 0.0, "the limit of scores; 0: none")
        .Min(0)
        .OptionalAttr("softmax_precision", AttrType::kDType,
                      "the type to which scores are cast for softmax; absent: T")
        .Attr("qk_matmul_output_mode", 0,
              "scores are 0 the products, 1 with the mask, 2 capped, 3 the weights")
        .Min(0)
        .Max(3)
        .Infer(Infer)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
