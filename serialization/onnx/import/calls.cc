// Nodes whose op has no rule: calls of the model's own functions, which become bodies, and ops that
// are not covered, most of other domains, which become Lambdas.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/import/graph_importer.h"

namespace nomograph::onnx {
namespace {

// Any attribute by its own type.
absl::StatusOr<AttrValue> FromAttribute(const AttributeProto& proto, TensorReader& tensors) {
  switch (proto.type()) {
    case AttributeProto::FLOAT:
      return AttrValue(static_cast<double>(proto.f()));
    case AttributeProto::INT:
      return AttrValue(static_cast<int64_t>(proto.i()));
    case AttributeProto::STRING:
      return AttrValue(proto.s());
    case AttributeProto::TENSOR: {
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, tensors.Read(proto.t()));
      return AttrValue(std::move(tensor));
    }
    case AttributeProto::FLOATS:
      return AttrValue(std::vector<double>(proto.floats().begin(), proto.floats().end()));
    case AttributeProto::INTS:
      return AttrValue(std::vector<int64_t>(proto.ints().begin(), proto.ints().end()));
    case AttributeProto::STRINGS:
      return AttrValue(std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
    default:
      return absl::UnimplementedError(absl::StrCat(
          "attributes of type ", AttributeProto::Type_Name(proto.type()), " are not supported"));
  }
}

absl::StatusOr<Attributes> AllAttributes(NodeImporter& node) {
  Attributes attrs;
  for (const AttributeProto& given : node.proto().attribute()) {
    const AttributeProto* proto = node.Attribute(given.name());
    if (proto == nullptr) continue;  // of a function whose caller does not give it
    auto value = FromAttribute(*proto, node.graph().state().tensors);
    NOMO_RETURN_IF_ERROR(Annotate(value.status(), absl::StrCat("attribute ", Shown(given.name()))));
    attrs.Set(given.name(), *std::move(value));
  }
  return attrs;
}

}  // namespace

std::string QualifiedName(const std::string& domain, const std::string& op_type) {
  std::string name = absl::StrCat(domain.empty() ? "onnx" : domain, ".", op_type);
  bool start = true;
  for (char& c : name) {
    if (c != '.' && !absl::ascii_isalnum(c) && c != '_') c = '_';
    if (start && !absl::ascii_isalpha(c)) c = 'x';
    start = c == '.';
  }
  return name;
}

absl::Status GraphImporter::ImportLambda(NodeImporter& node) {
  Node lambda;
  const std::string domain = PlainDomain(node.proto().domain());
  lambda.op = QualifiedName(domain, node.proto().op_type());
  lambda.version = node.opset();
  lambda.provider = domain.empty() ? std::string(kOnnxProvider) : domain;
  NOMO_ASSIGN_OR_RETURN(lambda.attrs, AllAttributes(node));
  std::vector<TensorType> declared;
  bool complete = true;
  for (const std::string& output : node.proto().output()) {
    declared.push_back(DeclaredType(output));
    complete &= output.empty() || declared.back().dtype != DType::kInvalid;
  }
  std::vector<TensorType> inputs;
  for (const ValueId id : node.inputs()) {
    inputs.push_back(node.type(id));
    complete &= inputs.back().dtype != DType::kInvalid;
  }
  if (complete && !inputs.empty()) lambda.signature = Signature{inputs, declared};
  NOMO_ASSIGN_OR_RETURN(
      const std::vector<ValueId> outputs,
      node.AddNode(std::move(lambda), node.inputs(), node.OutputMask(), declared));
  return node.Return(outputs);
}

absl::Status GraphImporter::ImportCall(NodeImporter& node, const FunctionProto& function) {
  if (function.output_size() == 0) {
    return InvalidArgument("expected a function with outputs, found one without");
  }
  if (node.num_inputs() > function.input_size() || node.num_outputs() > function.output_size()) {
    return InvalidArgument("the function takes ", function.input_size(), " inputs and yields ",
                           function.output_size(), " outputs, found ", node.num_inputs(), " and ",
                           node.num_outputs());
  }
  std::map<std::string, AttributeProto> given;
  for (const AttributeProto& proto : function.attribute_proto()) given[proto.name()] = proto;
  for (const AttributeProto& proto : node.proto().attribute()) {
    if (const AttributeProto* value = node.Attribute(proto.name())) given[proto.name()] = *value;
  }
  Node call;
  call.op = QualifiedName(PlainDomain(function.domain()), function.name());
  NOMO_ASSIGN_OR_RETURN(call.attrs, AllAttributes(node));
  std::vector<std::optional<TensorType>> types;
  std::string key;
  for (const auto& [name, value] : given) {
    const std::string bytes = value.SerializeAsString();
    absl::StrAppend(&key, " ", name, "=", bytes.size(), ":", absl::Hex(StableHash(bytes)));
  }
  for (int i = 0; i < function.input_size(); ++i) {
    types.push_back(node.has_input(i) ? std::make_optional(node.type(node.input(i)))
                                      : std::nullopt);
    absl::StrAppend(&key, " ", types.back() ? types.back()->ToString() : "-");
  }
  const auto made = state_.instances.find({&function, key});
  if (made != state_.instances.end()) {
    call.body = made->second;
  } else {
    Opsets opsets = opsets_;
    NOMO_RETURN_IF_ERROR(
        Annotate(ReadOpsets(function.opset_import(), opsets), absl::StrCat("function ", call.op)));
    GraphImporter body(state_, opsets, nullptr, &given);
    // Its loops are read for these types alone.
    LoopTypes loops;
    loops.swap(state_.loops);
    const absl::Status status = body.ImportFunction(function, types);
    loops.swap(state_.loops);
    NOMO_RETURN_IF_ERROR(Annotate(status, absl::StrCat("function ", call.op)));
    call.body = state_.FreeFunctionName(call.op);
    state_.AddFunction(call.body, body);
    state_.instances[{&function, key}] = call.body;
  }
  // The body has no inputs for what is absent, and yields all outputs.
  std::vector<ValueId> inputs;
  for (const ValueId id : node.inputs()) {
    if (id != kNoValue) inputs.push_back(id);
  }
  std::vector<bool> mask = node.OutputMask();
  mask.resize(function.output_size(), false);
  mask.back() = true;  // none is cut off
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                        node.AddNode(std::move(call), std::move(inputs), mask));
  return node.Return(outputs);
}

}  // namespace nomograph::onnx
