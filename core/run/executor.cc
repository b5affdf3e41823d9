#include "nomograph/core/run/executor.h"

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/run/run_limits.h"
#include "nomograph/core/run/step_observer.h"
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

}  // namespace

absl::StatusOr<std::unique_ptr<ProgramState>> ProgramState::Create(const Program& program) {
  std::unique_ptr<ProgramState> state(new ProgramState);
  state->account_ = CurrentMemoryAccount();
  NOMO_ASSIGN_OR_RETURN(state->arena_, CreateShared(program.graph_, program.plan_.arena_bytes,
                                                    "the values of a run"));
  NOMO_ASSIGN_OR_RETURN(state->scratch_, CreateShared(program.graph_, program.scratch_bytes_,
                                                      "what kernels use beside the values"));
  NOMO_RETURN_IF_ERROR(CatchBadAlloc([&] {
    state->SetUp(program);
    return absl::OkStatus();
  }));
  return state;
}

void ProgramState::SetUp(const Program& program) {
  views_.resize(program.graph_.types.size());
  owned_.resize(program.graph_.types.size());
  for (size_t v = 0; v < views_.size(); ++v) {
    const ValuePlan& plan = program.plan_.values[v];
    TensorView& view = views_[v];
    view.dtype = program.graph_.types[v].dtype;
    view.shape = &program.shapes_[v];
    if (plan.storage == Storage::kArena) view.data = arena_.mutable_raw_data() + plan.offset;
    if (plan.storage == Storage::kConstant) {
      // The root: a view of a constant has no tensor of its own.
      view.data = const_cast<std::byte*>(program.graph_.constants[plan.root].raw_data());
    }
  }
  for (const Program::Step& step : program.steps_) {
    kernel_states_.push_back(step.kernel ? step.kernel->NewState() : nullptr);
  }
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
  for (size_t i = 0; i < program_.steps_.size(); ++i) {
    absl::Status status = CheckRun();
    if (status.ok()) status = RunStep(i);
    if (!status.ok()) return AtNode(program_.graph_.nodes[program_.steps_[i].node], status);
  }
  return absl::OkStatus();
}

// Sets the addresses that differ between runs: those of the inputs, of the results, and of views of
// them.
absl::Status Executor::Bind(absl::Span<const Tensor> inputs, absl::Span<Tensor> results) {
  const LoweredGraph& graph = program_.graph_;
  for (size_t i = 0; i < results.size(); ++i) {
    const ValueId id = graph.outputs[i];
    if (program_.plan_.values[id].storage != Storage::kResult) continue;
    state_.views_[id].data = results[i].mutable_raw_data();
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (graph.inputs[i] == kNoValue) continue;
    state_.views_[graph.inputs[i]].data = const_cast<std::byte*>(inputs[i].raw_data());
  }
  for (size_t v = 0; v < state_.views_.size(); ++v) {
    const ValuePlan& plan = program_.plan_.values[v];
    if (plan.storage == Storage::kResult && plan.root == static_cast<ValueId>(v)) {
      if (!results.empty()) continue;
      auto result = Tensor::Create(graph.types[v].dtype, program_.shapes_[v]);
      if (!result.ok()) return AtProducer(graph, plan.root, result.status());
      state_.owned_[v] = *std::move(result);
      state_.views_[v].data = state_.owned_[v].mutable_raw_data();
    } else if (plan.storage == Storage::kDynamic) {
      state_.views_[v].data = nullptr;
      state_.views_[v].shape = &program_.shapes_[v];
    }
  }
  // Roots are no views themselves, so that all have their addresses by now, whatever their numbers.
  for (const ValueId view : program_.plan_.views) {
    state_.views_[view].data = state_.views_[program_.plan_.values[view].root].data;
  }
  return absl::OkStatus();
}

absl::Status Executor::RunStep(size_t index) {
  const Program::Step& step = program_.steps_[index];
  const LoweredNode& node = program_.graph_.nodes[step.node];
  if (step.kernel != nullptr) {
    return RunPrepared(*step.kernel, node, step.node_key, state_.kernel_states_[index].get(),
                       state_.scratch_.mutable_raw_data());
  }
  NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, PrepareLate(node));
  const std::unique_ptr<KernelState> kernel_state = kernel->NewState();
  NOMO_ASSIGN_OR_RETURN(Tensor scratch, Tensor::Create(DType::kUInt8, {kernel->scratch_bytes()}));
  return RunPrepared(*kernel, node, step.node_key, kernel_state.get(), scratch.mutable_raw_data());
}

