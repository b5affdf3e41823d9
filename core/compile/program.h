// Program: a graph that has been compiled for given input shapes. It is immutable, specialised to
// this machine, and never saved.
#ifndef NOMOGRAPH_CORE_COMPILE_PROGRAM_H_
#define NOMOGRAPH_CORE_COMPILE_PROGRAM_H_

#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/memory_plan.h"
#include "nomograph/core/compile/tuning.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {

struct NodeSpecs;

// In which floating-point numbers a program computes what the model has in float32.
enum class Precision {
  kFloat32,
  // Inputs of products are rounded to bfloat16 (8 bits of precision), sums and what needs the
  // digits (OpDef::InLowPrecision()) stay in float32, as do inputs, outputs and variables.
  kBFloat16,
};

struct CompileOptions {
  // Reference kernels only, in the order of the graph: the same bits on every machine.
  bool exact = false;
  // Of the fast kernels only those that cannot lose a NaN, and nothing is fused.
  bool keep_nan = false;
  // Not in exact mode.
  Precision precision = Precision::kFloat32;
  // Ops with the effect io that may run, by name.
  std::vector<std::string> allowed_io;
  // That one run may use. 0: OpenMP's number, which is OMP_NUM_THREADS or that of the processors.
  int threads = 0;
  // Against which counts what the program keeps, e.g. folded constants and packed weights, and what
  // compiling takes meanwhile. Null: the thread's (core/types/memory.h).
  std::shared_ptr<MemoryAccount> memory;
  // Limits of what a file can ask of the compiler.
  FoldLimits fold = {};
  int64_t max_inlined_nodes = LowerOptions().max_inlined_nodes;
  // What has been measured of nodes' forms. Null: all are as estimated. Not in exact mode, nor with
  // keep_nan.
  std::shared_ptr<const Tuning> tuning;
};

class Program {
 public:
  // `graph` is the model's main graph or a function's; `inputs` are the types of its inputs with
  // full shapes; `outputs` are the indices of those of its outputs that are wanted, all where there
  // are none. ResourceExhausted names the nodes whose values are larger than what the memory
  // account has left.
  static absl::StatusOr<std::unique_ptr<const Program>> Compile(const Model& model,
                                                                const Graph& graph,
                                                                absl::Span<const TensorType> inputs,
                                                                const OpRegistry& registry,
                                                                const CompileOptions& options,
                                                                absl::Span<const int> outputs = {});
  ~Program();

  // A row per step: the node, its op, the kernel that runs it, what is fused into it, its outputs'
  // types and places.
  std::string ToString() const;
  int64_t arena_bytes() const { return plan_.arena_bytes; }
  int64_t peak_bytes() const { return plan_.peak_bytes; }
  int threads() const { return threads_; }
  // Whether a run may make a number of a NaN; it then raises a flag: core/op/keep_nan.h.
  bool may_lose_nan() const { return may_lose_nan_; }

  // How a step runs, as far as more than the reckoning of its one kernel decides it.
  struct StepForm {
    NodeForm form;                   // its threads are those that the kernel was prepared for
    bool measured = false;           // whether the tuning says so
    std::string key;                 // FormKey(), where there is a tuning
    std::vector<std::string> forms;  // all that the node has, where the tuning is a survey
  };
  struct Step {
    int node;  // in the lowered graph
    // Null where shapes depend on data: then the kernel is prepared during the run.
    std::unique_ptr<const Kernel> kernel;
    uint64_t node_key = 0;
    // Null where the kernel's form has no name, and no tuning may say anything of the node.
    std::unique_ptr<StepForm> form;
    bool measured() const { return form != nullptr && form->measured; }
  };
  const std::vector<Step>& steps() const { return steps_; }
  const LoweredGraph& graph() const { return graph_; }
  const MemoryPlan& plan() const { return plan_; }

 private:
  Program() = default;
  absl::Status Build(const Model& model, const Graph& graph, absl::Span<const TensorType> inputs,
                     const OpRegistry& registry, const CompileOptions& options,
                     absl::Span<const int> outputs);
  absl::Status PrepareSteps();
  // Chooses the kernel where all shapes are known. Steps may be prepared side by side.
  absl::Status PrepareStep(Step& step, const std::vector<int>& uses);
  // In the form that the tuning says. Leaves the kernel null where it says none, or the node has no
  // such form.
  absl::Status PrepareMeasured(Step& step, const NodeSpecs& specs);
  // Gives back the memory of constants of which the kernel of node `n` has a packed copy, as soon
  // as it has: not all are to exist twice at one time.
  void GiveBackPacked(const Kernel& kernel, int n, const std::vector<int>& uses);
  // Plans memory again, so that what nodes copy lies where its copy would, unless that takes
  // much more of it, and that kernels write over what is added to their outputs.
  void ShareMemory();
  // Constants that no kernel reads any more, because each has a packed copy.
  void DropPackedConstants();

  LoweredGraph graph_;
  MemoryPlan plan_;
  std::vector<Step> steps_;
  std::vector<Shape> shapes_;  // by ValueId, where known
  int64_t scratch_bytes_ = 0;
  KernelChoice kernels_ = KernelChoice::kFast;
  bool may_lose_nan_ = false;
  int threads_ = 1;
  std::shared_ptr<const Tuning> tuning_;
  friend class Executor;
  friend class ProgramState;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_PROGRAM_H_
