// Lowering: from the portable Graph to the LoweredGraph, which is specialised to concrete input
// shapes and to the ops that this machine has, and from which a Program is prepared.
#ifndef NOMOGRAPH_CORE_COMPILE_LOWER_H_
#define NOMOGRAPH_CORE_COMPILE_LOWER_H_

#include <string>
#include <vector>

#include "nomograph/core/compile/resolve.h"
#include "nomograph/core/graph/fold.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct Tuning;

struct LoweredNode {
  std::string name;  // of nodes in bodies: behind the calling node's name
  const OpDef* op = nullptr;
  Attributes attrs;  // with defaults
  std::vector<ValueId> inputs, outputs;
  std::vector<PostOp> post_ops;    // fused behind the op
  std::vector<std::string> fused;  // the names of the nodes whose work this one does, too

  // Names `node`, and what it has taken in itself.
  void AddFused(const LoweredNode& node);
};

struct LoweredGraph {
  std::vector<TensorType> types;   // by ValueId; shapes that depend on data stay partial
  std::vector<Tensor> constants;   // by ValueId; invalid unless the value is constant
  std::vector<LoweredNode> nodes;  // in the order of execution
  std::vector<ValueId> inputs, outputs;

  ValueId AddValue(TensorType type);
  // How many nodes use each value; graph outputs count as uses.
  std::vector<int> UseCounts() const;
  // By ValueId: the number of the node that yields the value, -1 where none does.
  std::vector<int> Producers() const;
  // Takes out the nodes that are marked, by their index; the others keep their order.
  void RemoveNodes(const std::vector<bool>& marked);
};

struct LowerOptions {
  ResolveOptions resolve;
  FoldLimits fold;
  // Bodies that stand in the place of the nodes that they are of: so many nodes (values, or eighths
  // of all inputs and outputs, where a body has more of those) in all, and so deep in each other.
  // The graph's own nodes do not count.
  int64_t max_inlined_nodes = 250'000;
  int max_depth = 64;
};

// Resolves, types with the given types of the inputs, replaces ops by their bodies where they have
// no kernel, and computes what is constant. `graph` is the model's main graph or that of one of its
// functions. ResourceExhausted, before anything is written, when bodies come to too many nodes.
// REQUIRES: the model is verified.
absl::StatusOr<LoweredGraph> Lower(const Model& model, const Graph& graph,
                                   absl::Span<const TensorType> inputs, const OpRegistry& registry,
                                   const LowerOptions& options);

// Passes. Each yields whether it changed something.

// Removes nodes whose outputs nothing uses, unless they have an effect on state or the outside.
bool RemoveDeadNodes(LoweredGraph& graph);
// Leaves one of several nodes that compute the same. Outputs of the graph stay as they are.
bool MergeEqualNodes(LoweredGraph& graph);
// Lets what reads a view that has its input's shape, as an identity has, read the input.
bool BypassViews(LoweredGraph& graph);
// Makes nodes of 16-bit floating point, which kernels for float32 compute, nodes of float32, with
// array.Cast nodes where others read what they yield. The types of the graph's inputs and outputs
// stay.
absl::StatusOr<bool> WidenHalves(LoweredGraph& graph, const OpRegistry& registry);
// Lets windows reach into the padding that a node ahead of them adds (OpDef::AbsorbsPadding()).
bool AbsorbPadding(LoweredGraph& graph);
// Puts an op in the place of nodes that are its pattern (OpDef::Written()).
bool MatchPatterns(LoweredGraph& graph, const OpRegistry& registry);
// Moves factors of the channels of computed weights to what they are multiplied by, or to the
// result, where constant weights are left (OpDef::ScalesByChannel()).
bool ScaleChannels(LoweredGraph& graph, const OpRegistry& registry, const FoldLimits& limits);
// Computes what follows from constants by way of ops that fold late (OpDef::FoldsLate()).
bool FoldLate(LoweredGraph& graph, const FoldLimits& limits);
// Puts affine maps of channels (batch normalisation, a constant that is added or multiplied) into
// the weights of the nodes in front of them, where these can take them.
bool AbsorbAffines(LoweredGraph& graph);
// For Precision::kBFloat16: hands products (LowPrecision::kGains) their inputs in bfloat16, by way
// of array.Cast nodes, once for each value, and constants rounded. A product yields float32 where
// anything but products, and what LowPrecision::kFollows between them, reads it. The types of the
// graph's inputs and outputs stay. FailedPrecondition where there is no array.Cast.
absl::StatusOr<bool> AssignPrecision(LoweredGraph& graph, const OpRegistry& registry);
// Lets kernels that take post-ops, prepared for so many threads and in the forms that `tuning` says
// (null: in those that are estimated), apply the elementwise nodes behind them.
bool FusePostOps(LoweredGraph& graph, int threads, const Tuning* tuning = nullptr);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_LOWER_H_
