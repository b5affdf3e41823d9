// Metrics: what is told of predictions beside the loss. Names, formulas and defaults are Keras'
// (keras.metrics).
//
// A metric's statistics of a batch are values, sums that are added up over batches in float64; the
// result follows from their totals. So it is exact whatever the sizes of the batches.
#ifndef NOMOGRAPH_TRAIN_METRIC_H_
#define NOMOGRAPH_TRAIN_METRIC_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/build/value.h"
#include "nomograph/train/loss.h"

namespace nomograph {

struct Metric {
  std::string name = {};  // "accuracy"
  // Of targets, predictions, and the weights of samples, float64[batch] or absent: values of any
  // shape, whose sums over batches are the totals.
  std::function<std::vector<Value>(const Value& y_true, const Value& y_pred, const Value& weight)>
      statistics;
  // The totals, float64, in the order of the statistics.
  std::function<double(absl::Span<const Tensor> totals)> result = {};
};

namespace metrics {

// The mean of what a function yields of each sample, e.g. a loss.
Metric MeanOf(std::string name,
              std::function<Value(const Value& y_true, const Value& y_pred)> function);
Metric MeanOf(const Loss& loss);

// By what the loss is and how many classes there are: binary, categorical or sparse categorical
// accuracy. A trainer knows which.
Metric Accuracy();
Metric BinaryAccuracy(double threshold = 0.5);
Metric CategoricalAccuracy();
Metric SparseCategoricalAccuracy();
Metric TopKCategoricalAccuracy(int64_t k = 5);
Metric SparseTopKCategoricalAccuracy(int64_t k = 5);

// Of probabilities and targets 0 or 1; above the threshold is positive.
Metric TruePositives(double threshold = 0.5);
Metric TrueNegatives(double threshold = 0.5);
Metric FalsePositives(double threshold = 0.5);
Metric FalseNegatives(double threshold = 0.5);

struct PrecisionOptions {
  double threshold = 0.5;
  std::optional<int64_t> class_id = {};  // of the last axis, that alone
};
Metric Precision(const PrecisionOptions& options = {});
Metric Recall(const PrecisionOptions& options = {});

struct FBetaOptions {
  double beta = 1;
  std::optional<double> threshold = {};  // absent: the greatest of a row is positive
  // "micro": of all counts; "macro": the mean of the classes; "weighted": by their positives.
  std::string average = "macro";
};
Metric FBetaScore(const FBetaOptions& options = {});
Metric F1Score(const FBetaOptions& options = {});

struct AucOptions {
  int64_t num_thresholds = 200;
  bool precision_recall = false;  // else ROC: the rate of true positives over that of false ones
  bool from_logits = false;
};
// The area under the curve, by trapezoids (ROC), or as J. Davis and M. Goadrich interpolate
// ("The Relationship Between Precision-Recall and ROC Curves", ICML 2006).
Metric AUC(const AucOptions& options = {});

// The best of one rate among 200 thresholds where the other is at least so great.
Metric PrecisionAtRecall(double recall);
Metric RecallAtPrecision(double precision);
Metric SensitivityAtSpecificity(double specificity);
Metric SpecificityAtSensitivity(double sensitivity);

struct MeanIoUOptions {
  int64_t num_classes;
  bool sparse_y_pred = true;  // predictions are classes; else scores, whose greatest is the class
  std::optional<int64_t> ignore_class = {};
  bool sparse_y_true = true;                   // likewise the targets
  std::vector<int64_t> target_class_ids = {};  // the classes of the mean, if not all
};
// The intersection over the union, the mean over those classes that occur: Keras' MeanIoU, IoU,
// OneHotIoU and OneHotMeanIoU.
Metric MeanIoU(const MeanIoUOptions& options);

struct BinaryIoUOptions {
  std::vector<int64_t> target_class_ids = {0, 1};
  double threshold = 0.5;  // from which on a prediction is 1
};
// Of targets 0 or 1.
Metric BinaryIoU(const BinaryIoUOptions& options = {});

Metric RootMeanSquaredError();
// 1 - the sum of squared errors / that of squared deviations from the mean of the targets; of
// several outputs the mean.
Metric R2Score();
Metric CosineSimilarity(int64_t axis = -1);
// Of each sample along the axis: Pearson's coefficient, and Lin's, which counts differences of
// means and of variances, too.
Metric PearsonCorrelation(int64_t axis = -1);
Metric ConcordanceCorrelation(int64_t axis = -1);

}  // namespace metrics

// "accuracy", "auc", "mse", "f1_score", ...: of those that need no options, and of all losses.
// InvalidArgument lists them.
absl::StatusOr<Metric> MetricFromText(absl::string_view text);
std::vector<std::string> MetricNames();

// What "accuracy" means beside this loss, for predictions of this type.
Metric AccuracyFor(const Loss& loss, const TensorType& prediction);

// The totals of one metric.
class MetricState {
 public:
  explicit MetricState(Metric metric) : metric_(std::move(metric)) {}

  const Metric& metric() const { return metric_; }
  // As the metric's statistics of one batch come.
  absl::Status Add(absl::Span<const Tensor> statistics);
  // NaN where nothing was added.
  double Result() const { return totals_.empty() ? kNoResult : metric_.result(totals_); }
  void Reset() { totals_.clear(); }
  const std::vector<Tensor>& totals() const { return totals_; }
  void set_totals(std::vector<Tensor> totals) { totals_ = std::move(totals); }

 private:
  static const double kNoResult;
  Metric metric_;
  std::vector<Tensor> totals_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_METRIC_H_
