// Session: runs a model.
#ifndef NOMOGRAPH_CORE_RUN_SESSION_H_
#define NOMOGRAPH_CORE_RUN_SESSION_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/compile/program.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct SessionOptions {
  // Reference kernels only: slower, and the same bits on every machine.
  bool exact = false;
  // Not in exact mode.
  Precision precision = Precision::kFloat32;
  // Ops with the effect io that may run, by name.
  std::vector<std::string> allowed_io = {};
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
  // What has been measured of the ways in which nodes can run (inspect/tuning_file.h reads it).
  // Null: they are estimated. Not in exact mode.
  std::shared_ptr<const Tuning> tuning = {};
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
  // The outputs that are wanted, in this order; all where there are none. Only what they need is
  // run. Each choice is a program of its own.
  std::vector<std::string> outputs = {};
};

// The memory of a BoundRun.
struct BindOptions {
  // As RunOptions::outputs.
  std::vector<std::string> outputs = {};
  // Where these outputs go; tensors of the run's own where there are none. They must not overlap
  // the inputs or each other.
  std::vector<Tensor> results = {};
};

// A model with inputs and results in fixed places, which runs again and again without looking
// anything up, without a lock (but for a model with state variables) and without allocating, except
// in nodes whose shapes depend on data. For one thread at a time; the session must outlive it.
class BoundRun {
 public:
  ~BoundRun();
  // Computes the results from what the inputs hold now. `options.outputs` must be empty: they were
  // chosen when the run was bound.
  absl::Status Run(const RunOptions& options = {});
  const std::vector<Tensor>& inputs() const;
  const std::vector<Tensor>& results() const;

 private:
  friend class Session;
  class Impl;
  explicit BoundRun(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
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
  // have statuses of their own; after any of them the session runs on. Outputs are the caller's;
  // the memory of those that are let go serves the next run with the same shapes.
  absl::StatusOr<NamedTensors> Run(const NamedTensors& inputs, const RunOptions& options = {});
  // For a model with one input and one output.
  absl::StatusOr<Tensor> Run(const Tensor& input, const RunOptions& options = {});
  // Inputs and outputs in the model's order.
  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const Tensor> inputs,
                                          const RunOptions& options = {});

  // A run on these tensors' memory, whose shapes it is compiled for; what they hold does not matter
  // yet. InvalidArgument where the results do not fit or depend in shape on data.
  absl::StatusOr<std::unique_ptr<BoundRun>> Bind(absl::Span<const Tensor> inputs,
                                                 const BindOptions& options = {});
  // On tensors of the run's own, for inputs of these shapes.
  absl::StatusOr<std::unique_ptr<BoundRun>> Bind(absl::Span<const Shape> shapes,
                                                 const BindOptions& options = {});

  // Runs in inference mode on arrays of any length, a batch at a time. All batches run the same
  // program: the last one, where it is smaller, is filled up with copies of its last row.
  // InvalidArgument where there are several and an output has no batch axis.
  absl::StatusOr<NamedTensors> Predict(const NamedTensors& inputs,
                                       const PredictOptions& options = {});
  // For a model with one input and one output.
  absl::StatusOr<Tensor> Predict(const Tensor& input, const PredictOptions& options = {});

  // The program for these inputs, e.g. for a listing of its steps.
  absl::StatusOr<std::shared_ptr<const Program>> ProgramFor(const NamedTensors& inputs);

  // A state variable's value now. NotFound when there is none of that name.
  absl::StatusOr<Tensor> GetVariable(absl::string_view name) const;
  absl::Status SetVariable(absl::string_view name, Tensor value);
  // Puts all variables back to their initial values.
  void ResetVariables();

  const Model& model() const;

 private:
  friend class BoundRun;
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

#endif  // NOMOGRAPH_CORE_RUN_SESSION_H_
