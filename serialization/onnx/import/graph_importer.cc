#include "nomograph/serialization/onnx/import/graph_importer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/serialization/onnx/import/required_attributes.h"
#include "nomograph/serialization/onnx/import/sort.h"

namespace nomograph::onnx {
namespace {

// Graphs in graphs and functions that call functions.
constexpr int kMaxDepth = 32;

// The message lives as long as the tensors that lie in it. Nodes without any need not.
void Empty(NodeProto& node) {
  const auto& attributes = node.attribute();
  const bool holds = std::any_of(attributes.begin(), attributes.end(), [](const auto& attribute) {
    return attribute.has_t() || attribute.has_g() || attribute.has_sparse_tensor() ||
           attribute.tensors_size() > 0 || attribute.graphs_size() > 0;
  });
  if (!holds) NodeProto().Swap(&node);
}

// Leaves those that Empty() has left.
void DropEmpty(google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
  google::protobuf::RepeatedPtrField<NodeProto> left;
  for (NodeProto& node : nodes) {
    if (node.attribute_size() > 0) left.Add()->Swap(&node);  // tensors inside stay where they are
  }
  left.Swap(&nodes);
}

// Counts the depth of nesting as long as it lives.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }

 private:
  int& depth_;
};

}  // namespace

absl::Status ReadOpsets(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& imports,
                        Opsets& opsets) {
  constexpr int64_t kMaxVersion = 1 << 20;
  for (const OperatorSetIdProto& opset : imports) {
    const std::string domain = PlainDomain(opset.domain());
    if (opset.version() < 1 || opset.version() > kMaxVersion) {
      return InvalidArgument("opset of ", domain.empty() ? kOnnxProvider : Shown(domain),
                             ": expected a version from 1 to ", kMaxVersion, ", found ",
                             opset.version());
    }
    opsets[domain] = static_cast<int>(opset.version());
  }
  return absl::OkStatus();
}

void ImportState::AddLocalFunctions(
    const google::protobuf::RepeatedPtrField<FunctionProto>& functions) {
  for (const FunctionProto& function : functions) {
    const FunctionId id = {PlainDomain(function.domain()), function.name(), function.overload()};
    if (local_functions.emplace(id, &function).second) continue;
    errors.Add(InvalidArgument("two functions are named ", Quoted(id.name), " in domain ",
                               Quoted(id.domain), " and have overload ", Quoted(id.overload)));
  }
}

const FunctionProto* ImportState::FindFunction(const NodeProto& call) const {
  const auto found =
      local_functions.find({PlainDomain(call.domain()), call.op_type(), call.overload()});
  return found == local_functions.end() ? nullptr : found->second;
}

void ImportState::AddFunction(const std::string& name, GraphImporter& body) {
  body.graph().name = name;
  functions.emplace(name, Function{.name = name, .graph = std::move(body.graph())});
  origins.emplace(name, std::move(body.origins()));
}

GraphImporter::GraphImporter(ImportState& state, const Opsets& opsets, GraphImporter* outer,
                             const std::map<std::string, AttributeProto>* function_attributes)
    : state_(state),
      opsets_(opsets),
      outer_(outer),
      function_attributes_(function_attributes),
      builder_(graph_, &state.inferrer) {
  if (outer != nullptr && function_attributes == nullptr) {
    function_attributes_ = outer->function_attributes_;
  }
}

void GraphImporter::SetName(const std::string& name, ValueId value) {
  if (names_.insert_or_assign(name, value).second) named_.push_back(name);
}

ValueId GraphImporter::AddInput(const std::string& name, const TensorType& type) {
  const ValueId id = builder_.AddInput(name.empty() ? "value" : name, type);
  SetName(name, id);
  return id;
}

ValueId GraphImporter::AddConstant(const std::string& wish, Tensor tensor) {
  const bool trainable = kFloats.Contains(tensor.dtype());
  return builder_.AddWeight(wish.empty() ? "value" : wish, std::move(tensor), trainable);
}

const AttributeProto* GraphImporter::FunctionAttribute(const std::string& name) const {
  if (function_attributes_ == nullptr) return nullptr;
  const auto found = function_attributes_->find(name);
  return found == function_attributes_->end() ? nullptr : &found->second;
}

TensorType GraphImporter::DeclaredType(const std::string& name) const {
  const auto found = declared_.find(name);
  return found == declared_.end() ? TensorType{} : found->second;
}

ValueId GraphImporter::Captured(ValueId outer) {
  if (const auto found = inner_of_.find(outer); found != inner_of_.end()) return found->second;
  const ValueInfo& value = outer_->graph_.values[outer];
  const ValueId inner = builder_.AddValue(value.name, value.type);
  captures_.push_back({outer, inner});
  inner_of_[outer] = inner;
  return inner;
}

