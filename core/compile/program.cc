#include "nomograph/core/compile/program.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/compile/dtype_choice.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/compile/tabulate_bytes.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/form/overwritten_input.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/keep_nan.h"
#include "nomograph/core/packing/shared_packing.h"
#include "nomograph/core/types/names.h"

namespace nomograph {

absl::StatusOr<std::unique_ptr<const Program>> Program::Compile(
    const Model& model, const Graph& graph, absl::Span<const TensorType> inputs,
    const OpRegistry& registry, const CompileOptions& options, absl::Span<const int> outputs) {
  const MemoryScope memory(options.memory != nullptr ? options.memory : CurrentMemoryAccount());
  std::unique_ptr<Program> program(new Program);
  // The passes call hooks that users write.
  NOMO_RETURN_IF_ERROR(CatchExceptions(
      [&] { return program->Build(model, graph, inputs, registry, options, outputs); }));
  return program;
}

absl::Status Program::Build(const Model& model, const Graph& graph,
                            absl::Span<const TensorType> inputs, const OpRegistry& registry,
                            const CompileOptions& options, absl::Span<const int> outputs) {
  if (options.exact && options.precision != Precision::kFloat32) {
    return InvalidArgument(
        "exact mode computes in the model's own precision: expected no other, found bfloat16");
  }
  const LowerOptions lower{.resolve = {.exact = options.exact, .allowed_io = options.allowed_io},
                           .fold = options.fold,
                           .max_inlined_nodes = options.max_inlined_nodes};
  kernels_ = options.exact      ? KernelChoice::kReference
             : options.keep_nan ? KernelChoice::kFastKeepingNan
                                : KernelChoice::kFast;
  threads_ = options.threads > 0 ? options.threads : DefaultThreads();
  if (kernels_ == KernelChoice::kFast) tuning_ = options.tuning;
  NOMO_ASSIGN_OR_RETURN(graph_, Lower(model, graph, inputs, registry, lower));
  if (!outputs.empty()) {
    std::vector<ValueId> wanted;
    for (const int i : outputs) wanted.push_back(graph_.outputs[i]);
    graph_.outputs = std::move(wanted);
  }
  if (kernels_ == KernelChoice::kFast) BypassViews(graph_);
  RemoveDeadNodes(graph_);
  if (!options.exact) {
    // As long as one sees to which type the numbers in patterns are rounded.
    if (kernels_ == KernelChoice::kFast && Has16BitFloats(graph_)) MatchPatterns(graph_, registry);
    NOMO_ASSIGN_OR_RETURN(const bool changed, WidenHalves(graph_, registry));
    if (changed) RemoveDeadNodes(graph_);
  }
  // No pass from here on makes a value smaller or larger, and none is to reckon with sizes that
  // overflow.
  NOMO_RETURN_IF_ERROR(CheckValuesFit(graph_));
  if (threads_ > 1 && !WorthSeveralThreads(graph_)) threads_ = 1;
  if (!options.exact && MergeEqualNodes(graph_)) RemoveDeadNodes(graph_);
  if (kernels_ == KernelChoice::kFast) {
    if (options.precision == Precision::kFloat32) {
      MatchPatterns(graph_, registry);
    } else {
      MatchPatternsAroundProducts(graph_, registry);
    }
    if (ScaleChannels(graph_, registry, options.fold)) RemoveDeadNodes(graph_);
    if (AbsorbPadding(graph_)) RemoveDeadNodes(graph_);
  }
  if (!options.exact) {
    FoldLate(graph_, options.fold);
    AbsorbAffines(graph_);
  }
  if (options.precision == Precision::kBFloat16) {
    NOMO_ASSIGN_OR_RETURN(const bool changed, AssignPrecision(graph_, registry));
    if (changed) RemoveDeadNodes(graph_);
  }
  if (kernels_ == KernelChoice::kFast) {
    TabulateBytes(graph_, registry);
    FusePostOps(graph_, threads_, tuning_.get());
  }
  plan_ = PlanMemory(graph_);
  return PrepareSteps();
}

Program::~Program() = default;

absl::Status Program::PrepareSteps() {
  // Kernels that allocate an output themselves see there what is known of its shape: a loop that
  // does not run once has nothing else to shape its scan outputs by.
  for (const TensorType& type : graph_.types) shapes_.push_back(KnownSizes(type.shape));
  const std::vector<int> uses = graph_.UseCounts();
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    if (plan_.is_view[n]) continue;
    const LoweredNode& node = graph_.nodes[n];
    steps_.push_back({static_cast<int>(n), nullptr, StableHash(node.name), nullptr});
    const std::string key = tuning_ == nullptr ? "" : FormKey(graph_, node, threads_);
    if (!key.empty()) steps_.back().form = std::make_unique<StepForm>(StepForm{.key = key});
  }
  SharedPacking packing;
  for (size_t v = 0; v < uses.size(); ++v) {
    if (uses[v] > 1 && graph_.constants[v].valid()) packing.Add(graph_.constants[v]);
  }
  // Most of the time goes into packing weights, each node's by itself.
  std::vector<absl::Status> statuses(steps_.size());
  const std::shared_ptr<MemoryAccount> account = CurrentMemoryAccount();
  ParallelForDynamic(threads_, static_cast<int64_t>(steps_.size()), [&](int64_t i) {
    const MemoryScope memory(account);
    const SharedPackingScope shared(&packing);
    statuses[i] = CatchExceptions([&] { return PrepareStep(steps_[i], uses); });
  });
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const LoweredNode& node = graph_.nodes[step.node];
    if (!statuses[i].ok()) return Annotate(statuses[i], NodePlace(node.name, node.op->name));
    if (step.kernel != nullptr) {
      scratch_bytes_ = std::max(scratch_bytes_, step.kernel->scratch_bytes());
      may_lose_nan_ |= MayLoseNan(*step.kernel);
    } else {
      may_lose_nan_ |= kernels_ == KernelChoice::kFast && !node.op->fast.empty();
    }
  }
  ShareMemory();
  DropPackedConstants();
  return absl::OkStatus();
}

