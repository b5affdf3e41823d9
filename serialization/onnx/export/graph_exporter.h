// Turns a Graph, and the functions that it calls, into an ONNX graph.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_GRAPH_EXPORTER_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_GRAPH_EXPORTER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/graph/infer.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/names.h"
#include "nomograph/serialization/onnx/export/attributes.h"
#include "nomograph/serialization/onnx/export/message_writer.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// The domain of lambdas that were traced: their names mean nothing elsewhere.
inline constexpr absl::string_view kTracedDomain = "local.";

// What the graphs of one model share.
struct ExportState {
  const Model& model;
  const OpRegistry& registry;
  int opset;
  UniqueNames names = {};  // of values, in all graphs: inner ones must not hide outer ones
  std::map<std::string, DType> dtypes = {};                      // of values, where they are known
  std::map<std::string, int> domains = {};                       // beside ai.onnx, with versions
  std::map<std::string, FunctionProto> functions = {};           // by the name of ours
  std::map<std::string, std::vector<std::string>> refused = {};  // why -> nodes
  std::vector<std::string> warnings = {};
  Payloads payloads = {};
  int depth = 0;
  TypeInferrer inferrer{model.functions, registry};

  // A name that no value has.
  std::string FreeName(absl::string_view wish) { return names.Take(wish.empty() ? "value" : wish); }
};

// Where a graph stands. In a function constants are nodes, elsewhere initializers; the large ones
// of the main graph stay where they are until the message is written (message_writer.h).
enum class Scope { kMain, kInner, kFunction };

// Writes nodes into one ONNX graph.
class GraphExporter {
 public:
  // The state must outlive the object.
  GraphExporter(ExportState& state, Scope scope) : state_(state), scope_(scope) {}

  ExportState& state() { return state_; }
  GraphProto& proto() { return proto_; }

  // A node; yields its outputs' names. A form that the opset does not have is a fault of the node
  // of ours that is being written.
  std::vector<std::string> EmitMulti(const std::string& op_type, std::vector<std::string> inputs,
                                     std::vector<AttributeProto> attrs, int outputs,
                                     const std::string& domain = "");
  std::string Emit(const std::string& op_type, std::vector<std::string> inputs,
                   std::vector<AttributeProto> attrs = {}) {
    return EmitMulti(op_type, std::move(inputs), std::move(attrs), 1)[0];
  }
  // A constant.
  std::string Constant(const Tensor& tensor, const std::string& wish = "constant");
  std::string Ints(const std::vector<int64_t>& values);
  // The value of a constant of this graph; null for other names.
  const Tensor* ConstantValue(const std::string& name) const;
  // A constant of integers as numbers; nothing for other values.
  std::optional<std::vector<int64_t>> ConstantInts(const std::string& name) const;
  // Transposes; a constant at once.
  absl::StatusOr<std::string> Transpose(const std::string& name, const std::vector<int64_t>& perm);

  // Writes all nodes of `graph`, whose inputs have these names; yields its outputs' names. Values
  // get their own names where they are free, `prefix` ahead of them where it is not empty.
  absl::StatusOr<std::vector<std::string>> Inline(const Graph& graph,
                                                  const std::vector<std::string>& inputs,
                                                  const std::string& prefix);
  // The same for a function of the model, which is typed for `types` first.
  absl::StatusOr<std::vector<std::string>> InlineFunction(const std::string& function,
                                                          const std::vector<std::string>& inputs,
                                                          const std::vector<TensorType>& types,
                                                          const std::string& prefix);
  // Adds an output to the graph; a name that a node outside has made is passed through one here.
  void AddOutput(const std::string& name, const TensorType& type);
  void AddInput(const std::string& name, const TensorType& type);

  // Renames what node number `first` or a later one of this graph has made.
  bool Rename(int first, const std::string& from, const std::string& to);

 private:
  absl::Status ExportNode(const Graph& graph, const Node& node, std::vector<std::string>& names,
                          const std::string& prefix);

