// Terms of selectors that ask for a property: "op:conv*", "shape:[*,64]", "attr:groups>1".
#ifndef NOMOGRAPH_INSPECT_SELECTOR_TERMS_H_
#define NOMOGRAPH_INSPECT_SELECTOR_TERMS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/selector_words.h"

namespace nomograph {

// What a term asks of the nodes and of the values of a graph; where one of them is missing, it
// takes none of these.
struct SelectorTerm {
  std::function<bool(const Node& node)> node;
  std::function<bool(const Graph& graph, ValueId value)> value;
  // A node is taken with any of its outputs, too.
  bool producers = false;
  // " (did you mean Conv?)" or "", for a term that takes nothing.
  std::function<std::string()> did_you_mean;
};

// Whether `word` is "KEY:..." with a known key.
bool IsPropertyTerm(const SelectorWord& word);
// REQUIRES: IsPropertyTerm(word). The model and the registry must outlive the term.
absl::StatusOr<SelectorTerm> ParsePropertyTerm(const SelectorWord& word, const Model& model,
                                               const OpRegistry& registry);

// Names an op outside of the standard set, or carries a body, or was made by a Lambda layer.
class LambdaTest {
 public:
  LambdaTest(const Model& model, const OpRegistry& registry);
  bool operator()(const Node& node) const;

 private:
  const OpRegistry* registry_;
  absl::flat_hash_set<std::string> layers_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SELECTOR_TERMS_H_
