// Runs that are watched and runs that are not take turns, so that what disturbs the machine
// disturbs both alike.
#include "nomograph/inspect/profile.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/onednn/conversion_observer.h"
#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/macs.h"

namespace nomograph {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// How often a kernel's description names a conversion of layout.
int CountConversions(absl::string_view kernel) {
  constexpr absl::string_view kWord = " reorder ";
  int count = 0;
  for (size_t at = kernel.find(kWord); at != absl::string_view::npos;
       at = kernel.find(kWord, at + 1)) {
    ++count;
  }
  return count;
}

int64_t BytesOf(absl::Span<const TensorView> views) {
  int64_t bytes = 0;
  for (const TensorView& view : views) {
    if (view.dtype == DType::kInvalid || view.shape == nullptr) continue;
    bytes = SaturatingAdd(bytes, view.shape->num_elements() * DTypeSize(view.dtype));
  }
  return bytes;
}

std::vector<TensorType> TypesOf(absl::Span<const TensorView> views) {
  std::vector<TensorType> types;
  for (const TensorView& view : views) {
    types.push_back(view.dtype == DType::kInvalid ? TensorType{}
                                                  : TensorType{view.dtype, *view.shape});
  }
  return types;
}

// Adds up the times of steps. A step is known again by its place: the step that called it, and its
// name.
class StepTimer : public StepObserver, public ConversionObserver {
 public:
  StepTimer(int64_t max_events, ModelProfile& profile)
      : max_events_(max_events), profile_(profile) {}

  void BeginRun(bool traced) {
    traced_ = traced;
    in_steps_ = 0;
    open_.clear();
    if (traced && !first_traced_) first_traced_ = Clock::now();
  }
  // Seconds of the run that steps took.
  double in_steps() const { return in_steps_; }
  void AddRunEvent(Clock::time_point start, Clock::time_point end) { AddEvent(-1, start, end); }

  void BeforeStep(const LoweredNode& node) override {
    const int caller = open_.empty() ? -1 : open_.back().step;
    open_.push_back({StepAt(caller, node), 0, Clock::now()});
  }

  void AfterStep(const Step& step) override {
    const Clock::time_point now = Clock::now();
    const Open done = open_.back();
    open_.pop_back();
    const double seconds = SecondsBetween(done.start, now);
    StepProfile& profile = profile_.steps[done.step];
    if (profile.calls++ == 0) Describe(step, profile);
    profile.bytes =
        SaturatingAdd(profile.bytes, SaturatingAdd(BytesOf(step.inputs), BytesOf(step.outputs)));
    profile.with_callees += seconds;
    profile.seconds += seconds - done.in_callees;
    (open_.empty() ? in_steps_ : open_.back().in_callees) += seconds;
    if (traced_) AddEvent(done.step, done.start, now);
  }

  void AfterConversion(Clock::time_point start, Clock::time_point end) override {
    if (open_.empty()) return;
    const int step = open_.back().step;
    profile_.steps[step].conversion_seconds += SecondsBetween(start, end);
    if (traced_) AddEvent(step, start, end, /*conversion=*/true);
  }

 private:
  struct Open {
    int step;
    double in_callees;
    Clock::time_point start;
  };

  int StepAt(int caller, const LoweredNode& node) {
    const auto seen = by_address_.find({caller, &node});
    // A program that was dropped may have left its address to another.
    if (seen != by_address_.end() && profile_.steps[seen->second].node == node.name) {
      return seen->second;
    }
    const auto [place, is_new] =
        by_name_.emplace(std::pair(caller, node.name), static_cast<int>(profile_.steps.size()));
    if (is_new)
      profile_.steps.push_back({.node = node.name, .op = node.op->name, .caller = caller});
    by_address_[{caller, &node}] = place->second;
    return place->second;
  }

  static void Describe(const Step& step, StepProfile& profile) {
    profile.kernel = step.kernel.Describe();
    profile.fused = step.node.fused;
    profile.conversions = CountConversions(profile.kernel);
    profile.macs = MultiplyAccumulates(*step.node.op, step.node.attrs, TypesOf(step.inputs),
                                       TypesOf(step.outputs));
  }

  void AddEvent(int step, Clock::time_point start, Clock::time_point end, bool conversion = false) {
    if (static_cast<int64_t>(profile_.trace.size()) >= max_events_) {
      profile_.trace_is_complete = false;
      return;
    }
    profile_.trace.push_back(
        {step, conversion, SecondsBetween(*first_traced_, start), SecondsBetween(start, end)});
  }

  const int64_t max_events_;
  ModelProfile& profile_;
  std::vector<Open> open_;  // the step that runs, behind those that called it
  absl::flat_hash_map<std::pair<int, const LoweredNode*>, int> by_address_;
  absl::flat_hash_map<std::pair<int, std::string>, int> by_name_;
  double in_steps_ = 0;
  bool traced_ = false;
  std::optional<Clock::time_point> first_traced_;
};

Latency LatencyOf(std::vector<double> seconds, const std::vector<double>& percentiles) {
  std::sort(seconds.begin(), seconds.end());
  const size_t count = seconds.size();
  Latency latency{static_cast<int64_t>(count),
                  seconds.front(),
                  (seconds[(count - 1) / 2] + seconds[count / 2]) / 2,
                  0,
                  seconds.back(),
                  {}};
  for (const double value : seconds) latency.mean += value / static_cast<double>(count);
  for (const double percentile : percentiles) {
    const double rank = std::ceil(percentile / 100 * static_cast<double>(count));
    latency.percentiles.push_back(
        seconds[std::min(count - 1, static_cast<size_t>(std::max(rank, 1.0)) - 1)]);
  }
  return latency;
}

absl::Status CheckOptions(const ProfileOptions& options) {
  if (options.runs < 0 || options.warmup < 0 || !(options.seconds > 0)) {
    return InvalidArgument("a profile takes a positive time, and numbers of runs from 0 on");
  }
  for (const double percentile : options.percentiles) {
    if (!(percentile > 0 && percentile <= 100)) {
      return InvalidArgument("a percentile is above 0 and at most 100, found ", percentile);
    }
  }
  return absl::OkStatus();
}

class Profiler {
 public:
  Profiler(Session& session, const NamedTensors& inputs, const ProfileOptions& options)
      : session_(session),
        inputs_(inputs),
        options_(options),
        timer_(options.max_trace_events, profile_) {}

