// Symbolic sizes without symbolic arithmetic. Shapes that a model computes (Shape -> Gather ->
// Concat -> Reshape) are followed by computing them for a few choices of the symbols' sizes: what
// is equal in all of them is constant, what is always a symbol's size is that symbol, anything else
// is unknown. So every op takes part through its shape function and reference kernel, and none
// needs symbolic code. What is unknown keeps its sizes in the probes, as a symbol without a name:
// 12 * batch rows that are parted again are batch rows.
#ifndef NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_
#define NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_set.h"
#include "absl/functional/function_ref.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/graph/infer.h"

namespace nomograph {

// An element of a shape that a model computes: a number (-1 may mean "what is left"), the size that
// a symbol stands for, or neither where it is not known.
struct SizeValue {
  std::optional<int64_t> number;
  std::string symbol;
};

class SymbolicSizes {
 public:
  SymbolicSizes() = default;
  SymbolicSizes(const SymbolicSizes&) = delete;
  SymbolicSizes& operator=(const SymbolicSizes&) = delete;

  // Follows `node`, whose inputs are values of `graph` and (where `constant` is not null)
  // constants, and whose outputs have the types `outputs`, which are refined where the probes
  // agree.
  void Follow(const Graph& graph, const Node& node, const TypeInferrer& inferrer,
              absl::FunctionRef<const Tensor*(ValueId)> constant, std::vector<TensorType>& outputs);

  // Forgets values that are taken back: `first` and those behind it.
  void Forget(ValueId first);

  // The elements of a vector or scalar of integers; nothing where they are not followed.
  std::optional<std::vector<SizeValue>> Sizes(ValueId value) const;

 private:
  // 1, a small and a large size for each symbol: ops that treat sizes differently (1 broadcasts)
  // show it in one of them.
  static constexpr int kProbes = 3;
  using Tensors = std::array<Tensor, kProbes>;

  static int64_t SizeOf(int symbol, int probe);
  // The types of a node's outputs, and those outputs that are computed, in each probe.
  struct Probed {
    std::array<std::vector<TensorType>, kProbes> types;
    std::array<std::vector<Tensor>, kProbes> constants;
  };
  // Nothing where the node cannot have inputs of such sizes. `unnamed`: unknown sizes are those
  // that they have in the probes, and not left open.
  std::optional<Probed> Probe(const Graph& graph, const Node& node, const TypeInferrer& inferrer,
                              absl::FunctionRef<const Tensor*(ValueId)> constant, bool unnamed);
  TensorType Concrete(const TensorType& type, ValueId value, int probe, bool unnamed);
  // Gives each unknown size of a value a size in the probes, unless it has one.
  void NumberUnknown(ValueId value, const PartialShape& shape);
  SizeValue Agreed(const std::array<int64_t, kProbes>& sizes) const;

  int numbers_ = 0, unnamed_ = 0;       // how many were given, how many of them to unknown sizes
  std::map<std::string, int> symbols_;  // to their number
  // By the sizes that a symbol has in the probes.
  absl::flat_hash_map<std::array<int64_t, kProbes>, std::string> symbol_of_;
  std::map<ValueId, Tensors> values_;
  // By value: its shape in each probe, one behind the other; null where nothing of it is unknown.
  std::vector<const std::vector<int64_t>*> shape_of_;
  absl::node_hash_set<std::vector<int64_t>> shapes_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_
