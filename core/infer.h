// Type inference over graphs: what every value is, from the inputs on.
#ifndef NOMOGRAPH_CORE_INFER_H_
#define NOMOGRAPH_CORE_INFER_H_

#include <map>
#include <string>
#include <vector>

#include "nomograph/core/model.h"
#include "nomograph/core/op.h"
#include "nomograph/core/registry.h"

namespace nomograph {

using FunctionLibrary = std::map<std::string, Function, std::less<>>;

// Types nodes with the ops of one registry and the functions of one model.
class TypeInferrer {
 public:
  // Both must outlive the object.
  TypeInferrer(const FunctionLibrary& functions, const OpRegistry& registry)
      : functions_(functions), registry_(registry) {}

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

 private:
  const FunctionLibrary& functions_;
  const OpRegistry& registry_;
  // How deep functions are nested; a library that calls itself is refused by VerifyModel, and here
  // by this bound.
  mutable int depth_ = 0;
};

// OK when the op's own declaration and what the node declared of it agree: the difference
// otherwise.
absl::Status CheckSignature(const Node& node, absl::Span<const TensorType> inputs,
                            absl::Span<const TensorType> outputs);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_INFER_H_
