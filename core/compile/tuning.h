// Tuning: what has been measured of the forms of nodes (core/form/form.h), which overrules the
// estimates when a program is compiled.
#ifndef NOMOGRAPH_CORE_COMPILE_TUNING_H_
#define NOMOGRAPH_CORE_COMPILE_TUNING_H_

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/form/form.h"

namespace nomograph {

// How a node is to run.
struct NodeForm {
  std::string name;  // "": as estimated
  int threads = 0;   // 0: as estimated; never more than the program has
  bool operator==(const NodeForm&) const = default;
};

struct Tuning {
  std::map<std::string, NodeForm, std::less<>> forms;  // by FormKey()
  // Whether the program's steps are to tell which forms their nodes have (Program::Step::forms).
  // Compiling takes longer then.
  bool survey = false;

  // Null where nothing is known of such a node.
  const NodeForm* Find(absl::string_view key) const;
};

// What decides how fast a node runs, but for the values of its inputs and for what is fused behind
// it: its op, attributes, types, which inputs are constant, and the program's threads. A line of
// text without tabs. "" for nodes of which nothing is measured: those without fast kernels, with
// shapes that depend on data, or with more attributes than kMaxFormKeyBytes holds.
std::string FormKey(const LoweredGraph& graph, const LoweredNode& node, int threads);
inline constexpr size_t kMaxFormKeyBytes = 2000;

// What `ask` returns, a question to a hook or kernel of a node, asked with the wish for `form`, and
// without it where the node has no such form, or its kernel declines. Null: without any.
template <typename Ask>
auto AskInForm(const NodeForm* form, Ask ask) {
  if (form != nullptr && !form->name.empty()) {
    const FormScope scope(FormScope::Wish::kForm, form->name);
    auto answer = ask();
    if (scope.taken() == form->name) return answer;
  }
  return ask();
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_TUNING_H_
