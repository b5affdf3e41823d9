// Executor: one run of a Program, with a state for each thread that runs it. Internal to core.
#ifndef NOMOGRAPH_CORE_RUN_EXECUTOR_H_
#define NOMOGRAPH_CORE_RUN_EXECUTOR_H_

#include <memory>
#include <utility>
#include <vector>

#include "nomograph/core/compile/program.h"
#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {

// What running a Program needs beside it: the arena, the kernels' states and, ready to be made, the
// calls of its kernels. One run uses one at a time; runs that follow one another reuse it, set the
// addresses that differ, and allocate nothing but their results.
class ProgramState {
 public:
  // ResourceExhausted, with the largest of the program's values, where the thread's memory account
  // does not have what the program needs.
  static absl::StatusOr<std::unique_ptr<ProgramState>> Create(const Program& program);

  // What it holds, and the account against which that counts.
  int64_t num_bytes() const { return arena_.num_bytes() + scratch_.num_bytes(); }
  const std::shared_ptr<MemoryAccount>& account() const { return account_; }

 private:
  friend class Executor;
  ProgramState() = default;
  void SetUp(const Program& program);
  void SetUpCalls(const Program& program);
  void SetUpLastUses(const Program& program);
  // Puts views_[id] where the calls look for it.
  void UpdateCalls(ValueId id);

  std::shared_ptr<MemoryAccount> account_;
  Tensor arena_, scratch_;
  std::vector<TensorView> views_;  // by ValueId
  std::vector<Tensor> owned_;      // by ValueId: results and what is allocated during the run
  TensorPool pool_;                // for owned_
  // The kernel of a step that was prepared when its shapes were known, and what for: the next run
  // with the same has it ready.
  struct LateKernel {
    bool Serves(absl::Span<const TensorSpec> inputs, absl::Span<const TensorSpec> outputs,
                absl::Span<const Tensor> values) const;

    std::vector<TensorSpec> inputs, outputs;  // kInvalid: an output that the kernel allocates
    std::vector<Tensor> values;  // by input: of small ones that may differ between runs
    std::unique_ptr<const Kernel> kernel;
    std::unique_ptr<KernelState> kernel_state;
    Tensor scratch;
    std::shared_ptr<MemoryAccount> account;  // that `scratch` counts against
  };
  // By step.
  struct Call {
    const Kernel* kernel = nullptr;  // null: a step of which not all is known before it runs
    KernelContext context;
    std::unique_ptr<KernelState> kernel_state;
    std::unique_ptr<LateKernel> late;
    std::vector<ValueId> last_of;  // what was allocated during the run and nobody reads after it
  };
  std::vector<Call> calls_;
  RunContext run_;                      // of the run that uses the state; the calls point to it
  uint64_t call_path_ = 0;              // whose keys the calls have
  std::vector<TensorView> call_views_;  // of all calls: a step's inputs, then its outputs
  // Values whose address differs between runs, and where among call_views_ they stand, ordered.
  std::vector<ValueId> results_, dynamic_, varying_views_;
  std::vector<std::pair<ValueId, size_t>> varying_;
  // Of a step that has no call: the views of its inputs and outputs.
  std::vector<TensorView> inputs_, outputs_;
  std::vector<Tensor> owned_outputs_;
  std::vector<HeldMemory> held_;  // for a run: the scratch memory of kernels of earlier ones
};

// Copies what output number `index` is into the caller's tensor. InvalidArgument where that has
// another shape.
absl::Status CopyResult(size_t index, const Shape& shape, const std::byte* data, Tensor& result);

class Executor {
 public:
  Executor(const Program& program, const RunContext& run, ProgramState& state)
      : program_(program), run_(run), state_(state) {}

  // REQUIRES: the inputs have the compiled types.
  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const Tensor> inputs);
  // The same into the memory of `results`. InvalidArgument where an output whose shape depends on
  // data has another one than its tensor there.
  absl::Status RunInto(absl::Span<const Tensor> inputs, absl::Span<Tensor> results);

 private:
  // `results` are empty, or the memory for the outputs.
  absl::Status RunSteps(absl::Span<const Tensor> inputs, absl::Span<Tensor> results);
  absl::Status Bind(absl::Span<const Tensor> inputs, absl::Span<Tensor> results);
  // The random key of a step in this run.
  uint64_t KeyOf(const Program::Step& step) const;
  // The calls are those of this run.
  void SetUpRun();
  absl::Status RunStep(size_t index, StepObserver* observer);
  // The same, but that it frees nothing.
  absl::Status RunOwnStep(size_t index, StepObserver* observer);
  // The inputs' types and values.
  struct LateInputs {
    std::vector<TensorType> types;
    std::vector<TensorSpec> specs;
    std::vector<Tensor> values;  // that borrow the memory
  };
  // Whether the output is the input, with another shape, in memory that the run has allocated: then
  // there is nothing to be done.
  bool ReshapeLate(const LoweredNode& node, const LateInputs& inputs,
                   absl::Span<const TensorType> outputs);
  // Types and allocates a node whose shapes are known only now, and prepares its kernel where the
  // one that there is does not serve.
  absl::Status PrepareLate(const LoweredNode& node, LateInputs inputs,
                           absl::Span<const TensorType> outputs,
                           std::unique_ptr<ProgramState::LateKernel>& late);
  LateInputs LateInputsOf(const LoweredNode& node) const;
  absl::StatusOr<std::vector<TensorType>> InferLate(const LoweredNode& node,
                                                    const LateInputs& inputs) const;
  // `observer` (may be null) watches.
  absl::Status RunKernelObserved(const Kernel& kernel, const LoweredNode& node,
                                 KernelContext& context, StepObserver* observer);
  // A step whose inputs and outputs are known only now.
  absl::Status RunLate(const Program::Step& step, const Kernel& kernel, KernelState* kernel_state,
                       std::byte* scratch, StepObserver* observer);
  absl::StatusOr<std::vector<Tensor>> TakeResults();
  absl::Status CopyResults(absl::Span<Tensor> results);
  // The state keeps nothing that was given away, nor what a run that failed has left.
  void ReleaseOwned();

  const Program& program_;
  const RunContext& run_;
  ProgramState& state_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_RUN_EXECUTOR_H_
