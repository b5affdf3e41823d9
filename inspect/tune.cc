// Every form is measured where it will run: within the model, with what its nodes find in the cache
// and with what is fused behind them. So each program that is tried runs as many nodes as possible
// in another form than the estimated one, and takes turns with the program of estimates, so that
// what disturbs the machine disturbs both alike.
#include "nomograph/inspect/tune.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/run/step_observer.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare/tensor_difference.h"

namespace nomograph {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// In seconds, what this thread has computed: what others do meanwhile on its processor does not
// count.
double ThreadSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double WallSeconds() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

struct StepTime {
  std::string node, op, key;
  std::vector<std::string> fused, forms;
  NodeForm form;
  int program_threads = 1;
  bool nested = false;  // within another step, which calls its function
  double least = std::numeric_limits<double>::infinity();  // of one call
  int64_t calls = 0;
};

// Takes the least time of each step.
class StepClock : public StepObserver {
 public:
  // Of runs with so many threads.
  explicit StepClock(int threads) : now_(threads == 1 ? ThreadSeconds : WallSeconds) {}

  void BeginRun() {
    starts_.clear();
    ++runs_;
  }
  void BeforeStep(const LoweredNode&) override { starts_.push_back(now_()); }
  void AfterStep(const Step& step) override {
    const double seconds = now_() - starts_.back();
    starts_.pop_back();
    StepTime& time = times_[TimeOf(step)];
    time.least = std::min(time.least, seconds);
    ++time.calls;
  }
  // Forgets the times, not the steps.
  void Restart() {
    runs_ = 0;
    for (StepTime& time : times_) {
      time.least = std::numeric_limits<double>::infinity();
      time.calls = 0;
    }
  }

  // In the order in which they ran first.
  const std::deque<StepTime>& times() const { return times_; }
  double SecondsOfRun(const StepTime& time) const {
    if (time.calls == 0) return 0;
    return time.least * static_cast<double>(time.calls) / static_cast<double>(runs_);
  }
  double SecondsOfRun() const {
    double seconds = 0;
    for (const StepTime& time : times_) seconds += time.nested ? 0 : SecondsOfRun(time);
    return seconds;
  }

 private:
  // Steps stand in the order of their nodes.
  static const Program::Step& StepOf(const Step& step) {
    const auto& steps = step.program.steps();
    const int node = static_cast<int>(&step.node - step.program.graph().nodes.data());
    return *std::lower_bound(steps.begin(), steps.end(), node,
                             [](const Program::Step& s, int n) { return s.node < n; });
  }

  // Nodes of several functions may have one name; those of one key are alike.
  size_t TimeOf(const Step& step) {
    static const Program::StepForm& none = *new Program::StepForm();
    const auto& form = StepOf(step).form;
    const Program::StepForm& found = form == nullptr ? none : *form;
    const auto [place, is_new] =
        places_.emplace(std::pair(step.node.name, found.key), times_.size());
    if (is_new) {
      times_.push_back({.node = step.node.name,
                        .op = step.node.op->name,
                        .key = found.key,
                        .fused = step.node.fused,
                        .forms = found.forms,
                        .form = found.form,
                        .program_threads = step.program.threads(),
                        .nested = !starts_.empty()});
    }
    return place->second;
  }

  double (*const now_)();
  std::vector<double> starts_;
  std::deque<StepTime> times_;  // which others point to
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> places_;
  int64_t runs_ = 0;
};

// A session whose runs are watched.
class Contender {
 public:
  static absl::StatusOr<std::unique_ptr<Contender>> Create(std::shared_ptr<const Model> model,
                                                           SessionOptions options, Tuning tuning,
                                                           const NamedTensors& inputs) {
    options.tuning = std::make_shared<const Tuning>(std::move(tuning));
    auto contender =
        std::make_unique<Contender>(options.threads > 0 ? options.threads : DefaultThreads());
    NOMO_ASSIGN_OR_RETURN(contender->session_,
                          Session::Create(std::move(model), std::move(options)));
    // The first run compiles, and fills caches.
    NOMO_ASSIGN_OR_RETURN(contender->outputs_, contender->Run(inputs));
    contender->Restart();
    return contender;
  }

