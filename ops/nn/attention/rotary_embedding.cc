// Rotary position embedding (J. Su et al., "RoFormer", 2021).
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kX, kCos, kSin, kPositions };

// The size of a head; unknown where that is not known.
Dim HeadSize(const Attributes& attrs, const PartialShape& x) {
  const Dim last = x[x.rank() - 1];
  if (x.rank() == 4 || !last.known()) return x.rank() == 4 ? last : Dim();
  return Dim(last.size() / attrs.Int("num_heads"));
}

// How many elements of a head are turned.
Dim TurnedSize(const Attributes& attrs, const PartialShape& x) {
  const int64_t turned = attrs.Int("rotary_embedding_dim");
  return turned > 0 ? Dim(turned) : HeadSize(attrs, x);
}

absl::Status CheckSizes(const Attributes& attrs, const PartialShape& x) {
  if (x.rank() != 3 && x.rank() != 4) {
    return InvalidArgument("x: expected [B, heads, S, size] or [B, S, heads * size], found ",
                           x.ToString());
  }
  const int64_t heads = attrs.Int("num_heads");
  if (x.rank() == 3 && (heads == 0 || (x[2].known() && x[2].size() % heads != 0))) {
    return InvalidArgument("num_heads: expected a divisor of the size ", x[2].ToString(),
                           " of x, found ", heads);
  }
  const Dim size = HeadSize(attrs, x), turned = TurnedSize(attrs, x);
  if (turned.known() && (turned.size() % 2 != 0 || (size.known() && turned.size() > size.size()))) {
    return InvalidArgument("rotary_embedding_dim: expected an even number up to the size ",
                           size.ToString(), " of a head, found ", turned.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  if (!x.has_rank()) return SameAsInput(context);
  NOMO_RETURN_IF_ERROR(CheckSizes(context.attrs(), x));
  const Dim turned = TurnedSize(context.attrs(), x);
  const Dim half = turned.known() ? Dim(turned.size() / 2) : Dim();
  const Dim length = x[x.rank() - 2];
  const bool indexed = context.has_input(kPositions);
  const PartialShape expected =
      indexed ? PartialShape{Dim(), half} : PartialShape{x[0], length, half};
  for (const int i : {kCos, kSin}) {
    if (Compatible(context.shape(i), expected)) continue;
    return InvalidArgument(i == kCos ? "cos_cache" : "sin_cache", ": expected shape ",
                           expected.ToString(), ", found ", context.shape(i).ToString());
  }
  if (indexed && !Compatible(context.shape(kPositions), {x[0], length})) {
    return InvalidArgument("position_ids: expected shape ", PartialShape{x[0], length}.ToString(),
                           ", found ", context.shape(kPositions).ToString());
  }
  return SameAsInput(context);
}

Value LastAxis(const Value& x, int64_t start, int64_t end, int64_t step = 1) {
  return Call(
      "array.Slice", {x},
      {{"starts", Ints{start}}, {"ends", Ints{end}}, {"axes", Ints{-1}}, {"steps", Ints{step}}});
}

Value Unsqueezed(const Value& x, int64_t axis) {
  return Call("array.Unsqueeze", {x}, {{"axes", Ints{axis}}});
}

Value Transposed(const Value& x) {
  return Call("array.Transpose", {x}, {{"perm", Ints{0, 2, 1, 3}}});
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const PartialShape& shape = in[kX].shape();
  if (!shape.has_rank() || !HeadSize(attrs, shape).known()) {
    return InvalidArgument("the size of a head must be known");
  }
  const int64_t size = HeadSize(attrs, shape).size(), turned = TurnedSize(attrs, shape).size();
  const bool flat = shape.rank() == 3;
  const Value x =
      flat ? Call("array.Reshape", {in[kX]}, {{"shape", Ints{0, 0, attrs.Int("num_heads"), size}}})
           : Transposed(in[kX]);  // [B, S, heads, size]
  const auto angles = [&](int i) {
    const bool indexed = in.size() > kPositions && in[kPositions].valid();
    return Unsqueezed(
        indexed ? Call("array.Gather", {in[i], in[kPositions]}, {{"axis", 0}}) : in[i], 2);
  };
  const Value cos = angles(kCos), sin = angles(kSin);
  const bool interleaved = attrs.Bool("interleaved");
  const Value first = interleaved ? LastAxis(x, 0, turned, 2) : LastAxis(x, 0, turned / 2);
  const Value second = interleaved ? LastAxis(x, 1, turned, 2) : LastAxis(x, turned / 2, turned);
  Value a = first * cos - second * sin, b = first * sin + second * cos;
  if (interleaved) a = Unsqueezed(a, 4), b = Unsqueezed(b, 4);
  Value y = Call("array.Concat", {a, b}, {{"axis", -1}});
  if (interleaved) y = Call("array.Reshape", {y}, {{"shape", Ints{0, 0, 0, turned}}});
  if (turned < size) y = Call("array.Concat", {y, LastAxis(x, turned, size)}, {{"axis", -1}});
  if (!flat) return std::vector<Value>{Transposed(y)};
  const int64_t width = size * attrs.Int("num_heads");
  return std::vector<Value>{Call("array.Reshape", {y}, {{"shape", Ints{0, 0, width}}})};
}

std::vector<Example> Examples() {
  return {
      {.name = "halves, positions",
       .inputs = {Tensor::Of<float>({1, 2, 2, 4}, {-0.5, 0.5, 0, 0.5, 0, 1, 2, -1.5, 0.5, -0.5,
                                                   -0.5, -1, -2, -0.5, 1.5, -2}),
                  Tensor::Of<float>({3, 2}, {1, 0.540302277, -0.416146845, -0.989992499,
                                             -0.653643608, 0.2836622}),
                  Tensor::Of<float>({3, 2}, {0, 0.841470957, 0.909297407, 0.141120002, -0.756802499,
                                             -0.958924294}),
                  Tensor::Of<int64_t>({1, 2}, {2, 1})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 4},
           {0.326821804, 0.621293247, 0.37840125, -0.337631047, -1.81859481, -0.778312504,
            -0.832293689, 1.62610877, -0.705223083, -1.10075545, -0.0515794456, 0.195799947,
            -0.531652451, 0.777236223, -2.44281507, 1.90942502})}},
      {.name = "neighbours",
       .attrs = {{"interleaved", true}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 4}, {-0.5, 0.5, 0, 0.5, 0, 1, 2, -1.5, 0.5, -0.5,
                                                   -0.5, -1, -2, -0.5, 1.5, -2}),
                  Tensor::Of<float>({1, 2, 2}, {1, 0.540302277, -0.416146845, -0.989992499}),
                  Tensor::Of<float>({1, 2, 2}, {0, 0.841470957, 0.909297407, 0.141120002})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 4}, {-0.5, 0.5, -0.420735478, 0.270151138, -0.909297407, -0.416146845,
                          -1.76830494, 1.76722872, 0.5, -0.5, 0.571319818, -0.961037755, 1.28694236,
                          -1.61052144, -1.20274878, 2.19166493})}},
      {.name = "heads side by side, of which a part is turned",
       .attrs = {{"num_heads", 2}, {"rotary_embedding_dim", 2}},
       .inputs = {Tensor::Of<float>({1, 2, 8}, {-0.5, 2, 2, -1.5, -2, 1, -2, -1, 0, 1.5, -2, 0.5, 0,
                                                -1.5, 1.5, 1.5}),
                  Tensor::Of<float>({1, 2, 1}, {-0.416146845, -0.653643608}),
                  Tensor::Of<float>({1, 2, 1}, {0.909297407, -0.756802499})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 8}, {-1.61052144, -1.28694236, 2, -1.5, -0.0770037174, -2.23474169, -2, -1,
                       1.13520372, -0.980465412, -2, 0.5, -1.13520372, 0.980465412, 1.5, 1.5})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.RotaryEmbedding")
        .Doc("Turns pairs of elements of each head by an angle that depends on the position: (a, "
             "b) becomes (a cos - b sin, a sin + b cos). A pair is an element of the first half "
             "and the one that far into the second half or, interleaved, two neighbours. Elements "
             "from rotary_embedding_dim on stay.")
        .Source("ONNX RotaryEmbedding (opset 23); J. Su et al., \"RoFormer\", 2021")
        .Known({.as = "onnx", .name = "RotaryEmbedding", .since = 23})
        .TypeVar("T", kFloats)
        .Input("x", "T", "[B, heads, S, D] or [B, S, heads * D]")
        .Input("cos_cache", "T", "[positions, R / 2] with position_ids, else [B, S, R / 2]")
        .Input("sin_cache", "T", "as cos_cache")
        .OptionalInput("position_ids", "int64", "[B, S]: rows of the caches")
        .Output("y", "T", "as x")
        .Attr("interleaved", false, "whether neighbours are pairs")
        .Attr("num_heads", 0, "the heads, where x has three axes")
        .Min(0)
        .Attr("rotary_embedding_dim", 0, "R, even and up to D; 0: D")
        .Min(0)
        .Infer(Infer)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
