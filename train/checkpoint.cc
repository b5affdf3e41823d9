// Trainer::Save() and Restore(): checkpoints are models whose variables and metadata hold all that
// training goes on with.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
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
               kLearningRate[] = "train.learning_rate", kPosition[] = "train.position",
               kAverages[] = "train.averages_in_use";
// Variables behind these prefixes. Those of the step have their own names.
constexpr char kOptimizer[] = "optimizer/", kTrain[] = "train/", kMeter[] = "train/meter/",
               kHistory[] = "train/history/", kCallback[] = "train/callback/";

// Puts variables into a model, in the place of those of the same names.
class VariableTable {
 public:
  explicit VariableTable(std::vector<Variable>& variables) : variables_(variables) {
    for (size_t i = 0; i < variables.size(); ++i) index_[variables[i].name] = i;
  }
  void Put(const std::string& name, Tensor value) {
    const auto [it, added] = index_.emplace(name, variables_.size());
    if (added) variables_.push_back({name, Tensor(), "", ""});
    variables_[it->second].initial = std::move(value);
  }

 private:
  std::vector<Variable>& variables_;
  absl::flat_hash_map<std::string, size_t> index_;
};

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

template <typename T = int64_t>
absl::StatusOr<T> NumberOf(const Model& checkpoint, absl::string_view key) {
  const auto found = checkpoint.metadata.find(key);
  T value = 0;
  if (found == checkpoint.metadata.end())
    return InvalidArgument("it is no checkpoint of training: metadata has no ", key);
  if (!absl::SimpleAtoi(found->second, &value) || value < T{0})
    return InvalidArgument("metadata ", key, ": expected a number, found ", Quoted(found->second));
  return value;
}

absl::StatusOr<History> HistoryOf(const Model& checkpoint) {
  History history;
  for (const auto& [name, tensor] : Behind(checkpoint, kHistory)) {
    if (tensor.dtype() != DType::kFloat64) {
      return InvalidArgument("history ", Quoted(name), ": expected float64, found ",
                             tensor.type().ToString());
    }
    const auto data = tensor.data<double>();
    if (name == "epoch") {
      for (const double epoch : data) history.epoch.push_back(static_cast<int64_t>(epoch));
    } else {
      history.metrics[name.substr(name.find('/') + 1)].assign(data.begin(), data.end());
    }
  }
  return history;
}

absl::StatusOr<std::optional<double>> LearningRateOf(const Model& checkpoint) {
  const auto found = checkpoint.metadata.find(kLearningRate);
  if (found == checkpoint.metadata.end()) return std::nullopt;
  char* end = nullptr;
  const double rate = std::strtod(found->second.c_str(), &end);
  if (!found->second.empty() && *end == '\0' && std::isfinite(rate)) return rate;
  return InvalidArgument("metadata ", kLearningRate, ": expected a number, found ",
                         Quoted(found->second));
}

// By number, "NUMBER/NAME/...": the name, and what is behind it.
absl::StatusOr<std::map<int, std::pair<std::string, NamedTensors>>> CallbackStatesOf(
    const Model& checkpoint) {
  std::map<int, std::pair<std::string, NamedTensors>> states;
  for (auto& [key, tensor] : Behind(checkpoint, kCallback)) {
    const std::vector<std::string> parts = absl::StrSplit(key, absl::MaxSplits('/', 2));
    int number = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &number)) {
      return InvalidArgument("variable ", Quoted(kCallback + key),
                             ": expected the number and the name of a callback");
    }
    states[number].first = parts[1];
    states[number].second[parts[2]] = tensor;
  }
  return states;
}

// The values of the step's variables, which the checkpoint has as weights or as variables.
absl::StatusOr<NamedTensors> ValuesOf(const Model& checkpoint, const Model& step) {
  absl::flat_hash_map<absl::string_view, Tensor> values;
  for (const Weight& weight : checkpoint.graph.weights)
    values[checkpoint.graph.value(weight.value).name] = weight.tensor;
  for (const Variable& variable : checkpoint.variables) values[variable.name] = variable.initial;
  NamedTensors found;
  ErrorList errors;
  for (const Variable& variable : step.variables) {
    const TensorType expected = variable.initial.type();
    const auto value = values.find(variable.name);
    if (value == values.end()) {
      errors.Add(
          InvalidArgument("it has no ", Quoted(variable.name), " (", expected.ToString(), ")"));
    } else if (value->second.type() != expected) {
      errors.Add(InvalidArgument(Quoted(variable.name), ": expected ", expected.ToString(),
                                 ", found ", value->second.type().ToString()));
    } else {
      found[variable.name] = value->second;
    }
  }
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the checkpoint does not fit the trainer"));
  return found;
}

}  // namespace

void RemoveTrainingState(Model& model) {
  if (!model.metadata.contains(kVersion)) return;
  std::erase_if(model.variables, [](const Variable& variable) {
    return absl::StartsWith(variable.name, kOptimizer) || absl::StartsWith(variable.name, kTrain);
  });
  for (const char* key :
       {kVersion, kStep, kEpoch, kIteration, kBatch, kSeed, kLearningRate, kPosition, kAverages}) {
    model.metadata.erase(key);
  }
}

