#include "nomograph/core/run/session.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/compile/resolve.h"
#include "nomograph/core/run/program_cache.h"
#include "nomograph/core/run/run_limits.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

std::string FoundText(const Tensor& tensor) {
  return tensor.valid() ? tensor.type().ToString() : "no tensor";
}

class Variables : public VariableStore {
 public:
  explicit Variables(const Model& model) : model_(model) { Reset(); }

  // The initial values are the model's: Edit() copies one before it is written to.
  void Reset() {
    owned_.clear();
    for (const Variable& variable : model_.variables) values_[variable.name] = variable.initial;
  }

  absl::StatusOr<Tensor> Read(absl::string_view name) const override {
    const auto it = values_.find(name);
    if (it == values_.end()) return NoSuchVariable(name);
    return it->second;
  }

  absl::Status Assign(absl::string_view name, Tensor value) override {
    const auto it = values_.find(name);
    if (it == values_.end()) return NoSuchVariable(name);
    if (value.dtype() != it->second.dtype() || value.shape() != it->second.shape()) {
      return InvalidArgument("variable ", Quoted(name), ": expected ", it->second.type().ToString(),
                             ", found ", value.type().ToString());
    }
    if (owned_.contains(it->first)) {
      // Its own elements may be assigned to it.
      std::memmove(it->second.mutable_raw_data(), value.raw_data(),
                   static_cast<size_t>(value.num_bytes()));
      return absl::OkStatus();
    }
    NOMO_ASSIGN_OR_RETURN(it->second, TryClone(value));
    owned_.insert(it->first);
    return absl::OkStatus();
  }

  absl::StatusOr<Tensor> Edit(absl::string_view name) override {
    const auto it = values_.find(name);
    if (it == values_.end()) return NoSuchVariable(name);
    if (owned_.insert(it->first).second) {
      NOMO_ASSIGN_OR_RETURN(it->second, TryClone(it->second));
    }
    return it->second;
  }

 private:
  absl::Status NoSuchVariable(absl::string_view name) const {
    std::vector<std::string> names;
    for (const auto& [known, value] : values_) names.push_back(known);
    return absl::NotFoundError(
        absl::StrCat("there is no variable ", Quoted(name), DidYouMean(name, names)));
  }

  const Model& model_;
  std::map<std::string, Tensor, std::less<>> values_;
  absl::flat_hash_set<std::string> owned_;  // whose memory nothing else holds
};

absl::Status NeedsNames(const Graph& graph) {
  return InvalidArgument("the model has ", graph.inputs.size(), " inputs and ",
                         graph.outputs.size(), " outputs; name them");
}

RunLimits LimitsOf(const RunOptions& options) {
  return {.memory_bytes = options.memory_limit_bytes,
          .seconds = options.time_limit_seconds,
          .cancel = options.cancel};
}

}  // namespace

class Session::Impl : public FunctionCaller {
 public:
  // `effects` are those of all nodes.
  Impl(std::shared_ptr<const Model> model, SessionOptions options, const std::set<Effects>& effects)
      : model_(std::move(model)),
        options_(std::move(options)),
        registry_(options_.registry != nullptr ? *options_.registry : OpRegistry::Default()),
        has_state_(effects.contains(Effects::kStateful)),
        // What changes something cannot be repeated.
        compile_{.exact = options_.exact,
                 .keep_nan = has_state_ || effects.contains(Effects::kIo),
                 .precision = options_.precision,
                 .allowed_io = options_.allowed_io,
                 .threads = options_.threads,
                 .memory = std::make_shared<MemoryAccount>(options_.memory_limit_bytes),
                 .tuning = options_.tuning},
        main_(*model_, model_->graph, registry_, compile_, options_.max_programs),
        variables_(*model_) {
    for (const auto& [name, function] : model_->functions) {
      functions_[name] = std::make_unique<ProgramCache>(*model_, function.graph, registry_,
                                                        compile_, options_.max_programs);
    }
    const std::vector<ValueId>& outputs = model_->graph.outputs;
    for (size_t i = 0; i < outputs.size(); ++i) {
      output_index_.emplace(model_->graph.values[outputs[i]].name, static_cast<int>(i));
    }
  }

