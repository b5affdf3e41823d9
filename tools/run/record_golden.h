// `nomo verify --record`: puts a golden vector into a model file.
#ifndef NOMOGRAPH_TOOLS_RUN_RECORD_GOLDEN_H_
#define NOMOGRAPH_TOOLS_RUN_RECORD_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/inspect/golden.h"

namespace nomograph {

struct RecordArguments {
  std::string path, output;         // the files that are read and written
  std::string name;                 // of the golden vector; a free one where it is empty
  std::vector<std::string> inputs;  // as ReadInputs() takes them
  std::string expect;               // .npz of outputs that another program computed
  std::string from;                 // which program that was
  std::string test_data;            // a folder of ONNX's test data, in place of all these
  std::vector<std::string> allowed_io;
  GoldenTolerance tolerance;
  bool force = false;
};

// What was done, for people: name, sizes, source, and how far fast mode is off. The status carries
// its exit code.
absl::StatusOr<std::string> RecordGoldenInFile(const RecordArguments& arguments);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_RECORD_GOLDEN_H_
