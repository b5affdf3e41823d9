// ProgramCache: the Programs of one graph (the model's, or a function's) by the types of their
// inputs. Internal to core.
#ifndef NOMOGRAPH_CORE_RUN_PROGRAM_CACHE_H_
#define NOMOGRAPH_CORE_RUN_PROGRAM_CACHE_H_

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "nomograph/core/compile/program.h"
#include "nomograph/core/run/executor.h"

namespace nomograph {

// A Program with states that no run uses at the moment.
class ReusedProgram {
 public:
  explicit ReusedProgram(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  const std::shared_ptr<const Program>& program() const { return program_; }
  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const Tensor> inputs, const RunContext& run);

 private:
  std::shared_ptr<const Program> program_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ProgramState>> idle_states_;
};

// A Program whose runs lose no NaN: one that may have lost one is repeated with a program that
// keeps them, which is compiled when it is needed first.
class CachedProgram {
 public:
  using CompileFn = std::function<absl::StatusOr<std::unique_ptr<const Program>>()>;
  CachedProgram(std::shared_ptr<const Program> program, CompileFn compile_keeping_nan)
      : fast_(std::move(program)), compile_keeping_nan_(std::move(compile_keeping_nan)) {}
  const std::shared_ptr<const Program>& program() const { return fast_.program(); }
  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const Tensor> inputs, const RunContext& run);
  // The same with the caller's memory: that of the results, and a state of program().
  absl::Status RunInto(absl::Span<const Tensor> inputs, absl::Span<Tensor> results,
                       const RunContext& run, ProgramState& state);

 private:
  absl::StatusOr<std::vector<Tensor>> RunKeepingNan(absl::Span<const Tensor> inputs,
                                                    const RunContext& run);

  ReusedProgram fast_;
  const CompileFn compile_keeping_nan_;
  std::mutex mutex_;
  std::unique_ptr<ReusedProgram> keeping_nan_;
};

// Thread-safe.
class ProgramCache {
 public:
  // All must outlive the cache.
  ProgramCache(const Model& model, const Graph& graph, const OpRegistry& registry,
               const CompileOptions& options, int capacity)
      : model_(model), graph_(graph), registry_(registry), options_(options), capacity_(capacity) {}

  // Compiles where no program has these inputs' types: once, while others that want the same wait,
  // and those that have a program run. What fails is not kept. The program stays alive while it is
  // held, even when the cache drops it; the cache must outlive it. `outputs` as for
  // Program::Compile().
  absl::StatusOr<std::shared_ptr<CachedProgram>> Get(absl::Span<const Tensor> inputs,
                                                     absl::Span<const int> outputs = {});

 private:
  // What one thread compiles, or has compiled.
  struct Compiled {
    std::shared_ptr<CachedProgram> program;  // null until it is there
    bool failed = false;
  };
  struct Entry {
    std::vector<TensorType> types;
    std::vector<int> outputs;
    std::shared_ptr<Compiled> compiled;
  };
  absl::StatusOr<std::shared_ptr<CachedProgram>> Compile(absl::Span<const Tensor> inputs,
                                                         absl::Span<const int> outputs) const;
  // The entry, which is used last from now on; null where there is none.
  std::shared_ptr<Compiled> Find(absl::Span<const Tensor> inputs, absl::Span<const int> outputs);
  void DropOldest();

  const Model& model_;
  const Graph& graph_;
  const OpRegistry& registry_;
  const CompileOptions& options_;
  const int capacity_;
  std::mutex mutex_;                 // never held while something is compiled
  std::condition_variable is_done_;  // with something
  std::list<Entry> entries_;         // the one used last comes first
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_RUN_PROGRAM_CACHE_H_
