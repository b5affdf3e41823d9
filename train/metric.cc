#include "nomograph/train/metric.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/train/metric_math.h"

namespace nomograph {

using namespace train_internal;

namespace train_internal {

Value WeightsLike(const Value& weight, const Value& like) {
  const Value shape = Call("array.Shape", {like});
  if (!weight.valid()) return Call("array.Expand", {Constant(Tensor::Scalar<double>(1)), shape});
  const int rank = like.status().ok() && like.shape().has_rank() ? like.shape().rank() : 0;
  return Call("array.Expand", {WithRank(Wide(weight), rank), shape});
}

std::vector<Value> WeightedMean(const Value& values, const Value& weight) {
  const Value weights = WeightsLike(weight, values);
  return {Sum(Wide(values) * weights), Sum(weights)};
}

Value LikePredictions(const Value& y_true, const Value& y_pred) {
  if (!y_true.status().ok() || !y_pred.status().ok()) return y_true;
  const PartialShape& shape = y_pred.shape();
  if (!kInts.Contains(y_true.dtype()) || !shape.has_rank() || !y_true.shape().has_rank() ||
      y_true.shape().rank() >= shape.rank()) {
    return y_true;
  }
  const Dim& classes = shape[shape.rank() - 1];
  if (!classes.known())
    return ErrorValue(InvalidArgument("the number of classes must be known"), {y_true});
  return Call("array.OneHot", {y_true}, {{"depth", classes.size()}, {"dtype", y_pred.dtype()}});
}

std::vector<Value> CountConfusion(std::vector<double> thresholds, const Value& y_true,
                                  const Value& y_pred, const Value& weight) {
  const int64_t count = static_cast<int64_t>(thresholds.size());
  const Tensor column = Tensor::Of<double>({count, 1}, thresholds);
  const Value labels = Flat(Cast(LikePredictions(y_true, y_pred), DType::kBool));
  const Value weights = Flat(WeightsLike(weight, y_pred));
  const Value positive = Wide(labels) * weights, negative = weights - positive;
  const Value above =
      Wide(Flat(y_pred) > Cast(Constant(column), y_pred.dtype()));  // [thresholds, samples]
  return {Sum(above * positive, 1), Sum(above * negative, 1), Sum(positive), Sum(negative)};
}

ConfusionCounts ConfusionOf(absl::Span<const Tensor> totals) {
  const auto vector = [&](int i) {
    const auto data = totals[i].data<double>();
    return std::vector<double>(data.begin(), data.end());
  };
  return {vector(0), vector(1), totals[2].AsDouble(0), totals[3].AsDouble(0)};
}

}  // namespace train_internal

namespace metrics {
namespace {

double MeanResult(absl::Span<const Tensor> totals) {
  return Ratio(totals[0].AsDouble(0), totals[1].AsDouble(0));
}

}  // namespace

Metric MeanOf(std::string name,
              std::function<Value(const Value& y_true, const Value& y_pred)> function) {
  return {.name = std::move(name),
          .statistics = [function = std::move(function)](
                            const Value& t, const Value& p,
                            const Value& weight) { return WeightedMean(function(t, p), weight); },
          .result = MeanResult};
}

Metric MeanOf(const Loss& loss) { return MeanOf(loss.name, loss.function); }

Metric Accuracy() { return {.name = "accuracy"}; }

Metric BinaryAccuracy(double threshold) {
  return MeanOf("binary_accuracy", [threshold](const Value& t, const Value& p) {
    return Mean(Cast(Wide(t) == Wide(p > threshold), DType::kFloat64), -1);
  });
}

Metric CategoricalAccuracy() {
  return MeanOf("categorical_accuracy",
                [](const Value& t, const Value& p) { return ArgMax(t) == ArgMax(p); });
}

Metric SparseCategoricalAccuracy() {
  return MeanOf("sparse_categorical_accuracy",
                [](const Value& t, const Value& p) { return Cast(t, DType::kInt64) == ArgMax(p); });
}

namespace {

// Whether fewer than k scores are greater than that of the true class.
Metric TopK(std::string name, int64_t k) {
  return MeanOf(std::move(name), [k](const Value& y_true, const Value& p) {
    const Value t = LikePredictions(y_true, p);
    const Value right =
        Cast(t == Call("math.ReduceMax", {t}, {{"axes", std::vector<int64_t>{-1}}}), p.dtype());
    const Value score = Sum(right * p, -1, /*keep=*/true);
    return Sum(Wide(p > score), -1) < static_cast<double>(k);
  });
}

}  // namespace

Metric TopKCategoricalAccuracy(int64_t k) { return TopK("top_k_categorical_accuracy", k); }
Metric SparseTopKCategoricalAccuracy(int64_t k) {
  return TopK("sparse_top_k_categorical_accuracy", k);
}

Metric RootMeanSquaredError() {
  Metric metric = MeanOf("root_mean_squared_error",
                         [](const Value& t, const Value& p) { return Square(Wide(p) - Wide(t)); });
  metric.result = [](absl::Span<const Tensor> totals) { return std::sqrt(MeanResult(totals)); };
  return metric;
}

Metric CosineSimilarity(int64_t axis) {
  return MeanOf("cosine_similarity",
                [function = losses::CosineSimilarity(axis).function](
                    const Value& t, const Value& p) { return -function(t, p); });
}

namespace {

// Of each sample along the axis: the deviations from the means, their mean products, and the square
// of the difference of the means.
struct Moments {
  Value true_variance, pred_variance, covariance, offset;
};
Moments MomentsOf(const Value& y_true, const Value& y_pred, int64_t axis) {
  const std::vector<int64_t> axes = {axis};
  const auto mean = [&](const Value& x) { return Call("math.ReduceMean", {x}, {{"axes", axes}}); };
  const Value t = Wide(y_true), p = Wide(y_pred);
  const Value t_mean = mean(t), p_mean = mean(p);
  const Value dt = t - t_mean, dp = p - p_mean;
  return {mean(dt * dt), mean(dp * dp), mean(dt * dp), Square(t_mean - p_mean)};
}

}  // namespace

Metric PearsonCorrelation(int64_t axis) {
  return MeanOf("pearson_correlation", [axis](const Value& y_true, const Value& y_pred) {
    const Moments m = MomentsOf(y_true, y_pred, axis);
    const auto deviation = [](const Value& variance) {
      return Call("math.Sqrt", {variance}) + kEpsilon;
    };
    return Sum(m.covariance / (deviation(m.true_variance) * deviation(m.pred_variance)), axis);
  });
}

Metric ConcordanceCorrelation(int64_t axis) {
  return MeanOf("concordance_correlation", [axis](const Value& y_true, const Value& y_pred) {
    const Moments m = MomentsOf(y_true, y_pred, axis);
    return Sum(2.0 * m.covariance / (m.true_variance + m.pred_variance + m.offset + kEpsilon),
               axis);
  });
}

Metric R2Score() {
  return {.name = "r2_score",
          .statistics =
              [](const Value& y_true, const Value& y_pred, const Value& weight) {
                const Value t = Wide(y_true), weights = WeightsLike(weight, y_true);
                return std::vector<Value>{Sum(weights, 0), Sum(weights * t, 0),
                                          Sum(weights * t * t, 0),
                                          Sum(weights * Square(t - Wide(y_pred)), 0)};
              },
          .result =
              [](absl::Span<const Tensor> totals) {
                double sum = 0;
                const int64_t outputs = totals[0].num_elements();
                for (int64_t i = 0; i < outputs; ++i) {
                  const double count = totals[0].AsDouble(i), y = totals[1].AsDouble(i);
                  sum += 1 - totals[3].AsDouble(i) / (totals[2].AsDouble(i) - y * y / count);
                }
                return sum / static_cast<double>(outputs);
              }};
}

}  // namespace metrics

Metric AccuracyFor(const Loss& loss, const TensorType& prediction) {
  const PartialShape& shape = prediction.shape;
  Metric metric = metrics::CategoricalAccuracy();
  if (shape.has_rank() && shape.rank() > 0 && shape[shape.rank() - 1] == Dim(1)) {
    metric = metrics::BinaryAccuracy();
  } else if (loss.targets == Targets::kClasses) {
    metric = metrics::SparseCategoricalAccuracy();
  }
  metric.name = "accuracy";
  return metric;
}

namespace {

const std::pair<const char*, Metric (*)()> kMetrics[] = {
    {"accuracy", metrics::Accuracy},
    {"binary_accuracy", [] { return metrics::BinaryAccuracy(); }},
    {"categorical_accuracy", metrics::CategoricalAccuracy},
    {"sparse_categorical_accuracy", metrics::SparseCategoricalAccuracy},
    {"top_k_categorical_accuracy", [] { return metrics::TopKCategoricalAccuracy(); }},
    {"sparse_top_k_categorical_accuracy", [] { return metrics::SparseTopKCategoricalAccuracy(); }},
    {"precision", [] { return metrics::Precision(); }},
    {"recall", [] { return metrics::Recall(); }},
    {"f1_score", [] { return metrics::F1Score(); }},
    {"auc", [] { return metrics::AUC(); }},
    {"true_positives", [] { return metrics::TruePositives(); }},
    {"true_negatives", [] { return metrics::TrueNegatives(); }},
    {"false_positives", [] { return metrics::FalsePositives(); }},
    {"false_negatives", [] { return metrics::FalseNegatives(); }},
    {"root_mean_squared_error", metrics::RootMeanSquaredError},
    {"r2_score", metrics::R2Score},
    {"cosine_similarity", [] { return metrics::CosineSimilarity(); }},
    {"pearson_correlation", [] { return metrics::PearsonCorrelation(); }},
    {"concordance_correlation", [] { return metrics::ConcordanceCorrelation(); }},
    {"binary_io_u", [] { return metrics::BinaryIoU(); }},
};

}  // namespace

std::vector<std::string> MetricNames() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kMetrics) names.emplace_back(name);
  return names;
}

