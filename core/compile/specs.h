// What is known of a lowered node's inputs and outputs when its kernel is prepared.
#ifndef NOMOGRAPH_CORE_COMPILE_SPECS_H_
#define NOMOGRAPH_CORE_COMPILE_SPECS_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/tuning.h"

namespace nomograph {

// `threads`, or 1 where a node has so few elements that starting threads takes longer than its
// work.
int WorthwhileThreads(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                      int threads);
// Those of a node in a program that has `threads`: what was measured, else WorthwhileThreads().
int NodeThreads(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                int threads, const NodeForm* form);

// The types of values, and what those are that are constant.
struct Operands {
  Operands(const LoweredGraph& graph, absl::Span<const ValueId> values) {
    for (const ValueId id : values) {
      types.push_back(id == kNoValue ? TensorType{} : graph.types[id]);
      constants.push_back(id == kNoValue ? Tensor() : graph.constants[id]);
    }
  }
  InferContext Context(const Attributes& attrs) const {
    return InferContext(attrs, types, constants, 1);
  }
  std::vector<TensorType> types;
  std::vector<Tensor> constants;
};

// Whether a run of the graph is so much work that it pays to wake other threads for it, which takes
// some microseconds on an idle machine and a hundred on a busy one. So does a graph of which not
// all shapes are known.
bool WorthSeveralThreads(const LoweredGraph& graph);

// The specs of a node's inputs and outputs, as kernels are prepared with them.
struct NodeSpecs {
  // `shapes` by ValueId, right where the type's shape is known.
  NodeSpecs(const LoweredGraph& graph, const LoweredNode& node, absl::Span<const Shape> shapes);
  // Those of the types: a shape that is not known is that of a scalar, and `shapes_known` false.
  NodeSpecs(const LoweredGraph& graph, const LoweredNode& node);
  // For a program that has so many threads. `form`: what has been measured, or null.
  PrepareContext Context(const LoweredNode& node, int threads,
                         const NodeForm* form = nullptr) const;

  std::vector<TensorSpec> inputs, outputs;
  std::vector<Tensor> constants;
  bool shapes_known = true;

 private:
  NodeSpecs(const LoweredGraph& graph, const LoweredNode& node,
            absl::FunctionRef<Shape(ValueId)> shape);
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_SPECS_H_
