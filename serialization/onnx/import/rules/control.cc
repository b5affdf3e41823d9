// Control flow. A subgraph becomes a function of the model; the outer values that it uses become
// its further inputs.
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "nomograph/serialization/onnx/import/graph_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// After so many rounds a shape that still changes counts as of unknown rank.
constexpr int kMaxRounds = 4;

absl::StatusOr<const GraphProto*> Subgraph(NodeImporter& node, absl::string_view attr) {
  const AttributeProto* proto = node.Attribute(attr);
  if (proto == nullptr || !proto->has_g()) {
    return InvalidArgument("attribute ", attr, ": expected a graph, found ",
                           proto == nullptr ? "nothing" : "something else");
  }
  return &proto->g();
}

absl::StatusOr<std::string> AddFunction(NodeImporter& node, absl::string_view attr,
                                        GraphImporter& body) {
  ImportState& state = node.graph().state();
  const std::string name = state.FreeFunctionName(absl::StrCat(node.name(), ".", attr));
  for (const Capture& capture : body.captures()) body.graph().inputs.push_back(capture.inner);
  state.AddFunction(name, body);
  return name;
}

absl::Status ImportIf(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const GraphProto* then_graph, Subgraph(node, "then_branch"));
  NOMO_ASSIGN_OR_RETURN(const GraphProto* else_graph, Subgraph(node, "else_branch"));
  GraphImporter then_branch(node.graph().state(), node.graph().opsets(), &node.graph());
  GraphImporter else_branch(node.graph().state(), node.graph().opsets(), &node.graph());
  NOMO_RETURN_IF_ERROR(Annotate(then_branch.ImportSubgraph(*then_graph, {}), "then_branch"));
  NOMO_RETURN_IF_ERROR(Annotate(else_branch.ImportSubgraph(*else_graph, {}), "else_branch"));
  // Both take what either of them uses, in one order.
  std::vector<ValueId> inputs;
  for (const Capture& capture : then_branch.captures()) inputs.push_back(capture.outer);
  const absl::flat_hash_set<ValueId> taken(inputs.begin(), inputs.end());
  for (const Capture& capture : else_branch.captures()) {
    if (!taken.contains(capture.outer)) inputs.push_back(capture.outer);
  }
  Attributes attrs;
  for (auto [attr, branch] :
       {std::pair{"then_branch", &then_branch}, {"else_branch", &else_branch}}) {
    for (const ValueId outer : inputs) branch->graph().inputs.push_back(branch->Captured(outer));
    const std::string name =
        node.graph().state().FreeFunctionName(absl::StrCat(node.name(), ".", attr));
    node.graph().state().AddFunction(name, *branch);
    attrs.Set(attr, FunctionRef{name});
  }
  inputs.insert(inputs.begin(), node.input(0));
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, [&]() -> absl::StatusOr<PartialShape> {
    NOMO_RETURN_IF_ERROR(node.dtype(node.input(0)).status());
    return node.type(node.input(0)).shape;
  }());
  if (!shape.has_rank() || shape.rank() != 0) {  // ONNX takes any tensor of one element
    NOMO_ASSIGN_OR_RETURN(
        inputs[0], node.Add("array.Reshape", {inputs[0]}, {{"shape", std::vector<int64_t>()}}));
  }
  NOMO_ASSIGN_OR_RETURN(
      const auto outputs,
      node.AddMulti("core.If", inputs, attrs, std::vector<bool>(node.num_outputs(), true)));
  return node.Return(outputs);
}

const OperatorRegistrar kIf({"If", "core.If", 1, ImportIf});

// What two shapes have in common.
PartialShape Common(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return PartialShape();
  PartialShape common = PartialShape::OfRank(a.rank());
  for (int axis = 0; axis < a.rank(); ++axis) {
    if (a[axis] == b[axis]) common[axis] = a[axis];
  }
  return common;
}

