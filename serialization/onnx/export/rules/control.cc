// Control flow. Our functions are closed; ONNX's subgraphs see the values around them, so that a
// function's inputs become outer names.
#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

std::vector<std::string> Slice(const std::vector<std::string>& names, size_t begin,
                               size_t end = std::string::npos) {
  end = std::min(end, names.size());
  if (begin >= end) return {};
  return std::vector<std::string>(names.begin() + begin, names.begin() + end);
}

std::vector<TensorType> SliceTypes(const std::vector<TensorType>& types, size_t begin,
                                   size_t end = std::string::npos) {
  end = std::min(end, types.size());
  if (begin >= end) return {};
  return std::vector<TensorType>(types.begin() + begin, types.begin() + end);
}

std::string Prefix(const NodeExporter& n, const char* what) {
  return absl::StrCat(n.node().name, "/", what, "/");
}

// The declared types of a function's outputs.
std::vector<TensorType> OutputTypes(NodeExporter& n, const std::string& function) {
  const Graph& graph = n.graph().state().model.functions.at(function).graph;
  std::vector<TensorType> types;
  for (const ValueId id : graph.outputs) types.push_back(graph.values[id].type);
  return types;
}

absl::StatusOr<AttributeProto> Branch(NodeExporter& n, const char* attr) {
  const std::string& function = n.attrs().Function(attr).name;
  GraphExporter branch(n.graph().state(), Scope::kInner);
  branch.proto().set_name(attr);
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        branch.InlineFunction(function, Slice(n.inputs(), 1),
                                              SliceTypes(n.types(), 1), Prefix(n, attr)));
  const std::vector<TensorType> types = OutputTypes(n, function);
  for (size_t i = 0; i < outputs.size(); ++i) branch.AddOutput(outputs[i], types[i]);
  return GraphAttr(attr, std::move(branch.proto()));
}

Names If(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(AttributeProto then_branch, Branch(n, "then_branch"));
  NOMO_ASSIGN_OR_RETURN(AttributeProto else_branch, Branch(n, "else_branch"));
  return n.graph().EmitMulti("If", {n.input(0)}, {std::move(then_branch), std::move(else_branch)},
                             n.num_outputs());
}

// The inputs of a subgraph, under names of their own.
std::vector<std::string> AddInputs(GraphExporter& body, const std::string& prefix,
                                   const std::vector<TensorType>& types) {
  std::vector<std::string> names;
  for (size_t i = 0; i < types.size(); ++i) {
    names.push_back(body.state().FreeName(absl::StrCat(prefix, "in", i)));
    body.AddInput(names.back(), types[i]);
  }
  return names;
}

// The types of the inputs of a function: what the loop has made of them.
std::vector<TensorType> InputTypes(NodeExporter& n, const std::string& function) {
  const Graph& graph = n.graph().state().model.functions.at(function).graph;
  std::vector<TensorType> types;
  for (const ValueId id : graph.inputs) types.push_back(graph.values[id].type);
  return types;
}

// variables = body(variables) while cond(variables): an ONNX Loop that computes its condition anew
// at the end of each iteration.
Names While(NodeExporter& n) {
  if (n.attrs().Has("max_iterations")) {
    return absl::UnimplementedError("max_iterations has no form in ONNX");
  }
  const std::string& cond = n.attrs().Function("cond").name;
  const std::string& function = n.attrs().Function("body").name;
  const std::vector<TensorType> types = InputTypes(n, function);
  NOMO_ASSIGN_OR_RETURN(const auto first,
                        n.graph().InlineFunction(cond, n.inputs(), types, Prefix(n, "first")));
  GraphExporter body(n.graph().state(), Scope::kInner);
  body.proto().set_name("body");
  const std::string prefix = Prefix(n, "body");
  AddInputs(body, absl::StrCat(prefix, "loop_"),
            {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}});
  const std::vector<std::string> variables = AddInputs(body, prefix, types);
  NOMO_ASSIGN_OR_RETURN(const auto after, body.InlineFunction(function, variables, types, prefix));
  NOMO_ASSIGN_OR_RETURN(const auto goes_on,
                        body.InlineFunction(cond, after, types, Prefix(n, "cond")));
  body.AddOutput(goes_on[0], {DType::kBool, Shape{}});
  for (size_t i = 0; i < after.size(); ++i) body.AddOutput(after[i], types[i]);
  std::vector<std::string> inputs = {"", first[0]};
  inputs.insert(inputs.end(), n.inputs().begin(), n.inputs().end());
  return n.graph().EmitMulti("Loop", std::move(inputs),
                             {GraphAttr("body", std::move(body.proto()))}, n.num_outputs());
}

