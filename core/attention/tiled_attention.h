// softmax(scale Q K^T + mask) V in float32, tile by tile, so that the scores are never all in
// memory: what it takes beside inputs and output does not grow with the number of queries or keys.
//
// Sums of exponentials are kept relative to the greatest score so far, and corrected when a greater
// one comes: M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018; M. Rabe
// and C. Staats, Self-attention does not need O(n^2) memory, 2021; T. Dao et al., FlashAttention,
// 2022.
#ifndef NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_H_
#define NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_H_

#include <cstdint>

namespace nomograph {

// Where the elements of [batch, head, position, element] are, in elements.
struct HeadStrides {
  int64_t batch = 0, head = 0, position = 0, element = 0;
};

// What is done to the score of a query and a key.
struct ScoreMask {
  enum Kind {
    kNone,
    kAdd,   // float: is added
    kShow,  // bool: the scores under false become `hidden`
    kHide   // bool: those under true do
  };
  Kind kind = kNone;
  const void* data = nullptr;
  // `position` is from query to query and `element` from key to key; 0 where it is the same.
  HeadStrides strides;
  float hidden = 0;
};

struct TiledAttention {
  int64_t batch = 1;
  int64_t heads = 1, key_heads = 1;  // of the queries and the keys; these divide those
  int64_t queries = 0, keys = 0;     // of each head
  int64_t size = 0, value_size = 0;  // of a query and a key, of a value
  const float* query = nullptr;
  const float* key = nullptr;
  const float* value = nullptr;
  float* output = nullptr;
  HeadStrides query_strides, key_strides, value_strides, output_strides;
  float scale = 1;
  ScoreMask mask;
  // Whether the factors of both products are rounded to bfloat16, as core/narrow/bfloat16_product.h
  // does; but a few queries are not, which read keys and values where these lie. REQUIRES:
  // HasBFloat16Products().
  bool rounds = false;
};

// Memory that one thread of AttendPart() works in, in floats.
int64_t AttentionScratchFloats(const TiledAttention& attention);

// Computes part number `part` of `parts`, which together are the output. Parts may run side by
// side; each needs scratch memory of its own, aligned to 64 bytes. The result is the same for any
// number of parts. A query of which all keys are hidden by -infinity yields NaN, as the formula
// does; so does one without keys.
void AttendPart(const TiledAttention& attention, int part, int parts, float* scratch);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ATTENTION_TILED_ATTENTION_H_
