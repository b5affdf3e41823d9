#include "nomograph/train/trainer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/train/meter.h"

namespace nomograph {

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(Model model, TrainingGoals goals,
                                                         TrainerOptions options) {
  RemoveTrainingState(model);
  const auto build = options.evaluation_only ? &BuildEvaluationGraph : &BuildTrainingGraphs;
  NOMO_ASSIGN_OR_RETURN(TrainingGraphs graphs, build(model, goals, options.replicas));
  auto trainer = std::unique_ptr<Trainer>(
      new Trainer(std::move(model), std::move(graphs), goals.optimizer, options));
  NOMO_RETURN_IF_ERROR(trainer->OpenSessions());
  NOMO_RETURN_IF_ERROR(trainer->CheckReplicas());
  return trainer;
}

Trainer::Trainer(Model model, TrainingGraphs graphs, const Optimizer& optimizer,
                 TrainerOptions options)
    : model_(std::move(model)),
      graphs_(std::move(graphs)),
      learning_rate_(optimizer.learning_rate),
      options_(options),
      accumulation_(optimizer.options.gradient_accumulation_steps),
      meter_(std::make_unique<Meter>(graphs_)) {}

Trainer::~Trainer() = default;

absl::Status Trainer::OpenSessions() {
  const SessionOptions options = {.exact = options_.exact,
                                  .precision = options_.precision,
                                  .threads = options_.threads,
                                  .memory_limit_bytes = options_.memory_limit_bytes};
  // The graphs outlive the sessions, which so share them.
  const auto shared = [](const Model& model) {
    return std::shared_ptr<const Model>(std::shared_ptr<const Model>(), &model);
  };
  NOMO_ASSIGN_OR_RETURN(evaluation_session_, Session::Create(shared(graphs_.evaluation), options));
  if (options_.evaluation_only) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(step_session_, Session::Create(shared(graphs_.step), options));
  return absl::OkStatus();
}

absl::Status Trainer::CheckTrains() const {
  if (!options_.evaluation_only) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the trainer was made with evaluation_only: it has no step and no variables");
}

double Trainer::learning_rate() const {
  return set_learning_rate_ ? *set_learning_rate_ : learning_rate_.At(iteration_);
}

void Trainer::set_learning_rate(double learning_rate) { set_learning_rate_ = learning_rate; }

const Model& Trainer::step_model() const { return graphs_.step; }

// All processes begin with the same weights.
absl::Status Trainer::CheckReplicas() {
  const Replicas* const replicas = options_.replicas;
  if (replicas == nullptr) return absl::OkStatus();
  uint32_t own = 0;
  if (!absl::SimpleHexAtoi(SemanticHash(model_).substr(0, 8), &own))
    return absl::InternalError("the model has no hash");
  const double own_numbers[] = {1.0 * own, 1.0 * (own >> 16) * (own & 0xffff)};
  NOMO_ASSIGN_OR_RETURN(const Tensor sum,
                        replicas->Sum(Tensor::Of<double>({2}, {own_numbers[0], own_numbers[1]})));
  for (const int i : {0, 1}) {
    if (sum.AsDouble(i) != replicas->size() * own_numbers[i]) {
      return InvalidArgument("process ", replicas->rank(),
                             " has another model than others: expected the same in all");
    }
  }
  return absl::OkStatus();
}

namespace {

// The rows of a batch that are a process's own. One without any has one, which counts nothing.
struct Share {
  Batch batch;
  int64_t rows = 0;  // that count
};

Share ShareOf(const Batch& batch, const Replicas* replicas) {
  const int64_t rows = batch.size();
  if (replicas == nullptr) return {batch, rows};
  const int64_t begin = rows * replicas->rank() / replicas->size();
  const int64_t end = rows * (replicas->rank() + 1) / replicas->size();
  Share share{.rows = end - begin};
  const auto take = [&](const std::vector<Tensor>& from, std::vector<Tensor>& to) {
    for (const Tensor& tensor : from)
      to.push_back(share.rows > 0 ? tensor.Rows(begin, end)
                                  : tensor.Rows(0, std::min<int64_t>(rows, 1)));
  };
  take(batch.inputs, share.batch.inputs);
  take(batch.targets, share.batch.targets);
  take(batch.weights, share.batch.weights);
  return share;
}

std::vector<Tensor> InputsOf(const Batch& batch) {
  std::vector<Tensor> inputs = batch.inputs;
  inputs.insert(inputs.end(), batch.targets.begin(), batch.targets.end());
  inputs.insert(inputs.end(), batch.weights.begin(), batch.weights.end());
  return inputs;
}

}  // namespace

// The losses of the batch are the means of those of processes, the statistics their sums.
absl::StatusOr<std::vector<Tensor>> Trainer::Combine(std::vector<Tensor> outputs,
                                                     bool has_rows) const {
  if (options_.replicas == nullptr) return outputs;
  const size_t losses = 1 + graphs_.goals.size();
  std::vector<double> own;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const double factor = i < losses ? 1.0 / options_.replicas->size() : has_rows ? 1 : 0;
    for (int64_t k = 0; k < outputs[i].num_elements(); ++k)
      own.push_back(factor == 0 ? 0 : factor * outputs[i].AsDouble(k));
  }
  NOMO_ASSIGN_OR_RETURN(const Tensor sum, options_.replicas->Sum(Tensor::Of<double>(
                                              {static_cast<int64_t>(own.size())}, own)));
  int64_t next = 0;
  for (Tensor& output : outputs) {
    Tensor combined(DType::kFloat64, output.shape());
    for (double& element : combined.mutable_data<double>()) element = sum.AsDouble(next++);
    output = combined.Cast(output.dtype());
  }
  return outputs;
}