  explicit Contender(int threads) : clock_(threads) {}

  absl::StatusOr<NamedTensors> Run(const NamedTensors& inputs) {
    clock_.BeginRun();
    const StepObserverScope scope(&clock_);
    const Clock::time_point start = Clock::now();
    auto outputs = session_->Run(inputs);
    least_ = std::min(least_, SecondsSince(start));
    return outputs;
  }
  void Restart() {
    clock_.Restart();
    least_ = std::numeric_limits<double>::infinity();
  }

  const StepClock& clock() const { return clock_; }
  double least() const { return least_; }                   // of a whole run, in seconds
  const NamedTensors& outputs() const { return outputs_; }  // of the first run

 private:
  std::unique_ptr<Session> session_;
  StepClock clock_;
  NamedTensors outputs_;
  double least_ = std::numeric_limits<double>::infinity();
};

// The greatest of the outputs' differences; infinite where shapes differ. Elements that are no
// floating-point numbers are what these lead to, and do not count.
double Difference(const NamedTensors& found, const NamedTensors& expected) {
  double greatest = 0;
  for (const auto& [name, tensor] : expected) {
    if (!kFloats.Contains(tensor.dtype())) continue;
    const Tensor& other = found.at(name);
    if (other.shape() != tensor.shape()) return std::numeric_limits<double>::infinity();
    greatest = std::max(greatest, MeasureDifference(other, tensor, Tolerance()).relative());
  }
  return greatest;
}

// What a program's steps take in a run, by the names of their nodes.
class RunTimes {
 public:
  explicit RunTimes(const StepClock& clock) : clock_(clock) {
    for (const StepTime& time : clock.times()) by_name_[time.node].push_back(&time);
  }

  double Of(const std::string& node) const {
    double seconds = 0;
    for (const StepTime* time : Find(node)) seconds += clock_.SecondsOfRun(*time);
    return seconds;
  }

  // For the work of `step`, which is one of the program `base`: here it may be in several steps,
  // and one of them may do more.
  double For(const StepTime& step, const RunTimes& base) const {
    std::vector<std::string> work = step.fused;
    work.push_back(step.node);
    std::sort(work.begin(), work.end());
    double seconds = 0;
    for (const std::string& node : work) {
      for (const StepTime* time : Find(node)) {
        seconds += clock_.SecondsOfRun(*time);
        for (const std::string& more : time->fused) {
          if (!std::binary_search(work.begin(), work.end(), more)) seconds -= base.Of(more);
        }
      }
    }
    return seconds;
  }

 private:
  const std::vector<const StepTime*>& Find(const std::string& node) const {
    static const std::vector<const StepTime*>& none = *new std::vector<const StepTime*>();
    const auto it = by_name_.find(node);
    return it == by_name_.end() ? none : it->second;
  }

  const StepClock& clock_;
  absl::flat_hash_map<std::string, std::vector<const StepTime*>> by_name_;
};

class Tuner {
 public:
  Tuner(std::shared_ptr<const Model> model, const NamedTensors& inputs, const TuneOptions& options)
      : model_(std::move(model)), inputs_(inputs), options_(options) {}

  absl::StatusOr<TuneReport> Run() {
    NOMO_ASSIGN_OR_RETURN(base_, Contend({.survey = true}));
    NOMO_RETURN_IF_ERROR(base_->Run(inputs_).status());
    CollectForms();
    for (const TunedForm& form : report_.forms) {
      report_.choices = std::max(report_.choices, static_cast<int64_t>(form.others.size()));
    }
    for (int64_t choice = 0; choice < report_.choices && TimeFor(choice); ++choice) {
      const absl::Status status = Try(choice);
      if (absl::IsResourceExhausted(status)) break;
      NOMO_RETURN_IF_ERROR(status);
    }
    for (TunedForm& form : report_.forms) Choose(form);
    NOMO_RETURN_IF_ERROR(Confirm());
    return Finish();
  }

 private:
  // Of the time, what is kept for the last program.
  static constexpr double kForConfirming = 0.25;
  static constexpr int64_t kFewestRuns = 3;

