#include "nomograph/train/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/types/status.h"

namespace nomograph::schedules {
namespace {

absl::Status CheckPositive(absl::string_view schedule, absl::string_view option, double value) {
  if (value > 0) return absl::OkStatus();
  return InvalidArgument(schedule, ": ", option, ": expected a number greater than 0, found ",
                         value);
}

double Part(int64_t step, int64_t steps, bool staircase) {
  const double part = static_cast<double>(step) / static_cast<double>(steps);
  return staircase ? std::floor(part) : part;
}

// From 1 to `alpha` while x goes from 0 to 1.
double HalfCosine(double x, double factor, double alpha) {
  return (1 - alpha) * (0.5 * factor * (1 + exact::Cos(std::numbers::pi * x))) + alpha;
}

}  // namespace

LearningRate ExponentialDecay(const ExponentialDecayOptions& o) {
  absl::Status status = CheckPositive("ExponentialDecay", "decay_steps", o.decay_steps);
  if (status.ok()) status = CheckPositive("ExponentialDecay", "decay_rate", o.decay_rate);
  if (!status.ok()) return status;
  return LearningRate::Schedule([o](int64_t step) {
    return o.initial_learning_rate *
           exact::Pow(o.decay_rate, Part(step, o.decay_steps, o.staircase));
  });
}

LearningRate InverseTimeDecay(const InverseTimeDecayOptions& o) {
  const absl::Status status = CheckPositive("InverseTimeDecay", "decay_steps", o.decay_steps);
  if (!status.ok()) return status;
  return LearningRate::Schedule([o](int64_t step) {
    return o.initial_learning_rate / (1 + o.decay_rate * Part(step, o.decay_steps, o.staircase));
  });
}

LearningRate PiecewiseConstantDecay(std::vector<int64_t> boundaries, std::vector<double> values) {
  if (values.size() != boundaries.size() + 1) {
    return InvalidArgument("PiecewiseConstantDecay: expected ", boundaries.size() + 1,
                           " values, one more than boundaries, found ", values.size());
  }
  if (!std::is_sorted(boundaries.begin(), boundaries.end()))
    return InvalidArgument("PiecewiseConstantDecay: the boundaries must ascend");
  return LearningRate::Schedule(
      [boundaries = std::move(boundaries), values = std::move(values)](int64_t step) {
        return values[std::lower_bound(boundaries.begin(), boundaries.end(), step) -
                      boundaries.begin()];
      });
}

LearningRate PolynomialDecay(const PolynomialDecayOptions& o) {
  const absl::Status status = CheckPositive("PolynomialDecay", "decay_steps", o.decay_steps);
  if (!status.ok()) return status;
  return LearningRate::Schedule([o](int64_t step) {
    double steps = static_cast<double>(o.decay_steps), at = static_cast<double>(step);
    if (o.cycle) {
      steps *= std::max(1.0, std::ceil(at / steps));
    } else {
      at = std::min(at, steps);
    }
    return (o.initial_learning_rate - o.end_learning_rate) * exact::Pow(1 - at / steps, o.power) +
           o.end_learning_rate;
  });
}

LearningRate CosineDecay(const CosineDecayOptions& o) {
  const absl::Status status = CheckPositive("CosineDecay", "decay_steps", o.decay_steps);
  if (!status.ok()) return status;
  return LearningRate::Schedule([o](int64_t step) {
    const int64_t warmup = o.warmup_target ? o.warmup_steps : 0;
    if (step < warmup) {
      return o.initial_learning_rate +
             (*o.warmup_target - o.initial_learning_rate) * Part(step, warmup, false);
    }
    const double x = Part(std::min(step - warmup, o.decay_steps), o.decay_steps, false);
    return o.warmup_target.value_or(o.initial_learning_rate) * HalfCosine(x, 1, o.alpha);
  });
}

LearningRate CosineDecayRestarts(const CosineDecayRestartsOptions& o) {
  absl::Status status =
      CheckPositive("CosineDecayRestarts", "first_decay_steps", o.first_decay_steps);
  if (status.ok()) status = CheckPositive("CosineDecayRestarts", "t_mul", o.t_mul);
  if (!status.ok()) return status;
  return LearningRate::Schedule([o](int64_t step) {
    double x = Part(step, o.first_decay_steps, false), period;
    if (o.t_mul == 1) {
      period = std::floor(x);
      x -= period;
    } else {  // period p begins at (1 - t_mul^p) / (1 - t_mul)
      const auto begin = [&](double p) { return (1 - exact::Pow(o.t_mul, p)) / (1 - o.t_mul); };
      period = std::floor(exact::Log(1 - x * (1 - o.t_mul)) / exact::Log(o.t_mul));
      if (begin(period + 1) <= x) ++period;  // where the logarithm was rounded down
      x = (x - begin(period)) / exact::Pow(o.t_mul, period);
    }
    return o.initial_learning_rate * HalfCosine(x, exact::Pow(o.m_mul, period), o.alpha);
  });
}

}  // namespace nomograph::schedules