  // The inputs in the order of the graph's, once they have been found right.
  absl::StatusOr<std::vector<Tensor>> OrderInputs(const NamedTensors& inputs) const {
    ErrorList errors;
    std::vector<Tensor> ordered;
    std::map<std::string, std::pair<std::string, int64_t>>
        symbols;  // where a symbol's size was seen, and the size
    size_t found = 0;
    for (const ValueId id : model_->graph.inputs) {
      const ValueInfo& value = model_->graph.values[id];
      const auto it = inputs.find(value.name);
      ordered.push_back(it == inputs.end() ? Tensor() : it->second);
      if (it == inputs.end()) {
        errors.Add(InvalidArgument("input ", Quoted(value.name), " (", value.type.ToString(),
                                   ") is missing"));
      } else {
        ++found;
        errors.Add(CheckInput(value, it->second, symbols));
      }
    }
    if (found < inputs.size()) AddUnknownInputs(inputs, errors);
    NOMO_RETURN_IF_ERROR(errors.ToStatus("the inputs do not fit"));
    return ordered;
  }

  // Inputs that are in order have been given so.
  absl::Status CheckInputs(absl::Span<const Tensor> inputs) const {
    const Graph& graph = model_->graph;
    if (inputs.size() != graph.inputs.size()) {
      return InvalidArgument("the model has ", graph.inputs.size(), " inputs, found ",
                             inputs.size());
    }
    ErrorList errors;
    std::map<std::string, std::pair<std::string, int64_t>> symbols;
    for (size_t i = 0; i < inputs.size(); ++i) {
      errors.Add(CheckInput(graph.values[graph.inputs[i]], inputs[i], symbols));
    }
    return errors.ToStatus("the inputs do not fit");
  }