// Reads a loop's body for `inputs`, of which `count` from `first` on are carried from one iteration
// to the next and stand at `first_output` among the outputs. Shapes that an iteration changes
// become unknown, until nothing changes any more. A loop around this one reads the body again for
// each of its own rounds: what has become unknown stays so, so that the rounds of nested loops add
// up and do not multiply.
absl::StatusOr<std::unique_ptr<GraphImporter>> ImportBody(NodeImporter& node,
                                                          const GraphProto& proto,
                                                          std::vector<TensorType> inputs,
                                                          size_t first, size_t count,
                                                          size_t first_output) {
  std::vector<TensorType>& settled = node.graph().state().loops[&proto];
  for (size_t i = first; settled.size() == inputs.size() && i < first + count; ++i) {
    inputs[i].shape = Common(inputs[i].shape, settled[i].shape);
  }
  for (int round = 0;; ++round) {
    settled = inputs;
    auto body =
        std::make_unique<GraphImporter>(node.graph().state(), node.graph().opsets(), &node.graph());
    NOMO_RETURN_IF_ERROR(Annotate(body->ImportSubgraph(proto, inputs), "body"));
    const Graph& graph = body->graph();
    if (graph.outputs.size() < first_output + count) {
      return InvalidArgument("body: expected at least ", first_output + count, " outputs, found ",
                             graph.outputs.size());
    }
    bool changed = false;
    for (size_t i = 0; i < count; ++i) {
      const TensorType& after = body->builder().type(graph.outputs[first_output + i]);
      PartialShape& shape = inputs[first + i].shape;
      const PartialShape common = round >= kMaxRounds ? PartialShape() : Common(shape, after.shape);
      if (common == shape || after.shape == shape) continue;
      changed = true;
      shape = common;
    }
    if (!changed) return body;
  }
}

absl::Status ImportLoop(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const GraphProto* proto, Subgraph(node, "body"));
  std::vector<TensorType> types = {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}};
  std::vector<ValueId> inputs = node.inputs();
  inputs.resize(std::max<size_t>(inputs.size(), 2), kNoValue);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i >= 2) {
      NOMO_RETURN_IF_ERROR(node.dtype(inputs[i]).status());
      types.push_back(node.type(inputs[i]));
    } else if (inputs[i] != kNoValue && node.type(inputs[i]).shape != PartialShape(Shape{})) {
      NOMO_ASSIGN_OR_RETURN(
          inputs[i], node.Add("array.Reshape", {inputs[i]}, {{"shape", std::vector<int64_t>()}}));
    }
  }
  const size_t carried = types.size() - 2;
  NOMO_ASSIGN_OR_RETURN(auto body, ImportBody(node, *proto, types, 2, carried, 1));
  for (const Capture& capture : body->captures()) inputs.push_back(capture.outer);
  NOMO_ASSIGN_OR_RETURN(const std::string function, AddFunction(node, "body", *body));
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        node.AddMulti("core.Loop", inputs,
                                      {{"body", FunctionRef{function}},
                                       {"num_carried", static_cast<int64_t>(carried)}},
                                      std::vector<bool>(node.num_outputs(), true)));
  return node.Return(outputs);
}

const OperatorRegistrar kLoop({"Loop", "core.Loop", 1, ImportLoop});

