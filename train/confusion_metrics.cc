// Metrics of counts: how many predictions are right and wrong, of which class, at which thresholds.
#include <algorithm>
#include <cmath>
#include <utility>

#include "nomograph/train/metric.h"
#include "nomograph/train/metric_math.h"

namespace nomograph::metrics {

using namespace train_internal;

namespace {

using CountFn = double (*)(const ConfusionCounts& counts);

Metric AtThreshold(std::string name, double threshold, std::optional<int64_t> class_id,
                   CountFn result) {
  return {
      .name = std::move(name),
      .statistics =
          [=](const Value& y_true, const Value& y_pred, const Value& weight) {
            Value t = LikePredictions(y_true, y_pred), p = y_pred;
            if (class_id) {
              t = At(t, *class_id, -1);
              p = At(p, *class_id, -1);
            }
            return CountConfusion({threshold}, t, p, weight);
          },
      .result = [result](absl::Span<const Tensor> totals) { return result(ConfusionOf(totals)); }};
}

}  // namespace

Metric TruePositives(double threshold) {
  return AtThreshold("true_positives", threshold, {},
                     [](const ConfusionCounts& c) { return c.true_positives[0]; });
}

Metric TrueNegatives(double threshold) {
  return AtThreshold("true_negatives", threshold, {},
                     [](const ConfusionCounts& c) { return c.negatives - c.false_positives[0]; });
}

Metric FalsePositives(double threshold) {
  return AtThreshold("false_positives", threshold, {},
                     [](const ConfusionCounts& c) { return c.false_positives[0]; });
}

Metric FalseNegatives(double threshold) {
  return AtThreshold("false_negatives", threshold, {},
                     [](const ConfusionCounts& c) { return c.positives - c.true_positives[0]; });
}

Metric Precision(const PrecisionOptions& o) {
  return AtThreshold("precision", o.threshold, o.class_id, [](const ConfusionCounts& c) {
    return Ratio(c.true_positives[0], c.true_positives[0] + c.false_positives[0]);
  });
}

Metric Recall(const PrecisionOptions& o) {
  return AtThreshold("recall", o.threshold, o.class_id, [](const ConfusionCounts& c) {
    return Ratio(c.true_positives[0], c.positives);
  });
}

namespace {

// From counts, F-beta of each class or of all.
double FBetaResult(const FBetaOptions& o, absl::Span<const Tensor> totals) {
  const int64_t classes = totals[0].num_elements();
  const double square = o.beta * o.beta;
  const auto score = [&](double tp, double fp, double fn) {
    const double precision = tp / (tp + fp + kEpsilon), recall = tp / (tp + fn + kEpsilon);
    return precision * recall * (1 + square) / (precision * square + recall + kEpsilon);
  };
  double sum = 0, weights = 0, micro[3] = {};
  for (int64_t i = 0; i < classes; ++i) {
    double counts[4];
    for (int k = 0; k < 4; ++k) counts[k] = totals[k].AsDouble(i);
    for (int k = 0; k < 3; ++k) micro[k] += counts[k];
    const double weight = o.average == "weighted" ? counts[3] : 1;
    sum += weight * score(counts[0], counts[1], counts[2]);
    weights += weight;
  }
  return o.average == "micro" ? score(micro[0], micro[1], micro[2]) : Ratio(sum, weights);
}

}  // namespace

Metric FBetaScore(const FBetaOptions& o) {
  return {.name = "fbeta_score",
          .statistics =
              [o](const Value& y_true, const Value& p, const Value& weight) {
                if (o.average != "micro" && o.average != "macro" && o.average != "weighted") {
                  return std::vector<Value>{ErrorValue(
                      InvalidArgument("average: expected micro, macro or weighted"), {y_true})};
                }
                const Value t = Wide(LikePredictions(y_true, p)), weights = WeightsLike(weight, p);
                const Value greatest =
                    Call("math.ReduceMax", {p}, {{"axes", std::vector<int64_t>{-1}}});
                const Value chosen =
                    Wide(o.threshold ? p > *o.threshold : (p >= greatest) && (Abs(p) > 1e-9));
                return std::vector<Value>{Sum(chosen * t * weights, 0),
                                          Sum(chosen * (1 - t) * weights, 0),
                                          Sum((1 - chosen) * t * weights, 0), Sum(t * weights, 0)};
              },
          .result = [o](absl::Span<const Tensor> totals) { return FBetaResult(o, totals); }};
}

Metric F1Score(const FBetaOptions& options) {
  FBetaOptions one = options;
  one.beta = 1;
  Metric metric = FBetaScore(one);
  metric.name = "f1_score";
  return metric;
}

namespace {

// From `first` to `last`, with equal steps from 0 to 1 between.
std::vector<double> Thresholds(int64_t count, double first, double last) {
  std::vector<double> thresholds = {first};
  for (int64_t i = 1; i + 1 < count; ++i)
    thresholds.push_back(static_cast<double>(i) / static_cast<double>(count - 1));
  thresholds.push_back(last);
  return thresholds;
}

double AreaUnderRoc(const ConfusionCounts& c) {
  double area = 0;
  for (size_t i = 0; i + 1 < c.true_positives.size(); ++i) {
    const double width =
        Ratio(c.false_positives[i], c.negatives) - Ratio(c.false_positives[i + 1], c.negatives);
    area += width * 0.5 *
            (Ratio(c.true_positives[i], c.positives) + Ratio(c.true_positives[i + 1], c.positives));
  }
  return area;
}

double AreaUnderPrecisionRecall(const ConfusionCounts& c) {
  double area = 0;
  for (size_t i = 0; i + 1 < c.true_positives.size(); ++i) {
    const double tp = c.true_positives[i], next_tp = c.true_positives[i + 1];
    const double chosen = tp + c.false_positives[i], next = next_tp + c.false_positives[i + 1];
    const double slope = Ratio(tp - next_tp, std::max(chosen - next, 0.0));
    const double log = chosen > 0 && next > 0 ? std::log(chosen / next) : 0;
    area += Ratio(slope * (tp - next_tp + (next_tp - slope * next) * log), c.positives);
  }
  return area;
}

}  // namespace

Metric AUC(const AucOptions& o) {
  return {
      .name = "auc",
      .statistics =
          [o](const Value& t, const Value& p, const Value& weight) {
            if (o.num_thresholds < 2 || o.num_thresholds > 100'000) {
              return std::vector<Value>{ErrorValue(
                  InvalidArgument("num_thresholds: expected 2 to 100000, found ", o.num_thresholds),
                  {t})};
            }
            return CountConfusion(Thresholds(o.num_thresholds, -kEpsilon, 1 + kEpsilon), t,
                                  o.from_logits ? Call("nn.Sigmoid", {p}) : p, weight);
          },
      .result =
          [o](absl::Span<const Tensor> totals) {
            const ConfusionCounts counts = ConfusionOf(totals);
            return o.precision_recall ? AreaUnderPrecisionRecall(counts) : AreaUnderRoc(counts);
          }};
}

namespace {

// The rates at one threshold.
struct Rates {
  double precision, recall, specificity;
};

// The greatest `value` where the `constraint` is at least so great.
Metric Best(std::string name, double least, double Rates::*constraint, double Rates::*value) {
  return {.name = std::move(name),
          .statistics =
              [](const Value& t, const Value& p, const Value& weight) {
                return CountConfusion(Thresholds(200, 0, 1), t, p, weight);
              },
          .result =
              [=](absl::Span<const Tensor> totals) {
                const ConfusionCounts c = ConfusionOf(totals);
                double best = 0;
                for (size_t i = 0; i < c.true_positives.size(); ++i) {
                  const double tp = c.true_positives[i], fp = c.false_positives[i];
                  const Rates rates = {Ratio(tp, tp + fp), Ratio(tp, c.positives),
                                       Ratio(c.negatives - fp, c.negatives)};
                  if (rates.*constraint >= least) best = std::max(best, rates.*value);
                }
                return best;
              }};
}

}  // namespace

Metric PrecisionAtRecall(double recall) {
  return Best("precision_at_recall", recall, &Rates::recall, &Rates::precision);
}
Metric RecallAtPrecision(double precision) {
  return Best("recall_at_precision", precision, &Rates::precision, &Rates::recall);
}
Metric SensitivityAtSpecificity(double specificity) {
  return Best("sensitivity_at_specificity", specificity, &Rates::specificity, &Rates::recall);
}
Metric SpecificityAtSensitivity(double sensitivity) {
  return Best("specificity_at_sensitivity", sensitivity, &Rates::recall, &Rates::specificity);
}

namespace {

// Targets and predictions, which are classes by now, in a table of how often each pair occurs.
std::vector<Value> CountPairs(int64_t num_classes, const std::optional<int64_t>& ignore_class,
                              const Value& y_true, const Value& y_pred, const Value& weight) {
  const Value classes = Flat(Cast(y_pred, DType::kInt64));
  const Value truth = Flat(Cast(y_true, DType::kInt64));
  Value weights = Flat(WeightsLike(weight, y_true));
  if (ignore_class) weights = weights * Wide(truth != *ignore_class);
  const Attributes rows = {{"depth", num_classes}, {"dtype", DType::kFloat64}};
  const Value t = Call("array.OneHot", {truth}, rows) * WithRank(weights, 2);
  const Value transposed = Call("array.Transpose", {t}, {{"perm", std::vector<int64_t>{1, 0}}});
  return {Call("math.MatMul", {transposed, Call("array.OneHot", {classes}, rows)})};
}

// The mean over those of the classes that occur.
double MeanOfClasses(int64_t n, const std::vector<int64_t>& class_ids, const Tensor& table) {
  const auto confusion = table.data<double>();
  double sum = 0, present = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool asked =
        class_ids.empty() || std::find(class_ids.begin(), class_ids.end(), i) != class_ids.end();
    double either = -confusion[i * n + i];
    for (int64_t k = 0; k < n; ++k) either += confusion[i * n + k] + confusion[k * n + i];
    if (!asked || either == 0) continue;
    sum += confusion[i * n + i] / either;
    ++present;
  }
  return Ratio(sum, present);
}

}  // namespace

Metric MeanIoU(const MeanIoUOptions& o) {
  return {.name = "mean_io_u",
          .statistics =
              [o](const Value& y_true, const Value& y_pred, const Value& weight) {
                return CountPairs(o.num_classes, o.ignore_class,
                                  o.sparse_y_true ? y_true : ArgMax(y_true),
                                  o.sparse_y_pred ? y_pred : ArgMax(y_pred), weight);
              },
          .result =
              [o](absl::Span<const Tensor> totals) {
                return MeanOfClasses(o.num_classes, o.target_class_ids, totals[0]);
              }};
}

Metric BinaryIoU(const BinaryIoUOptions& o) {
  return {.name = "binary_io_u",
          .statistics =
              [o](const Value& y_true, const Value& y_pred, const Value& weight) {
                return CountPairs(2, {}, y_true, y_pred >= o.threshold, weight);
              },
          .result =
              [o](absl::Span<const Tensor> totals) {
                return MeanOfClasses(2, o.target_class_ids, totals[0]);
              }};
}

}  // namespace nomograph::metrics
