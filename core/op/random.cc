#include "nomograph/core/op/random.h"

#include <utility>

namespace nomograph {

OpDef RandomOp(OpDef op) {
  op.WithEffects(Effects::kRandom);
  op.Attr("seed", -1, "the seed; -1: the seed of the run").Min(-1);
  op.OptionalAttr("key", AttrType::kString,
                  "the node whose numbers are drawn, so that two nodes draw the same; absent: this "
                  "one");
  return op;
}

uint64_t NodeKey(const KernelContext& context) {
  const AttrValue* const node = context.attrs().Find("key");
  if (node == nullptr) return context.node_key();
  // As a node of that name would have it (see Executor).
  const uint64_t key = StableHash(*node->As<std::string>());
  return context.run().call_path == 0 ? key : MixKeys(key, context.run().call_path);
}

PhiloxStream RandomStream(const KernelContext& context) {
  const int64_t seed = context.attrs().Int("seed");
  return PhiloxStream(seed < 0 ? context.run().seed : static_cast<uint64_t>(seed), NodeKey(context),
                      context.run().step);
}

}  // namespace nomograph