absl::Status Trainer::TrainStep(const Batch& batch, Meter& meter) {
  const Replicas* const replicas = options_.replicas;
  const Share share = ShareOf(batch, replicas);
  std::vector<Tensor> inputs = InputsOf(share.batch);
  if (averages_in_use_) NOMO_RETURN_IF_ERROR(UseAverages(false));
  const bool apply = (step_ + 1) % accumulation_ == 0;
  inputs.push_back(Tensor::Scalar<double>(learning_rate()));
  inputs.push_back(Tensor::Scalar<int64_t>(iteration_));
  inputs.push_back(Tensor::Scalar<bool>(apply));
  uint64_t seed = options_.seed;
  if (replicas != nullptr) {
    inputs.push_back(Tensor::Scalar<bool>(share.rows > 0));
    if (replicas->rank() > 0) seed = MixKeys(seed, static_cast<uint64_t>(replicas->rank()));
  }
  auto outputs = step_session_->Run(
      inputs, {.training = true, .seed = seed, .step = static_cast<uint64_t>(step_)});
  NOMO_RETURN_IF_ERROR(Annotate(outputs.status(), absl::StrCat("step ", step_)));
  model_is_old_ = evaluation_is_old_ = true;
  ++step_;
  iteration_ += apply ? 1 : 0;
  NOMO_ASSIGN_OR_RETURN(*outputs, Combine(*std::move(outputs), share.rows > 0));
  return meter.Add(*outputs, batch.size());
}

absl::Status Trainer::SyncEvaluation() {
  if (!evaluation_is_old_ || options_.evaluation_only) return absl::OkStatus();
  for (const Variable& variable : graphs_.evaluation.variables) {
    auto value = step_session_->GetVariable(variable.name);
    if (absl::IsNotFound(value.status())) continue;  // training does not touch it
    NOMO_RETURN_IF_ERROR(value.status());
    NOMO_RETURN_IF_ERROR(evaluation_session_->SetVariable(variable.name, *std::move(value)));
  }
  evaluation_is_old_ = false;
  return absl::OkStatus();
}

absl::Status Trainer::TestStep(const Batch& batch, Meter& meter) {
  if (graphs_.averages_are_model) NOMO_RETURN_IF_ERROR(UseAverages(true));
  NOMO_RETURN_IF_ERROR(SyncEvaluation());
  const Share share = ShareOf(batch, options_.replicas);
  std::vector<Tensor> inputs = InputsOf(share.batch);
  if (options_.replicas != nullptr) inputs.push_back(Tensor::Scalar<bool>(share.rows > 0));
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> outputs,
                        evaluation_session_->Run(inputs, {.seed = options_.seed}));
  outputs.resize(graphs_.first_prediction);
  NOMO_ASSIGN_OR_RETURN(outputs, Combine(std::move(outputs), share.rows > 0));
  return meter.Add(outputs, batch.size());
}

BatchLayout Trainer::Layout() const {
  const Graph& graph = graphs_.evaluation.graph;
  const Graph& own = model_.graph;
  BatchLayout layout;
  const auto type = [&](size_t input) { return graph.value(graph.inputs[input]).type; };
  size_t next = 0;
  for (const ValueId id : own.inputs) layout.inputs.push_back({own.value(id).name, type(next++)});
  for (auto* places : {&layout.targets, &layout.weights}) {
    for (const int output : graphs_.goal_outputs)
      places->push_back({own.value(own.outputs[output]).name, type(next++)});
  }
  return layout;
}

absl::StatusOr<Logs> Trainer::Evaluate(const TrainingData& data, const EvaluateOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto batches,
                        MakeBatches(data, Layout(), {.batch_size = options.batch_size}));
  if (!options.steps && data.is_endless())
    return InvalidArgument("steps: expected a number, because the dataset has no end");
  NOMO_RETURN_IF_ERROR(batches->Start(0));
  Meter meter(graphs_);
  for (int64_t i = 0; !options.steps || i < *options.steps; ++i) {
    NOMO_ASSIGN_OR_RETURN(const std::optional<Batch> batch, batches->Next());
    if (!batch) break;
    NOMO_RETURN_IF_ERROR(Annotate(TestStep(*batch, meter), absl::StrCat("batch ", i)));
  }
  return meter.Result();
}

