#include "nomograph/train/weight_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "nomograph/train/value_math.h"

namespace nomograph {

using namespace train_internal;

bool SelectsWeight(absl::string_view selector, absl::string_view weight) {
  while (absl::EndsWith(selector, "/")) selector.remove_suffix(1);
  if (selector.empty()) return true;
  return absl::StartsWith(weight, selector) &&
         (weight.size() == selector.size() || weight[selector.size()] == '/' ||
          weight[selector.size()] == '.');
}

Value Penalty(const Regularizer& regularizer, const Value& weight) {
  Value sum;
  if (regularizer.l1 != 0) sum = regularizer.l1 * Sum(Abs(weight));
  if (regularizer.l2 != 0) {
    const Value squares = regularizer.l2 * Sum(Square(weight));
    sum = sum.valid() ? sum + squares : squares;
  }
  return sum;
}

namespace constraints {
namespace {

// Along the axes, which stay.
Value Norm(const Value& weight, Axes axes) {
  const int rank = weight.status().ok() ? weight.shape().rank() : 0;
  if (axes.empty()) {
    for (int axis = 0; axis + 1 < rank; ++axis) axes.push_back(axis);
    if (rank == 1) axes = {0};
  }
  return Call("math.Sqrt", {Call("math.ReduceSum", {Square(weight)}, {{"axes", axes}})});
}

}  // namespace

Constraint MaxNorm(double max_value, Axes axes) {
  return [max_value, axes = std::move(axes)](const Value& weight) {
    const Value norm = Norm(weight, axes);
    return weight * (Clip(norm, 0, max_value) / (norm + kEpsilon));
  };
}

Constraint NonNeg() {
  return [](const Value& weight) { return Call("nn.Relu", {weight}); };
}

Constraint UnitNorm(Axes axes) {
  return [axes = std::move(axes)](const Value& weight) {
    return weight / (Norm(weight, axes) + kEpsilon);
  };
}

Constraint MinMaxNorm(const MinMaxNormOptions& o) {
  return [o](const Value& weight) {
    const Value norm = Norm(weight, o.axes);
    const Value desired = o.rate * Clip(norm, o.min_value, o.max_value) + (1 - o.rate) * norm;
    return weight * (desired / (norm + kEpsilon));
  };
}

}  // namespace constraints
}  // namespace nomograph
