#include "nomograph/serialization/onnx/export/graph_exporter.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/export/operator_forms.h"
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

constexpr int kMaxDepth = 64;

std::map<std::string, std::map<int, ExportRule>>& Rules() {
  static auto* rules = new std::map<std::string, std::map<int, ExportRule>>;
  return *rules;
}

void RenameInputs(GraphProto& graph, int first, const std::string& from, const std::string& to) {
  for (int i = first; i < graph.node_size(); ++i) {
    NodeProto& node = *graph.mutable_node(i);
    for (std::string& input : *node.mutable_input()) {
      if (input == from) input = to;
    }
    for (AttributeProto& attr : *node.mutable_attribute()) {
      if (attr.has_g()) RenameInputs(*attr.mutable_g(), 0, from, to);
    }
  }
}

// "acme.ops" and "Swish" of "acme.ops.Swish".
std::pair<std::string, std::string> SplitName(const std::string& op) {
  const size_t dot = op.rfind('.');
  return {op.substr(0, dot), op.substr(dot + 1)};
}

// Inputs of a node for an attribute that is an input in ONNX.
absl::Status SetInput(NodeExporter& node, const KnownAttr& how, std::vector<std::string>& inputs) {
  const AttrValue* value = node.attrs().Find(how.attr);
  if (value == nullptr || node.has_input(how.input)) return absl::OkStatus();
  std::string name;
  if (how.kind == KnownAttr::kInput) {
    if (const auto* list = value->As<std::vector<int64_t>>()) {
      name = node.graph().Ints(*list);
    } else {
      name = node.graph().Ints({*value->As<int64_t>()});
    }
  } else if (how.kind == KnownAttr::kScalar) {
    name = node.graph().Constant(Tensor::Scalar<int64_t>(*value->As<int64_t>()));
  } else {
    NOMO_RETURN_IF_ERROR(node.CheckTypes());
    name = node.Scalar(*value->As<double>());
  }
  inputs.resize(std::max<size_t>(inputs.size(), how.input + 1));
  inputs[how.input] = std::move(name);
  return absl::OkStatus();
}

// Whether the value is an empty list that stands for something else: ONNX leaves those out.
bool IsEmptyDefault(const AttrDef& def, const AttrValue& value) {
  if (!def.default_value || !(*def.default_value == value)) return false;
  const auto* ints = value.As<std::vector<int64_t>>();
  const auto* floats = value.As<std::vector<double>>();
  const auto* strings = value.As<std::vector<std::string>>();
  return (ints != nullptr && ints->empty()) || (floats != nullptr && floats->empty()) ||
         (strings != nullptr && strings->empty());
}

// Whether ONNX is told nothing of the attribute: it has its default, which stands for something
// else, or which is all that there was ahead of the opset that brought the attribute.
bool IsLeftOut(const NodeExporter& node, const KnownName& known, const KnownAttr& how,
               const AttrValue& value) {
  const AttrDef& def = *node.op().FindAttr(how.attr);
  if (IsEmptyDefault(def, value)) return true;
  return def.default_value && *def.default_value == value &&
         !HasAttribute(known.name, node.opset(), how.name.empty() ? how.attr : how.name);
}

// Node for node, with the attributes as ONNX has them.
absl::StatusOr<std::vector<std::string>> ExportByName(NodeExporter& node, const KnownName& known) {
  std::vector<std::string> inputs = node.inputs();
  std::vector<AttributeProto> attrs;
  for (const auto& [name, value] : node.attrs()) {
    const auto found = std::find_if(known.attrs.begin(), known.attrs.end(),
                                    [&name = name](const KnownAttr& a) { return a.attr == name; });
    const KnownAttr same = {.attr = name};
    const KnownAttr& how = found == known.attrs.end() ? same : *found;
    if (how.kind == KnownAttr::kAttribute) {
      if (IsLeftOut(node, known, how, value)) continue;
      NOMO_ASSIGN_OR_RETURN(AttributeProto attr, node.Attr(name, how.name));
      attrs.push_back(std::move(attr));
    } else if (how.kind == KnownAttr::kDefault) {
      const AttrDef* def = node.op().FindAttr(name);
      if (!def->default_value || !(*def->default_value == value)) {
        return absl::UnimplementedError(absl::StrCat("attribute ", name, " = ", value.ToString(),
                                                     " has no form in opset ", node.opset()));
      }
    } else {
      NOMO_RETURN_IF_ERROR(SetInput(node, how, inputs));
    }
  }
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  return node.graph().EmitMulti(known.name, std::move(inputs), std::move(attrs),
                                node.num_outputs());
}

}  // namespace