absl::StatusOr<Metric> MetricFromText(absl::string_view text) {
  for (const auto& [name, make] : kMetrics) {
    if (text == name || SnakeCase(text) == name || (text == "acc" && name == kMetrics[0].first))
      return make();
  }
  if (const auto loss = LossFromText(text); loss.ok()) return metrics::MeanOf(*loss);
  std::vector<std::string> names = MetricNames();
  for (std::string& loss : LossNames()) names.push_back(std::move(loss));
  return InvalidArgument("there is no metric ", Quoted(text), NamesThatThereAre(text, names));
}

const double MetricState::kNoResult = std::numeric_limits<double>::quiet_NaN();

absl::Status MetricState::Add(absl::Span<const Tensor> statistics) {
  if (totals_.empty()) {
    for (const Tensor& statistic : statistics) {
      NOMO_ASSIGN_OR_RETURN(Tensor total, Tensor::Create(DType::kFloat64, statistic.shape()));
      totals_.push_back(std::move(total));
    }
  }
  if (statistics.size() != totals_.size())
    return absl::InternalError("a metric's statistics changed in number");
  for (size_t i = 0; i < totals_.size(); ++i) {
    if (statistics[i].shape() != totals_[i].shape()) {
      return InvalidArgument("metric ", metric_.name, ": a statistic was ",
                             totals_[i].type().ToString(), " and is now ",
                             statistics[i].type().ToString());
    }
    const absl::Span<double> total = totals_[i].mutable_data<double>();
    for (size_t k = 0; k < total.size(); ++k)
      total[k] += statistics[i].AsDouble(static_cast<int64_t>(k));
  }
  return absl::OkStatus();
}

}  // namespace nomograph