absl::Status ImportScan(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const GraphProto* proto, Subgraph(node, "body"));
  NOMO_ASSIGN_OR_RETURN(const int64_t scans, node.Int("num_scan_inputs", 1));
  const int64_t states = node.num_inputs() - scans;
  if (scans < 1 || states < 0) {
    return InvalidArgument("attribute num_scan_inputs: expected 1 to ", node.num_inputs(),
                           ", found ", scans);
  }
  NOMO_ASSIGN_OR_RETURN(std::vector<int64_t> axes, node.Ints("scan_input_axes"));
  axes.resize(scans, 0);
  std::vector<TensorType> types;
  for (int i = 0; i < node.num_inputs(); ++i) {
    NOMO_RETURN_IF_ERROR(node.dtype(node.input(i)).status());
    TensorType type = node.type(node.input(i));
    if (i >= states && type.shape.has_rank()) {
      NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(axes[i - states], type.shape.rank()));
      std::vector<Dim> dims = type.shape.dims();
      dims.erase(dims.begin() + axis);
      type.shape = PartialShape(std::move(dims));
    }
    types.push_back(std::move(type));
  }
  NOMO_ASSIGN_OR_RETURN(auto body,
                        ImportBody(node, *proto, types, 0, static_cast<size_t>(states), 0));
  std::vector<ValueId> inputs = node.inputs();
  for (const Capture& capture : body->captures()) inputs.push_back(capture.outer);
  NOMO_ASSIGN_OR_RETURN(const std::string function, AddFunction(node, "body", *body));
  Attributes attrs = {
      {"body", FunctionRef{function}}, {"num_states", states}, {"num_scan_inputs", scans}};
  for (const char* attr :
       {"scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"}) {
    NOMO_RETURN_IF_ERROR(node.Copy("core.Scan", attr, attrs));
  }
  NOMO_ASSIGN_OR_RETURN(
      const auto outputs,
      node.AddMulti("core.Scan", inputs, attrs, std::vector<bool>(node.num_outputs(), true)));
  return node.Return(outputs);
}

const OperatorRegistrar kScan({"Scan", "core.Scan", 9, ImportScan});

// Until opset 8 everything had a batch ahead: the scan of later opsets is the body of a scan over
// the batch.
absl::Status ImportScan8(NodeImporter& node) {
  if (node.has_input(0)) {
    return absl::UnimplementedError("input sequence_lens is not supported");
  }
  if (node.num_inputs() == 0) return InvalidArgument("expected inputs, found none");
  GraphImporter rows(node.graph().state(), node.graph().opsets(), &node.graph());
  NodeProto inner = node.proto();
  inner.clear_input();
  std::vector<ValueId> inputs(node.inputs().begin() + 1, node.inputs().end());
  for (size_t i = 0; i < inputs.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(const int rank, node.rank(inputs[i]));
    if (rank == 0) return InvalidArgument("input ", i + 1, ": expected a batch, found a scalar");
    TensorType type = node.type(inputs[i]);
    type.shape =
        PartialShape(std::vector<Dim>(type.shape.dims().begin() + 1, type.shape.dims().end()));
    inner.add_input(absl::StrCat(node.name(), "/row", i));
    rows.AddInput(inner.input(static_cast<int>(i)), type);
  }
  for (AttributeProto& attr : *inner.mutable_attribute()) {
    if (attr.name() == "directions") attr.set_name("scan_input_directions");
  }
  NodeImporter scan(rows, inner, node.name(), node.opset());
  // The loops of a copy are none that can be met again.
  LoopTypes loops;
  loops.swap(node.graph().state().loops);
  const absl::Status status = ImportScan(scan);
  loops.swap(node.graph().state().loops);
  NOMO_RETURN_IF_ERROR(status);
  for (const std::string& output : inner.output()) {
    NOMO_ASSIGN_OR_RETURN(const ValueId value, rows.Lookup(output));
    rows.graph().outputs.push_back(value);
  }
  node.Ignore({"body", "num_scan_inputs", "directions"});
  const int64_t count = static_cast<int64_t>(inputs.size());
  for (const Capture& capture : rows.captures()) inputs.push_back(capture.outer);
  NOMO_ASSIGN_OR_RETURN(const std::string function, AddFunction(node, "rows", rows));
  NOMO_ASSIGN_OR_RETURN(
      const auto outputs,
      node.AddMulti(
          "core.Scan", inputs,
          {{"body", FunctionRef{function}}, {"num_states", 0}, {"num_scan_inputs", count}},
          std::vector<bool>(node.num_outputs(), true)));
  return node.Return(outputs);
}

const OperatorRegistrar kScan8({"Scan", "core.Scan", 8, ImportScan8});

}  // namespace
}  // namespace nomograph::onnx