  absl::StatusOr<std::unique_ptr<Contender>> Contend(Tuning tuning) const {
    return Contender::Create(model_, options_.session, std::move(tuning), inputs_);
  }

  double Elapsed() const { return SecondsSince(start_); }
  void Report() const {
    if (!options_.progress) return;
    options_.progress(static_cast<int64_t>(1000 * std::min(1.0, Elapsed() / options_.seconds)),
                      1000);
  }

  void CollectForms() {
    std::map<std::string, size_t> places;
    for (const StepTime& time : base_->clock().times()) {
      if (time.key.empty()) continue;
      const auto [place, is_new] = places.emplace(time.key, report_.forms.size());
      if (is_new) report_.forms.push_back(Form(time));
      report_.forms[place->second].nodes.push_back(time.node);
      steps_[time.key].push_back(&time);
    }
    std::erase_if(report_.forms, [](const TunedForm& form) { return form.others.empty(); });
    for (TunedForm& form : report_.forms) form.estimated_seconds = BaseSeconds(form);
    std::stable_sort(report_.forms.begin(), report_.forms.end(),
                     [](const TunedForm& a, const TunedForm& b) {
                       return a.estimated_seconds > b.estimated_seconds;
                     });
  }

  static TunedForm Form(const StepTime& time) {
    TunedForm form{.key = time.key,
                   .op = time.op,
                   .nodes = {},
                   .estimated = time.form,
                   .chosen = time.form,
                   .others = {}};
    std::vector<std::string> names = time.forms;
    if (names.empty()) names.emplace_back();
    std::vector<int> threads = {time.program_threads};
    if (time.program_threads > 1) threads.push_back(1);
    for (const int count : threads) {
      for (const std::string& name : names) {
        const NodeForm other{name, count};
        const bool same_name = name == time.form.name;
        if (same_name && std::min(count, time.program_threads) == time.form.threads) continue;
        form.others.push_back({.form = other});
      }
    }
    return form;
  }

  bool TimeFor(int64_t choice) const {
    if (choice == 0) return true;
    const double needed = (2 * kFewestRuns + 2) * run_seconds_;
    return Elapsed() + needed < options_.seconds * (1 - kForConfirming);
  }

  // Lets the two run in turns until so many seconds of the time are over.
  absl::Status TakeTurns(Contender& other, double until) {
    base_->Restart();
    for (int64_t turn = 0; turn < kFewestRuns || Elapsed() < until; ++turn) {
      Contender* const order[] = {base_.get(), &other};
      for (int i = 0; i < 2; ++i) {
        // Which of the two comes first changes, too.
        NOMO_RETURN_IF_ERROR(order[(i + turn) % 2]->Run(inputs_).status());
      }
      Report();
    }
    run_seconds_ = std::max({run_seconds_, base_->least(), other.least()});
    return absl::OkStatus();
  }

  // What the nodes of the form take in a run of the base program, and of another one.
  double BaseSeconds(const TunedForm& form) const {
    double seconds = 0;
    for (const StepTime* step : steps_.at(form.key)) seconds += base_->clock().SecondsOfRun(*step);
    return seconds;
  }
  double SecondsIn(const TunedForm& form, const RunTimes& other, const RunTimes& base) const {
    double seconds = 0;
    for (const StepTime* step : steps_.at(form.key)) seconds += other.For(*step, base);
    return std::max(0.0, seconds);
  }

  // Measures the forms' alternatives of that number.
  absl::Status Try(int64_t choice) {
    Tuning tuning;
    for (const TunedForm& form : report_.forms) {
      if (choice < std::ssize(form.others)) tuning.forms[form.key] = form.others[choice].form;
    }
    NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Contender> other, Contend(std::move(tuning)));
    ++report_.tried;
    if (Difference(other->outputs(), base_->outputs()) > options_.tolerance) {
      ++report_.left_out;
      return absl::OkStatus();
    }
    const double left = options_.seconds * (1 - kForConfirming) - Elapsed();
    const double slice = left / static_cast<double>(report_.choices - choice);
    NOMO_RETURN_IF_ERROR(TakeTurns(*other, Elapsed() + slice));
    const RunTimes times(other->clock()), base_times(base_->clock());
    for (TunedForm& form : report_.forms) {
      if (choice >= std::ssize(form.others)) continue;
      const double before = BaseSeconds(form), after = SecondsIn(form, times, base_times);
      form.estimated_seconds = std::min(form.estimated_seconds, before);
      form.others[choice].seconds = after;
      form.others[choice].ratio = before > 0 ? after / before : 1;
      form.measured = true;
    }
    return absl::OkStatus();
  }

