// Learning rates: a number, or a function of how many steps the optimizer has made. The schedules'
// names, formulas and defaults are Keras' (keras.optimizers.schedules).
#ifndef NOMOGRAPH_TRAIN_LEARNING_RATE_H_
#define NOMOGRAPH_TRAIN_LEARNING_RATE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace nomograph {

class LearningRate {
 public:
  using Schedule = std::function<double(int64_t iteration)>;

  LearningRate(double constant) : constant_(constant) {}
  LearningRate(Schedule schedule) : schedule_(std::move(schedule)) {}
  // A schedule that cannot be: its fault arises when a trainer is created.
  LearningRate(absl::Status fault) : fault_(std::move(fault)) {}

  // In the step ahead of which there were `iteration`.
  double At(int64_t iteration) const { return schedule_ ? schedule_(iteration) : constant_; }
  bool is_schedule() const { return schedule_ != nullptr; }
  const absl::Status& status() const { return fault_; }

 private:
  double constant_ = 0;
  Schedule schedule_;
  absl::Status fault_;
};

namespace schedules {

struct ExponentialDecayOptions {
  double initial_learning_rate;
  int64_t decay_steps;
  double decay_rate;
  bool staircase = false;  // whole multiples of decay_steps only
};
// initial * decay_rate^(step / decay_steps).
LearningRate ExponentialDecay(const ExponentialDecayOptions& options);

struct InverseTimeDecayOptions {
  double initial_learning_rate;
  int64_t decay_steps;
  double decay_rate;
  bool staircase = false;
};
// initial / (1 + decay_rate * step / decay_steps).
LearningRate InverseTimeDecay(const InverseTimeDecayOptions& options);

// values[i] for steps up to boundaries[i], which ascend; behind the last one the last value, of
// which there is one more.
LearningRate PiecewiseConstantDecay(std::vector<int64_t> boundaries, std::vector<double> values);

struct PolynomialDecayOptions {
  double initial_learning_rate;
  int64_t decay_steps;
  double end_learning_rate = 0.0001;
  double power = 1;
  bool cycle = false;  // behind decay_steps it goes up again, over a longer time
};
// end + (initial - end) * (1 - step / decay_steps)^power, then end.
LearningRate PolynomialDecay(const PolynomialDecayOptions& options);

struct CosineDecayOptions {
  double initial_learning_rate;
  int64_t decay_steps;
  double alpha = 0;  // the share that is left in the end
  // From the initial rate up to this one in warmup_steps, ahead of the decay.
  std::optional<double> warmup_target = {};
  int64_t warmup_steps = 0;
};
// I. Loshchilov and F. Hutter, "SGDR", ICLR 2017.
LearningRate CosineDecay(const CosineDecayOptions& options);

struct CosineDecayRestartsOptions {
  double initial_learning_rate;
  int64_t first_decay_steps;
  double t_mul = 2;  // of the lengths of two successive periods
  double m_mul = 1;  // of their initial rates
  double alpha = 0;
};
LearningRate CosineDecayRestarts(const CosineDecayRestartsOptions& options);

}  // namespace schedules
}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_LEARNING_RATE_H_