absl::StatusOr<ValueId> GraphImporter::Lookup(const std::string& name) {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  if (left_out_.contains(name)) {
    return InvalidArgument("input ", Quoted(name), " is needed, and the caller leaves it out");
  }
  if (outer_ == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no value ", Quoted(name)));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId outer, outer_->Lookup(name));
  // A constant is better known inside than captured. Its bytes are saved once.
  const Tensor* constant = outer_->builder_.constant(outer);
  const ValueId inner = constant != nullptr ? AddConstant(name, *constant) : Captured(outer);
  SetName(name, inner);
  return inner;
}

bool GraphImporter::IsLeftOut(const std::string& name) const {
  if (names_.contains(name)) return false;
  return left_out_.contains(name) || (outer_ != nullptr && outer_->IsLeftOut(name));
}

absl::Status GraphImporter::Name(ValueId value, const std::string& name) {
  if (names_.contains(name) || left_out_.contains(name)) {
    return InvalidArgument("two values are named ", Quoted(name));
  }
  SetName(name, value);
  builder_.Rename(value, name);
  ValueInfo& info = graph_.values[value];
  // What the file says more of the value.
  const TensorType declared = DeclaredType(name);
  if (declared.dtype == DType::kInvalid) return absl::OkStatus();
  if (info.type.dtype == DType::kInvalid) {
    info.type = declared;
  } else if (info.type.dtype != declared.dtype) {
    return InvalidArgument("value ", Quoted(name), " is declared as ", declared.ToString(),
                           " but is ", info.type.ToString());
  } else if (auto merged = Merge(info.type.shape, declared.shape); merged.ok()) {
    info.type.shape = *merged;  // a shape that contradicts is left: exporters often get it wrong
  }
  return absl::OkStatus();
}

void GraphImporter::ReadDeclaredTypes(
    const google::protobuf::RepeatedPtrField<ValueInfoProto>& values) {
  for (const ValueInfoProto& value : values) {
    auto type = TypeFromOnnx(value.type());
    if (type.ok()) declared_[value.name()] = *std::move(type);
  }
}

void GraphImporter::AddInitializers(const GraphProto& proto) {
  const auto add = [this](const std::string& name, absl::StatusOr<Tensor> tensor) {
    if (absl::IsNotFound(tensor.status()) &&
        !state_.missing_files.insert(std::string(tensor.status().message())).second) {
      return;  // the first one has told of the file
    }
    if (!tensor.ok()) {
      state_.errors.Add(tensor.status(), absl::StrCat("initializer ", Quoted(name)));
    } else if (names_.contains(name)) {
      state_.errors.Add(InvalidArgument("two values are named ", Quoted(name)));
    } else {
      SetName(name, AddConstant(name, *std::move(tensor)));
    }
  };
  for (const TensorProto& tensor : proto.initializer()) {
    add(tensor.name(), state_.tensors.Read(tensor));
  }
  for (const SparseTensorProto& tensor : proto.sparse_initializer()) {
    const std::string& name = tensor.values().name();
    const auto value = AddSparse(name, tensor);
    state_.errors.Add(value.ok() ? Name(*value, name) : value.status(),
                      absl::StrCat("initializer ", Quoted(name)));
  }
}

// A constant that is added makes the budget greater, as if the file held it. That is taken, too:
// else each would pay for larger ones.
bool GraphImporter::TakeRoomFor(DType dtype, int64_t elements) {
  FoldBudget& budget = state_.inferrer.fold_budget();
  const int64_t bytes = SaturatingMultiply(elements, DTypeSize(dtype));
  const FoldLimits& limits = budget.limits();
  return budget.Take(SaturatingMultiply(bytes, limits.bytes_per_byte + 1),
                     SaturatingMultiply(elements, limits.work_per_element + 1));
}

absl::StatusOr<ValueId> GraphImporter::AddSparse(const std::string& wish,
                                                 const SparseTensorProto& proto) {
  NOMO_ASSIGN_OR_RETURN(const SparseTensor sparse, state_.tensors.ReadSparse(proto));
  const int64_t elements = sparse.shape.num_elements();
  if (TakeRoomFor(sparse.values.dtype(), elements)) {
    NOMO_ASSIGN_OR_RETURN(Tensor dense, ToDense(sparse));
    return AddConstant(wish, std::move(dense));
  }
  const absl::Span<const int64_t> dims = sparse.shape.dims();
  const auto add = [&](const char* op, Attributes attrs, std::vector<ValueId> inputs) {
    return builder_.AddNode({.name = wish.empty() ? "node" : wish,
                             .op = op,
                             .version = state_.registry.Find(op)->version,
                             .attrs = std::move(attrs),
                             .inputs = std::move(inputs)},
                            {true});
  };
  for (const char* op : {"array.ConstantOfShape", "array.ScatterND"}) {
    if (state_.registry.Find(op) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("the standard op ", op, ", which it becomes, is not linked in"));
    }
  }
  NOMO_ASSIGN_OR_RETURN(const Tensor zero, Tensor::Create(sparse.values.dtype(), Shape{}));
  NOMO_ASSIGN_OR_RETURN(
      const std::vector<ValueId> zeros,
      add("array.ConstantOfShape",
          {{"shape", std::vector<int64_t>(dims.begin(), dims.end())}, {"value", zero}}, {}));
  const ValueId indices = AddConstant(absl::StrCat(wish, "/indices"), sparse.indices);
  const ValueId values = AddConstant(absl::StrCat(wish, "/values"), sparse.values);
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> dense,
                        add("array.ScatterND", {}, {zeros[0], indices, values}));
  return dense[0];
}

