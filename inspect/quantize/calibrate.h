// Calibration: a model is run on examples, and what its values hold tells which numbers 8 bits must
// stand for.
#ifndef NOMOGRAPH_INSPECT_QUANTIZE_CALIBRATE_H_
#define NOMOGRAPH_INSPECT_QUANTIZE_CALIBRATE_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/quantize/ranges.h"

namespace nomograph {

struct CalibrationOptions {
  RangeMethod method = RangeMethod::kMinMax;
  double percentile = 99.99;
  int64_t batch = 8;  // examples that are run at once, where the model does not fix it
  SessionOptions session = {};
  std::function<void(int64_t done, int64_t total)> progress = {};  // in examples, of all passes
};

// The ranges of float32 values of the main graph, by their place in `values`, over all examples:
// `samples` has each input with one row for each example along axis 0. Memory grows with the
// values of one batch. InvalidArgument where inputs differ in rows or there are none; else errors
// as those of sessions.
absl::StatusOr<std::vector<Range>> CalibrateRanges(const Model& model,
                                                   absl::Span<const ValueId> values,
                                                   const NamedTensors& samples,
                                                   const CalibrationOptions& options);

// How many examples there are. InvalidArgument as above.
absl::StatusOr<int64_t> CountSamples(const NamedTensors& samples);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_QUANTIZE_CALIBRATE_H_
