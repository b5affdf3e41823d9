// Symbolic sizes without symbolic arithmetic. Shapes that a model computes (Shape -> Gather ->
// Concat -> Reshape) are followed by computing them for a few choices of the symbols' sizes: what
// is equal in all of them is constant, what is always a symbol's size is that symbol, anything else
// is unknown. So every op takes part through its shape function and reference kernel, and none
// needs symbolic code.
#ifndef NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_
#define NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
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
  // Follows `node`, whose inputs are values of `graph` and (where `constant` is not null)
  // constants, and whose outputs have the types `outputs`, which are refined where the probes
  // agree.
  void Follow(const Graph& graph, const Node& node, const TypeInferrer& inferrer,
              absl::FunctionRef<const Tensor*(ValueId)> constant, std::vector<TensorType>& outputs);

  // Forgets values that are taken back: `first` and those behind it.
  void Forget(ValueId first) { values_.erase(values_.lower_bound(first), values_.end()); }

  // The elements of a vector or scalar of integers; nothing where they are not followed.
  std::optional<std::vector<SizeValue>> Sizes(ValueId value) const;

 private:
  // 1, a small and a large size for each symbol: ops that treat sizes differently (1 broadcasts)
  // show it in one of them.
  static constexpr int kProbes = 3;
  using Tensors = std::array<Tensor, kProbes>;

  static int64_t SizeOf(int symbol, int probe);
  TensorType Concrete(const TensorType& type, int probe);
  SizeValue Agreed(const std::array<int64_t, kProbes>& sizes) const;

  std::map<std::string, int> symbols_;  // to their number
  // By the sizes that a symbol has in the probes.
  absl::flat_hash_map<std::array<int64_t, kProbes>, std::string> symbol_of_;
  std::map<ValueId, Tensors> values_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_SYMBOLIC_SIZES_H_
