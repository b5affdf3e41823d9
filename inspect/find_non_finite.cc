#include "nomograph/inspect/find_non_finite.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {
namespace {

TensorStats StatsOf(const TensorView& view) {
  if (!kFloats.Contains(view.dtype) || view.data == nullptr || view.shape == nullptr) return {};
  return ComputeStats(Tensor::FromBuffer(view.dtype, *view.shape, view.data, nullptr));
}

bool Overlap(const TensorView& input, absl::Span<const TensorView> outputs) {
  const auto end = [](const TensorView& view) {
    return view.data +
           (view.shape == nullptr ? 0 : view.shape->num_elements()) * DTypeSize(view.dtype);
  };
  return std::any_of(outputs.begin(), outputs.end(), [&](const TensorView& output) {
    return input.data < end(output) && output.data < end(input);
  });
}

// Keeps the steps that are open, and copies them when the first output is found that is not finite.
class Watcher : public StepObserver {
 public:
  explicit Watcher(const Model& model) : model_(model) {}

  void BeforeStep(const LoweredNode& node) override {
    RunningNode running{.node = node.name, .op = node.op->name};
    if (!open_.empty()) {
      running.iteration = open_.back().runs[node.name]++;
    }
    open_.push_back({std::move(running), &node, {}});
  }

  void AfterStep(const Step& step) override {
    if (!found_) Look(step);
    open_.pop_back();
  }

  std::optional<NonFiniteStep> found() && { return std::move(found_); }

 private:
  struct Open {
    RunningNode running;
    const LoweredNode* node;
    absl::flat_hash_map<std::string, int64_t> runs;  // of nodes in them, so far
  };

  // Of those that the caller may call, the one that has a node of this name, or of which a node's
  // body has been put in its place.
  void FindFunction(const LoweredNode& caller, RunningNode& running) const {
    for (const std::string& name : NamedFunctions({.op = caller.op->name, .attrs = caller.attrs})) {
      const auto function = model_.functions.find(name);
      if (function == model_.functions.end()) continue;
      for (const Node& node : function->second.graph.nodes) {
        if (node.name != running.node && !absl::StartsWith(running.node, node.name + "/")) continue;
        running.function = name;
        return;
      }
    }
  }

  void Look(const Step& step) {
    for (const TensorView& output : step.outputs) {
      const TensorStats stats = StatsOf(output);
      if (stats.nans + stats.infinities == 0) continue;
      found_.emplace();
      for (size_t i = 0; i < open_.size(); ++i) {
        found_->path.push_back(open_[i].running);
        if (i > 0) FindFunction(*open_[i - 1].node, found_->path.back());
      }
      found_->nan = stats.nans;
      found_->inf = stats.infinities;
      found_->elements = output.shape->num_elements();
      for (const TensorView& input : step.inputs) {
        // What the step has written over came from another step, and was finite.
        if (Overlap(input, step.outputs)) continue;
        const TensorStats of_input = StatsOf(input);
        found_->from_input |= of_input.nans + of_input.infinities > 0;
      }
      return;
    }
  }

  const Model& model_;
  std::vector<Open> open_;
  std::optional<NonFiniteStep> found_;
};

}  // namespace

absl::StatusOr<std::optional<NonFiniteStep>> FindNonFinite(const Model& model,
                                                           const NamedTensors& inputs,
                                                           SessionOptions session,
                                                           const RunOptions& run) {
  session.exact = true;
  session.precision = Precision::kFloat32;
  NOMO_ASSIGN_OR_RETURN(const auto exact, Session::Create(model, std::move(session)));
  Watcher watcher(model);
  absl::Status status;
  {
    const StepObserverScope scope(&watcher);
    status = exact->Run(inputs, run).status();
  }
  std::optional<NonFiniteStep> found = std::move(watcher).found();
  if (!found && !status.ok()) return status;
  return found;
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
