// Session: runs a model.
#ifndef NOMOGRAPH_CORE_SESSION_H_
#define NOMOGRAPH_CORE_SESSION_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/model.h"
#include "nomograph/core/program.h"
#include "nomograph/core/registry.h"

namespace nomograph {

struct SessionOptions {
  // Reference kernels only: slower, and the same bits on every machine.
  bool exact = false;
  // Ops with the effect io that may run, by name.
  std::vector<std::string> allowed_io;
  // That one run may use; several runs at once use as many each. 0: OpenMP's number, which is
  // OMP_NUM_THREADS or that of the processors. The last digits may depend on it, but not in exact
  // mode.
  int threads = 0;
  // Programs kept for input shapes that come again; the one that was used longest ago goes first.
  int max_programs = 16;
  // Null: the default one. It must outlive the session.
  const OpRegistry* registry = nullptr;
  // Of what compiling takes and programs keep, such as packed weights. 0: what the machine has.
  int64_t memory_limit_bytes = 0;
};

struct RunOptions {
  // Dropout and random augmentation act in training only.
  bool training = false;
  // Random ops are keyed by seed, node and step: equal keys draw equal numbers on every machine.
  uint64_t seed = 0;
  uint64_t step = 0;
  // Of the tensors that exist at one time during the run, results among them; what is compiled for
  // it counts against SessionOptions::memory_limit_bytes. 0: what the machine has. Beyond it the
  // run ends with ResourceExhausted.
  int64_t memory_limit_bytes = 0;
  // The run ends with DeadlineExceeded at the first step, or iteration of a loop, that begins
  // later; compiling is not ended. 0: no limit.
  double time_limit_seconds = 0;
  // Where it becomes true, which any thread may do, the run ends with Cancelled before its next
  // step. It must outlive the run.
  const std::atomic<bool>* cancel = nullptr;
};

// Thread-safe: Run() may be called from several threads. Runs of a model that has state variables
// follow one another.
class Session {
 public:
  // Checks that everything that the model names is here. The status lists all that is not.
  static absl::StatusOr<std::unique_ptr<Session>> Create(std::shared_ptr<const Model> model,
                                                         SessionOptions options = {});
  static absl::StatusOr<std::unique_ptr<Session>> Create(Model model, SessionOptions options = {});
  ~Session();

  // Inputs and outputs by name. InvalidArgument lists the right names, and tells dtypes and shapes
  // expected and found. A new combination of input shapes is compiled first. The options' limits
  // have statuses of their own; after any of them the session runs on.
  absl::StatusOr<NamedTensors> Run(const NamedTensors& inputs, const RunOptions& options = {});
  // For a model with one input and one output.
  absl::StatusOr<Tensor> Run(const Tensor& input, const RunOptions& options = {});

  // The program for these inputs, e.g. for a listing of its steps.
  absl::StatusOr<std::shared_ptr<const Program>> ProgramFor(const NamedTensors& inputs);

  // A state variable's value now. NotFound when there is none of that name.
  absl::StatusOr<Tensor> GetVariable(absl::string_view name) const;
  absl::Status SetVariable(absl::string_view name, Tensor value);
  // Puts all variables back to their initial values.
  void ResetVariables();

  const Model& model() const;

 private:
  class Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Replays a model's golden vectors. OK when every output is within its tolerance; else a status
// that lists each vector and output that is not, with the worst element. FailedPrecondition when
// the model has none.
absl::Status ReplayGoldenVectors(Session& session);

// Adds a golden vector to the model: `inputs` with the outputs that this machine computes in exact
// mode. Where the right outputs are known from elsewhere, put those into Model::golden_vectors
// instead: that proves more.
absl::Status RecordGoldenVector(Model& model, std::string name, const NamedTensors& inputs,
                                const RunOptions& options = {}, double rtol = 1e-4,
                                double atol = 1e-5);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_SESSION_H_