void GraphImporter::ImportMain(GraphProto& proto) {
  graph_.name = proto.name();
  graph_.doc = proto.doc_string();
  ReadDeclaredTypes(proto.value_info());
  ReadDeclaredTypes(proto.output());
  // Most nodes become one node with one output; growing by doubling would hold the list twice.
  graph_.nodes.reserve(proto.node_size());
  const int values = proto.input_size() + proto.initializer_size() + proto.node_size();
  graph_.values.reserve(values);
  names_.reserve(values);
  AddInitializers(proto);
  for (const ValueInfoProto& input : proto.input()) {
    // Before IR version 4 initializers were listed as inputs too.
    if (const auto found = names_.find(input.name());
        found != names_.end() && builder_.constant(found->second) != nullptr) {
      continue;
    }
    const std::string place = absl::StrCat("input ", Quoted(input.name()));
    auto type = TypeFromOnnx(input.type());
    state_.errors.Add(type.status(), place);
    if (type.ok() && type->dtype == DType::kInvalid) {
      state_.errors.Add(InvalidArgument("it has no type"), place);
    }
    if (names_.contains(input.name()) || input.name().empty()) {
      state_.errors.Add(InvalidArgument("the name is empty or taken"), place);
      continue;
    }
    const ValueId id = AddInput(input.name(), type.ok() ? *type : TensorType{});
    graph_.values[id].doc = input.doc_string();
  }
  ImportNodes(proto.node(), [&proto](int place) { Empty(*proto.mutable_node(place)); });
  DropEmpty(*proto.mutable_node());
  for (const ValueInfoProto& output : proto.output()) {
    auto value = Lookup(output.name());
    if (!value.ok()) {
      // Behind a node that could not be read that says nothing new.
      if (state_.errors.empty()) {
        state_.errors.Add(value.status(), absl::StrCat("output ", Quoted(output.name())));
      }
      continue;
    }
    state_.errors.Add(TypeFromOnnx(output.type()).status(),
                      absl::StrCat("output ", Quoted(output.name())));
    graph_.outputs.push_back(*value);
  }
}

absl::Status GraphImporter::ImportSubgraph(const GraphProto& proto,
                                           const std::vector<TensorType>& inputs) {
  const Nesting nesting(state_.depth);
  if (state_.depth > kMaxDepth)
    return InvalidArgument("graphs are nested more than ", kMaxDepth, " deep");
  if (proto.input_size() != static_cast<int>(inputs.size())) {
    return InvalidArgument("graph ", Quoted(proto.name()), ": expected ", inputs.size(),
                           " inputs, found ", proto.input_size());
  }
  graph_.name = proto.name();
  graph_.doc = proto.doc_string();
  ReadDeclaredTypes(proto.value_info());
  ReadDeclaredTypes(proto.output());
  AddInitializers(proto);
  for (int i = 0; i < proto.input_size(); ++i) AddInput(proto.input(i).name(), inputs[i]);
  ImportNodes(proto.node());
  for (const ValueInfoProto& output : proto.output()) {
    NOMO_ASSIGN_OR_RETURN(const ValueId value, Lookup(output.name()));
    graph_.outputs.push_back(value);
  }
  return absl::OkStatus();
}

