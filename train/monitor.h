// Watches one number of the logs for improvement.
#ifndef NOMOGRAPH_TRAIN_MONITOR_H_
#define NOMOGRAPH_TRAIN_MONITOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/train/callbacks.h"

namespace nomograph::callbacks {

class Monitor {
 public:
  Monitor(std::string name, Mode mode, double min_delta, std::optional<double> start);

  // NotFound lists the logs that there are.
  absl::StatusOr<double> Read(const Logs& logs) const;
  // Whether `value` is better than the best by more than min_delta.
  bool IsBetter(double value) const { return IsBetterThan(value, best_); }
  bool IsBetterThan(double value, double other) const;
  double best() const { return best_; }
  void set_best(double best) { best_ = best; }
  double worst() const;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  bool grows_;
  double min_delta_, best_;
};

// A state of numbers, kept in one tensor.
Tensor PackNumbers(std::initializer_list<double> numbers);
// InvalidArgument where there are not as many.
absl::Status UnpackNumbers(const NamedTensors& state, absl::string_view name,
                           std::initializer_list<double*> numbers);

}  // namespace nomograph::callbacks

#endif  // NOMOGRAPH_TRAIN_MONITOR_H_