  absl::StatusOr<std::vector<std::string>> ExportOp(const Node& node,
                                                    const std::vector<std::string>& inputs,
                                                    const std::vector<TensorType>& input_types,
                                                    const std::vector<TensorType>& output_types,
                                                    const std::string& prefix);
  absl::StatusOr<std::vector<std::string>> ExportLambda(const Node& node,
                                                        const std::vector<std::string>& inputs);
  absl::StatusOr<FunctionProto> ExportFunction(const Node& node);

  ExportState& state_;
  Scope scope_;
  GraphProto proto_;
  std::map<std::string, Tensor> constants_;
  absl::Status fault_;  // of the node that is being written
};

// One node of ours, while it is written.
class NodeExporter {
 public:
  NodeExporter(GraphExporter& graph, const Node& node, const OpDef& op, Attributes attrs,
               std::vector<std::string> inputs, std::vector<TensorType> input_types,
               std::vector<TensorType> output_types)
      : graph_(graph),
        node_(node),
        op_(op),
        attrs_(std::move(attrs)),
        inputs_(std::move(inputs)),
        input_types_(std::move(input_types)),
        output_types_(std::move(output_types)) {}

  GraphExporter& graph() { return graph_; }
  const Node& node() const { return node_; }
  const OpDef& op() const { return op_; }
  int opset() const { return graph_.state().opset; }
  const Attributes& attrs() const { return attrs_; }  // with defaults
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  bool has_input(int i) const { return i < num_inputs() && !inputs_[i].empty(); }
  const std::string& input(int i) const { return inputs_[i]; }
  const std::vector<std::string>& inputs() const { return inputs_; }
  const TensorType& type(int i) const { return input_types_[i]; }
  const std::vector<TensorType>& types() const { return input_types_; }
  const TensorType& output_type(int i) const { return output_types_[i]; }
  int num_outputs() const { return static_cast<int>(node_.outputs.size()); }
  // The integers that an attribute holds or, in its place, a constant input; an empty list where
  // there is neither, nothing where they are computed.
  std::optional<std::vector<int64_t>> KnownInts(const char* attr, int input) const;
  // FailedPrecondition where it is not known.
  absl::StatusOr<int> rank(int i) const;
  // FailedPrecondition where the type of an input is not known: of Lambdas that nobody knows here.
  absl::Status CheckTypes() const;

  std::string Emit(const std::string& op_type, std::vector<std::string> inputs,
                   std::vector<AttributeProto> attrs = {}) {
    return graph_.Emit(op_type, std::move(inputs), std::move(attrs));
  }
  // A scalar of input i's dtype. REQUIRES: CheckTypes().
  std::string Scalar(double value, int i = 0);
  // The attribute under ONNX's name for it.
  absl::StatusOr<AttributeProto> Attr(const std::string& name, const std::string& onnx_name = "");

 private:
  GraphExporter& graph_;
  const Node& node_;
  const OpDef& op_;
  Attributes attrs_;
  std::vector<std::string> inputs_;
  std::vector<TensorType> input_types_, output_types_;
};

// Yields the names of the outputs.
using ExportFn = absl::StatusOr<std::vector<std::string>> (*)(NodeExporter& node);

// What takes more than a name that the op has in ONNX (OpDef::Known()).
struct ExportRule {
  std::string op;       // of ours
  std::string op_type;  // of ONNX: the operator, or the chief one of several
  int since = 1;        // the first opset that has it so
  ExportFn function = nullptr;
};

struct ExportRegistrar {
  explicit ExportRegistrar(std::vector<ExportRule> rules);
};

// How an op is written: by a rule, or node for node under a name that it has in ONNX.
struct ExportForm {
  const ExportRule* rule = nullptr;
  const KnownName* name = nullptr;
  bool found() const { return rule != nullptr || name != nullptr; }
};

// The newest form that the opset has; a rule goes before a name of the same opset. Where there is
// none, `newer`, where given, becomes the first opset that has one.
ExportForm FindExportForm(const OpDef& op, int opset, int* newer = nullptr);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_GRAPH_EXPORTER_H_
