#include "nomograph/inspect/running_steps.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

void RunningSteps::BeforeStep(const LoweredNode& node) {
  RunningNode running{.node = node.name, .op = node.op->name};
  if (!open_.empty()) {
    running.iteration = open_.back().runs[node.name]++;
  }
  open_.push_back({std::move(running), &node, {}});
}

void RunningSteps::AfterStep(const Step& step) {
  Ran(step);
  open_.pop_back();
}

std::vector<RunningNode> RunningSteps::Path() const {
  std::vector<RunningNode> path;
  for (size_t i = 0; i < open_.size(); ++i) {
    path.push_back(open_[i].running);
    path.back().function = FunctionOf(i);
  }
  return path;
}

std::string RunningSteps::Function() const { return FunctionOf(open_.size() - 1); }

// Of those that the caller may call, the one that has a node of this name, or of which a node's
// body has been put in its place.
std::string RunningSteps::FunctionOf(size_t depth) const {
  if (depth == 0) return "";
  const LoweredNode& caller = *open_[depth - 1].node;
  const std::string& wanted = open_[depth].running.node;
  for (const std::string& name : NamedFunctions({.op = caller.op->name, .attrs = caller.attrs})) {
    const auto function = model_.functions.find(name);
    if (function == model_.functions.end()) continue;
    for (const Node& node : function->second.graph.nodes) {
      if (node.name == wanted || absl::StartsWith(wanted, node.name + "/")) return name;
    }
  }
  return "";
}

std::string PathText(const std::vector<RunningNode>& path) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const RunningNode& step = path[i];
    if (i > 0) {
      const std::string& caller = path[i - 1].op;
      const bool once = caller == "core.If";
      if (!once) absl::StrAppend(&text, ", iteration ", step.iteration);
      absl::StrAppend(&text, ": ");
      if (!step.function.empty()) absl::StrAppend(&text, "@", Escape(step.function), " ");
    }
    absl::StrAppend(&text, Escape(step.node));
  }
  return text;
}

}  // namespace nomograph