std::vector<std::string> GraphExporter::EmitMulti(const std::string& op_type,
                                                  std::vector<std::string> inputs,
                                                  std::vector<AttributeProto> attrs, int outputs,
                                                  const std::string& domain) {
  NodeProto& node = *proto_.add_node();
  node.set_op_type(op_type);
  if (!domain.empty()) node.set_domain(domain);
  for (std::string& input : inputs) node.add_input(std::move(input));
  for (AttributeProto& attr : attrs) *node.add_attribute() = std::move(attr);
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) {
    names.push_back(state_.FreeName(absl::StrCat(op_type, "_", i)));
    node.add_output(names.back());
  }
  if (domain.empty() && fault_.ok()) {
    fault_ = CheckForm(node, state_.opset, [this](const std::string& value) {
      const auto found = state_.dtypes.find(value);
      return found == state_.dtypes.end() ? DType::kInvalid : found->second;
    });
  }
  return names;
}

std::string GraphExporter::Constant(const Tensor& tensor, const std::string& wish) {
  const std::string name = state_.FreeName(wish);
  constants_[name] = tensor;
  state_.dtypes[name] = tensor.dtype();
  if (scope_ == Scope::kFunction) {
    NodeProto& node = *proto_.add_node();
    node.set_op_type("Constant");
    node.add_output(name);
    *node.add_attribute() = TensorAttr("value", tensor);
    return name;
  }
  TensorProto& initializer = *proto_.add_initializer();
  initializer.set_name(name);
  if (scope_ == Scope::kMain && tensor.num_bytes() >= kMinPayloadBytes) {
    TensorHeadToOnnx(tensor, initializer);
    state_.payloads[name] = tensor;
    return name;
  }
  const absl::Status status = TensorToOnnx(tensor, initializer);
  if (!status.ok()) state_.refused[std::string(status.message())].push_back(name);
  return name;
}

std::string GraphExporter::Ints(const std::vector<int64_t>& values) {
  return Constant(
      Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values)));
}

const Tensor* GraphExporter::ConstantValue(const std::string& name) const {
  const auto found = constants_.find(name);
  return found == constants_.end() ? nullptr : &found->second;
}

std::optional<std::vector<int64_t>> GraphExporter::ConstantInts(const std::string& name) const {
  const Tensor* constant = ConstantValue(name);
  if (constant == nullptr || !kInts.Contains(constant->dtype())) return std::nullopt;
  return constant->ToInts();
}

absl::StatusOr<std::string> GraphExporter::Transpose(const std::string& name,
                                                     const std::vector<int64_t>& perm) {
  const Tensor* constant = ConstantValue(name);
  const OpDef* transpose = state_.registry.Find("array.Transpose");
  if (constant == nullptr || transpose == nullptr) {
    return Emit("Transpose", {name}, {IntsAttr("perm", perm)});
  }
  NOMO_ASSIGN_OR_RETURN(const auto result, RunOp(*transpose, {*constant}, {{"perm", perm}}));
  return Constant(result[0], absl::StrCat(name, "_transposed"));
}

bool GraphExporter::Rename(int first, const std::string& from, const std::string& to) {
  for (int i = first; i < proto_.node_size(); ++i) {
    for (std::string& output : *proto_.mutable_node(i)->mutable_output()) {
      if (output != from) continue;
      output = to;
      RenameInputs(proto_, first, from, to);
      state_.names.Release(from);
      if (const auto constant = constants_.find(from); constant != constants_.end()) {
        constants_[to] = constant->second;
      }
      return true;
    }
  }
  return false;
}

void GraphExporter::AddInput(const std::string& name, const TensorType& type) {
  ValueInfoProto& input = *proto_.add_input();
  input.set_name(name);
  state_.dtypes[name] = type.dtype;
  TypeToOnnx(type, *input.mutable_type());
}

