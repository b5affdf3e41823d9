// Golden vectors: where the expected values come from, recording them, and reading those of others.
#ifndef NOMOGRAPH_INSPECT_GOLDEN_H_
#define NOMOGRAPH_INSPECT_GOLDEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/session.h"

namespace nomograph {

// Who computed a golden vector's outputs. The model's metadata say it, under
// "golden_vector/NAME/source": kRecordedSource, or "external" or "external: WHAT".
struct GoldenSource {
  enum class Kind {
    kUnknown,   // the file does not say
    kRecorded,  // this library: it shows that the model computes what it did, not that it is right
    kExternal,  // another program, which proves more
  };
  Kind kind = Kind::kUnknown;
  std::string what;  // of kExternal, e.g. "PyTorch 2.1"; may be empty
};

inline constexpr absl::string_view kRecordedSource = "recorded";

GoldenSource SourceOfGolden(const Model& model, absl::string_view golden);
void SetSourceOfGolden(Model& model, absl::string_view golden, const GoldenSource& source);
// "recorded", "external: PyTorch 2.1", "not said"
std::string GoldenSourceText(const GoldenSource& source);

struct GoldenTolerance {
  double rtol = 1e-4, atol = 1e-5;
};

// Adds a golden vector with the outputs that exact mode computes. `runnable` is the model as it is
// run, which may be `model` itself: nodes of older versions upgraded. AlreadyExists for a name that
// the model has; errors of the run; InvalidArgument for outputs with NaN, which prove nothing.
absl::Status RecordGolden(Model& model, const Model& runnable, const std::string& name,
                          const NamedTensors& inputs, const GoldenTolerance& tolerance = {},
                          const RunOptions& run = {});

// Adds a golden vector with outputs that another program computed: all of the model's, or some.
// InvalidArgument where a name is no output, or a type does not fit.
absl::Status AddExternalGolden(Model& model, const std::string& name, const NamedTensors& inputs,
                               const NamedTensors& expected, const std::string& what,
                               const GoldenTolerance& tolerance = {});

// ONNX's test data: `folder` is a test_data_set_N, or has some, each with input_0.pb, output_0.pb,
// ... in the order of the model's inputs and outputs. With the tolerance of ONNX's own runner,
// 1e-7 + 1e-3 |e|. NotFound where there is none; InvalidArgument for a file that is no tensor, or
// numbers of files that do not fit.
absl::StatusOr<std::vector<GoldenVector>> ReadOnnxTestData(const std::string& folder,
                                                           const Graph& graph);
// Whether ReadOnnxTestData() would find any.
bool HasOnnxTestData(const std::string& folder);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_GOLDEN_H_
