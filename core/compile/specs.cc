#include "nomograph/core/compile/specs.h"

#include <algorithm>
#include <cmath>

namespace nomograph {
namespace {

// Roughly, in operations: the elements that are read and written or, of ops that do more, what it
// takes to multiply the first input with each of the others. For matrices [m, k] and [k, n] that is
// the root of mk * kn * mn; for a convolution it is less by the width of the window.
double RoughWork(const OpDef& op, const NodeSpecs& node) {
  double inputs = 0, outputs = 0;
  for (const TensorSpec& spec : node.inputs) {
    inputs += static_cast<double>(spec.shape.num_elements());
  }
  for (const TensorSpec& spec : node.outputs) {
    outputs += static_cast<double>(spec.shape.num_elements());
  }
  if (op.work == nullptr) return inputs + outputs;
  double products = 0;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    products += std::sqrt(static_cast<double>(node.inputs[0].shape.num_elements()) *
                          static_cast<double>(node.inputs[i].shape.num_elements()) * outputs);
  }
  return std::max(inputs + outputs, products);
}

}  // namespace

bool WorthSeveralThreads(const LoweredGraph& graph) {
  constexpr double kWork = 1 << 21;  // a hundred microseconds or so
  double work = 0;
  for (const LoweredNode& node : graph.nodes) {
    const NodeSpecs specs(graph, node);
    if (!specs.shapes_known) return true;
    work += RoughWork(*node.op, specs);
    if (work >= kWork) return true;
  }
  return false;
}

int WorthwhileThreads(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                      int threads) {
  constexpr int64_t kElements = 1 << 15;  // some microseconds of the simplest work
  int64_t elements = 0;
  for (const auto& specs : {inputs, outputs}) {
    for (const TensorSpec& spec : specs) elements += spec.shape.num_elements();
  }
  return elements < kElements ? 1 : threads;
}

int NodeThreads(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                int threads, const NodeForm* form) {
  if (form != nullptr && form->threads > 0) return std::min(form->threads, threads);
  return WorthwhileThreads(inputs, outputs, threads);
}

NodeSpecs::NodeSpecs(const LoweredGraph& graph, const LoweredNode& node,
                     absl::Span<const Shape> shapes)
    : NodeSpecs(graph, node, [&](ValueId id) { return shapes[id]; }) {}

NodeSpecs::NodeSpecs(const LoweredGraph& graph, const LoweredNode& node)
    : NodeSpecs(graph, node, [&](ValueId id) {
        const PartialShape& shape = graph.types[id].shape;
        return shape.fully_known() ? shape.ToShape() : Shape();
      }) {}

NodeSpecs::NodeSpecs(const LoweredGraph& graph, const LoweredNode& node,
                     absl::FunctionRef<Shape(ValueId)> shape) {
  const auto spec = [&](ValueId id) -> TensorSpec {
    if (id == kNoValue) return {};
    shapes_known &= graph.types[id].shape.fully_known();
    return {graph.types[id].dtype, shape(id)};
  };
  for (const ValueId id : node.inputs) {
    inputs.push_back(spec(id));
    constants.push_back(id == kNoValue ? Tensor() : graph.constants[id]);
  }
  for (const ValueId id : node.outputs) outputs.push_back(spec(id));
}

PrepareContext NodeSpecs::Context(const LoweredNode& node, int threads,
                                  const NodeForm* form) const {
  return {node.attrs, inputs,        outputs,
          constants,  node.post_ops, NodeThreads(inputs, outputs, threads, form)};
}

}  // namespace nomograph
