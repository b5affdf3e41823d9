// Turns one ONNX graph, and those inside of it, into a Graph.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/graph/fold.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/onnx/import/free_names.h"
#include "nomograph/serialization/onnx/import/node_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/probe.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {

using Opsets = std::map<std::string, int>;  // domain -> version

// Adds the domains' opsets to those of the model around, if any. InvalidArgument for a version that
// none can have.
absl::Status ReadOpsets(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& imports,
                        Opsets& opsets);

// The types of the inputs that a loop's body was last read for: those of values that iterations
// change have been widened.
using LoopTypes = std::map<const GraphProto*, std::vector<TensorType>>;

// What the graphs of one model share.
struct ImportState {
  TensorReader tensors;
  FunctionLibrary functions;  // written so far
  // The model's own functions, by "domain.name".
  std::map<std::string, const FunctionProto*> local_functions;
  // Those that have been written, by their call's name, attributes and types.
  std::map<std::string, std::string> instances;
  ErrorList errors;
  // What could be read only as lambdas: why -> nodes.
  std::map<std::string, std::vector<std::string>> not_covered;
  std::function<void(int64_t done, int64_t total)> progress;
  int depth = 0;  // of functions and subgraphs
  // Loops of the main graph, or of the function that is being read.
  LoopTypes loops;
  TypeInferrer inferrer{functions, OpRegistry::Default()};
  // Only small constants are computed while a model is read, because shapes may depend on them.
  FoldBudget fold{FoldLimits{.max_elements = 4096}};
  FreeNames function_names;

  // A name that no function has, made from `wish`.
  std::string FreeFunctionName(const std::string& wish) { return function_names.Take(wish); }
  absl::Status AddFunction(const std::string& name, Graph graph);
};

// A subgraph's use of a value of the graph around it.
struct Capture {
  ValueId outer, inner;
};

class GraphImporter {
 public:
  // `outer` is the graph around a subgraph, or null. All must outlive the object.
  GraphImporter(ImportState& state, const Opsets& opsets, GraphImporter* outer = nullptr,
                const std::map<std::string, AttributeProto>* function_attributes = nullptr);

  // Adds an input. The name must be free.
  ValueId AddInput(const std::string& name, const TensorType& type);
  // Adds a weight or constant.
  ValueId AddConstant(const std::string& name, Tensor tensor);
  // Adds a constant that is sparse in the file, with a name made from `wish`: a dense one where the
  // budget of folding has room for it, else nodes that make it dense when the model runs.
  absl::StatusOr<ValueId> AddSparse(const std::string& wish, const SparseTensorProto& proto);

  // The main graph, with inputs, outputs and their declared types.
  void ImportMain(const GraphProto& proto);
  // A subgraph whose inputs have these types. Afterwards captures() are its further inputs, which
  // the caller puts into graph().inputs.
  absl::Status ImportSubgraph(const GraphProto& proto, const std::vector<TensorType>& inputs);
  // A model-local function called with these types.
  absl::Status ImportFunction(const FunctionProto& proto, const std::vector<TensorType>& inputs);

  Graph& graph() { return graph_; }
  const std::vector<Capture>& captures() const { return captures_; }
  // The value inside that stands for `outer`; a new capture where there is none yet.
  ValueId Captured(ValueId outer);

  // The value of that name, captured from outside if need be. NotFound when there is none.
  absl::StatusOr<ValueId> Lookup(const std::string& name);
  const TensorType& type(ValueId value) const { return graph_.values[value].type; }
  const Tensor* constant(ValueId value) const;
  std::optional<std::vector<SizeValue>> sizes(ValueId value) const;
  ImportState& state() { return state_; }
  const Opsets& opsets() const { return opsets_; }
  // In a function: the caller's attribute, null where it has none.
  const AttributeProto* FunctionAttribute(const std::string& name) const;
  bool in_function() const { return function_attributes_ != nullptr; }

  // Writes a node, of which the outputs in `outputs` are there, and infers their types. `declared`
  // (may be empty) are the outputs' types where the op is not known here.
  absl::StatusOr<std::vector<ValueId>> AddNode(Node node, const std::vector<bool>& outputs,
                                               const std::vector<TensorType>& declared);
  // Gives a value of this graph the name that the ONNX graph has for it.
  absl::Status Name(ValueId value, const std::string& name);
  // The type that the ONNX graph declares for a name; dtype kInvalid where it does not.
  TensorType DeclaredType(const std::string& name) const;
  // A name that no value (node) has.
  std::string FreeValueName(const std::string& wish);
  std::string FreeNodeName(const std::string& wish);

 private:
  void AddInitializers(const GraphProto& proto);
  void ReadDeclaredTypes(const google::protobuf::RepeatedPtrField<ValueInfoProto>& values);
  void ImportNodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes);
  void ImportNode(const NodeProto& proto);
  absl::Status ImportCall(NodeImporter& node);    // of a model-local function
  absl::Status ImportLambda(NodeImporter& node);  // of an op that has no form here
  // By the operator's rule, or as a lambda where the rule does not cover the node.
  absl::Status ImportCovered(const Operator& rule, NodeImporter& node);
  ValueId AddValue(const std::string& name, TensorType type);
  // How much there is of the graph, and the way back to it.
  struct Mark {
    size_t values, nodes, weights, captures;
  };
  Mark MarkHere() const;
  void GoBack(const Mark& mark);
  void RememberConstants(const Node& node);

  ImportState& state_;
  const Opsets& opsets_;
  GraphImporter* outer_;
  const std::map<std::string, AttributeProto>* function_attributes_;
  Graph graph_;
  std::map<std::string, ValueId> names_;  // of the ONNX graph
  FreeNames value_names_, node_names_;
  std::map<std::string, TensorType> declared_;
  std::map<ValueId, Tensor> constants_;
  Probe probe_;
  std::vector<Capture> captures_;
  absl::flat_hash_map<ValueId, ValueId> inner_of_;  // the same, by the outer value
};

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_