void Program::ShareMemory() {
  CopiesByNode copies;
  OverwritesByNode overwrites;
  for (const Step& step : steps_) {
    if (const auto* kernel = dynamic_cast<const OverwritingKernel*>(step.kernel.get())) {
      if (const int input = kernel->OverwritableInput(); input >= 0) overwrites[step.node] = input;
    }
    const auto* const copying = dynamic_cast<const RangeCopyingKernel*>(step.kernel.get());
    if (copying == nullptr || !graph_.nodes[step.node].post_ops.empty()) continue;
    std::vector<CopiedRange> ranges = copying->CopiedRanges();
    if (!ranges.empty()) copies.emplace(step.node, std::move(ranges));
  }
  if (copies.empty() && overwrites.empty()) return;
  MemoryPlan plan = PlanMemory(graph_, copies, overwrites);
  // A whole is there from its first part on, and as long as any is needed.
  constexpr int64_t kWorth = 16;  // a sixteenth more memory
  const int64_t most = plan_.arena_bytes + plan_.arena_bytes / kWorth;
  if (plan.arena_bytes > most) {
    if (overwrites.empty()) return;
    plan = PlanMemory(graph_, {}, overwrites);
    if (plan.arena_bytes > most) return;
  }
  plan_ = std::move(plan);
  std::erase_if(steps_, [&](const Step& step) { return plan_.is_view[step.node]; });
}

absl::Status Program::PrepareStep(Step& step, const std::vector<int>& uses) {
  const LoweredNode& node = graph_.nodes[step.node];
  NodeSpecs specs(graph_, node, shapes_);
  if (!specs.shapes_known) return absl::OkStatus();
  if (step.form != nullptr) NOMO_RETURN_IF_ERROR(PrepareMeasured(step, specs));
  if (step.kernel == nullptr) {
    const FormScope scope(FormScope::Wish::kEstimate);
    const PrepareContext context = specs.Context(node, threads_);
    NOMO_ASSIGN_OR_RETURN(step.kernel, PrepareKernel(*node.op, context, kernels_));
    if (step.form == nullptr && !scope.taken().empty()) step.form = std::make_unique<StepForm>();
    if (step.form != nullptr) step.form->form = {scope.taken(), context.threads};
  }
  GiveBackPacked(*step.kernel, step.node, uses);
  return absl::OkStatus();
}

