// What ops share that draw random numbers (random.Uniform, image.RandomFlip, nn.Dropout).
#ifndef NOMOGRAPH_CORE_OP_RANDOM_H_
#define NOMOGRAPH_CORE_OP_RANDOM_H_

#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

// Declares that `op` draws random numbers, and its attribute `seed`.
OpDef RandomOp(OpDef op);

// The key of a running node: that of the node which its attribute `key` names, or else its own.
uint64_t NodeKey(const KernelContext& context);

// The numbers of one run of a node of such an op. They follow from the seed (the attribute's, or
// the run's where the attribute is -1), the node and the step, and from nothing else.
PhiloxStream RandomStream(const KernelContext& context);

// A whole number in [0, count) from 32 random bits; the probabilities differ by 2^-32 at most.
// REQUIRES: count > 0.
inline int64_t UniformIndex(uint32_t bits, int64_t count) {
  return static_cast<int64_t>(bits * static_cast<uint64_t>(count) >> 32);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_RANDOM_H_
