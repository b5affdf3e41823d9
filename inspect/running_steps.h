// Where a run is: the nodes that run within one another, as bodies of If, Loop and Scan do.
#ifndef NOMOGRAPH_INSPECT_RUNNING_STEPS_H_
#define NOMOGRAPH_INSPECT_RUNNING_STEPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/step_observer.h"

namespace nomograph {

// A node as it ran.
struct RunningNode {
  std::string node, op;
  std::string function;  // that it is in; empty: the main graph
  // How many times it had run before within this run of the node that calls the function: of a
  // loop's body, the iteration, counted from 0.
  int64_t iteration = 0;
};

// "/encoder/Loop, iteration 3: body/Sqrt", without what a terminal or a file may not have.
std::string PathText(const std::vector<RunningNode>& path);

// Watches the runs of exact mode, in which nothing is fused into another node.
class RunningSteps : public StepObserver {
 public:
  // The model must outlive the object.
  explicit RunningSteps(const Model& model) : model_(model) {}

  void BeforeStep(const LoweredNode& node) final;
  void AfterStep(const Step& step) final;

 protected:
  // The step that has run, the last of Path().
  virtual void Ran(const Step& step) = 0;
  // From the node of the main graph to the one, in the body of those ahead of it, that has run.
  std::vector<RunningNode> Path() const;
  // The function that the step is in: "" of the main graph.
  std::string Function() const;

 private:
  struct Open {
    RunningNode running;
    const LoweredNode* node;
    absl::flat_hash_map<std::string, int64_t> runs;  // of nodes in them, so far
  };
  std::string FunctionOf(size_t depth) const;

  const Model& model_;
  std::vector<Open> open_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_RUNNING_STEPS_H_