absl::StatusOr<std::unique_ptr<Kernel>> Executor::PrepareLate(const LoweredNode& node) {
  std::vector<TensorType> types;
  std::vector<Tensor> values;
  std::vector<TensorSpec> input_specs, output_specs;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) {
      types.emplace_back();
      values.emplace_back();
      input_specs.emplace_back();
      continue;
    }
    const TensorView& view = state_.views_[id];
    types.push_back({view.dtype, *view.shape});
    values.push_back(Tensor::FromBuffer(view.dtype, *view.shape, view.data, nullptr));
    input_specs.push_back({view.dtype, *view.shape});
  }
  InferContext context(node.attrs, types, values, static_cast<int>(node.outputs.size()));
  // The functions of control flow yield whatever shapes they yield: nothing is known of them
  // beforehand.
  const InferContext::FunctionInferrer unknown = [&](const std::string&,
                                                     absl::Span<const TensorType>) {
    std::vector<TensorType> outputs;
    for (const ValueId id : node.outputs)
      outputs.push_back({program_.graph_.types[id].dtype, PartialShape()});
    return absl::StatusOr<std::vector<TensorType>>(std::move(outputs));
  };
  context.set_function_inferrer(&unknown);
  const bool calls = std::any_of(node.attrs.begin(), node.attrs.end(), [](const auto& attr) {
    return attr.second.type() == AttrType::kFunction;
  });
  std::vector<TensorType> outputs;
  if (calls) {
    for (const ValueId id : node.outputs)
      outputs.push_back({program_.graph_.types[id].dtype, PartialShape()});
  } else {
    NOMO_ASSIGN_OR_RETURN(outputs, InferNode(*node.op, context));
  }
  bool known = true;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    TensorView& view = state_.views_[id];
    if (outputs[i].shape.fully_known() && program_.plan_.values[id].storage == Storage::kDynamic) {
      NOMO_ASSIGN_OR_RETURN(state_.owned_[id],
                            Tensor::Create(view.dtype, outputs[i].shape.ToShape()));
      view.shape = &state_.owned_[id].shape();
      view.data = state_.owned_[id].mutable_raw_data();
    }
    known &= view.data != nullptr;
    output_specs.push_back({view.dtype, view.data != nullptr ? *view.shape : Shape()});
  }
  // Every input counts as constant: the kernel serves this run alone.
  const PrepareContext prepare{
      node.attrs, input_specs,   output_specs,
      values,     node.post_ops, WorthwhileThreads(input_specs, output_specs, program_.threads_)};
  return PrepareKernel(*node.op, prepare, known ? program_.kernels_ : KernelChoice::kReference);
}

absl::Status Executor::RunPrepared(const Kernel& kernel, const LoweredNode& node, uint64_t node_key,
                                   KernelState* kernel_state, std::byte* scratch) {
  state_.inputs_.clear();
  state_.outputs_.clear();
  state_.owned_outputs_.resize(std::max(state_.owned_outputs_.size(), node.outputs.size()));
  for (const ValueId id : node.inputs)
    state_.inputs_.push_back(id == kNoValue ? TensorView{} : state_.views_[id]);
  for (const ValueId id : node.outputs) state_.outputs_.push_back(state_.views_[id]);
  const uint64_t key = run_.call_path == 0 ? node_key : MixKeys(node_key, run_.call_path);
  KernelContextBuilder builder(state_.inputs_, absl::MakeSpan(state_.outputs_),
                               absl::MakeSpan(state_.owned_outputs_), node.attrs, run_, key);
  builder.SetMemory(scratch, kernel_state);
  StepObserver* const observer = CurrentStepObserver();
  if (observer != nullptr) observer->BeforeStep(node);
  NOMO_RETURN_IF_ERROR(RunKernel(kernel, builder.context()));
  if (observer != nullptr) {
    observer->AfterStep({program_, node, kernel, state_.inputs_, state_.outputs_});
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (state_.views_[id].data != nullptr) continue;
    if (state_.outputs_[i].data == nullptr) {
      return absl::InternalError(absl::StrCat("the kernel did not allocate output ", i));
    }
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
    if (*view.shape != results[i].shape()) {
      return InvalidArgument("output ", i, ": expected shape ", results[i].shape().ToString(),
                             ", found ", view.shape->ToString());
    }
    std::memcpy(results[i].mutable_raw_data(), view.data, results[i].num_bytes());
  }
  return absl::OkStatus();
}

void Executor::ReleaseOwned() {
  for (Tensor& tensor : state_.owned_) tensor = Tensor();
}

}  // namespace nomograph
