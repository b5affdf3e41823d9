// Turns one ONNX graph, and those inside of it, into a Graph.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "nomograph/core/graph/graph_builder.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/onnx/import/import_report.h"
#include "nomograph/serialization/onnx/import/node_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"
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

// What tells a model's own functions apart.
struct FunctionId {
  std::string domain, name, overload;

  auto operator<=>(const FunctionId&) const = default;
};

// What the graphs of one model share.
struct ImportState {
  const OpRegistry& registry;
  TensorReader tensors;
  FunctionLibrary functions;                                   // written so far
  std::map<FunctionId, const FunctionProto*> local_functions;  // the model's own
  // Those that have been written, by what they were called with: attributes and types.
  std::map<std::pair<const FunctionProto*, std::string>, std::string> instances;
  ErrorList errors;
  std::set<std::string> missing_files;  // what has been told of them
  // What could be read only as lambdas: why -> nodes.
  std::map<std::string, std::vector<std::string>> not_covered;
  std::function<void(int64_t done, int64_t total)> progress;
  int depth = 0;  // of functions and subgraphs
  // Loops of the main graph, or of the function that is being read.
  LoopTypes loops;
  TypeInferrer inferrer{functions, registry};
  UniqueNames function_names;
  std::map<std::string, std::vector<Origin>> origins;  // of the functions' nodes
  std::set<std::string> op_types;                      // where origins' lie

  // A name that no function has, made from `wish`.
  std::string FreeFunctionName(const std::string& wish) { return function_names.Take(wish); }
  // The model's own functions become known.
  void AddLocalFunctions(const google::protobuf::RepeatedPtrField<FunctionProto>& functions);
  // The one that a node calls; null where it calls none.
  const FunctionProto* FindFunction(const NodeProto& call) const;
  // The function that `body` has written.
  void AddFunction(const std::string& name, GraphImporter& body);
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
  // Adds a weight or constant, with a name made from `wish`.
  ValueId AddConstant(const std::string& wish, Tensor tensor);
  // Adds a constant that is sparse in the file, with a name made from `wish`: a dense one where the
  // budget of folding has room for it, else nodes that make it dense when the model runs.
  absl::StatusOr<ValueId> AddSparse(const std::string& wish, const SparseTensorProto& proto);
  // Whether the budget of folding has room for a constant that the file does not hold itself, which
  // is then taken, and which AddConstant() may add.
  bool TakeRoomFor(DType dtype, int64_t elements);

  // The main graph, with inputs, outputs and their declared types. Of nodes that have been read
  // only those are left in `proto` in which tensors or graphs lie.
  void ImportMain(GraphProto& proto);
  // A subgraph whose inputs have these types. Afterwards captures() are its further inputs, which
  // the caller puts into graph().inputs.
  absl::Status ImportSubgraph(const GraphProto& proto, const std::vector<TensorType>& inputs);
  // A model-local function called with these types. What the caller leaves out has none, and is
  // left out wherever the function passes it on.
  absl::Status ImportFunction(const FunctionProto& proto,
                              const std::vector<std::optional<TensorType>>& inputs);

  Graph& graph() { return graph_; }
  // Of the operators read so far.
  std::vector<Origin>& origins() { return origins_; }
  const std::vector<Capture>& captures() const { return captures_; }
  // The value inside that stands for `outer`; a new capture where there is none yet.
  ValueId Captured(ValueId outer);

  // The value of that name, captured from outside if need be. NotFound when there is none;
  // InvalidArgument when it IsLeftOut().
  absl::StatusOr<ValueId> Lookup(const std::string& name);
  // Whether that is an input of a function that the caller leaves out.
  bool IsLeftOut(const std::string& name) const;
  GraphBuilder& builder() { return builder_; }
  ImportState& state() { return state_; }
  const Opsets& opsets() const { return opsets_; }
  // In a function: the caller's attribute, null where it has none.
  const AttributeProto* FunctionAttribute(const std::string& name) const;
  // Neither a function nor a subgraph.
  bool is_main() const { return outer_ == nullptr && !in_function(); }
  bool in_function() const { return function_attributes_ != nullptr; }

  // Gives a value of this graph the name that the ONNX graph has for it.
  absl::Status Name(ValueId value, const std::string& name);
  // The type that the ONNX graph declares for a name; dtype kInvalid where it does not.
  TensorType DeclaredType(const std::string& name) const;

 private:
  void AddInitializers(const GraphProto& proto);
  void ReadDeclaredTypes(const google::protobuf::RepeatedPtrField<ValueInfoProto>& values);
  // Calls `done` with the place of each node that has been read.
  void ImportNodes(
      const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
      absl::FunctionRef<void(int place)> done = [](int) {});
  void ImportNode(const NodeProto& proto);
  void AddOrigin(const NodeProto& proto, size_t first_node);
  absl::Status ImportCall(NodeImporter& node, const FunctionProto& function);
  absl::Status ImportLambda(NodeImporter& node);  // of an op that has no form here
  // By the operator's rule, or as a lambda where the rule does not cover the node.
  absl::Status ImportCovered(const Operator& rule, NodeImporter& node);
  // How much there is of the graph, and the way back to it.
  struct Mark {
    GraphBuilder::Mark graph;
    size_t names, captures;
  };
  Mark MarkHere() const;
  void GoBack(const Mark& mark);
  // From now on `name` of the ONNX graph is `value`.
  void SetName(const std::string& name, ValueId value);

  ImportState& state_;
  const Opsets& opsets_;
  GraphImporter* outer_;
  const std::map<std::string, AttributeProto>* function_attributes_;
  Graph graph_;
  GraphBuilder builder_;
  absl::flat_hash_map<std::string, ValueId> names_;  // of the ONNX graph
  std::vector<std::string> named_;                   // by the node that is read, in order
  std::set<std::string> left_out_;                   // inputs that the function's caller leaves out
  absl::flat_hash_map<std::string, TensorType> declared_;
  std::vector<Capture> captures_;
  absl::flat_hash_map<ValueId, ValueId> inner_of_;  // the same, by the outer value
  std::vector<Origin> origins_;
};

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_GRAPH_IMPORTER_H_
