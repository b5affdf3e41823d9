#include "nomograph/core/op/random.h"

#include <utility>

namespace nomograph {

namespace {

// As a node of that name would have it (see Executor).
uint64_t KeyOf(const std::string& node, const KernelContext& context) {
  const uint64_t key = StableHash(node);
  return context.run().call_path == 0 ? key : MixKeys(key, context.run().call_path);
}

}  // namespace

OpDef RandomOp(OpDef op) {
  op.WithEffects(Effects::kRandom);
  op.Attr("seed", -1, "the seed; -1: the seed of the run").Min(-1);
  op.OptionalAttr("key", AttrType::kString,
                  "the node whose numbers are drawn, so that two nodes draw the same; absent: this "
                  "one");
  return op;
}

PhiloxStream RandomStream(const KernelContext& context) {
  const int64_t seed = context.attrs().Int("seed");
  const AttrValue* const key = context.attrs().Find("key");
  return PhiloxStream(seed < 0 ? context.run().seed : static_cast<uint64_t>(seed),
                      key == nullptr ? context.node_key() : KeyOf(*key->As<std::string>(), context),
                      context.run().step);
}

}  // namespace nomograph