absl::Status Trainer::WriteCheckpoint(Model& checkpoint) const {
  VariableTable variables(checkpoint.variables);
  absl::flat_hash_set<absl::string_view> weights;  // which the model has already
  for (const TrainedWeight& weight : graphs_.weights) weights.insert(weight.name);
  for (const Variable& variable : graphs_.step.variables) {
    if (weights.contains(variable.name)) continue;
    NOMO_ASSIGN_OR_RETURN(Tensor value, step_session_->GetVariable(variable.name));
    variables.Put(variable.name, std::move(value));
  }
  if (batch_ > 0) {  // elsewhere an epoch begins
    for (const auto& [name, tensor] : meter_->Save())
      variables.Put(absl::StrCat(kMeter, name), tensor);
  }
  if (!history_.epoch.empty()) {
    variables.Put(absl::StrCat(kHistory, "epoch"),
                  VectorOf({history_.epoch.begin(), history_.epoch.end()}));
  }
  for (const auto& [name, values] : history_.metrics)
    variables.Put(absl::StrCat(kHistory, "metric/", name), VectorOf(values));
  const std::vector<CallbackState> states =
      fit_ == nullptr ? callback_states_ : StatesOf(fit_->callbacks);
  for (size_t i = 0; i < states.size(); ++i) {
    if (absl::StrContains(states[i].name, '/')) {
      return InvalidArgument("callback ", Quoted(states[i].name),
                             " has a state: its name must not contain '/'");
    }
    for (const auto& [name, tensor] : states[i].state)
      variables.Put(absl::StrCat(kCallback, i, "/", states[i].name, "/", name), tensor);
  }
  auto& metadata = checkpoint.metadata;
  metadata[kVersion] = "1";
  metadata[kStep] = absl::StrCat(step_);
  metadata[kIteration] = absl::StrCat(iteration_);
  metadata[kEpoch] = absl::StrCat(epoch_);
  metadata[kBatch] = absl::StrCat(batch_);
  metadata[kSeed] = absl::StrCat(options_.seed);
  if (set_learning_rate_) metadata[kLearningRate] = absl::StrFormat("%a", *set_learning_rate_);
  if (averages_in_use_) metadata[kAverages] = "1";
  const std::string position = source_ != nullptr ? source_->SavePosition() : position_;
  if (!position.empty()) metadata[kPosition] = position;
  return absl::OkStatus();
}

absl::Status Trainer::Save(const std::string& path) {
  NOMO_RETURN_IF_ERROR(CheckTrains());
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
  NOMO_RETURN_IF_ERROR(CheckTrains());
  if (fit_ != nullptr && !starting_) return absl::FailedPreconditionError("Fit() is running");
  NOMO_ASSIGN_OR_RETURN(const int64_t version, NumberOf(checkpoint, kVersion));
  if (version != 1) {
    return absl::UnimplementedError(
        absl::StrCat("the checkpoint is of version ", version, ", this program knows 1"));
  }
  NOMO_ASSIGN_OR_RETURN(const uint64_t seed, NumberOf<uint64_t>(checkpoint, kSeed));
  if (seed != options_.seed) {
    return InvalidArgument("the checkpoint has seed ", seed, ", the trainer ", options_.seed,
                           ": they must be equal to go on");
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors values, ValuesOf(checkpoint, graphs_.step));
  NOMO_ASSIGN_OR_RETURN(const int64_t step, NumberOf(checkpoint, kStep));
  NOMO_ASSIGN_OR_RETURN(const int64_t iteration, NumberOf(checkpoint, kIteration));
  NOMO_ASSIGN_OR_RETURN(const int64_t epoch, NumberOf(checkpoint, kEpoch));
  NOMO_ASSIGN_OR_RETURN(const int64_t batch, NumberOf(checkpoint, kBatch));
  NOMO_ASSIGN_OR_RETURN(const std::optional<double> learning_rate, LearningRateOf(checkpoint));
  NOMO_ASSIGN_OR_RETURN(auto states, CallbackStatesOf(checkpoint));
  NOMO_ASSIGN_OR_RETURN(History history, HistoryOf(checkpoint));
  NOMO_RETURN_IF_ERROR(meter_->Restore(Behind(checkpoint, kMeter)));
  NOMO_RETURN_IF_ERROR(SetWeights(values));
  resumed_ = true;
  averages_in_use_ = checkpoint.metadata.contains(kAverages) && !graphs_.averages.empty();
  step_ = step;
  iteration_ = iteration;
  epoch_ = epoch;
  batch_ = batch;
  history_ = std::move(history);
  set_learning_rate_ = learning_rate;
  callback_states_.clear();
  for (auto& [number, state] : states)
    callback_states_.push_back({state.first, std::move(state.second)});
  const auto position = checkpoint.metadata.find(kPosition);
  position_ = position == checkpoint.metadata.end() ? "" : position->second;
  return absl::OkStatus();
}

}  // namespace nomograph
