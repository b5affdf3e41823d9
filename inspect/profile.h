// Where the time of a model's runs goes: what `nomo profile` tells.
#ifndef NOMOGRAPH_INSPECT_PROFILE_H_
#define NOMOGRAPH_INSPECT_PROFILE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/run/session.h"

namespace nomograph {

struct ProfileOptions {
  int64_t warmup = 10;  // runs ahead of those that count
  // Runs that are profiled; as many are timed without being profiled, in turn with them. 0: as many
  // as fit into `seconds`, but one at least.
  int64_t runs = 0;
  double seconds = 3;
  std::vector<double> percentiles = {90, 99};  // of latencies, in (0, 100]
  // Profiled runs of which every step is kept for a trace, up to so many steps.
  int64_t traced_runs = 0;
  int64_t max_trace_events = 1'000'000;
  // Called after each run with the part of the work that is done, in thousandths.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

// Of whole runs, in seconds.
struct Latency {
  int64_t runs = 0;
  double least = 0, median = 0, mean = 0, greatest = 0;
  std::vector<double> percentiles;  // as many as were asked for, by nearest rank
};

// One node as it runs: what is fused into it runs with it.
struct StepProfile {
  std::string node, op;
  std::string kernel;              // Kernel::Describe()
  std::vector<std::string> fused;  // the nodes that run as a part of this one
  // The step whose function this one belongs to; -1 in the model's own graph.
  int caller = -1;
  int64_t calls = 0;   // in one run, rounded: of a loop's body there are many
  double seconds = 0;  // in one run, on average; without what it calls
  double with_callees = 0;
  int64_t bytes = 0;              // of inputs and outputs, of one run
  int conversions = 0;            // of layout, ahead of and behind the work, in one call
  double conversion_seconds = 0;  // of `seconds`, what they take
  // Multiply-accumulates of one run (inspect/macs.h), each call's as the first one's; none where
  // they are not known.
  std::optional<int64_t> macs;
};

struct TraceEvent {
  int step = -1;                  // -1: a whole run
  bool conversion = false;        // of layout, within the step
  double start = 0, seconds = 0;  // from the start of the first traced run
};

struct ModelProfile {
  Latency plain;     // runs that nothing watched
  Latency profiled;  // runs of which each step was timed
  int threads = 1;
  bool exact = false;
  std::vector<StepProfile> steps;  // in the order in which they ran first
  double outside = 0;              // seconds of a profiled run that no step accounts for
  std::vector<TraceEvent> trace;
  bool trace_is_complete = true;  // false where max_trace_events cut it

  // What profiling added to a run, as a part of it; negative where noise is larger.
  double overhead() const { return profiled.median / plain.median - 1; }
};

// Runs the model again and again on these inputs. InvalidArgument for options that make no sense;
// errors of the runs.
absl::StatusOr<ModelProfile> ProfileModel(Session& session, const NamedTensors& inputs,
                                          const ProfileOptions& options = {});

enum class ProfileGrouping { kNode, kOp, kScope };

// Steps that belong together, the slowest first.
struct ProfileGroup {
  std::string name;    // the node's, the op's or the scope's
  std::string detail;  // of one node: its op; of an op or scope: empty
  std::vector<int> steps;
  int64_t calls = 0;
  double seconds = 0;
  int64_t bytes = 0;
  std::optional<int64_t> macs;  // none where nothing is known of any of them
};

// `depth`: the number of parts of a name ("/layer1/conv1/Conv" has three) that make a scope.
std::vector<ProfileGroup> GroupProfile(const ModelProfile& profile, ProfileGrouping grouping,
                                       int depth = 1);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_PROFILE_H_
