// Measures in which forms (core/form/form.h) the nodes of a model run fastest on this machine: what
// `nomo tune` does.
#ifndef NOMOGRAPH_INSPECT_TUNE_H_
#define NOMOGRAPH_INSPECT_TUNE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/tuning_file.h"

namespace nomograph {

struct TuneOptions {
  // Of wall-clock time, all in all. What has begun is ended: it takes longer where three runs of
  // one choice do.
  double seconds = 30;
  // What a form must save to be chosen, as a part of what the estimated one takes: less than this
  // is taken for noise.
  double min_gain = 0.05;
  // How far the outputs may be from those of the estimated forms, relative by Euclidean norms. A
  // choice beyond it is left out.
  double tolerance = 1e-3;
  // Of the runs; `tuning` is not used.
  SessionOptions session = {};
  // Called between runs with the part of the time that is over, in thousandths.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct FormTime {
  NodeForm form;
  double seconds = -1;  // as TunedForm::seconds; negative where it was not measured
  double ratio = -1;    // to the estimated form's, which ran in turns with it
};

// Nodes of one FormKey(), of which there are several forms.
struct TunedForm {
  std::string key;
  std::string op;
  std::vector<std::string> nodes;
  NodeForm estimated, chosen;
  // What they take in one run, all together.
  double estimated_seconds = 0, seconds = 0;
  std::vector<FormTime> others;  // than the estimated one
  bool measured = false;         // one of the others at least
  bool changed() const { return !(chosen == estimated); }
};

struct TuneReport {
  TuningFile file;
  std::vector<TunedForm> forms;  // what takes longest comes first
  int64_t choices = 0;           // programs to try, each with another form of every node
  int64_t tried = 0;             // fewer where the time was over or the memory
  int64_t left_out = 0;          // of those that were tried: outputs beyond the tolerance
  // Of a run, with the estimated forms and with those chosen, which took turns: the least times of
  // all steps, added up. Whole runs without any disturbance are rare.
  double estimated_seconds = 0, tuned_seconds = 0;
  double difference = 0;  // of the tuned outputs, as TuneOptions::tolerance has it
};

// Runs the model again and again on these inputs. A form is chosen where it saved time among others
// and once more among all that are chosen; where the tuned program is not faster than the estimated
// one, all stays as estimated. InvalidArgument for options that make no sense, exact mode among
// them; errors of the runs.
absl::StatusOr<TuneReport> TuneModel(std::shared_ptr<const Model> model, const NamedTensors& inputs,
                                     const TuneOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_TUNE_H_
