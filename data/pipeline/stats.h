// How fast each stage of a pipeline is, and what it waits for.
#ifndef NOMOGRAPH_DATA_PIPELINE_STATS_H_
#define NOMOGRAPH_DATA_PIPELINE_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace nomograph {

struct StageStats {
  std::string name;      // "Batch(32)"
  int depth = 0;         // inputs of a stage follow it, one deeper
  int64_t elements = 0;  // that it has yielded
  int64_t skipped = 0;   // that it has left out because of errors (OnError::kSkip)
  // Of the stage's own work, over all its threads. The work of a stage's inputs is not in it.
  double busy_seconds = 0;
  // That it, or its threads, waited for its inputs.
  double waiting_seconds = 0;
};

struct PipelineStats {
  double seconds = 0;  // since the iteration began
  // Of these, that whoever asks for elements spent in Next(). Where it is little, the pipeline is
  // fast enough.
  double caller_waiting_seconds = 0;
  // Outermost first. What feeds the stage that waits longest holds the pipeline up.
  std::vector<StageStats> stages;

  int64_t skipped() const;
  // A table, a line a stage: elements, elements a second, seconds in the stage, seconds waiting for
  // input, elements left out; and below it what the caller waited. Names are escaped.
  std::string ToString() const;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_STATS_H_