  // The indices of the outputs of these names; none for all.
  absl::StatusOr<std::vector<int>> FindOutputs(absl::Span<const std::string> names) const {
    std::vector<int> indices;
    for (const std::string& name : names) {
      const auto it = output_index_.find(name);
      if (it == output_index_.end()) {
        return InvalidArgument("there is no output ", Quoted(name), "; the model's outputs are ",
                               absl::StrJoin(NamesOf(model_->graph.outputs), ", ", AppendShown));
      }
      indices.push_back(it->second);
    }
    return indices;
  }

  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const Tensor> inputs,
                                          absl::Span<const int> wanted, const RunOptions& options) {
    const RunLimits limits = LimitsOf(options);
    NOMO_RETURN_IF_ERROR(limits.Check());
    const RunScope scope(limits);
    NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<CachedProgram> program, main_.Get(inputs, wanted));
    const std::unique_lock<std::mutex> lock = LockState();
    return program->Run(inputs, MakeContext(options));
  }

  absl::StatusOr<NamedTensors> Run(const NamedTensors& inputs, const RunOptions& options) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> ordered, OrderInputs(inputs));
    NOMO_ASSIGN_OR_RETURN(const std::vector<int> wanted, FindOutputs(options.outputs));
    NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, Run(ordered, wanted, options));
    NamedTensors named;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId id = model_->graph.outputs[wanted.empty() ? i : wanted[i]];
      named[model_->graph.values[id].name] = std::move(outputs[i]);
    }
    return named;
  }

  RunContext MakeContext(const RunOptions& options) {
    return {.training = options.training,
            .seed = options.seed,
            .step = options.step,
            .variables = &variables_,
            .functions = this};
  }
  // Runs that share variables follow one another.
  std::unique_lock<std::mutex> LockState() {
    return has_state_ ? std::unique_lock(state_mutex_) : std::unique_lock<std::mutex>();
  }

  absl::StatusOr<std::vector<Tensor>> Call(absl::string_view function,
                                           absl::Span<const Tensor> inputs,
                                           const RunContext& run) override {
    const auto it = functions_.find(function);
    if (it == functions_.end())
      return absl::NotFoundError(absl::StrCat("there is no function @", Shown(function)));
    NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<CachedProgram> program, it->second->Get(inputs));
    auto outputs = program->Run(inputs, run);
    if (!outputs.ok())
      return Annotate(outputs.status(), absl::StrCat("function @", Shown(function)));
    return outputs;
  }

  const Model& model() const { return *model_; }
  ProgramCache& main() { return main_; }
  Variables& variables() { return variables_; }
  std::mutex& state_mutex() { return state_mutex_; }

 private:
  std::vector<absl::string_view> NamesOf(const std::vector<ValueId>& ids) const {
    std::vector<absl::string_view> names;
    for (const ValueId id : ids) names.push_back(model_->graph.values[id].name);
    return names;
  }

  // The first one's fault lists the names that there are.
  void AddUnknownInputs(const NamedTensors& inputs, ErrorList& errors) const {
    const std::vector<absl::string_view> names = NamesOf(model_->graph.inputs);
    const absl::flat_hash_set<absl::string_view> known(names.begin(), names.end());
    std::string list =
        absl::StrCat("; the model's inputs are ", absl::StrJoin(names, ", ", AppendShown));
    for (const auto& [name, tensor] : inputs) {
      if (known.contains(name)) continue;
      errors.Add(InvalidArgument("there is no input ", Quoted(name), list));
      list.clear();
    }
  }

  static absl::Status CheckInput(const ValueInfo& value, const Tensor& tensor,
                                 std::map<std::string, std::pair<std::string, int64_t>>& symbols) {
    if (!tensor.valid() || tensor.dtype() != value.type.dtype ||
        !Matches(tensor.shape(), value.type.shape)) {
      return InvalidArgument("input ", Quoted(value.name), ": expected ", value.type.ToString(),
                             ", found ", FoundText(tensor));
    }
    for (int axis = 0; value.type.shape.has_rank() && axis < value.type.shape.rank(); ++axis) {
      const std::string& symbol = value.type.shape[axis].symbol();
      if (symbol.empty()) continue;
      const auto [it, first] = symbols.try_emplace(symbol, value.name, tensor.shape()[axis]);
      if (!first && it->second.second != tensor.shape()[axis]) {
        return InvalidArgument("input ", Quoted(value.name), ": axis ", axis, " (", Shown(symbol),
                               ") is ", tensor.shape()[axis], ", but input ",
                               Quoted(it->second.first), " has ", it->second.second);
      }
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<const Model> model_;
  const SessionOptions options_;
  const OpRegistry& registry_;
  const bool has_state_;
  const CompileOptions compile_;
  ProgramCache main_;
  absl::flat_hash_map<std::string, std::unique_ptr<ProgramCache>> functions_;
  absl::flat_hash_map<absl::string_view, int> output_index_;  // by name; the first of that name
  Variables variables_;
  std::mutex state_mutex_;  // held during runs that use variables_
};

class BoundRun::Impl {
 public:
  Impl(Session::Impl& session, std::shared_ptr<CachedProgram> program,
       std::unique_ptr<ProgramState> state, std::vector<Tensor> inputs, std::vector<Tensor> results)
      : session_(session),
        program_(std::move(program)),
        state_(std::move(state)),
        inputs_(std::move(inputs)),
        results_(std::move(results)) {}

  absl::Status Run(const RunOptions& options) {
    if (!options.outputs.empty()) {
      return InvalidArgument("the outputs of a bound run are chosen when it is bound");
    }
    const RunLimits limits = LimitsOf(options);
    NOMO_RETURN_IF_ERROR(limits.Check());
    const RunScope scope(limits);
    const std::unique_lock<std::mutex> lock = session_.LockState();
    return program_->RunInto(inputs_, absl::MakeSpan(results_), session_.MakeContext(options),
                             *state_);
  }
  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<Tensor>& results() const { return results_; }

 private:
  Session::Impl& session_;
  const std::shared_ptr<CachedProgram> program_;
  const std::unique_ptr<ProgramState> state_;
  const std::vector<Tensor> inputs_;
  std::vector<Tensor> results_;
};

BoundRun::BoundRun(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BoundRun::~BoundRun() = default;
absl::Status BoundRun::Run(const RunOptions& options) { return impl_->Run(options); }
const std::vector<Tensor>& BoundRun::inputs() const { return impl_->inputs(); }
const std::vector<Tensor>& BoundRun::results() const { return impl_->results(); }

namespace {

// Tensors that are written must not share memory with others. InvalidArgument names two that do.
absl::Status CheckApart(absl::Span<const Tensor> inputs, absl::Span<const Tensor> results) {
  struct Range {
    const std::byte *begin, *end;
    std::string name;
    bool written;
  };
  std::vector<Range> ranges;
  const auto add = [&](absl::Span<const Tensor> tensors, const char* what, bool written) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const std::byte* const begin = tensors[i].raw_data();
      if (tensors[i].num_elements() == 0) continue;
      ranges.push_back({begin, begin + tensors[i].num_bytes(), absl::StrCat(what, i), written});
    }
  };
  add(inputs, "input ", false);
  add(results, "result ", true);
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const Range* widest = nullptr;  // of those so far the one that ends last
  for (const Range& range : ranges) {
    if (widest != nullptr && range.begin < widest->end && (range.written || widest->written))
      return InvalidArgument(range.name, " shares memory with ", widest->name);
    if (widest == nullptr || range.end > widest->end) widest = &range;
  }
  return absl::OkStatus();
}

// The memory for a program's outputs: `given`, once it has been found right, or new.
absl::StatusOr<std::vector<Tensor>> ResultsFor(const LoweredGraph& graph,
                                               std::vector<Tensor> given) {
  if (!given.empty() && given.size() != graph.outputs.size()) {
    return InvalidArgument("expected ", graph.outputs.size(), " results, found ", given.size());
  }
  std::vector<Tensor> results = std::move(given);
  const bool allocate = results.empty();
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const TensorType& type = graph.types[graph.outputs[i]];
    if (allocate && !type.shape.fully_known()) {
      return InvalidArgument("the shape of output ", i, " (", type.ToString(),
                             ") depends on data: a tensor for it must be given");
    }
    if (allocate) {
      NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(type.dtype, type.shape.ToShape()));
      results.push_back(std::move(result));
    } else if (results[i].dtype() != type.dtype || !Matches(results[i].shape(), type.shape)) {
      return InvalidArgument("result ", i, ": expected ", type.ToString(), ", found ",
                             FoundText(results[i]));
    } else if (!results[i].writable()) {
      return InvalidArgument("result ", i, ": its memory cannot be written");
    }
  }
  return results;
}

}  // namespace

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

