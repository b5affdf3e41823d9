// The difference of two graphs whose nodes and values have been matched. Internal to diff.cc.
#ifndef NOMOGRAPH_INSPECT_COMPARE_DIFF_GRAPHS_H_
#define NOMOGRAPH_INSPECT_COMPARE_DIFF_GRAPHS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/compare/find_folds.h"

namespace nomograph {

// Whether a function of A's library and one of B's count as the same; their contents are compared
// elsewhere.
using SameFunction = absl::FunctionRef<bool(const std::string& a, const std::string& b)>;

// Everything but the functions' names.
GraphDiff DiffMatchedGraphs(const GraphIndex& a, const GraphIndex& b, const GraphMatch& match,
                            const std::vector<std::optional<Fold>>& folds,
                            SameFunction same_function, const OpRegistry& registry,
                            const DiffOptions& options);

// Adds an edit where the two texts differ.
void AddEdit(std::string what, std::string a, std::string b, std::vector<Edit>& edits);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_DIFF_GRAPHS_H_
