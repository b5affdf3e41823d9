// Measures of functions that call one another, each function looked at once: a few lines of a file
// can name more calls than anything could follow.
#ifndef NOMOGRAPH_CORE_GRAPH_CALL_GRAPH_H_
#define NOMOGRAPH_CORE_GRAPH_CALL_GRAPH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "nomograph/core/graph/graph.h"

namespace nomograph {

struct OpDef;

using FunctionLibrary = std::map<std::string, Function, std::less<>>;

// The functions that a node names, its body among them.
std::vector<std::string> NamedFunctions(const Node& node);

// `see` gets each attribute that names a function, and the function's name.
void ForEachFunction(
    const Attributes& attrs,
    absl::FunctionRef<void(const std::string& attr, const std::string& function)> see);

// Whether a node with these attributes calls functions, apart from its body: what they do, the op
// does not say.
bool CallsFunctions(const Attributes& attrs);
// Whether nodes of the op may.
bool CallsFunctions(const OpDef& op);

// A number for each function that depends on those of the functions that it calls.
class CallGraphMeasure {
 public:
  // Of functions that reach themselves.
  static constexpr int64_t kEndless = int64_t{1} << 62;

  using Callees = std::function<std::vector<std::string>(const Node&)>;
  // `of(callee)` is 0 for functions that are not there.
  using Of = absl::FunctionRef<int64_t(absl::string_view callee)>;
  using Measure = std::function<int64_t(const Graph&, Of of)>;

  // The library must outlive the object; functions may be added to it, but not changed.
  CallGraphMeasure(const FunctionLibrary& functions, Callees callees, Measure measure)
      : functions_(functions), callees_(std::move(callees)), measure_(std::move(measure)) {}

  int64_t OfFunction(absl::string_view function);
  // The same for a graph that is no function.
  int64_t OfGraph(const Graph& graph);

 private:
  // Measures the functions that are still to be measured, innermost first.
  void Visit(absl::string_view function);
  int64_t Known(absl::string_view function) const;

  const FunctionLibrary& functions_;
  const Callees callees_;
  const Measure measure_;
  absl::flat_hash_map<std::string, int64_t> known_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_CALL_GRAPH_H_
