#include "nomograph/core/run/executor.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/run/run_limits.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

absl::Status AtNode(const LoweredNode& node, const absl::Status& status) {
  return Annotate(status, NodePlace(node.name, node.op->name));
}

// Names the node that yields `id`.
absl::Status AtProducer(const LoweredGraph& graph, ValueId id, const absl::Status& status) {
  for (const LoweredNode& node : graph.nodes) {
    const auto& outputs = node.outputs;
    if (std::find(outputs.begin(), outputs.end(), id) != outputs.end()) {
      return AtNode(node, status);
    }
  }
  return status;
}

// Memory that all values share, so that no single one needs it.
absl::StatusOr<Tensor> CreateShared(const LoweredGraph& graph, int64_t bytes,
                                    absl::string_view what) {
  auto tensor = Tensor::Create(DType::kUInt8, {bytes});
  if (tensor.ok()) return tensor;
  const std::string largest = LargestValue(graph);
  return absl::Status(tensor.status().code(),
                      absl::StrCat("no memory for ", what, " (", largest,
                                   "): ", CurrentMemoryAccount()->Check(bytes).message()));
}

bool DiffersBetweenRuns(Storage storage) {
  return storage == Storage::kInput || storage == Storage::kVariable || storage == Storage::kResult;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProgramState>> ProgramState::Create(const Program& program) {
  std::unique_ptr<ProgramState> state(new ProgramState);
  state->account_ = CurrentMemoryAccount();
  NOMO_ASSIGN_OR_RETURN(state->arena_, CreateShared(program.graph_, program.plan_.arena_bytes,
                                                    "the values of a run"));
  NOMO_ASSIGN_OR_RETURN(state->scratch_, CreateShared(program.graph_, program.scratch_bytes_,
                                                      "what kernels use beside the values"));
  NOMO_RETURN_IF_ERROR(CatchExceptions([&] {  // kernels make states
    state->SetUp(program);
    return absl::OkStatus();
  }));
  return state;
}

void ProgramState::SetUp(const Program& program) {
  views_.resize(program.graph_.types.size());
  owned_.resize(program.graph_.types.size());
  for (size_t v = 0; v < views_.size(); ++v) {
    const ValueId id = static_cast<ValueId>(v);
    const ValuePlan& plan = program.plan_.values[v];
    TensorView& view = views_[v];
    view.dtype = program.graph_.types[v].dtype;
    view.shape = &program.shapes_[v];
    if (plan.storage == Storage::kArena) view.data = arena_.mutable_raw_data() + plan.offset;
    if (plan.storage == Storage::kConstant) {
      // The root: a view of a constant has no tensor of its own.
      view.data = const_cast<std::byte*>(program.graph_.constants[plan.root].raw_data());
    }
    if (plan.storage == Storage::kResult && plan.root == id) results_.push_back(id);
    if (plan.storage == Storage::kDynamic) dynamic_.push_back(id);
  }
  // Roots are no views themselves, so that all have their places by now, whatever their numbers.
  for (const ValueId view : program.plan_.views) {
    const ValueId root = program.plan_.values[view].root;
    if (program.plan_.values[root].storage == Storage::kArena) continue;
    views_[view].data = views_[root].data;
    if (DiffersBetweenRuns(program.plan_.values[root].storage)) varying_views_.push_back(view);
  }
  SetUpCalls(program);
  SetUpLastUses(program);
}

void ProgramState::SetUpCalls(const Program& program) {
  const auto storage = [&](ValueId id) {  // of an absent input that of a constant
    if (id == kNoValue) return Storage::kConstant;
    return program.plan_.values[program.plan_.values[id].root].storage;
  };
  const auto has_dynamic = [&](const std::vector<ValueId>& ids) {
    return std::any_of(ids.begin(), ids.end(),
                       [&](ValueId id) { return storage(id) == Storage::kDynamic; });
  };
  for (const Program::Step& step : program.steps_) {
    const LoweredNode& node = program.graph_.nodes[step.node];
    Call& call = calls_.emplace_back();
    if (step.kernel == nullptr) continue;
    call.kernel_state = step.kernel->NewState();
    if (has_dynamic(node.inputs) || has_dynamic(node.outputs)) continue;
    call.kernel = step.kernel.get();
    for (const std::vector<ValueId>* ids : {&node.inputs, &node.outputs}) {
      for (const ValueId id : *ids) {
        if (DiffersBetweenRuns(storage(id))) varying_.emplace_back(id, call_views_.size());
        call_views_.push_back(id == kNoValue ? TensorView() : views_[id]);
      }
    }
  }
  std::sort(varying_.begin(), varying_.end());
  // All views have their places now.
  TensorView* views = call_views_.data();
  for (size_t i = 0; i < calls_.size(); ++i) {
    const Program::Step& step = program.steps_[i];
    if (calls_[i].kernel == nullptr) continue;
    const LoweredNode& node = program.graph_.nodes[step.node];
    const auto inputs = absl::MakeSpan(views, node.inputs.size());
    const auto outputs = absl::MakeSpan(views + inputs.size(), node.outputs.size());
    views = outputs.end();
    KernelContextBuilder builder(inputs, outputs, {}, node.attrs, run_, step.node_key);
    builder.SetMemory(scratch_.mutable_raw_data(), calls_[i].kernel_state.get());
    calls_[i].context = builder.context();
  }
}

// Values that share memory hold it together: a shape that is another one of the same elements has a
// last step of its own.
void ProgramState::SetUpLastUses(const Program& program) {
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  std::vector<size_t> last(views_.size(), kNone);
  for (size_t i = 0; i < program.steps_.size(); ++i) {
    const LoweredNode& node = program.graph_.nodes[program.steps_[i].node];
    for (const std::vector<ValueId>* ids : {&node.inputs, &node.outputs}) {
      for (const ValueId id : *ids) {
        if (id != kNoValue) last[program.plan_.values[id].root] = i;
      }
    }
  }
  for (const ValueId id : program.graph_.outputs) last[program.plan_.values[id].root] = kNone;
  for (const ValueId id : dynamic_) {
    if (last[id] != kNone) calls_[last[id]].last_of.push_back(id);
  }
}

void ProgramState::UpdateCalls(ValueId id) {
  for (auto it = std::lower_bound(varying_.begin(), varying_.end(), std::pair(id, size_t{0}));
       it != varying_.end() && it->first == id; ++it) {
    call_views_[it->second] = views_[id];
  }
}

absl::Status CopyResult(size_t index, const Shape& shape, const std::byte* data, Tensor& result) {
  if (shape != result.shape()) {
    return InvalidArgument("output ", index, ": expected shape ", result.shape().ToString(),
                           ", found ", shape.ToString());
  }
  std::memcpy(result.mutable_raw_data(), data, result.num_bytes());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Executor::Run(absl::Span<const Tensor> inputs) {
  const absl::Status status = RunSteps(inputs, {});
  auto results = status.ok() ? TakeResults() : absl::StatusOr<std::vector<Tensor>>(status);
  ReleaseOwned();
  return results;
}

absl::Status Executor::RunInto(absl::Span<const Tensor> inputs, absl::Span<Tensor> results) {
  absl::Status status = RunSteps(inputs, results);
  if (status.ok()) status = CopyResults(results);
  ReleaseOwned();
  return status;
}

absl::Status Executor::RunSteps(absl::Span<const Tensor> inputs, absl::Span<Tensor> results) {
  NOMO_RETURN_IF_ERROR(CheckRun());  // a loop's body may have no steps
  NOMO_RETURN_IF_ERROR(Bind(inputs, results));
  SetUpRun();
  StepObserver* const observer = CurrentStepObserver();
  // What is the same for all steps is asked once: many a step takes no longer than a question.
  const bool limited = RunIsLimited();
  size_t i = 0;
  const absl::Status status = CatchExceptions([&] {
    for (; i < state_.calls_.size(); ++i) {
      if (limited) NOMO_RETURN_IF_ERROR(CheckRun());
      ProgramState::Call& call = state_.calls_[i];
      const bool plain = call.kernel != nullptr && observer == nullptr;
      NOMO_RETURN_IF_ERROR(plain ? call.kernel->Run(call.context) : RunStep(i, observer));
    }
    return absl::OkStatus();
  });
  if (status.ok()) return status;
  return AtNode(program_.graph_.nodes[program_.steps_[i].node], status);
}

// Sets the addresses that differ between runs: those of the inputs, of variables, of the results,
// and of views of them.
absl::Status Executor::Bind(absl::Span<const Tensor> inputs, absl::Span<Tensor> results) {
  const LoweredGraph& graph = program_.graph_;
  const auto place = [&](ValueId id, const std::byte* data) {
    state_.views_[id].data = const_cast<std::byte*>(data);
    state_.UpdateCalls(id);
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (graph.inputs[i] != kNoValue) place(graph.inputs[i], inputs[i].raw_data());
  }
  for (const auto& [id, name] : program_.plan_.variables) {
    const absl::StatusOr<VariableStore*> variables = VariablesOf(run_);
    if (!variables.ok()) return AtProducer(graph, id, variables.status());
    NOMO_ASSIGN_OR_RETURN(const Tensor value, (*variables)->Read(name));
    if (value.type() != graph.types[id]) {
      return AtProducer(
          graph, id,
          InvalidArgument("variable ", Quoted(name), ": expected ", graph.types[id].ToString(),
                          ", found ", value.type().ToString()));
    }
    place(id, value.raw_data());  // which the store keeps
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const ValueId id = graph.outputs[i];
    if (program_.plan_.values[id].storage != Storage::kResult) continue;
    place(id, results[i].mutable_raw_data());
  }
  for (const ValueId id : state_.results_) {
    if (!results.empty()) break;
    auto result = state_.pool_.Create(graph.types[id].dtype, program_.shapes_[id]);
    if (!result.ok()) return AtProducer(graph, id, result.status());
    state_.owned_[id] = *std::move(result);
    place(id, state_.owned_[id].raw_data());
  }
  for (const ValueId id : state_.dynamic_) {
    state_.views_[id].data = nullptr;
    state_.views_[id].shape = &program_.shapes_[id];
  }
  for (const ValueId id : state_.varying_views_) {
    place(id, state_.views_[program_.plan_.values[id].root].data);
  }
  return absl::OkStatus();
}

uint64_t Executor::KeyOf(const Program::Step& step) const {
  return run_.call_path == 0 ? step.node_key : MixKeys(step.node_key, run_.call_path);
}

void Executor::SetUpRun() {
  state_.run_ = run_;
  if (state_.call_path_ == run_.call_path) return;
  state_.call_path_ = run_.call_path;
  for (size_t i = 0; i < state_.calls_.size(); ++i) {
    state_.calls_[i].context.node_key_ = KeyOf(program_.steps_[i]);
  }
}

absl::Status Executor::RunStep(size_t index, StepObserver* observer) {
  NOMO_RETURN_IF_ERROR(RunOwnStep(index, observer));
  for (const ValueId id : state_.calls_[index].last_of) state_.owned_[id] = Tensor();
  return absl::OkStatus();
}

absl::Status Executor::RunOwnStep(size_t index, StepObserver* observer) {
  ProgramState::Call& call = state_.calls_[index];
  const Program::Step& step = program_.steps_[index];
  const LoweredNode& node = program_.graph_.nodes[step.node];
  if (call.kernel != nullptr) return RunKernelObserved(*call.kernel, node, call.context, observer);
  if (step.kernel != nullptr) {
    return RunLate(step, *step.kernel, call.kernel_state.get(), state_.scratch_.mutable_raw_data(),
                   observer);
  }
  LateInputs inputs = LateInputsOf(node);
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> outputs, InferLate(node, inputs));
  // Observers want to see every node's values.
  if (observer == nullptr && ReshapeLate(node, inputs, outputs)) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(PrepareLate(node, std::move(inputs), outputs, call.late));
  ProgramState::LateKernel& late = *call.late;
  return RunLate(step, *late.kernel, late.kernel_state.get(), late.scratch.mutable_raw_data(),
                 observer);
}

absl::Status Executor::RunKernelObserved(const Kernel& kernel, const LoweredNode& node,
                                         KernelContext& context, StepObserver* observer) {
  if (observer == nullptr) return RunKernel(kernel, context);
  observer->BeforeStep(node);
  NOMO_RETURN_IF_ERROR(RunKernel(kernel, context));
  observer->AfterStep({program_, node, kernel, context.inputs_, context.outputs_});
  return absl::OkStatus();
}

bool ProgramState::LateKernel::Serves(absl::Span<const TensorSpec> now_inputs,
                                      absl::Span<const TensorSpec> now_outputs,
                                      absl::Span<const Tensor> now_values) const {
  const auto same = [](const TensorSpec& a, const TensorSpec& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  };
  const auto same_bytes = [](const Tensor& a, const Tensor& b) {
    return a.valid() == b.valid() &&
           (!a.valid() || std::memcmp(a.raw_data(), b.raw_data(), a.num_bytes()) == 0);
  };
  return std::equal(inputs.begin(), inputs.end(), now_inputs.begin(), now_inputs.end(), same) &&
         std::equal(outputs.begin(), outputs.end(), now_outputs.begin(), now_outputs.end(), same) &&
         std::equal(values.begin(), values.end(), now_values.begin(), now_values.end(), same_bytes);
}

Executor::LateInputs Executor::LateInputsOf(const LoweredNode& node) const {
  LateInputs inputs;
  for (const ValueId id : node.inputs) {
    TensorType& type = inputs.types.emplace_back();
    TensorSpec& spec = inputs.specs.emplace_back();
    Tensor& value = inputs.values.emplace_back();
    if (id == kNoValue) continue;
    const TensorView& view = state_.views_[id];
    type = {view.dtype, *view.shape};
    spec = {view.dtype, *view.shape};
    value = Tensor::FromBuffer(view.dtype, *view.shape, view.data, nullptr);
  }
  return inputs;
}

absl::StatusOr<std::vector<TensorType>> Executor::InferLate(const LoweredNode& node,
                                                            const LateInputs& inputs) const {
  if (CallsFunctions(node.attrs)) {
    // The functions of control flow yield whatever shapes they yield: nothing is known of them
    // beforehand.
    std::vector<TensorType> outputs;
    for (const ValueId id : node.outputs) {
      outputs.push_back({program_.graph_.types[id].dtype, PartialShape()});
    }
    return outputs;
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> outputs,
                        InferNode(*node.op, InferContext(node.attrs, inputs.types, inputs.values,
                                                         static_cast<int>(node.outputs.size()))));
  // The memory plan and the kernels behind this node rely on what was known before.
  for (size_t i = 0; i < outputs.size(); ++i) {
    const PartialShape& known = program_.graph_.types[node.outputs[i]].shape;
    if (Compatible(outputs[i].shape, known)) continue;
    return InvalidArgument("output ", i, " has shape ", known.ToString(),
                           ", the shape function yields ", outputs[i].shape.ToString(),
                           " in this run");
  }
  return outputs;
}

bool Executor::ReshapeLate(const LoweredNode& node, const LateInputs& inputs,
                           absl::Span<const TensorType> outputs) {
  if (!node.op->is_view || node.inputs.empty() || node.inputs[0] == kNoValue ||
      !node.post_ops.empty() || outputs.size() != 1) {
    return false;
  }
  const ValueId from = node.inputs[0], to = node.outputs[0];
  if (program_.plan_.values[from].storage != Storage::kDynamic ||
      program_.plan_.values[to].storage != Storage::kDynamic || !state_.owned_[from].valid() ||
      !outputs[0].shape.fully_known() || outputs[0].dtype != inputs.types[0].dtype) {
    return false;
  }
  const Shape shape = outputs[0].shape.ToShape();
  if (shape.num_elements() != inputs.specs[0].shape.num_elements()) return false;
  state_.owned_[to] = state_.owned_[from].Reshaped(shape);
  state_.views_[to].shape = &state_.owned_[to].shape();
  state_.views_[to].data = state_.owned_[to].mutable_raw_data();
  return true;
}

absl::Status Executor::PrepareLate(const LoweredNode& node, LateInputs inputs,
                                   absl::Span<const TensorType> outputs,
                                   std::unique_ptr<ProgramState::LateKernel>& late) {
  std::vector<TensorSpec> output_specs;
  bool known = true;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    TensorView& view = state_.views_[id];
    if (outputs[i].shape.fully_known() && program_.plan_.values[id].storage == Storage::kDynamic) {
      NOMO_ASSIGN_OR_RETURN(state_.owned_[id],
                            state_.pool_.Create(view.dtype, outputs[i].shape.ToShape()));
      view.shape = &state_.owned_[id].shape();
      view.data = state_.owned_[id].mutable_raw_data();
    }
    known &= view.data != nullptr;
    output_specs.push_back(view.data != nullptr ? TensorSpec{view.dtype, *view.shape}
                                                : TensorSpec{});
  }
  // Beside constants, small inputs count as constant, as e.g. the sizes of a slice: the kernel
  // serves as long as they stay. Of large ones, as of all that a run computes, it gets none.
  constexpr int64_t kSmallBytes = 1 << 10;
  std::vector<Tensor> constants(node.inputs.size()), small(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue) continue;
    const ValueId root = program_.plan_.values[id].root;
    if (program_.plan_.values[root].storage == Storage::kConstant) {
      constants[i] = inputs.values[i];
    } else if (inputs.values[i].num_bytes() <= kSmallBytes) {
      small[i] = inputs.values[i];
    }
  }
  if (late != nullptr && late->Serves(inputs.specs, output_specs, small)) {
    if (late->account == CurrentMemoryAccount()) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(HeldMemory held, HeldMemory::Take(late->scratch.num_bytes()));
    state_.held_.push_back(std::move(held));
    return absl::OkStatus();
  }
  late.reset();  // ahead of the next one, which may be as large
  auto next = std::make_unique<ProgramState::LateKernel>();
  for (size_t i = 0; i < small.size(); ++i) {
    if (!small[i].valid()) continue;
    NOMO_ASSIGN_OR_RETURN(small[i], TryClone(small[i]));
    constants[i] = small[i];
  }
  std::vector<TensorSpec> shaped = output_specs;
  for (size_t i = 0; i < shaped.size(); ++i) {
    shaped[i].dtype = state_.views_[node.outputs[i]].dtype;
  }
  const PrepareContext prepare{
      node.attrs, inputs.specs,  shaped,
      constants,  node.post_ops, WorthwhileThreads(inputs.specs, shaped, program_.threads_)};
  NOMO_ASSIGN_OR_RETURN(
      next->kernel,
      PrepareKernel(*node.op, prepare, known ? program_.kernels_ : KernelChoice::kReference));
  next->kernel_state = next->kernel->NewState();
  NOMO_ASSIGN_OR_RETURN(next->scratch,
                        Tensor::Create(DType::kUInt8, {next->kernel->scratch_bytes()}));
  next->account = CurrentMemoryAccount();
  next->inputs = std::move(inputs.specs);
  next->outputs = std::move(output_specs);
  next->values = std::move(small);
  late = std::move(next);
  return absl::OkStatus();
}

