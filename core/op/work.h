// What running a node costs, estimated from what is known of it before it runs. An op whose kernel
// does more than read its inputs and write its outputs says so: OpDef::Work().
#ifndef NOMOGRAPH_CORE_OP_WORK_H_
#define NOMOGRAPH_CORE_OP_WORK_H_

#include <cstdint>

#include "nomograph/core/op/op.h"

namespace nomograph {

// Sums and products of estimates stop here.
inline constexpr int64_t kMaxWork = int64_t{1} << 62;
int64_t SaturatingAdd(int64_t a, int64_t b);
int64_t SaturatingMultiply(int64_t a, int64_t b);

// What the op says of itself; the elements that are read and written where it says nothing.
int64_t EstimateWork(const OpDef& op, const InferContext& context, const WorkSizes& sizes);

// Some common ones. A product of matrices [m,k] and [k,n], or a batch of them.
int64_t ProductWork(const InferContext& context, const WorkSizes& sizes);
// Every output may be made of as many products as input 1, the weights, has elements.
int64_t WeightedWork(const InferContext& context, const WorkSizes& sizes);
// Every output may be made of all combinations of elements of the inputs.
int64_t AllCombinationsWork(const InferContext& context, const WorkSizes& sizes);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_WORK_H_
