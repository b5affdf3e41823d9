// nn.EmbedLayerNormalization: embeddings of words, positions and segments, added and normalised.
#include <utility>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input {
  kIds,
  kSegmentIds,
  kWords,
  kPositions,
  kSegments,
  kGamma,
  kBeta,
  kMask,
  kPositionIds,
};

absl::Status CheckShape(const InferContext& context, Input i, absl::string_view name,
                        const PartialShape& expected) {
  if (!context.has_input(i) || Compatible(context.shape(i), expected)) return absl::OkStatus();
  return InvalidArgument(name, ": expected shape ", expected.ToString(), ", found ",
                         context.shape(i).ToString());
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  if (context.has_input(kSegmentIds) != context.has_input(kSegments)) {
    return InvalidArgument("expected segment_ids and segment_embedding, found one of them");
  }
  PartialShape ids = context.shape(kIds);
  if (!ids.has_rank()) ids = PartialShape::OfRank(2);
  const PartialShape& words = context.shape(kWords);
  const Dim size = words.rank() == 2 ? words[1] : Dim();
  NOMO_RETURN_IF_ERROR(CheckShape(context, kIds, "input_ids", PartialShape::OfRank(2)));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kWords, "word_embedding", PartialShape::OfRank(2)));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kSegmentIds, "segment_ids", ids));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kPositions, "position_embedding", {Dim(), size}));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kSegments, "segment_embedding", {Dim(), size}));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kGamma, "gamma", size));
  NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kBeta, "beta", size));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kMask, "mask", ids));
  NOMO_RETURN_IF_ERROR(CheckShape(context, kPositionIds, "position_ids", {Dim(), ids[1]}));
  const TensorType y = {context.dtype(kWords), {ids[0], ids[1], size}};
  return std::vector<TensorType>{y, {DType::kInt32, {ids[0]}}, y};
}

// The embeddings of the positions 0, 1, ..., or of those that are given.
Value PositionEmbeddings(absl::Span<const Value> in, const Value& position_ids) {
  if (position_ids.valid()) return Call("array.Gather", {in[kPositions], position_ids});
  const Value length = Call("array.Shape", {in[kIds]}, {{"start", 1}, {"end", 2}});
  return Call("array.Slice", {in[kPositions], Value(), length},
              {{"starts", Ints{0}}, {"axes", Ints{0}}});
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const auto optional = [&](size_t i) { return i < in.size() ? in[i] : Value(); };
  Value sum =
      Call("array.Gather", {in[kWords], in[kIds]}) + PositionEmbeddings(in, optional(kPositionIds));
  if (in[kSegments].valid()) {
    sum = sum + Call("array.Gather", {in[kSegments], in[kSegmentIds]});
  }
  const Value y = Call("nn.LayerNormalization", {sum, in[kGamma], in[kBeta]},
                       {{"epsilon", attrs.Float("epsilon")}});
  Value lengths;
  if (optional(kMask).valid()) {
    lengths = Call("math.ReduceSum", {in[kMask]}, {{"axes", Ints{1}}, {"keepdims", false}});
  } else {
    const Value batch = Call("array.Shape", {in[kIds]}, {{"start", 0}, {"end", 1}});
    lengths = Call("array.ConstantOfShape", {batch}, {{"value", Tensor::Scalar<int32_t>(0)}});
  }
  return std::vector<Value>{y, std::move(lengths), sum};
}

std::vector<Example> Examples() {
  return {
      {.name = "words, positions and segments",
       .inputs = {Tensor::Of<int32_t>({2, 2}, {0, 3, 4, 4}),
                  Tensor::Of<int32_t>({2, 2}, {0, 1, 1, 1}),
                  Tensor::Of<float>({5, 3}, {-0.5, -1, -1.5, 0.5, 1.5, 0, -0.5, -1.5, 1.5, -0.5,
                                             -1.5, 0.5, 1.5, -2, 1}),
                  Tensor::Of<float>({4, 3}, {-2, 0.5, -1, 2, 1, 2, -2, 0.5, -1, -2, 1.5, 1.5}),
                  Tensor::Of<float>({2, 3}, {1, -2, -2, 2, 0.5, 0.5}),
                  Tensor::Of<float>({3}, {1, 0, 0.5}), Tensor::Of<float>({3}, {-1, 2, 2}),
                  Tensor::Of<int32_t>({2, 2}, {1, 0, 1, 1})},
       .outputs = {Tensor::Of<float>({2, 2, 3},
                                     {0.0690449676, 2, 1.3318469, -0.137337814, 2, 2.26958193,
                                      0.135549948, 2, 2.08111071, 0.0690449676, 2, 2.13363062}),
                   Tensor::Of<int32_t>({2}, {1, 2}),
                   Tensor::Of<float>({2, 2, 3},
                                     {-1.5, -2.5, -4.5, 3.5, 0, 3, 1.5, -1, 0.5, 5.5, -0.5, 3.5})}},
      {.name = "without segments and mask, positions that are given, int64",
       .attrs = {{"epsilon", 0.25}},
       .inputs = {Tensor::Of<int64_t>({2, 2}, {0, 3, 4, 4}), Tensor(),
                  Tensor::Of<float>({5, 3}, {-0.5, -1, -1.5, 0.5, 1.5, 0, -0.5, -1.5, 1.5, -0.5,
                                             -1.5, 0.5, 1.5, -2, 1}),
                  Tensor::Of<float>({4, 3}, {-2, 0.5, -1, 2, 1, 2, -2, 0.5, -1, -2, 1.5, 1.5}),
                  Tensor(), Tensor::Of<float>({3}, {1, 0, 0.5}), Tensor::Of<float>({3}, {-1, 2, 2}),
                  Tensor(), Tensor::Of<int64_t>({1, 2}, {3, 1})},
       .outputs = {Tensor::Of<float>({2, 2, 3},
                                     {-2.30545982, 2, 2.23735633, -0.751930531, 2, 2.49613894,
                                      -1.66666667, 2, 2.66666667, -0.196780671, 2, 2.28112677}),
                   Tensor::Of<int32_t>({2}, {0, 0})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.EmbedLayerNormalization")
        .Doc("The sum of embeddings of words, of positions and (where they are given) of segments, "
             "and y = nn.LayerNormalization(sum, gamma, beta) over the last axis; with the sum of "
             "each row of the mask, 0 without a mask.")
        .Source("com.microsoft EmbedLayerNormalization")
        .TypeVar("T", kFloats)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("input_ids", "I", "[batch, length]: rows of word_embedding")
        .OptionalInput("segment_ids", "I", "[batch, length]: rows of segment_embedding")
        .Input("word_embedding", "T", "[words, H]")
        .Input("position_embedding", "T", "[positions, H]")
        .OptionalInput("segment_embedding", "T", "[segments, H]")
        .Input("gamma", "T", "[H]: the scale")
        .Input("beta", "T", "[H]: the bias")
        .OptionalInput("mask", "int32", "[batch, length]: 1 for words that count, else 0")
        .OptionalInput("position_ids", "I",
                       "[batch, length] or [1, length]: rows of position_embedding; absent: 0, 1, "
                       "...")
        .Output("y", "T", "[batch, length, H]")
        .OptionalOutput("mask_index", "int32", "[batch]: how many words count")
        .OptionalOutput("embedding_sum", "T", "[batch, length, H]")
        .Attr("epsilon", 1e-12, "is added to the variance")
        .Min(0)
        .Infer(Infer)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
