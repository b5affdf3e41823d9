#include "nomograph/core/run/program_cache.h"

#include <algorithm>
#include <thread>

#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/keep_nan.h"

namespace nomograph {
namespace {

bool SameTypes(const std::vector<TensorType>& types, absl::Span<const Tensor> inputs) {
  return std::equal(
      types.begin(), types.end(), inputs.begin(), inputs.end(),
      [](const TensorType& type, const Tensor& input) { return type == input.type(); });
}

// As many runs at one time as there are processors are usual. What more of them need is freed.
size_t MostIdleStates() {
  static const size_t most = std::max(1u, std::thread::hardware_concurrency());
  return most;
}

// Whether a run that ended so may have gone wrong because it lost a NaN: shapes and indices may
// have come of it, too.
bool IsToBeRepeated(const absl::Status& status, const InvalidFlagScope& flag) {
  return (status.ok() || absl::IsInvalidArgument(status)) && flag.raised();
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> ReusedProgram::Run(absl::Span<const Tensor> inputs,
                                                       const RunContext& run) {
  std::unique_ptr<ProgramState> state;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_states_.empty()) {
      state = std::move(idle_states_.back());
      idle_states_.pop_back();
    }
  }
  HeldMemory reused;
  if (state == nullptr) {
    NOMO_ASSIGN_OR_RETURN(state, ProgramState::Create(*program_));
  } else if (state->account() != CurrentMemoryAccount()) {
    // An earlier run paid for it; this one needs it as well.
    absl::StatusOr<HeldMemory> taken = HeldMemory::Take(state->num_bytes());
    if (taken.ok()) {
      reused = *std::move(taken);
    } else {
      state = nullptr;
      NOMO_ASSIGN_OR_RETURN(state,
                            ProgramState::Create(*program_));  // which names what is too large
    }
  }
  auto outputs = Executor(*program_, run, *state).Run(inputs);
  const std::lock_guard lock(mutex_);
  if (idle_states_.size() < MostIdleStates()) idle_states_.push_back(std::move(state));
  return outputs;
}

absl::StatusOr<std::vector<Tensor>> CachedProgram::Run(absl::Span<const Tensor> inputs,
                                                       const RunContext& run) {
  if (!program()->may_lose_nan()) return fast_.Run(inputs, run);
  const InvalidFlagScope flag;
  auto outputs = fast_.Run(inputs, run);
  return IsToBeRepeated(outputs.status(), flag) ? RunKeepingNan(inputs, run) : std::move(outputs);
}

absl::Status CachedProgram::RunInto(absl::Span<const Tensor> inputs, absl::Span<Tensor> results,
                                    const RunContext& run, ProgramState& state) {
  if (!program()->may_lose_nan()) return Executor(*program(), run, state).RunInto(inputs, results);
  const InvalidFlagScope flag;
  const absl::Status status = Executor(*program(), run, state).RunInto(inputs, results);
  if (!IsToBeRepeated(status, flag)) return status;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, RunKeepingNan(inputs, run));
  for (size_t i = 0; i < outputs.size(); ++i) {
    NOMO_RETURN_IF_ERROR(CopyResult(i, outputs[i].shape(), outputs[i].raw_data(), results[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> CachedProgram::RunKeepingNan(absl::Span<const Tensor> inputs,
                                                                 const RunContext& run) {
  {
    const std::lock_guard lock(mutex_);
    if (keeping_nan_ == nullptr) {
      NOMO_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, compile_keeping_nan_());
      keeping_nan_ = std::make_unique<ReusedProgram>(std::move(program));
    }
  }
  return keeping_nan_->Run(inputs, run);
}

absl::StatusOr<std::shared_ptr<CachedProgram>> ProgramCache::Compile(
    absl::Span<const Tensor> inputs, absl::Span<const int> outputs) const {
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) types.push_back(input.type());
  const std::vector<int> wanted(outputs.begin(), outputs.end());
  const auto compile = [this, types, wanted](bool keep_nan) {
    CompileOptions options = options_;
    options.keep_nan |= keep_nan;
    return Program::Compile(model_, graph_, types, registry_, options, wanted);
  };
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, compile(false));
  return std::make_shared<CachedProgram>(std::move(program), [compile] { return compile(true); });
}

std::shared_ptr<ProgramCache::Compiled> ProgramCache::Find(absl::Span<const Tensor> inputs,
                                                           absl::Span<const int> outputs) {
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (!SameTypes(it->types, inputs) || absl::MakeConstSpan(it->outputs) != outputs) continue;
    entries_.splice(entries_.begin(), entries_, it);
    return it->compiled;
  }
  return nullptr;
}

// What is still compiled stays, so that nothing is compiled twice at one time.
void ProgramCache::DropOldest() {
  const auto is_there = [](const Entry& entry) { return entry.compiled->program != nullptr; };
  auto programs = std::count_if(entries_.begin(), entries_.end(), is_there);
  for (auto it = entries_.end(); programs > std::max(capacity_, 1);) {
    if (!is_there(*--it)) continue;
    it = entries_.erase(it);
    --programs;
  }
}

absl::StatusOr<std::shared_ptr<CachedProgram>> ProgramCache::Get(absl::Span<const Tensor> inputs,
                                                                 absl::Span<const int> outputs) {
  std::unique_lock lock(mutex_);
  while (const std::shared_ptr<Compiled> known = Find(inputs, outputs)) {
    is_done_.wait(lock, [&] { return known->program != nullptr || known->failed; });
    if (!known->failed) return known->program;
    // Another's memory may have been too little, or its time: this one tries for itself.
  }
  const auto own = std::make_shared<Compiled>();
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) types.push_back(input.type());
  entries_.push_front({std::move(types), {outputs.begin(), outputs.end()}, own});
  lock.unlock();
  const auto finish = [&](std::shared_ptr<CachedProgram> program) {
    const std::scoped_lock again(mutex_);
    if (program != nullptr) {
      own->program = std::move(program);
      DropOldest();
    } else {
      own->failed = true;
      entries_.remove_if([&](const Entry& entry) { return entry.compiled == own; });
    }
    is_done_.notify_all();
  };
  try {
    auto program = CatchExceptions([&] { return Compile(inputs, outputs); });
    finish(program.ok() ? *program : nullptr);
    return program;
  } catch (...) {  // what is no std::exception passes, but others must not wait for ever
    finish(nullptr);
    throw;
  }
}

}  // namespace nomograph