// The body of Loop or Scan: its first `own` inputs are its own, those behind are captured.
absl::StatusOr<AttributeProto> Body(NodeExporter& n, size_t own, size_t first_captured) {
  const std::string& function = n.attrs().Function("body").name;
  const std::vector<TensorType> types = InputTypes(n, function);
  GraphExporter body(n.graph().state(), Scope::kInner);
  body.proto().set_name("body");
  const std::string prefix = Prefix(n, "body");
  std::vector<std::string> inputs = AddInputs(body, prefix, SliceTypes(types, 0, own));
  for (std::string& captured : Slice(n.inputs(), first_captured)) {
    inputs.push_back(std::move(captured));
  }
  NOMO_ASSIGN_OR_RETURN(const auto outputs, body.InlineFunction(function, inputs, types, prefix));
  const std::vector<TensorType> output_types = OutputTypes(n, function);
  for (size_t i = 0; i < outputs.size(); ++i) body.AddOutput(outputs[i], output_types[i]);
  return GraphAttr("body", std::move(body.proto()));
}

Names Loop(NodeExporter& n) {
  const size_t carried = static_cast<size_t>(n.attrs().Int("num_carried"));
  NOMO_ASSIGN_OR_RETURN(AttributeProto body, Body(n, 2 + carried, 2 + carried));
  std::vector<std::string> inputs = Slice(n.inputs(), 0, 2 + carried);
  inputs.resize(2 + carried);
  return n.graph().EmitMulti("Loop", std::move(inputs), {std::move(body)}, n.num_outputs());
}

Names Scan(NodeExporter& n) {
  const size_t scans = static_cast<size_t>(n.attrs().Int("num_scan_inputs"));
  const size_t own = static_cast<size_t>(n.attrs().Int("num_states")) + scans;
  NOMO_ASSIGN_OR_RETURN(AttributeProto body, Body(n, own, own));
  std::vector<AttributeProto> attrs = {std::move(body), IntAttr("num_scan_inputs", scans)};
  for (const char* name :
       {"scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"}) {
    if (!n.attrs().Has(name) || n.attrs().Ints(name).empty()) continue;
    attrs.push_back(IntsAttr(name, n.attrs().Ints(name)));
  }
  return n.graph().EmitMulti("Scan", Slice(n.inputs(), 0, own), std::move(attrs), n.num_outputs());
}

// It orders effects, of which ONNX has none.
Names After(NodeExporter& n) { return {{n.Emit("Identity", {n.input(0)})}}; }

// What is computed; ONNX has no gradients.
Names CustomGradient(NodeExporter& n) {
  return n.graph().InlineFunction(n.attrs().Function("function").name, n.inputs(), n.types(),
                                  Prefix(n, "function"));
}

Names StopGradient(NodeExporter& n) { return {{n.Emit("Identity", {n.input(0)})}}; }

const ExportRegistrar kControl({
    {.op = "core.If", .op_type = "If", .function = If},
    {.op = "core.While", .op_type = "Loop", .function = While},
    {.op = "core.Loop", .op_type = "Loop", .function = Loop},
    {.op = "core.Scan", .op_type = "Scan", .function = Scan},
    {.op = "core.After", .op_type = "Identity", .function = After},
    {.op = "core.CustomGradient", .op_type = "Identity", .function = CustomGradient},
    {.op = "core.StopGradient", .op_type = "Identity", .function = StopGradient},
});

}  // namespace
}  // namespace nomograph::onnx