  absl::StatusOr<ModelProfile> Run() {
    for (int64_t i = 0; i < options_.warmup; ++i) NOMO_RETURN_IF_ERROR(RunPlain().status());
    const Clock::time_point start = Clock::now();
    for (int64_t done = 0; done == 0 || !IsDone(start, done); ++done) {
      // Which of the two comes first changes, too.
      for (const bool watched : {done % 2 == 0, done % 2 != 0}) {
        NOMO_ASSIGN_OR_RETURN(const double seconds, watched ? RunWatched(done) : RunPlain());
        (watched ? profiled_ : plain_).push_back(seconds);
      }
      Report(start, done + 1);
    }
    return Finish();
  }

 private:
  absl::StatusOr<double> RunPlain() {
    const Clock::time_point start = Clock::now();
    NOMO_RETURN_IF_ERROR(session_.Run(inputs_).status());
    return SecondsBetween(start, Clock::now());
  }

  absl::StatusOr<double> RunWatched(int64_t index) {
    const bool traced = index < options_.traced_runs;
    timer_.BeginRun(traced);
    const StepObserverScope scope(&timer_);
    const ConversionObserverScope conversions(&timer_);
    const Clock::time_point start = Clock::now();
    NOMO_RETURN_IF_ERROR(session_.Run(inputs_).status());
    const Clock::time_point end = Clock::now();
    if (traced) timer_.AddRunEvent(start, end);
    const double seconds = SecondsBetween(start, end);
    outside_ += seconds - timer_.in_steps();
    return seconds;
  }

  double Share(Clock::time_point start, int64_t done) const {
    return options_.runs > 0 ? static_cast<double>(done) / static_cast<double>(options_.runs)
                             : SecondsBetween(start, Clock::now()) / options_.seconds;
  }
  bool IsDone(Clock::time_point start, int64_t done) const { return Share(start, done) >= 1; }
  void Report(Clock::time_point start, int64_t done) const {
    if (!options_.progress) return;
    options_.progress(static_cast<int64_t>(1000 * std::min(1.0, Share(start, done))), 1000);
  }

  ModelProfile Finish() {
    const double runs = static_cast<double>(profiled_.size());
    profile_.plain = LatencyOf(std::move(plain_), options_.percentiles);
    profile_.profiled = LatencyOf(std::move(profiled_), options_.percentiles);
    profile_.outside = outside_ / runs;
    for (StepProfile& step : profile_.steps) {
      step.calls = std::llround(static_cast<double>(step.calls) / runs);
      step.seconds /= runs;
      step.with_callees /= runs;
      step.conversion_seconds /= runs;
      step.bytes = std::llround(static_cast<double>(step.bytes) / runs);
      if (step.macs) step.macs = SaturatingMultiply(*step.macs, step.calls);
    }
    return std::move(profile_);
  }

  Session& session_;
  const NamedTensors& inputs_;
  const ProfileOptions& options_;
  ModelProfile profile_;
  StepTimer timer_;
  std::vector<double> plain_, profiled_;
  double outside_ = 0;
};

// "/layer1/conv1/Conv" at depth 1 is "/layer1"; a name of no more parts is its own scope.
std::string ScopeOf(const std::string& name, int depth) {
  size_t end = 0;
  for (int part = 0; part < depth; ++part) {
    end = name.find('/', name.find_first_not_of('/', end));
    if (end == std::string::npos) return name;
  }
  return name.substr(0, end);
}

}  // namespace

absl::StatusOr<ModelProfile> ProfileModel(Session& session, const NamedTensors& inputs,
                                          const ProfileOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckOptions(options));
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<const Program> program, session.ProgramFor(inputs));
  NOMO_ASSIGN_OR_RETURN(ModelProfile profile, Profiler(session, inputs, options).Run());
  profile.threads = program->threads();
  return profile;
}

std::vector<ProfileGroup> GroupProfile(const ModelProfile& profile, ProfileGrouping grouping,
                                       int depth) {
  std::vector<ProfileGroup> groups;
  std::map<std::string, size_t> by_name;
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const StepProfile& step = profile.steps[i];
    const bool by_node = grouping == ProfileGrouping::kNode;
    const std::string name = by_node                            ? step.node
                             : grouping == ProfileGrouping::kOp ? step.op
                                                                : ScopeOf(step.node, depth);
    size_t index = groups.size();
    if (!by_node) index = by_name.emplace(name, index).first->second;
    if (index == groups.size()) groups.push_back({name, by_node ? step.op : "", {}});
    ProfileGroup& group = groups[index];
    group.steps.push_back(static_cast<int>(i));
    group.calls += step.calls;
    group.seconds += step.seconds;
    group.bytes = SaturatingAdd(group.bytes, step.bytes);
    if (step.macs) group.macs = SaturatingAdd(group.macs.value_or(0), *step.macs);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const ProfileGroup& a, const ProfileGroup& b) {
    return a.seconds > b.seconds;
  });
  return groups;
}

}  // namespace nomograph
