// Shapes as formulas in the open sizes of a graph's inputs ("batch", "time"), so that whoever has
// the formulas can tell every shape for any size without knowing a single op.
//
// There is no symbolic arithmetic in the ops: formulas are found by typing the graph for several
// choices of sizes and looking which simple formula all results have in common. So every op takes
// part through its shape function. A size that no simple formula explains stays open.
#ifndef NOMOGRAPH_INSPECT_PAGE_SIZE_FORMULAS_H_
#define NOMOGRAPH_INSPECT_PAGE_SIZE_FORMULAS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "nomograph/core/graph/infer.h"

namespace nomograph {

// Choices of sizes for a number of symbols: a base; each symbol changed alone, in five ways; all
// changed at once, the smallest to the largest.
class SizeProbes {
 public:
  explicit SizeProbes(int symbols) : symbols_(symbols) {}
  int symbols() const { return symbols_; }
  int count() const { return 2 + kPerSymbol * symbols_; }
  int64_t Size(int symbol, int probe) const;

  // The formula that yields `results[p]` in each probe p; none where none of the simple ones does.
  // Negative results are of probes that failed: no formula is compared with them. It is written
  // with +, -, *, // (division rounded down), brackets, numbers, and $0, $1, ... for the symbols.
  std::optional<std::string> Fit(absl::Span<const int64_t> results) const;

 private:
  static constexpr int kPerSymbol = 5;
  bool DependsOn(int symbol, absl::Span<const int64_t> results) const;
  std::optional<std::string> FitOne(int symbol, absl::Span<const int64_t> results) const;
  std::optional<std::string> FitSum(absl::Span<const int> symbols,
                                    absl::Span<const int64_t> results) const;
  std::optional<std::string> FitProduct(absl::Span<const int> symbols,
                                        absl::Span<const int64_t> results) const;

  int symbols_;
};

// What typing a graph for each choice of sizes found.
struct ProbedGraph {
  // The inputs' open sizes: their symbol, or "input.axis" where they have no name.
  std::vector<std::string> symbols;
  SizeProbes probes{0};
  // By probe, the types of all values; empty where the graph cannot have these sizes.
  std::vector<std::vector<TensorType>> types;
  bool ok() const { return !types.empty() && !types[0].empty(); }
  // The formula of a size, as SizeProbes::Fit().
  std::optional<std::string> SizeOf(ValueId value, int axis) const;
};

// Where the sizes do not fit each other, the first open size of each input is tried as one, if none
// has a name. `max_typed_nodes` bounds the work: symbols beyond it, and beyond six, are not probed
// and stay open.
ProbedGraph ProbeSizes(const Graph& graph, const FunctionLibrary& functions,
                       const OpRegistry& registry, int64_t max_typed_nodes);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_PAGE_SIZE_FORMULAS_H_