absl::StatusOr<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Model> model,
                                                         SessionOptions options) {
  constexpr int kMaxThreads = 1024;  // OpenMP ends the process where it cannot start them
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return InvalidArgument("threads: expected 0 to ", kMaxThreads, ", found ", options.threads);
  }
  if (options.memory_limit_bytes < 0) {
    return InvalidArgument("memory limit: expected at least 0 bytes, found ",
                           options.memory_limit_bytes);
  }
  if (options.exact && options.precision != Precision::kFloat32) {
    return InvalidArgument(
        "exact mode computes in the model's own precision: expected no other, found bfloat16");
  }
  if (model == nullptr) return InvalidArgument("there is no model");
  NOMO_RETURN_IF_ERROR(VerifyModel(*model));
  const OpRegistry& registry =
      options.registry != nullptr ? *options.registry : OpRegistry::Default();
  std::set<Effects> effects;
  NOMO_RETURN_IF_ERROR(CheckRunnable(
      *model, registry, {.exact = options.exact, .allowed_io = options.allowed_io}, &effects));
  return std::unique_ptr<Session>(
      new Session(std::make_unique<Impl>(std::move(model), std::move(options), effects)));
}

absl::StatusOr<std::unique_ptr<Session>> Session::Create(Model model, SessionOptions options) {
  return Create(std::make_shared<const Model>(std::move(model)), std::move(options));
}

absl::StatusOr<NamedTensors> Session::Run(const NamedTensors& inputs, const RunOptions& options) {
  return impl_->Run(inputs, options);
}

absl::StatusOr<Tensor> Session::Run(const Tensor& input, const RunOptions& options) {
  const Graph& graph = model().graph;
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1) return NeedsNames(graph);
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs,
                        Run({{graph.values[graph.inputs[0]].name, input}}, options));
  return std::move(outputs.begin()->second);
}