absl::Status GraphImporter::ImportFunction(const FunctionProto& proto,
                                           const std::vector<std::optional<TensorType>>& inputs) {
  const Nesting nesting(state_.depth);
  if (state_.depth > kMaxDepth) {
    return InvalidArgument("functions call each other more than ", kMaxDepth, " deep");
  }
  graph_.name = proto.name();
  graph_.doc = proto.doc_string();
  ReadDeclaredTypes(proto.value_info());
  for (int i = 0; i < proto.input_size(); ++i) {
    if (i < static_cast<int>(inputs.size()) && inputs[i]) {
      AddInput(proto.input(i), *inputs[i]);
    } else {
      left_out_.insert(proto.input(i));
    }
  }
  ImportNodes(proto.node());
  for (const std::string& output : proto.output()) {
    NOMO_ASSIGN_OR_RETURN(const ValueId value, Lookup(output));
    graph_.outputs.push_back(value);
  }
  return absl::OkStatus();
}

void GraphImporter::ImportNodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
                                absl::FunctionRef<void(int place)> done) {
  const auto sorted = SortNodes(nodes);
  if (!sorted.ok()) return state_.errors.Add(sorted.status());
  int count = 0;
  for (const int place : *sorted) {
    ImportNode(nodes[place]);
    done(place);
    if (state_.progress && outer_ == nullptr && !in_function()) {
      state_.progress(++count, nodes.size());
    }
  }
}

void GraphImporter::ImportNode(const NodeProto& proto) {
  named_.clear();  // nothing goes back behind the node
  const std::string domain = PlainDomain(proto.domain());
  const std::string name = proto.name().empty() ? proto.op_type() : proto.name();
  const auto opset = opsets_.find(domain);
  NodeImporter node(*this, proto, name, opset == opsets_.end() ? 1 : opset->second);
  const size_t first_node = graph_.nodes.size();
  const FunctionProto* const function = state_.FindFunction(proto);
  const auto rule = FindOperator(state_.registry, domain, proto.op_type(), node.opset());
  const absl::Status status = [&]() -> absl::Status {
    for (const std::string& input : proto.input()) {
      if (!input.empty() && !IsLeftOut(input)) NOMO_RETURN_IF_ERROR(Lookup(input).status());
    }
    if (function != nullptr) return ImportCall(node, *function);
    if (!proto.overload().empty()) {
      return InvalidArgument("the model has no such function with overload ",
                             Quoted(proto.overload()));
    }
    if (!rule) return ImportLambda(node);
    NOMO_RETURN_IF_ERROR(CheckRequiredAttributes(node));
    return ImportCovered(*rule, node);
  }();
  // A node behind one that failed fails too, which tells a user nothing.
  if (status.code() == absl::StatusCode::kNotFound && !state_.errors.empty()) {
    return;
  }
  if (status.ok()) return AddOrigin(proto, first_node);
  const std::string shown =
      domain.empty() ? proto.op_type() : absl::StrCat(domain, ".", proto.op_type());
  state_.errors.Add(status, NodePlace(name, shown));
}

void GraphImporter::AddOrigin(const NodeProto& proto, size_t first_node) {
  bool constant = true, sizes = true;
  for (const std::string& output : proto.output()) {
    const auto value = names_.find(output);
    if (value == names_.end()) continue;
    constant &= builder_.constant(value->second) != nullptr;
    sizes &= builder_.sizes(value->second).has_value();
  }
  const size_t last_node = graph_.nodes.size();
  origins_.push_back({.op_type = &*state_.op_types.insert(proto.op_type()).first,
                      .first = static_cast<uint32_t>(first_node),
                      .last = static_cast<uint32_t>(last_node),
                      .results = constant ? Origin::kConstant
                                 : sizes  ? Origin::kSizes
                                          : Origin::kOpen,
                      .renamed = !proto.name().empty() && last_node > first_node &&
                                 graph_.nodes[first_node].name != proto.name()});
}

absl::Status GraphImporter::ImportCovered(const Operator& rule, NodeImporter& node) {
  const Mark mark = MarkHere();
  absl::Status status = rule.import(node);
  if (status.ok()) status = node.CheckAttributesUsed();
  if (!absl::IsUnimplemented(status)) return status;
  GoBack(mark);
  NodeImporter again(*this, node.proto(), node.name(), node.opset());
  if (!ImportLambda(again).ok()) return status;
  state_
      .not_covered[absl::StrCat(
          node.proto().op_type(), " is read as the lambda ",
          QualifiedName(PlainDomain(node.proto().domain()), node.proto().op_type()), ": ",
          status.message())]
      .push_back(node.name());
  return absl::OkStatus();
}

GraphImporter::Mark GraphImporter::MarkHere() const {
  return {builder_.Here(), named_.size(), captures_.size()};
}

void GraphImporter::GoBack(const Mark& mark) {
  builder_.GoBack(mark.graph);
  for (; named_.size() > mark.names; named_.pop_back()) names_.erase(named_.back());
  for (; captures_.size() > mark.captures; captures_.pop_back()) {
    inner_of_.erase(captures_.back().outer);
  }
}

}  // namespace nomograph::onnx
