// What metrics have in common.
#ifndef NOMOGRAPH_TRAIN_METRIC_MATH_H_
#define NOMOGRAPH_TRAIN_METRIC_MATH_H_

#include <string>
#include <vector>

#include "nomograph/train/metric.h"
#include "nomograph/train/value_math.h"

namespace nomograph::train_internal {

// 0 where it would be no number.
inline double Ratio(double a, double b) { return b == 0 ? 0 : a / b; }

// In float64.
inline Value Wide(const Value& x) { return Cast(x, DType::kFloat64); }
// The sample weights in the shape of `like`, float64; ones where there are none.
Value WeightsLike(const Value& weight, const Value& like);
// Of values of the samples the weighted sum, and the sum of the weights.
std::vector<Value> WeightedMean(const Value& values, const Value& weight);
// The targets as predictions have them: classes become rows of 0 and 1.
Value LikePredictions(const Value& y_true, const Value& y_pred);

// Of probabilities at each of some thresholds, and how many are positive and negative in all:
// vectors, and two scalars.
struct ConfusionCounts {
  std::vector<double> true_positives, false_positives;
  double positives = 0, negatives = 0;
};
std::vector<Value> CountConfusion(std::vector<double> thresholds, const Value& y_true,
                                  const Value& y_pred, const Value& weight);
ConfusionCounts ConfusionOf(absl::Span<const Tensor> totals);

}  // namespace nomograph::train_internal

#endif  // NOMOGRAPH_TRAIN_METRIC_MATH_H_
