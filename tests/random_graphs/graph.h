// Graphs that are written at random (writer.h), in a form that can be built in several
// ways, and made smaller as long as they show what one looks for.
#ifndef NOMOGRAPH_TESTS_RANDOM_GRAPHS_GRAPH_H_
#define NOMOGRAPH_TESTS_RANDOM_GRAPHS_GRAPH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Numbers that are the same for equal seeds on every machine: SplitMix64.
class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // From 0 to `count` - 1.
  int64_t Below(int64_t count) { return static_cast<int64_t>(Next() % count); }
  // Whether one of so many cases holds.
  bool OneIn(int64_t cases) { return Below(cases) == 0; }
  // In [-1, 1).
  float Unit() { return static_cast<float>(Next() >> 40) / (1 << 23) - 1.0f; }
  template <typename T>
  T Pick(const std::vector<T>& choices) {
    return choices[Below(static_cast<int64_t>(choices.size()))];
  }
  // float32 from -scale up to scale.
  Tensor Floats(const Shape& shape, float scale);

 private:
  uint64_t state_;
};

struct RandomGraph {
  // An output of a node.
  struct Ref {
    int node = -1;  // -1: absent
    int output = 0;
    bool operator==(const Ref&) const = default;
  };
  struct Node {
    std::string op;  // empty: a leaf, which holds its value
    Attributes attrs;
    std::vector<Ref> inputs;
    std::vector<Tensor> values = {};  // of its outputs, as the reference kernel yields them
    bool is_input = false;            // of a leaf: an input of the model, else a constant
    bool batched = false;  // axis 0 is the batch, whose rows depend on their own row only
    // Every way to run the graph yields the same bits: elements are moved or chosen, not computed.
    bool same_bits = true;

    bool is_leaf() const { return op.empty(); }
  };
  // Nodes stand behind what they read, but for leaves, which may stand anywhere.
  std::vector<Node> nodes;
  std::vector<Ref> outputs;

  const Tensor& value(Ref ref) const { return nodes[ref.node].values[ref.output]; }
  // The numbers of the leaves that are inputs, which are those of the model in their order.
  std::vector<int> Inputs() const;
  // Computes the values of all nodes from those of the leaves.
  absl::Status Evaluate();
  // Takes out what no output needs.
  void RemoveUnused();
  // A line for each node.
  std::string ToString() const;
};

// How much the numbers of a graph are disturbed where it is built with disturbances.
struct Disturbance {
  uint64_t seed = 0;      // 0: not at all
  double of_results = 0;  // of what a node of floating-point numbers yields: by so much of its
                          // greatest magnitude
  double of_inputs = 0;   // of what it reads: by so much of each element
  // The same for what products read, and what may go into their weights.
  double of_factors = 0;
};

struct RandomModelOptions {
  bool symbolic_batch = false;
  // Adds an input and an output, the last ones, that are a product which alone is worth several
  // threads.
  bool with_ballast = false;
  Disturbance disturbance = {};
  // In which numbers the model has what the graph has in float32: 16-bit ones, too. Nodes that
  // name a type are left as they are.
  DType floats = DType::kFloat32;
};

absl::StatusOr<Model> BuildRandomModel(const RandomGraph& graph,
                                       const RandomModelOptions& options = {});
// The input that options.with_ballast adds.
Tensor Ballast();

// The graph without all that it can lose so that `fails` still holds of it. REQUIRES: it holds of
// `graph`.
RandomGraph Shrink(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_RANDOM_GRAPHS_GRAPH_H_