absl::Status Executor::RunLate(const Program::Step& step, const Kernel& kernel,
                               KernelState* kernel_state, std::byte* scratch,
                               StepObserver* observer) {
  const LoweredNode& node = program_.graph_.nodes[step.node];
  state_.inputs_.clear();
  state_.outputs_.clear();
  state_.owned_outputs_.resize(std::max(state_.owned_outputs_.size(), node.outputs.size()));
  for (const ValueId id : node.inputs)
    state_.inputs_.push_back(id == kNoValue ? TensorView{} : state_.views_[id]);
  for (const ValueId id : node.outputs) state_.outputs_.push_back(state_.views_[id]);
  KernelContextBuilder builder(state_.inputs_, absl::MakeSpan(state_.outputs_),
                               absl::MakeSpan(state_.owned_outputs_), node.attrs, run_,
                               KeyOf(step));
  builder.SetMemory(scratch, kernel_state, &state_.pool_);
  NOMO_RETURN_IF_ERROR(RunKernelObserved(kernel, node, builder.context(), observer));
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (state_.views_[id].data != nullptr) continue;
    if (state_.outputs_[i].data == nullptr) {
      return absl::InternalError(absl::StrCat("the kernel did not allocate output ", i));
    }
    NOMO_RETURN_IF_ERROR(CheckAllocated(static_cast<int>(i), state_.owned_outputs_[i].shape(),
                                        program_.graph_.types[id].shape));
    state_.owned_[id] = std::move(state_.owned_outputs_[i]);
    state_.views_[id].shape = &state_.owned_[id].shape();
    state_.views_[id].data = state_.owned_[id].mutable_raw_data();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Executor::TakeResults() {
  std::vector<Tensor> results;
  absl::flat_hash_set<const std::byte*> given;
  for (const ValueId id : program_.graph_.outputs) {
    const TensorView& view = state_.views_[id];
    const Storage storage = program_.plan_.values[id].storage;
    const bool owned = storage == Storage::kResult || storage == Storage::kDynamic;
    const bool listed_before = !given.insert(view.data).second;
    // An input, a constant, or a value that is listed twice is copied: every result is a tensor of
    // its own.
    if (owned && !listed_before) {
      results.push_back(state_.owned_[id]);
      continue;
    }
    auto copy = TryClone(Tensor::FromBuffer(view.dtype, *view.shape, view.data, nullptr));
    if (!copy.ok()) return AtProducer(program_.graph_, id, copy.status());
    results.push_back(*std::move(copy));
  }
  return results;
}

// Those that were not computed where they are wanted: inputs, constants, what is listed twice, and
// what was allocated during the run.
absl::Status Executor::CopyResults(absl::Span<Tensor> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const TensorView& view = state_.views_[program_.graph_.outputs[i]];
    if (view.data == results[i].raw_data()) continue;
    NOMO_RETURN_IF_ERROR(CopyResult(i, *view.shape, view.data, results[i]));
  }
  return absl::OkStatus();
}

void Executor::ReleaseOwned() {
  for (const ValueId id : state_.results_) state_.owned_[id] = Tensor();
  for (const ValueId id : state_.dynamic_) state_.owned_[id] = Tensor();
  state_.pool_.Trim();
  state_.held_.clear();
}

}  // namespace nomograph