absl::StatusOr<std::vector<Tensor>> Session::Run(absl::Span<const Tensor> inputs,
                                                 const RunOptions& options) {
  NOMO_RETURN_IF_ERROR(impl_->CheckInputs(inputs));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> wanted, impl_->FindOutputs(options.outputs));
  return impl_->Run(inputs, wanted, options);
}

absl::StatusOr<std::unique_ptr<BoundRun>> Session::Bind(absl::Span<const Tensor> inputs,
                                                        const BindOptions& options) {
  NOMO_RETURN_IF_ERROR(impl_->CheckInputs(inputs));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int> wanted, impl_->FindOutputs(options.outputs));
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<CachedProgram> program, impl_->main().Get(inputs, wanted));
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                        ResultsFor(program->program()->graph(), options.results));
  if (!options.results.empty()) NOMO_RETURN_IF_ERROR(CheckApart(inputs, results));
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<ProgramState> state,
                        ProgramState::Create(*program->program()));
  return std::unique_ptr<BoundRun>(new BoundRun(std::make_unique<BoundRun::Impl>(
      *impl_, std::move(program), std::move(state),
      std::vector<Tensor>(inputs.begin(), inputs.end()), std::move(results))));
}

absl::StatusOr<std::unique_ptr<BoundRun>> Session::Bind(absl::Span<const Shape> shapes,
                                                        const BindOptions& options) {
  const Graph& graph = model().graph;
  if (shapes.size() != graph.inputs.size()) {
    return InvalidArgument("the model has ", graph.inputs.size(), " inputs, found ", shapes.size(),
                           " shapes");
  }
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const DType dtype = graph.values[graph.inputs[i]].type.dtype;
    NOMO_ASSIGN_OR_RETURN(Tensor input, Tensor::Create(dtype, shapes[i]));
    inputs.push_back(std::move(input));
  }
  return Bind(inputs, options);
}

absl::StatusOr<std::shared_ptr<const Program>> Session::ProgramFor(const NamedTensors& inputs) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> ordered, impl_->OrderInputs(inputs));
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<CachedProgram> program, impl_->main().Get(ordered));
  return program->program();
}

absl::StatusOr<Tensor> Session::GetVariable(absl::string_view name) const {
  const std::lock_guard lock(impl_->state_mutex());
  NOMO_ASSIGN_OR_RETURN(const Tensor value, impl_->variables().Read(name));
  return TryClone(value);
}

absl::Status Session::SetVariable(absl::string_view name, Tensor value) {
  const std::lock_guard lock(impl_->state_mutex());
  return impl_->variables().Assign(name, std::move(value));
}

void Session::ResetVariables() {
  const std::lock_guard lock(impl_->state_mutex());
  impl_->variables().Reset();
}

const Model& Session::model() const { return impl_->model(); }

absl::Status ReplayGoldenVectors(Session& session) {
  const Model& model = session.model();
  if (model.golden_vectors.empty())
    return absl::FailedPreconditionError("the model has no golden vectors");
  ErrorList errors;
  for (const GoldenVector& golden : model.golden_vectors) {
    const std::string place = absl::StrCat("golden vector ", Quoted(golden.name));
    session.ResetVariables();
    auto outputs = session.Run(
        golden.inputs, {.training = golden.training, .seed = golden.seed, .step = golden.step});
    errors.Add(outputs.status(), place);
    if (!outputs.ok()) continue;
    for (const auto& [name, expected] : golden.outputs) {
      errors.Add(AllClose((*outputs)[name], expected.expected, expected.rtol, expected.atol),
                 absl::StrCat(place, ": output ", Quoted(name)));
    }
  }
  return errors.ToStatus("golden vectors are not met");
}

absl::Status RecordGoldenVector(Model& model, std::string name, const NamedTensors& inputs,
                                const RunOptions& options, double rtol, double atol) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = true}));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, session->Run(inputs, options));
  GoldenVector golden{.name = std::move(name),
                      .inputs = inputs,
                      .training = options.training,
                      .seed = options.seed,
                      .step = options.step};
  for (const auto& [output, tensor] : outputs) golden.outputs[output] = {tensor, rtol, atol};
  model.golden_vectors.push_back(std::move(golden));
  return absl::OkStatus();
}

}  // namespace nomograph
