#include "nomograph/core/graph/graph_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nomograph {

ValueId GraphBuilder::AddValue(absl::string_view wish, TensorType type) {
  return graph_.AddValue(value_names_.Take(wish), std::move(type));
}

ValueId GraphBuilder::AddInput(absl::string_view wish, TensorType type) {
  const ValueId id = AddValue(wish, std::move(type));
  graph_.inputs.push_back(id);
  return id;
}

ValueId GraphBuilder::AddWeight(absl::string_view wish, Tensor tensor, bool trainable) {
  const ValueId id = AddValue(wish, tensor.type());
  if (inferrer_ != nullptr) inferrer_->fold_budget().AddOwn(tensor);
  Remember(id, tensor);
  graph_.weights.push_back({.value = id, .tensor = std::move(tensor), .trainable = trainable});
  return id;
}

absl::StatusOr<std::vector<ValueId>> GraphBuilder::AddNode(
    Node node, const std::vector<bool>& outputs, const std::vector<TensorType>& declared) {
  std::vector<TensorType> inputs;
  std::vector<Tensor> constants;
  bool typed = true;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? TensorType{} : type(id));
    const Tensor* value = id == kNoValue ? nullptr : constant(id);
    constants.push_back(value == nullptr ? Tensor() : *value);
    typed &= id == kNoValue || inputs.back().dtype != DType::kInvalid;
  }
  node.outputs.clear();
  ValueId next = static_cast<ValueId>(graph_.values.size());
  for (const bool there : outputs) node.outputs.push_back(there ? next++ : kNoValue);
  while (!node.outputs.empty() && node.outputs.back() == kNoValue) node.outputs.pop_back();

  TypeInferrer::NodeTypes result{.types = declared};
  if (typed && inferrer_->Knows(node)) {
    NOMO_ASSIGN_OR_RETURN(result, inferrer_->TypeNode(node, inputs, constants));
    sizes_.Follow(
        graph_, node, *inferrer_, [this](ValueId id) { return constant(id); }, result.types);
  }
  result.types.resize(node.outputs.size());
  result.constants.resize(node.outputs.size());
  node.name = node_names_.Take(node.name);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    Tensor& constant = result.constants[i];
    const ValueId id = AddValue(absl::StrCat(node.name, ":", i),
                                constant.valid() ? constant.type() : result.types[i]);
    if (constant.valid()) Remember(id, std::move(constant));
  }
  std::vector<ValueId> ids = node.outputs;
  ids.resize(outputs.size(), kNoValue);
  graph_.nodes.push_back(std::move(node));
  return ids;
}

std::vector<ValueId> GraphBuilder::AddTyped(Node node, absl::Span<const TensorType> types) {
  node.outputs.clear();
  for (size_t i = 0; i < types.size(); ++i) {
    node.outputs.push_back(
        AddValue(i == 0 ? node.name : absl::StrCat(node.name, ":", i), types[i]));
  }
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().outputs;
}

void GraphBuilder::Rename(ValueId value, absl::string_view wish) {
  std::string& name = graph_.values[value].name;
  if (name == wish) return;
  value_names_.Release(name);
  name = value_names_.Take(wish);
}

const Tensor* GraphBuilder::constant(ValueId value) const {
  const size_t index = static_cast<size_t>(value);
  return index < constants_.size() && constants_[index].valid() ? &constants_[index] : nullptr;
}

std::optional<std::vector<SizeValue>> GraphBuilder::sizes(ValueId value) const {
  const Tensor* tensor = constant(value);
  if (tensor == nullptr) return sizes_.Sizes(value);
  if (!kInts.Contains(tensor->dtype()) || tensor->shape().rank() > 1) return std::nullopt;
  std::vector<SizeValue> sizes;
  for (const int64_t number : tensor->ToInts()) sizes.push_back({.number = number});
  return sizes;
}

GraphBuilder::Mark GraphBuilder::Here() const {
  return {graph_.values.size(), graph_.nodes.size(), graph_.weights.size()};
}

void GraphBuilder::GoBack(const Mark& mark) {
  for (size_t i = mark.nodes; i < graph_.nodes.size(); ++i) {
    node_names_.Release(graph_.nodes[i].name);
  }
  for (size_t i = mark.values; i < graph_.values.size(); ++i) {
    value_names_.Release(graph_.values[i].name);
  }
  if (constants_.size() > mark.values) constants_.resize(mark.values);
  sizes_.Forget(static_cast<ValueId>(mark.values));
  graph_.nodes.resize(mark.nodes);
  graph_.values.resize(mark.values);
  graph_.weights.resize(mark.weights);
}

void GraphBuilder::Remember(ValueId value, Tensor tensor) {
  if (static_cast<size_t>(value) >= constants_.size()) constants_.resize(value + 1);
  constants_[value] = std::move(tensor);
}

}  // namespace nomograph
