#include "nomograph/core/program_cache.h"

#include <algorithm>

namespace nomograph {
namespace {

bool SameTypes(const std::vector<TensorType>& types, absl::Span<const Tensor> inputs) {
  return std::equal(
      types.begin(), types.end(), inputs.begin(), inputs.end(),
      [](const TensorType& type, const Tensor& input) { return type == input.type(); });
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> CachedProgram::Run(absl::Span<const Tensor> inputs,
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
    NOMO_ASSIGN_OR_RETURN(state, program_->NewState());
  } else if (state->account() != CurrentMemoryAccount()) {
    // An earlier run paid for it; this one needs it as well.
    NOMO_ASSIGN_OR_RETURN(reused, HeldMemory::Take(state->num_bytes()));
  }
  auto outputs = program_->Run(inputs, run, *state);
  const std::lock_guard lock(mutex_);
  idle_states_.push_back(std::move(state));
  return outputs;
}

absl::StatusOr<std::shared_ptr<CachedProgram>> ProgramCache::Get(absl::Span<const Tensor> inputs) {
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (!SameTypes(it->types, inputs)) continue;
    entries_.splice(entries_.begin(), entries_, it);
    return it->program;
  }
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) types.push_back(input.type());
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program,
                        Program::Compile(model_, graph_, types, registry_, options_));
  entries_.push_front({std::move(types), std::make_shared<CachedProgram>(std::move(program))});
  if (static_cast<int>(entries_.size()) > std::max(capacity_, 1)) entries_.pop_back();
  return entries_.front().program;
}

}  // namespace nomograph
