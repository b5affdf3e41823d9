#include "nomograph/train/monitor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::callbacks {
namespace {

// Metrics of which more is better, as they are named in part.
constexpr const char* kGrowing[] = {
    "acc",           "auc",  "precision", "recall",      "f1",          "fbeta",
    "score",         "io_u", "iou",       "sensitivity", "specificity", "true_positives",
    "true_negatives"};

bool Grows(absl::string_view name, Mode mode) {
  if (mode != Mode::kAuto) return mode == Mode::kMax;
  if (absl::EndsWith(name, "loss")) return false;
  return std::any_of(std::begin(kGrowing), std::end(kGrowing),
                     [&](const char* part) { return absl::StrContains(name, part); });
}

}  // namespace

Monitor::Monitor(std::string name, Mode mode, double min_delta, std::optional<double> start)
    : name_(std::move(name)), grows_(Grows(name_, mode)), min_delta_(std::abs(min_delta)) {
  best_ = start.value_or(worst());
}

double Monitor::worst() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return grows_ ? -kInfinity : kInfinity;
}

absl::StatusOr<double> Monitor::Read(const Logs& logs) const {
  const auto found = logs.find(name_);
  if (found != logs.end()) return found->second;
  return absl::NotFoundError(absl::StrCat(
      "monitor: there is no ", Quoted(name_), " in the logs, which have ",
      absl::StrJoin(logs, ", ", [](std::string* out, const auto& log) { *out += log.first; })));
}

bool Monitor::IsBetterThan(double value, double other) const {
  return grows_ ? value - min_delta_ > other : value + min_delta_ < other;
}

Tensor PackNumbers(std::initializer_list<double> numbers) {
  return Tensor::Vector<double>(numbers);
}

absl::Status UnpackNumbers(const NamedTensors& state, absl::string_view name,
                           std::initializer_list<double*> numbers) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.dtype() != DType::kFloat64 ||
      found->second.num_elements() != static_cast<int64_t>(numbers.size())) {
    return InvalidArgument("its state: expected ", numbers.size(), " numbers named ", name);
  }
  int64_t next = 0;
  for (double* number : numbers) *number = found->second.AsDouble(next++);
  return absl::OkStatus();
}

}  // namespace nomograph::callbacks
