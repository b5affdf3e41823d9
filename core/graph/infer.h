// Type inference over graphs: what every value is, from the inputs on.
#ifndef NOMOGRAPH_CORE_GRAPH_INFER_H_
#define NOMOGRAPH_CORE_GRAPH_INFER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/fold.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct InferLimits {
  // How deep functions that call functions are nested.
  int max_depth = 64;
  // Functions are typed once for each list of input types. Behind so many nodes that were typed
  // again for further types, their inputs count as of unknown shape, which is right for all.
  int64_t max_repeated_nodes = 1 << 18;
  // Shapes may depend on small constants.
  FoldLimits fold = {.max_elements = 4096};
};

// Types nodes with the ops of one registry and the functions of one model. One thread at a time:
// what has been found of functions is remembered.
class TypeInferrer {
 public:
  // Both must outlive the object; functions may be added, but not changed.
  TypeInferrer(const FunctionLibrary& functions, const OpRegistry& registry,
               const InferLimits& limits = {});

  // Types all values from `graph.inputs`, whose types are taken as they stand. What values had
  // declared is kept where it says more, and is a fault where it contradicts. A node whose op is
  // not known here yields the types that it declares. All faults are in one status, each with its
  // node.
  absl::Status InferGraph(Graph& graph) const;

  // The types of a function's outputs for these inputs. NotFound when there is no such function.
  absl::StatusOr<std::vector<TensorType>> InferFunction(const std::string& function,
                                                        absl::Span<const TensorType> inputs) const;

  // The types of a node's outputs. `constants` (may be empty) are the inputs' values where they are
  // known.
  absl::StatusOr<std::vector<TensorType>> InferOneNode(const Node& node,
                                                       absl::Span<const TensorType> inputs,
                                                       absl::Span<const Tensor> constants) const;
  // The same, and the outputs' values where they follow from constants within the budget: as many
  // as there are types, or none.
  struct NodeTypes {
    std::vector<TensorType> types;
    std::vector<Tensor> constants;
  };
  absl::StatusOr<NodeTypes> TypeNode(const Node& node, absl::Span<const TensorType> inputs,
                                     absl::Span<const Tensor> constants) const;
  // Whether a node's types follow from its op or its body, not from what it declares alone.
  bool Knows(const Node& node) const;

  const OpRegistry& registry() const { return registry_; }
  // What is left to compute constants with.
  FoldBudget& fold_budget() const { return fold_; }

  // How many nodes have been typed: a measure of the work.
  int64_t nodes_typed() const { return nodes_typed_; }

 private:
  using Types = absl::StatusOr<std::vector<TensorType>>;
  // What is known of one function: for lists of input types those of its outputs.
  struct Known {
    absl::flat_hash_map<std::string, std::vector<std::pair<std::vector<TensorType>, Types>>> types;
  };
  const Types* Find(const Known& known, absl::Span<const TensorType> inputs,
                    const std::string& key) const;
  // With `fold`, also the constants.
  absl::StatusOr<NodeTypes> TypeNode(const Node& node, absl::Span<const TensorType> inputs,
                                     absl::Span<const Tensor> constants, bool fold) const;
  Types InferFunctionGraph(Graph graph, absl::Span<const TensorType> inputs) const;

  const FunctionLibrary& functions_;
  const OpRegistry& registry_;
  const InferLimits limits_;
  mutable FoldBudget fold_;
  mutable absl::flat_hash_map<std::string, Known> known_;
  mutable CallGraphMeasure depth_;
  mutable int64_t nodes_typed_ = 0, nodes_repeated_ = 0;
};

// OK when the op's own declaration and what the node declared of it agree: the difference
// otherwise.
absl::Status CheckSignature(const Node& node, absl::Span<const TensorType> inputs,
                            absl::Span<const TensorType> outputs);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_INFER_H_
