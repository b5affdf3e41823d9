#include "nomograph/train/meter.h"

#include "absl/strings/match.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

Trainer::Meter::Meter(const TrainingGraphs& graphs) : graphs_(graphs), loss_names_{"loss"} {
  const size_t goals = graphs.goals.size();
  const Graph& graph = graphs.evaluation.graph;
  const size_t first = graphs.first_prediction;
  for (size_t i = 0; goals > 1 && i < goals; ++i) {
    const std::string& given = graphs.goals[i].output;
    const ValueId id = graph.outputs[first + graphs.goal_outputs[i]];
    loss_names_.push_back(absl::StrCat(given.empty() ? graph.value(id).name : given, "_loss"));
  }
  loss_sums_.resize(loss_names_.size());
  for (const MetricPlace& place : graphs.metrics) metrics_.emplace_back(place.metric);
}

absl::Status Trainer::Meter::Add(absl::Span<const Tensor> outputs, int64_t samples) {
  last_loss_ = outputs[0].AsDouble(0);
  samples_ += static_cast<double>(samples);
  for (size_t i = 0; i < loss_sums_.size(); ++i)
    loss_sums_[i] += outputs[i].AsDouble(0) * static_cast<double>(samples);
  for (size_t i = 0; i < metrics_.size(); ++i) {
    const MetricPlace& place = graphs_.metrics[i];
    NOMO_RETURN_IF_ERROR(metrics_[i].Add(outputs.subspan(place.first, place.count)));
  }
  return absl::OkStatus();
}

Logs Trainer::Meter::Result() const {
  Logs logs;
  for (size_t i = 0; i < loss_sums_.size(); ++i) logs[loss_names_[i]] = loss_sums_[i] / samples_;
  for (size_t i = 0; i < metrics_.size(); ++i) logs[graphs_.metrics[i].name] = metrics_[i].Result();
  return logs;
}

void Trainer::Meter::Reset() {
  samples_ = 0;
  loss_sums_.assign(loss_sums_.size(), 0);
  for (MetricState& metric : metrics_) metric.Reset();
}

NamedTensors Trainer::Meter::Save() const {
  NamedTensors totals;
  if (samples_ == 0) return totals;
  totals["samples"] = Tensor::Scalar<double>(samples_);
  totals["losses"] = Tensor::Of<double>({static_cast<int64_t>(loss_sums_.size())}, loss_sums_);
  for (size_t i = 0; i < metrics_.size(); ++i) {
    for (size_t k = 0; k < metrics_[i].totals().size(); ++k)
      totals[absl::StrCat("metric/", i, "/", k)] = metrics_[i].totals()[k].Clone();
  }
  return totals;
}

absl::Status Trainer::Meter::Restore(const NamedTensors& totals) {
  Reset();
  if (totals.empty()) return absl::OkStatus();
  const auto take = [&](absl::string_view name) {
    const auto found = totals.find(name);
    return found != totals.end() && found->second.dtype() == DType::kFloat64 ? found->second
                                                                             : Tensor();
  };
  const Tensor samples = take("samples"), losses = take("losses");
  if (!samples.valid() || samples.num_elements() != 1 || !losses.valid() ||
      losses.num_elements() != static_cast<int64_t>(loss_sums_.size())) {
    return InvalidArgument("the checkpoint's losses are not those of this trainer");
  }
  samples_ = samples.AsDouble(0);
  for (size_t i = 0; i < loss_sums_.size(); ++i)
    loss_sums_[i] = losses.AsDouble(static_cast<int64_t>(i));
  for (size_t i = 0; i < metrics_.size(); ++i) {
    std::vector<Tensor> restored;
    for (int k = 0; k < graphs_.metrics[i].count; ++k) {
      const Tensor total = take(absl::StrCat("metric/", i, "/", k));
      const Graph& graph = graphs_.evaluation.graph;
      const ValueId statistic = graph.outputs[graphs_.metrics[i].first + k];
      if (!total.valid() || !Matches(total.shape(), graph.value(statistic).type.shape)) {
        return InvalidArgument("the checkpoint has no totals of metric ",
                               Quoted(graphs_.metrics[i].name));
      }
      restored.push_back(total.Clone());
    }
    metrics_[i].set_totals(std::move(restored));
  }
  return absl::OkStatus();
}

}  // namespace nomograph
