#include "nomograph/core/gradient/draws.h"

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

const OpDef* OpOf(const Node& node) {
  return ScopedRegistry::Current().Find(node.op, node.version);
}

}  // namespace

absl::StatusOr<Attributes> AttributesOfSameDraws(const GradientContext& g) {
  Attributes attrs = g.attrs();
  if (attrs.Has("key")) return attrs;
  if (g.node().empty()) {
    return InvalidArgument(
        "the node draws random numbers, and needs a name to be differentiated, by which its "
        "gradient draws the same");
  }
  attrs.Set("key", g.node());
  return attrs;
}

bool KeyedByName(const Node& node) {
  const OpDef* op = OpOf(node);
  return op != nullptr && op->FindAttr("key") != nullptr && !node.attrs.Has("key");
}

const Node* DrawingNode(const FunctionLibrary& functions) {
  for (const auto& [name, function] : functions) {
    for (const Node& node : function.graph.nodes) {
      const OpDef* op = OpOf(node);
      if (op != nullptr && op->effects == Effects::kRandom && KeyedByName(node)) return &node;
    }
  }
  return nullptr;
}

}  // namespace nomograph
