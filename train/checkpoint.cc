// Trainer::Save() and Restore(): checkpoints are models whose variables and metadata hold all that
// training goes on with.
#include <charconv>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/meter.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

// Metadata: whole numbers, but for the learning rate (in hexadecimal, which keeps every bit) and
// the place in the data.
constexpr char kVersion[] = "train.version", kStep[] = "train.step", kEpoch[] = "train.epoch",
               kIteration[] = "train.iteration", kBatch[] = "train.batch", kSeed[] = "train.seed",
               kLearningRate[] = "train.learning_rate", kPosition[] = "train.position";
// Variables behind these prefixes. Those of the step have their own names.
constexpr char kMeter[] = "train/meter/", kHistory[] = "train/history/",
               kCallback[] = "train/callback/";

absl::StatusOr<int64_t> NumberOf(const Model& checkpoint, absl::string_view key) {
  const auto found = checkpoint.metadata.find(key);
  int64_t value = 0;
  if (found == checkpoint.metadata.end())
    return InvalidArgument("it is no checkpoint of training: metadata has no ", key);
  if (!absl::SimpleAtoi(found->second, &value) || value < 0)
    return InvalidArgument("metadata ", key, ": expected a number, found ", Quoted(found->second));
  return value;
}

Tensor VectorOf(const std::vector<double>& values) {
  return Tensor::Of<double>({static_cast<int64_t>(values.size())}, values);
}

// The variables behind a prefix, without it.
NamedTensors Behind(const Model& checkpoint, absl::string_view prefix) {
  NamedTensors found;
  for (const Variable& variable : checkpoint.variables) {
    if (absl::StartsWith(variable.name, prefix))
      found[variable.name.substr(prefix.size())] = variable.initial;
  }
  return found;
}

void PutVariable(Model& model, std::string name, Tensor value) {
  for (Variable& variable : model.variables) {
    if (variable.name != name) continue;
    variable.initial = std::move(value);
    return;
  }
  model.variables.push_back({std::move(name), std::move(value), "", ""});
}

absl::StatusOr<History> HistoryOf(const Model& checkpoint) {
  History history;
  for (const auto& [name, tensor] : Behind(checkpoint, kHistory)) {
    if (tensor.dtype() != DType::kFloat64)
      return InvalidArgument("history ", Quoted(name), ": expected float64, found ",
                             tensor.type().ToString());
    const auto data = tensor.data<double>();
    if (name == "epoch") {
      for (const double epoch : data) history.epoch.push_back(static_cast<int64_t>(epoch));
    } else {
      history.metrics[name.substr(name.find('/') + 1)].assign(data.begin(), data.end());
    }
  }
  return history;
}

}  // namespace

absl::Status Trainer::WriteCheckpoint(Model& checkpoint) const {
  for (const Variable& variable : graphs_.step.variables) {
    bool is_weight = false;  // which the model has already
    for (const TrainedWeight& weight : graphs_.weights) is_weight |= weight.name == variable.name;
    if (is_weight) continue;
    NOMO_ASSIGN_OR_RETURN(Tensor value, step_session_->GetVariable(variable.name));
    PutVariable(checkpoint, variable.name, std::move(value));
  }
  for (auto& [name, tensor] : meter_->Save())
    PutVariable(checkpoint, absl::StrCat(kMeter, name), tensor);
  if (!history_.epoch.empty()) {
    PutVariable(checkpoint, absl::StrCat(kHistory, "epoch"),
                VectorOf({history_.epoch.begin(), history_.epoch.end()}));
  }
  for (const auto& [name, values] : history_.metrics)
    PutVariable(checkpoint, absl::StrCat(kHistory, "metric/", name), VectorOf(values));
  const size_t callbacks = fit_ == nullptr ? callback_states_.size() : fit_->callbacks.size();
  for (size_t i = 0; i < callbacks; ++i) {
    const NamedTensors state =
        fit_ == nullptr ? callback_states_[i] : fit_->callbacks[i]->SaveState();
    for (const auto& [name, tensor] : state)
      PutVariable(checkpoint, absl::StrCat(kCallback, i, "/", name), tensor);
  }
  auto& metadata = checkpoint.metadata;
  metadata[kVersion] = "1";
  metadata[kStep] = absl::StrCat(step_);
  metadata[kIteration] = absl::StrCat(iteration_);
  metadata[kEpoch] = absl::StrCat(epoch_);
  metadata[kBatch] = absl::StrCat(batch_);
  metadata[kSeed] = absl::StrCat(options_.seed);
  if (set_learning_rate_) metadata[kLearningRate] = absl::StrFormat("%a", *set_learning_rate_);
  const std::string position = source_ != nullptr ? source_->SavePosition() : position_;
  if (!position.empty()) metadata[kPosition] = position;
  return absl::OkStatus();
}