void GraphExporter::AddOutput(const std::string& name, const TensorType& type) {
  std::string own = name;
  bool made_here = false;
  for (const NodeProto& node : proto_.node()) {
    for (const std::string& output : node.output()) made_here |= output == name;
  }
  // ONNX Runtime hands out one of two outputs of a body that are the same value.
  for (const ValueInfoProto& output : proto_.output()) made_here &= output.name() != name;
  if (!made_here) own = Emit("Identity", {name});
  ValueInfoProto& output = *proto_.add_output();
  output.set_name(own);
  TypeToOnnx(type, *output.mutable_type());
}

absl::StatusOr<std::vector<std::string>> GraphExporter::Inline(
    const Graph& graph, const std::vector<std::string>& inputs, const std::string& prefix) {
  if (state_.depth >= kMaxDepth) return InvalidArgument("functions are nested too deep");
  ++state_.depth;
  std::vector<std::string> names(graph.values.size());
  for (size_t i = 0; i < inputs.size(); ++i) names[graph.inputs[i]] = inputs[i];
  for (const Weight& weight : graph.weights) {
    const std::string& own = graph.values[weight.value].name;
    if (prefix.empty()) state_.names.Release(own);  // reserved for it
    names[weight.value] = Constant(weight.tensor, absl::StrCat(prefix, own));
  }
  for (const Node& node : graph.nodes) {
    const absl::Status status = ExportNode(graph, node, names, prefix);
    if (!status.ok()) {
      state_.refused[absl::StrCat(Shown(node.op), ": ", status.message())].push_back(
          absl::StrCat(prefix, node.name));
      for (const ValueId id : node.outputs) {
        if (id != kNoValue) names[id] = state_.FreeName("refused");
      }
    }
  }
  --state_.depth;
  std::vector<std::string> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(names[id]);
  return outputs;
}

absl::StatusOr<std::vector<std::string>> GraphExporter::InlineFunction(
    const std::string& function, const std::vector<std::string>& inputs,
    const std::vector<TensorType>& types, const std::string& prefix) {
  const auto found = state_.model.functions.find(function);
  if (found == state_.model.functions.end()) {
    return InvalidArgument("there is no function @", Shown(function));
  }
  Graph graph = found->second.graph;
  if (graph.inputs.size() != inputs.size()) {
    return InvalidArgument("function @", Shown(function), " takes ", graph.inputs.size(),
                           " inputs, found ", inputs.size());
  }
  for (size_t i = 0; i < types.size(); ++i) graph.values[graph.inputs[i]].type = types[i];
  NOMO_RETURN_IF_ERROR(state_.inferrer.InferGraph(graph));
  return Inline(graph, inputs, prefix);
}

absl::Status GraphExporter::ExportNode(const Graph& graph, const Node& node,
                                       std::vector<std::string>& names, const std::string& prefix) {
  std::vector<std::string> inputs;
  std::vector<TensorType> input_types, output_types;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? "" : names[id]);
    input_types.push_back(id == kNoValue ? TensorType{} : graph.values[id].type);
  }
  for (const ValueId id : node.outputs) {
    output_types.push_back(id == kNoValue ? TensorType{} : graph.values[id].type);
  }
  const int first = proto_.node_size();
  const absl::Status outer = std::exchange(fault_, absl::OkStatus());
  const auto exported = ExportOp(node, inputs, input_types, output_types, prefix);
  const absl::Status fault = std::exchange(fault_, outer);
  NOMO_RETURN_IF_ERROR(exported.status());
  NOMO_RETURN_IF_ERROR(fault);
  const std::vector<std::string>& outputs = *exported;
  if (outputs.size() < node.outputs.size()) {
    return absl::UnimplementedError(
        absl::StrCat("output ", outputs.size(), " has no form in ONNX"));
  }
  for (int i = first; i < proto_.node_size(); ++i) {
    NodeProto& made = *proto_.mutable_node(i);
    if (made.name().empty()) {
      made.set_name(i + 1 == proto_.node_size() ? absl::StrCat(prefix, node.name)
                                                : absl::StrCat(prefix, node.name, "/", i - first));
    }
  }
  absl::flat_hash_map<std::string, std::string> renamed;  // a body may yield one value twice
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    const std::string& own = graph.values[node.outputs[i]].name;
    const std::string name = prefix.empty() ? own : state_.FreeName(absl::StrCat(prefix, own));
    names[node.outputs[i]] = name;
    state_.dtypes[name] = output_types[i].dtype;
    const auto [known, is_new] = renamed.emplace(outputs[i], name);
    if (!is_new || !Rename(first, outputs[i], name)) {
      NodeProto& identity = *proto_.add_node();
      identity.set_op_type("Identity");
      identity.set_name(absl::StrCat(prefix, node.name));
      identity.add_input(is_new ? outputs[i] : known->second);
      identity.add_output(name);
    }
  }
  return absl::OkStatus();
}

