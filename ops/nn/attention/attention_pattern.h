// How exporters write nn.DotProductAttention.
#ifndef NOMOGRAPH_OPS_NN_ATTENTION_ATTENTION_PATTERN_H_
#define NOMOGRAPH_OPS_NN_ATTENTION_ATTENTION_PATTERN_H_

#include "nomograph/core/op/pattern.h"

namespace nomograph::nn {

// The op's inputs, and the attributes that give the order of axes: of the inputs, by the same
// numbers, and of the output.
enum AttentionInput { kQuery, kKey, kValue, kMask };
enum AttentionPerm { kQueryPerm, kKeyPerm, kValuePerm, kOutputPerm };
inline constexpr const char* kAttentionPerms[] = {"query_perm", "key_perm", "value_perm", "y_perm"};
inline constexpr int kAttentionMostAxes = 4;

// softmax(Q K^T, scaled and masked) V; what is scaled may be Q, K or the products, and heads of
// keys and values may be repeated.
Pattern AttentionPattern();
// The op's own output with its axes in another order.
Pattern ReorderedAttention(bool has_mask);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_ATTENTION_ATTENTION_PATTERN_H_
