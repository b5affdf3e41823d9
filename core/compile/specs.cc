#include "nomograph/core/compile/specs.h"

namespace nomograph {

int WorthwhileThreads(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                      int threads) {
  constexpr int64_t kElements = 1 << 15;  // some microseconds of the simplest work
  int64_t elements = 0;
  for (const auto& specs : {inputs, outputs}) {
    for (const TensorSpec& spec : specs) elements += spec.shape.num_elements();
  }
  return elements < kElements ? 1 : threads;
}

NodeSpecs::NodeSpecs(const LoweredGraph& graph, const LoweredNode& node,
                     absl::Span<const Shape> shapes) {
  const auto spec = [&](ValueId id) -> TensorSpec {
    if (id == kNoValue) return {};
    shapes_known &= graph.types[id].shape.fully_known();
    return {graph.types[id].dtype, shapes[id]};
  };
  for (const ValueId id : node.inputs) {
    inputs.push_back(spec(id));
    constants.push_back(id == kNoValue ? Tensor() : graph.constants[id]);
  }
  for (const ValueId id : node.outputs) outputs.push_back(spec(id));
}

PrepareContext NodeSpecs::Context(const LoweredNode& node, int threads) const {
  return {node.attrs, inputs,        outputs,
          constants,  node.post_ops, WorthwhileThreads(inputs, outputs, threads)};
}

}  // namespace nomograph
