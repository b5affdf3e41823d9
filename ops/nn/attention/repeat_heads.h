// Heads of keys and values that several heads of queries share.
#ifndef NOMOGRAPH_OPS_NN_ATTENTION_REPEAT_HEADS_H_
#define NOMOGRAPH_OPS_NN_ATTENTION_REPEAT_HEADS_H_

#include <cstdint>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/pattern.h"

namespace nomograph::nn {

// Each head of x, [B, heads, T, size], `times` times, one behind the other. REQUIRES: the heads and
// the size are known.
Value RepeatHeads(const Value& x, int64_t times);

// The same as a pattern, of which `x` is what is repeated.
Pattern RepeatedHeads(const Pattern& x);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_ATTENTION_REPEAT_HEADS_H_
