// Tuning files: what `nomo tune` has measured of a model on a machine (core/compile/tuning.h), kept
// beside the model. tools/README.md specifies them.
#ifndef NOMOGRAPH_INSPECT_TUNING_FILE_H_
#define NOMOGRAPH_INSPECT_TUNING_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/compile/tuning.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

// For what a measurement holds.
struct TuningKey {
  std::string library;  // its version
  std::string model;    // SemanticHash()
  std::string cpu;      // the instruction sets that the processor has, with spaces between them
  int threads = 0;
  bool operator==(const TuningKey&) const = default;
};

// Of this model on this machine. `threads` as SessionOptions::threads has it.
TuningKey TuningKeyOf(const Model& model, int threads);

// What has been measured of the nodes of one FormKey(), in seconds that each takes.
struct MeasuredForm {
  NodeForm form;
  double seconds = 0;
  double estimated_seconds = 0;  // of the form that is estimated to be the fastest
};

struct TuningFile {
  TuningKey key;
  std::map<std::string, MeasuredForm, std::less<>> forms;  // by FormKey()

  // For SessionOptions::tuning.
  std::shared_ptr<const Tuning> ToTuning() const;
};

struct TuningLimits {
  int64_t max_bytes = int64_t{16} << 20;
  int64_t max_forms = 100'000;
};

// Where a model's tuning file is looked for: "resnet.onnx.tuning" for "resnet.onnx".
std::string TuningPath(absl::string_view model_path);
// Whether a file is one by its first bytes.
bool LooksLikeTuning(absl::string_view contents);

std::string TuningText(const TuningFile& file);
// InvalidArgument names the line, what was expected and what was found; ResourceExhausted beyond
// the limits.
absl::StatusOr<TuningFile> ParseTuning(absl::string_view text, const TuningLimits& limits = {});
// Errors of the file's name it.
absl::StatusOr<TuningFile> ReadTuning(const std::string& path, const TuningLimits& limits = {});
// A crash leaves the old file or the new one.
absl::Status WriteTuning(const std::string& path, const TuningFile& file);

// "" where what the file says holds for `key`; else how they differ, to go behind "is ignored: ".
std::string WhyIgnored(const TuningKey& file, const TuningKey& key);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_TUNING_FILE_H_
