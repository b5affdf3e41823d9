// Selectors: the one syntax in which nodes and values of a model are chosen.
//
//   /layer1/conv1/Conv         the node or value of that name
//   /layer1/**  *.weight       names that fit a pattern (inspect/glob.h)
//   re:conv[12]$               names in which that regular expression fits a part
//   (inspect/regex.h);
//                              in quotes, re:"a, b"+2, if it has spaces or something follows it
//   op:nn.Conv  op:conv*       nodes by op, in any case; without a dot by the name behind the
//   domain dtype:float16              values of that type, and the nodes that produce them
//   shape:[*,64,...]           likewise: * for any size, ... for any axes, names for symbolic sizes
//   attr:groups>1  attr:axis   nodes by an attribute, defaults included: = != < <= > >=; of a list
//                              some element must fit, and [2, 2] is the whole list
//   kind:lambda                of nodes: lambda (names an op outside of the standard set),
//                              constant, function (calls one); of values: input, output, weight
//   @then_1  @                 what lies in that function, by pattern; what lies in the main graph
//   A->B->C                    nodes in a row: of A, whose output one of B reads, whose output ...
//   A B   A, B                 what fits both; what fits one of them
//   A+2  A-2                   A, and nodes up to two steps behind it or ahead of it along the data
//   A..B  A..  ..B             the nodes on all paths from A to B; all behind A; all ahead of B
//
// Names with other characters than these go in quotes, "a name, with 3 * \"?\"", in which \n, \t,
// \r and \x1b stand for what they are written for in listings; a text that is a name as it stands
// needs none. Nodes of all functions are looked at, so that a name may select in several graphs.
#ifndef NOMOGRAPH_INSPECT_SELECTOR_H_
#define NOMOGRAPH_INSPECT_SELECTOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// What was selected in one graph of a model.
struct GraphSelection {
  const Graph* graph = nullptr;  // of the model
  std::string function;          // that it is of; empty: the main graph
  // Indices into Graph::nodes and Graph::values, ascending. A name selects what bears it: the node,
  // the value, or both.
  std::vector<int> nodes;
  std::vector<ValueId> values;

  // The nodes, and those that produce the values.
  std::vector<int> WithProducers() const;
  // The values, and the outputs of the nodes.
  std::vector<ValueId> WithOutputs() const;
};

// The graphs in which anything is selected: the main graph first, then functions by name.
struct Selection {
  std::vector<GraphSelection> graphs;
};

// Longer selectors are refused.
inline constexpr size_t kMaxSelectorBytes = 1 << 16;

// Linear in the model, for each word of the selector. InvalidArgument, which points at the place,
// for what is no selector; NotFound, with the nearest names, for a name that nothing has, and where
// nothing is selected. `model` must outlive the selection.
absl::StatusOr<Selection> Select(const Model& model, absl::string_view selector,
                                 const OpRegistry& registry = OpRegistry::Default());

// A selector for exactly the node or value of this name: in quotes where it needs them.
std::string SelectorFor(absl::string_view name);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SELECTOR_H_
