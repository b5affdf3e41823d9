// Attention. Keras: keras.layers.Attention, AdditiveAttention, MultiHeadAttention,
// GroupQueryAttention.
//
// They are called with a list of floating-point [batch, steps, features]: {query, value} or {query,
// value, key}, where key is value unless given. An input behind these is the attention mask of
// MultiHeadAttention and GroupQueryAttention, bool[batch, query steps, value steps]; key is then
// given or Value(). Masks of the values (see Masking()) leave out their steps, that of the query
// those of the result.
#ifndef NOMOGRAPH_CORE_LAYERS_ATTENTION_H_
#define NOMOGRAPH_CORE_LAYERS_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct AttentionOptions {
  bool use_scale = false;          // the scores are times weight scale, a scalar
  std::string score_mode = "dot";  // or "concat": sum(tanh(scale (query + key))) times a weight
  double dropout = 0;              // of the weights that the values get, in [0, 1)
  std::optional<int64_t> seed = {};
  // Arguments of the call in Keras: a step sees none behind itself; the weights are a second
  // output.
  bool use_causal_mask = false, return_attention_scores = false;
  std::string name = {};
};
// softmax(query · key^T) · value (M. Luong et al., 2015). Weights: scale and, in mode "concat",
// concat_score_weight, both scalars.
Layer Attention(AttentionOptions options = {});

struct AdditiveAttentionOptions {
  bool use_scale = true;
  double dropout = 0;
  std::optional<int64_t> seed = {};
  bool use_causal_mask = false, return_attention_scores = false;
  std::string name = {};
};
// softmax(sum(scale tanh(query + key))) · value (D. Bahdanau et al., 2015). Weight: scale
// [features].
Layer AdditiveAttention(AdditiveAttentionOptions options = {});

struct MultiHeadAttentionOptions {
  std::optional<int64_t> value_dim = {};  // key_dim unless given
  double dropout = 0;
  bool use_bias = true;
  std::optional<int64_t> output_shape = {};  // the features of the result; the query's unless given
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::optional<int64_t> seed = {};
  bool use_causal_mask = false, return_attention_scores = false;
  std::string name = {};
};
// In each head softmax(q · k^T / sqrt(key_dim)) · v of projections of query, key and value, then a
// projection of all heads (A. Vaswani et al., 2017). Weights: query/kernel, key/kernel and
// value/kernel [features, num_heads, key_dim or value_dim] with their biases [num_heads, …];
// attention_output/kernel [num_heads, value_dim, output] with attention_output/bias.
Layer MultiHeadAttention(int64_t num_heads, int64_t key_dim,
                         MultiHeadAttentionOptions options = {});

struct GroupQueryAttentionOptions {
  double dropout = 0;
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::optional<int64_t> seed = {};
  bool use_causal_mask = false, return_attention_scores = false;
  std::string name = {};
};
// The same with fewer heads of keys and values, each for num_query_heads / num_key_value_heads
// heads of queries (J. Ainslie et al., 2023).
Layer GroupQueryAttention(int64_t head_dim, int64_t num_query_heads, int64_t num_key_value_heads,
                          GroupQueryAttentionOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_ATTENTION_H_