absl::StatusOr<NamedTensors> Trainer::Predict(const NamedTensors& inputs,
                                              const PredictOptions& options) {
  return model().Predict(inputs, options);
}

absl::StatusOr<Tensor> Trainer::Predict(const Tensor& input, const PredictOptions& options) {
  return model().Predict(input, options);
}

absl::StatusOr<Batch> Trainer::OneBatch(const TrainingData& data,
                                        const std::map<int64_t, double>& class_weight) const {
  BatchingOptions options{.class_weight = class_weight};
  if (!data.dataset()) options.batch_size = std::max<int64_t>(1, data.num_rows());
  NOMO_ASSIGN_OR_RETURN(const auto batches, MakeBatches(data, Layout(), options));
  NOMO_RETURN_IF_ERROR(batches->Start(0));
  NOMO_ASSIGN_OR_RETURN(std::optional<Batch> batch, batches->Next());
  if (!batch) return InvalidArgument("there is no batch in the data");
  return *std::move(batch);
}

absl::StatusOr<Logs> Trainer::TrainOnBatch(const TrainingData& data,
                                           const std::map<int64_t, double>& class_weight) {
  NOMO_RETURN_IF_ERROR(CheckTrains());
  NOMO_ASSIGN_OR_RETURN(const Batch batch, OneBatch(data, class_weight));
  Meter meter(graphs_);
  NOMO_RETURN_IF_ERROR(TrainStep(batch, meter));
  return meter.Result();
}

absl::StatusOr<Logs> Trainer::TestOnBatch(const TrainingData& data) {
  NOMO_ASSIGN_OR_RETURN(const Batch batch, OneBatch(data, {}));
  Meter meter(graphs_);
  NOMO_RETURN_IF_ERROR(TestStep(batch, meter));
  return meter.Result();
}

const Model& Trainer::model() {
  // The variables are there, and of the same type: nothing can fail.
  if (graphs_.averages_are_model) NOMO_CHECK(UseAverages(true).ok());
  if (!model_is_old_) return model_;
  std::map<std::string, Tensor*, std::less<>> tensors;
  for (Weight& weight : model_.graph.weights)
    tensors[model_.graph.value(weight.value).name] = &weight.tensor;
  for (Variable& variable : model_.variables) tensors[variable.name] = &variable.initial;
  for (const auto& [name, tensor] : tensors) {
    auto value = step_session_->GetVariable(name);
    if (value.ok()) *tensor = *std::move(value);  // others do not change in training
  }
  model_is_old_ = false;
  return model_;
}

absl::StatusOr<NamedTensors> Trainer::Weights() const {
  NOMO_RETURN_IF_ERROR(CheckTrains());
  NamedTensors weights;
  for (const TrainedWeight& weight : graphs_.weights) {
    NOMO_ASSIGN_OR_RETURN(weights[weight.name], step_session_->GetVariable(weight.name));
  }
  return weights;
}

absl::Status Trainer::SetWeights(const NamedTensors& weights) {
  NOMO_RETURN_IF_ERROR(CheckTrains());
  for (const auto& [name, tensor] : weights)
    NOMO_RETURN_IF_ERROR(step_session_->SetVariable(name, tensor));
  model_is_old_ = evaluation_is_old_ = true;
  return absl::OkStatus();
}

absl::Status Trainer::ExchangeAverages() {
  for (const auto& [weight, average] : graphs_.averages) {
    NOMO_ASSIGN_OR_RETURN(Tensor mean, step_session_->GetVariable(average));
    NOMO_ASSIGN_OR_RETURN(Tensor own, step_session_->GetVariable(weight));
    NOMO_RETURN_IF_ERROR(step_session_->SetVariable(weight, std::move(mean)));
    NOMO_RETURN_IF_ERROR(step_session_->SetVariable(average, std::move(own)));
  }
  averages_in_use_ = !averages_in_use_;
  model_is_old_ = evaluation_is_old_ = true;
  return absl::OkStatus();
}

absl::Status Trainer::UseAverages(bool use) {
  NOMO_RETURN_IF_ERROR(CheckTrains());
  if (graphs_.averages.empty()) {
    return absl::FailedPreconditionError(
        "the optimizer keeps no means of the weights: expected use_ema");
  }
  return use == averages_in_use_ ? absl::OkStatus() : ExchangeAverages();
}

// What the model is when Fit() ends.
absl::Status Trainer::FinishAverages() {
  if (graphs_.averages.empty()) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(UseAverages(graphs_.averages_are_model));
  if (graphs_.averages_are_model) return absl::OkStatus();
  for (const auto& [weight, average] : graphs_.averages) {
    NOMO_ASSIGN_OR_RETURN(Tensor mean, step_session_->GetVariable(average));
    NOMO_RETURN_IF_ERROR(step_session_->SetVariable(weight, std::move(mean)));
  }
  model_is_old_ = evaluation_is_old_ = true;
  return absl::OkStatus();
}

}  // namespace nomograph