  // The fastest of those that were faster than the estimated one in the same turns.
  void Choose(TunedForm& form) const {
    double least = std::numeric_limits<double>::infinity();
    for (const FormTime& other : form.others) {
      const bool pays = other.ratio >= 0 && other.ratio <= 1 - options_.min_gain;
      if (!pays || other.seconds >= least) continue;
      form.chosen = other.form;
      least = other.seconds;
    }
  }

  // Tries all that was chosen together. The least of many times is sometimes luck.
  absl::Status Confirm() {
    Tuning tuning;
    for (const TunedForm& form : report_.forms) {
      if (form.changed()) tuning.forms[form.key] = form.chosen;
    }
    const bool any = !tuning.forms.empty();
    NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Contender> tuned, Contend(std::move(tuning)));
    report_.difference = Difference(tuned->outputs(), base_->outputs());
    NOMO_RETURN_IF_ERROR(TakeTurns(*tuned, any ? options_.seconds : 0));
    report_.estimated_seconds = base_->clock().SecondsOfRun();
    const bool worse = tuned->clock().SecondsOfRun() >= report_.estimated_seconds ||
                       report_.difference > options_.tolerance;
    report_.tuned_seconds = report_.estimated_seconds;
    const RunTimes times(tuned->clock()), base_times(base_->clock());
    for (TunedForm& form : report_.forms) {
      const double before = BaseSeconds(form), after = SecondsIn(form, times, base_times);
      if (worse || after > before * (1 - options_.min_gain / 2)) form.chosen = form.estimated;
      form.estimated_seconds = form.changed() ? before : std::min(form.estimated_seconds, before);
      form.seconds = form.changed() ? after : form.estimated_seconds;
      report_.tuned_seconds -= form.estimated_seconds - form.seconds;
    }
    return absl::OkStatus();
  }

  TuneReport Finish() {
    report_.file.key = TuningKeyOf(*model_, options_.session.threads);
    for (const TunedForm& form : report_.forms) {
      if (!form.measured) continue;
      report_.file.forms[form.key] = {.form = form.chosen,
                                      .seconds = form.seconds,
                                      .estimated_seconds = form.estimated_seconds};
    }
    const bool changed = std::any_of(report_.forms.begin(), report_.forms.end(),
                                     [](const TunedForm& form) { return form.changed(); });
    if (!changed) report_.difference = 0;
    return std::move(report_);
  }

  const std::shared_ptr<const Model> model_;
  const NamedTensors& inputs_;
  const TuneOptions& options_;
  const Clock::time_point start_ = Clock::now();
  std::unique_ptr<Contender> base_;
  std::map<std::string, std::vector<const StepTime*>> steps_;  // of the base program, by key
  double run_seconds_ = 0;  // what a run takes, or the slowest that was tried
  TuneReport report_;
};

}  // namespace

absl::StatusOr<TuneReport> TuneModel(std::shared_ptr<const Model> model, const NamedTensors& inputs,
                                     const TuneOptions& options) {
  if (options.session.exact) {
    return InvalidArgument("exact mode runs reference kernels alone: there is nothing to tune");
  }
  if (!(options.seconds > 0) || !(options.min_gain >= 0 && options.min_gain < 1) ||
      !(options.tolerance >= 0)) {
    return InvalidArgument(
        "tuning takes a positive time, a gain from 0 up to 1 and a tolerance from 0 on");
  }
  return Tuner(std::move(model), inputs, options).Run();
}

}  // namespace nomograph
