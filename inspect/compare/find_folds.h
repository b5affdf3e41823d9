// Which nodes of one graph are constants in another: computed ahead of the run, or put into the
// weights of the node in front of them.
#ifndef NOMOGRAPH_INSPECT_COMPARE_FIND_FOLDS_H_
#define NOMOGRAPH_INSPECT_COMPARE_FIND_FOLDS_H_

#include <optional>
#include <vector>

#include "nomograph/core/graph/model.h"
#include "nomograph/inspect/compare/match_graphs.h"

namespace nomograph {

struct Fold {
  int into = -1;  // the node of B whose weights hold it; -1: a constant of its own does
};

// By node of A. A fold is shown by its numbers: what A's node makes of A's constants is computed,
// and found in B to a relative 1e-3, as another program may have rounded it. What is not shown so
// is none. `match.value_b` then has the values of B that stand for what the folded nodes yield.
std::vector<std::optional<Fold>> FindFolds(const Model& model_a, const GraphIndex& a,
                                           const Model& model_b, const GraphIndex& b,
                                           const OpRegistry& registry, GraphMatch& match);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_FIND_FOLDS_H_
