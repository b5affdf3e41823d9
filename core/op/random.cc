#include "nomograph/core/op/random.h"

#include <utility>

namespace nomograph {

OpDef RandomOp(OpDef op) {
  op.WithEffects(Effects::kRandom);
  op.Attr("seed", -1, "the seed; -1: the seed of the run").Min(-1);
  return op;
}

PhiloxStream RandomStream(const KernelContext& context) {
  const int64_t seed = context.attrs().Int("seed");
  return PhiloxStream(seed < 0 ? context.run().seed : static_cast<uint64_t>(seed),
                      context.node_key(), context.run().step);
}

}  // namespace nomograph
