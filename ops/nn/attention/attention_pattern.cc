#include "nomograph/ops/nn/attention/attention_pattern.h"

#include <utility>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/nn/attention/repeat_heads.h"

namespace nomograph::nn {
namespace {

// Conditions of patterns.
bool HasOrder(const InferContext& node, const TensorType&) { return node.attrs().Has("perm"); }
bool KeepsHeads(const InferContext& node, const TensorType&) {
  return HasOrder(node, {}) && node.attrs().Ints("perm").size() == kAttentionMostAxes &&
         node.attrs().Ints("perm")[1] == 1;
}
bool AlongLastAxis(const InferContext& node, const TensorType& y) {
  const int64_t axis = node.attrs().Int("axis");
  return axis == -1 || (y.shape.has_rank() && axis == y.shape.rank() - 1);
}
bool LeftAsItIs(const InferContext& node, const TensorType&) {
  return !node.attrs().Bool("transpose_a");
}
bool BothAsTheyAre(const InferContext& node, const TensorType&) {
  return !node.attrs().Bool("transpose_a") && !node.attrs().Bool("transpose_b");
}

Pattern Transposed(const Pattern& x, AttentionPerm perm, Pattern::Condition condition = HasOrder) {
  return Pattern::Op("array.Transpose", {x})
      .Where(std::move(condition))
      .GivesAttributeAs("perm", kAttentionPerms[perm]);
}

Pattern Scaled(const Pattern& x) {
  return Pattern::Either({Pattern::AnyOrder("math.Mul", x, Pattern::Factor("scale")),
                          Pattern::Op("math.Div", {x, Pattern::Divisor("scale")}), x});
}

// Keys or values, whose heads may be repeated before or behind a transposition.
Pattern SharedHeads(const Pattern& x, AttentionPerm perm) {
  return Pattern::Either({RepeatedHeads(Pattern::Either({Transposed(x, perm), x})),
                          Transposed(RepeatedHeads(x), perm, KeepsHeads), Transposed(x, perm), x});
}

}  // namespace

Pattern AttentionPattern() {
  const Pattern query = Pattern::Input(kQuery), mask = Pattern::Input(kMask);
  const Pattern products =
      Pattern::Op("math.MatMul", {Scaled(Pattern::Either({Transposed(query, kQueryPerm), query})),
                                  Scaled(SharedHeads(Pattern::Input(kKey), kKeyPerm))})
          .Where(LeftAsItIs)
          .GivesAttributeAs("transpose_b", "transpose_key");
  const Pattern scores = Scaled(products), hidden = Pattern::Attribute("hidden_score");
  const Pattern masked = Pattern::Either(
      {Pattern::AnyOrder("math.Add", scores, mask),
       Pattern::Op("array.Where", {mask, scores, hidden}).SetsAttribute("mask_hides", false),
       Pattern::Op("array.Where", {mask, hidden, scores}).SetsAttribute("mask_hides", true),
       scores});
  return Pattern::Op("math.MatMul", {Pattern::Op("nn.Softmax", {masked}).Where(AlongLastAxis),
                                     SharedHeads(Pattern::Input(kValue), kValuePerm)})
      .Where(BothAsTheyAre);
}

Pattern ReorderedAttention(bool has_mask) {
  std::vector<Pattern> inputs = {Pattern::Input(kQuery), Pattern::Input(kKey),
                                 Pattern::Input(kValue)};
  if (has_mask) inputs.push_back(Pattern::Input(kMask));
  return Transposed(Pattern::Op("nn.DotProductAttention", std::move(inputs))
                        .Where([has_mask](const InferContext& node, const TensorType&) {
                          return node.has_input(kMask) == has_mask &&
                                 !node.attrs().Has(kAttentionPerms[kOutputPerm]);
                        })
                        .GivesAttributes(),
                    kOutputPerm);
}

}  // namespace nomograph::nn