// The first opset whose operators take the type.
int SinceOf(DType dtype) { return kInt4s.Contains(dtype) ? 21 : kFloat8s.Contains(dtype) ? 19 : 0; }

absl::Status CheckTypes(absl::Span<const TensorType> types, int opset) {
  for (const TensorType& type : types) {
    if (SinceOf(type.dtype) <= opset) continue;
    return absl::UnimplementedError(
        absl::StrCat(DTypeName(type.dtype), " needs opset ", SinceOf(type.dtype), " or later"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> GraphExporter::ExportOp(
    const Node& node, const std::vector<std::string>& inputs,
    const std::vector<TensorType>& input_types, const std::vector<TensorType>& output_types,
    const std::string& prefix) {
  const OpDef* op = state_.registry.Find(node.op, node.version);
  NOMO_RETURN_IF_ERROR(CheckTypes(input_types, state_.opset));
  NOMO_RETURN_IF_ERROR(CheckTypes(output_types, state_.opset));
  const bool standard = op != nullptr && state_.registry.IsStandard(*op);
  const std::string inner = absl::StrCat(prefix, node.name, "/");
  if (!standard) {
    if (!node.body.empty() && absl::StartsWith(node.op, kTracedDomain)) {
      return InlineFunction(node.body, inputs, input_types, inner);
    }
    return ExportLambda(node, inputs);
  }
  NOMO_ASSIGN_OR_RETURN(Attributes attrs, ResolveAttributes(op->attrs, node.attrs));
  int newer = 0;
  const ExportForm form = FindExportForm(*op, state_.opset, &newer);
  if (form.found()) {
    NodeExporter exporter(*this, node, *op, std::move(attrs), inputs, input_types, output_types);
    if (form.name != nullptr) return ExportByName(exporter, *form.name);
    NOMO_RETURN_IF_ERROR(exporter.CheckTypes());
    return form.rule->function(exporter);
  }
  if (op->body) {
    NOMO_ASSIGN_OR_RETURN(const auto traced, TraceOpBody(*op, attrs, input_types));
    std::vector<std::string> given;
    for (const std::string& input : inputs) {
      if (!input.empty()) given.push_back(input);
    }
    const Graph& body = traced->functions.at(traced->main).graph;
    if (body.inputs.size() == given.size()) return Inline(body, given, inner);
    if (body.inputs.size() == inputs.size()) return Inline(body, inputs, inner);
  }
  if (newer > 0) {
    return absl::UnimplementedError(absl::StrCat("it needs opset ", newer, " or later"));
  }
  return absl::UnimplementedError("it has no form in ONNX");
}

// The domain and the operator that a lambda without a body stands for: those that it was read
// from, whose names ours cannot always hold.
std::pair<std::string, std::string> OperatorOf(const Node& node) {
  const auto [domain, op_type] = SplitName(node.op);
  if (node.provider == kOnnxProvider && node.op == QualifiedName("", op_type)) {
    return {"", op_type};
  }
  if (node.op == QualifiedName(node.provider, op_type)) return {node.provider, op_type};
  return {domain, op_type};
}

// A function of ONNX where the node carries its meaning, else a node of the op's own domain.
absl::StatusOr<std::vector<std::string>> GraphExporter::ExportLambda(
    const Node& node, const std::vector<std::string>& inputs) {
  const auto name_parts = node.body.empty() ? OperatorOf(node) : SplitName(node.op);
  const std::string &domain = name_parts.first, &plain = name_parts.second;
  std::string op_type = plain;
  if (domain.empty() && !SameForm(op_type, node.version, state_.opset)) {
    return absl::UnimplementedError(absl::StrCat("it is ai.onnx's ", op_type, " of opset ",
                                                 node.version, ", which opset ", state_.opset,
                                                 " does not have so"));
  }
  if (!domain.empty()) state_.domains.emplace(domain, node.body.empty() ? node.version : 1);
  std::vector<AttributeProto> attrs;
  for (const auto& [name, value] : node.attrs) {
    NOMO_ASSIGN_OR_RETURN(AttributeProto attr, ToAttribute(name, value));
    attrs.push_back(std::move(attr));
  }
  if (node.body.empty() && !domain.empty()) {
    state_.warnings.push_back(absl::StrCat("node ", Quoted(node.name),
                                           ": ONNX runtimes need an op ", Shown(plain),
                                           " of domain ", Shown(domain)));
  } else if (!node.body.empty()) {
    const auto made = state_.functions.find(node.body);
    if (made != state_.functions.end()) {
      op_type = made->second.name();
    } else {
      // Another body under the op's name is another function.
      const auto taken = [&](const std::string& name) {
        return std::any_of(state_.functions.begin(), state_.functions.end(), [&](const auto& f) {
          return f.second.domain() == domain && f.second.name() == name;
        });
      };
      for (int i = 2; taken(op_type); ++i) op_type = absl::StrCat(plain, "_", i);
      NOMO_ASSIGN_OR_RETURN(FunctionProto function, ExportFunction(node));
      function.set_domain(domain);
      function.set_name(op_type);
      state_.functions[node.body] = std::move(function);
    }
  }
  const auto names =
      EmitMulti(op_type, inputs, std::move(attrs), static_cast<int>(node.outputs.size()), domain);
  if (domain.empty()) fault_ = absl::OkStatus();  // it goes out as it came in
  NodeProto& made = *proto_.mutable_node(proto_.node_size() - 1);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) made.mutable_output(static_cast<int>(i))->clear();
  }
  return names;
}

absl::StatusOr<FunctionProto> GraphExporter::ExportFunction(const Node& node) {
  const auto found = state_.model.functions.find(node.body);
  if (found == state_.model.functions.end()) {
    return InvalidArgument("there is no function @", Shown(node.body));
  }
  const Graph& graph = found->second.graph;
  GraphExporter body(state_, Scope::kFunction);
  FunctionProto function;
  std::vector<std::string> inputs;
  for (const ValueId id : graph.inputs) {
    inputs.push_back(state_.FreeName(graph.values[id].name));
    function.add_input(inputs.back());
  }
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        body.Inline(graph, inputs, absl::StrCat(node.body, "/")));
  for (const std::string& output : outputs) {
    const bool is_input = std::find(inputs.begin(), inputs.end(), output) != inputs.end();
    function.add_output(is_input ? body.Emit("Identity", {output}) : output);
  }
  for (const auto& [name, value] : node.attrs) function.add_attribute(name);
  *function.mutable_node() = body.proto().node();
  OperatorSetIdProto& standard = *function.add_opset_import();
  standard.set_domain("");
  standard.set_version(state_.opset);
  std::set<std::string> domains;
  for (const NodeProto& inner : function.node()) {
    if (!inner.domain().empty()) domains.insert(inner.domain());
  }
  for (const std::string& domain : domains) {
    OperatorSetIdProto& opset = *function.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(state_.domains[domain]);
  }
  return function;
}

ExportRegistrar::ExportRegistrar(std::vector<ExportRule> rules) {
  for (ExportRule& rule : rules) {
    std::map<int, ExportRule>& versions = Rules()[rule.op];
    NOMO_CHECK(!versions.contains(rule.since));  // two rules for one op
    versions.emplace(rule.since, std::move(rule));
  }
}

ExportForm FindExportForm(const OpDef& op, int opset, int* newer) {
  ExportForm form;
  int newest = 0, next = 0;
  const auto is_newest = [&](int since) {
    if (since > opset) {
      next = next == 0 ? since : std::min(next, since);
      return false;
    }
    if (since <= newest) return false;
    newest = since;
    return true;
  };
  if (const auto rules = Rules().find(op.name); rules != Rules().end()) {
    for (const auto& [since, rule] : rules->second) {
      if (is_newest(since)) form.rule = &rule;
    }
  }
  for (const KnownName& name : op.known) {
    if (name.as == kOnnxFormat && is_newest(name.since)) form = {.rule = nullptr, .name = &name};
  }
  if (newer != nullptr && !form.found()) *newer = next;
  return form;
}

}  // namespace nomograph::onnx