absl::Status Program::PrepareMeasured(Step& step, const NodeSpecs& specs) {
  const LoweredNode& node = graph_.nodes[step.node];
  if (tuning_->survey) {
    const FormScope scope(FormScope::Wish::kNone);
    // The op may have no kernel but those in forms.
    PrepareKernel(*node.op, specs.Context(node, threads_), kernels_).status().IgnoreError();
    step.form->forms = scope.offered();
  }
  const NodeForm* const form = tuning_->Find(step.form->key);
  if (form == nullptr) return absl::OkStatus();
  const PrepareContext context = specs.Context(node, threads_, form);
  const FormScope scope(form->name.empty() ? FormScope::Wish::kEstimate : FormScope::Wish::kForm,
                        form->name);
  auto kernel = PrepareKernel(*node.op, context, kernels_);
  // What was measured may be of another time, when the node had such a form.
  if (!form->name.empty() && scope.taken() != form->name) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(step.kernel, std::move(kernel));
  step.form->form = {scope.taken(), context.threads};
  step.form->measured = true;
  return absl::OkStatus();
}

void Program::GiveBackPacked(const Kernel& kernel, int n, const std::vector<int>& uses) {
  const std::vector<ValueId>& inputs = graph_.nodes[n].inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueId id = inputs[i];
    if (id == kNoValue || kernel.ReadsInput(static_cast<int>(i))) continue;
    Tensor& constant = graph_.constants[id];
    if (!constant.valid()) continue;
    MappedFile::GiveBack(constant.raw_data(), static_cast<size_t>(constant.num_bytes()));
    if (uses[id] == 1) constant = Tensor();
  }
}

void Program::DropPackedConstants() {
  std::vector<bool> read(graph_.types.size(), false);
  const auto mark = [&](ValueId id) {
    if (id != kNoValue) read[plan_.values[id].root] = true;
  };
  for (const ValueId id : graph_.outputs) mark(id);
  for (const Step& step : steps_) {
    const std::vector<ValueId>& inputs = graph_.nodes[step.node].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!step.kernel || step.kernel->ReadsInput(static_cast<int>(i))) mark(inputs[i]);
    }
  }
  for (size_t v = 0; v < read.size(); ++v) {
    if (!read[v]) graph_.constants[v] = Tensor();
  }
}

std::string Program::ToString() const {
  std::string text;
  const auto place = [&](ValueId id) -> std::string {
    switch (plan_.values[id].storage) {
      case Storage::kInput:
        return "input";
      case Storage::kVariable:
        return "variable";
      case Storage::kConstant:
        return "constant";
      case Storage::kArena:
        return absl::StrCat("arena+", plan_.values[id].offset);
      case Storage::kResult:
        return "result";
      case Storage::kDynamic:
        return "allocated";
    }
    return "";
  };
  for (const Step& step : steps_) {
    const LoweredNode& node = graph_.nodes[step.node];
    std::vector<std::string> outputs;
    for (const ValueId id : node.outputs)
      outputs.push_back(absl::StrCat(graph_.types[id].ToString(), " ", place(id)));
    absl::StrAppendFormat(&text, "%s  %s  [%s]", node.name, node.op->name,
                          step.kernel ? step.kernel->Describe() : "prepared when shapes are known");
    if (step.measured()) absl::StrAppend(&text, "  measured");
    if (!node.fused.empty()) absl::StrAppend(&text, "  with ", absl::StrJoin(node.fused, ", "));
    absl::StrAppend(&text, "  -> ", absl::StrJoin(outputs, "; "), "\n");
  }
  return text;
}

}  // namespace nomograph