absl::Status Trainer::Save(const std::string& path) {
  if (!is_first()) return absl::OkStatus();
  Model checkpoint = model();
  NOMO_RETURN_IF_ERROR(WriteCheckpoint(checkpoint));
  return nomograph::Save(checkpoint, path);
}

absl::Status Trainer::Restore(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const Model checkpoint, Load(path));
  return Annotate(Restore(checkpoint), QuotedPath(path));
}

absl::Status Trainer::Restore(const Model& checkpoint) {
  if (fit_ != nullptr) return absl::FailedPreconditionError("Fit() is running");
  return ReadCheckpoint(checkpoint);
}

absl::Status Trainer::ReadCheckpoint(const Model& checkpoint) {
  NOMO_ASSIGN_OR_RETURN(const int64_t version, NumberOf(checkpoint, kVersion));
  if (version != 1) {
    return absl::UnimplementedError(
        absl::StrCat("the checkpoint is of version ", version, ", this program knows 1"));
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t seed, NumberOf(checkpoint, kSeed));
  if (static_cast<uint64_t>(seed) != options_.seed) {
    return InvalidArgument("the checkpoint has seed ", seed, ", the trainer ", options_.seed,
                           ": they must be equal to go on");
  }
  std::map<std::string, Tensor, std::less<>> values;
  for (const Weight& weight : checkpoint.graph.weights)
    values[checkpoint.graph.value(weight.value).name] = weight.tensor;
  for (const Variable& variable : checkpoint.variables) values[variable.name] = variable.initial;
  ErrorList errors;
  for (const Variable& variable : graphs_.step.variables) {
    const auto found = values.find(variable.name);
    if (found == values.end()) {
      errors.Add(InvalidArgument("it has no ", Quoted(variable.name), " (",
                                 variable.initial.type().ToString(), ")"));
    } else if (found->second.type() != variable.initial.type()) {
      errors.Add(InvalidArgument(Quoted(variable.name), ": expected ",
                                 variable.initial.type().ToString(), ", found ",
                                 found->second.type().ToString()));
    }
  }
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the checkpoint does not fit the trainer"));
  NOMO_ASSIGN_OR_RETURN(const int64_t step, NumberOf(checkpoint, kStep));
  NOMO_ASSIGN_OR_RETURN(const int64_t iteration, NumberOf(checkpoint, kIteration));
  NOMO_ASSIGN_OR_RETURN(const int64_t epoch, NumberOf(checkpoint, kEpoch));
  NOMO_ASSIGN_OR_RETURN(const int64_t batch, NumberOf(checkpoint, kBatch));
  NOMO_ASSIGN_OR_RETURN(History history, HistoryOf(checkpoint));
  std::optional<double> learning_rate;
  if (const auto found = checkpoint.metadata.find(kLearningRate);
      found != checkpoint.metadata.end()) {
    char* end = nullptr;
    learning_rate = std::strtod(found->second.c_str(), &end);
    if (found->second.empty() || *end != '\0' || !std::isfinite(*learning_rate))
      return InvalidArgument("metadata ", kLearningRate, ": expected a number, found ",
                             Quoted(found->second));
  }
  std::vector<NamedTensors> states;
  constexpr size_t kMostCallbacks = 1000;
  for (auto& [name, tensor] : Behind(checkpoint, kCallback)) {
    const size_t slash = name.find('/');
    size_t number = 0;
    if (slash == std::string::npos || !absl::SimpleAtoi(name.substr(0, slash), &number) ||
        number >= kMostCallbacks) {
      return InvalidArgument("variable ", Quoted(kCallback + name), " has no number of a callback");
    }
    states.resize(std::max(states.size(), number + 1));
    states[number][name.substr(slash + 1)] = tensor;
  }
  NOMO_RETURN_IF_ERROR(meter_->Restore(Behind(checkpoint, kMeter)));
  for (const Variable& variable : graphs_.step.variables)
    NOMO_RETURN_IF_ERROR(step_session_->SetVariable(variable.name, values[variable.name]));
  model_is_old_ = evaluation_is_old_ = resumed_ = true;
  step_ = step;
  iteration_ = iteration;
  epoch_ = epoch;
  batch_ = batch;
  history_ = std::move(history);
  set_learning_rate_ = learning_rate;
  callback_states_ = std::move(states);
  const auto position = checkpoint.metadata.find(kPosition);
  position_ = position == checkpoint.metadata.end() ? "" : position->second;
  return absl::OkStatus();
}

}  // namespace nomograph
