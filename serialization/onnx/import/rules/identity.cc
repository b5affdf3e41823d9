// Identity, which of a weight is another weight.
#include <algorithm>

#include "nomograph/serialization/onnx/import/graph_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// The weight's elements; null where the value is no weight. Weights stand in the order of values,
// which is that in which they were added.
const Tensor* FloatWeight(NodeImporter& node, ValueId value) {
  const std::vector<Weight>& weights = node.graph().graph().weights;
  const auto found = std::lower_bound(weights.begin(), weights.end(), value,
                                      [](const Weight& w, ValueId id) { return w.value < id; });
  const bool is_weight = found != weights.end() && found->value == value;
  return is_weight && kFloats.Contains(found->tensor.dtype()) ? &found->tensor : nullptr;
}

// PyTorch's exporter writes weights that are equal once, with an Identity for each of the others;
// weights that are one weight are read by its name alone (torch/csrc/jit/passes/onnx/
// deduplicate_initializers.cpp). So the copy of a weight is a weight of its own, which training
// moves by itself. Both have the same memory.
absl::Status ImportIdentity(NodeImporter& node) {
  const Tensor* weight = FloatWeight(node, node.input(0));
  if (weight == nullptr || node.num_inputs() != 1 || !node.has_output(0) ||
      !node.graph().TakeRoomFor(weight->dtype(), weight->num_elements())) {
    return ImportSame(node);
  }
  const Tensor tensor = *weight;
  const std::string& name = node.proto().output(0);
  return node.graph().Name(node.graph().AddConstant(name, tensor), name);
}

const OperatorRegistrar kIdentity({"Identity", "core.Identity", 1, ImportIdentity});

}  // namespace
}  // namespace nomograph::onnx
