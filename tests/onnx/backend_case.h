// A case of ONNX's backend suite: a folder with model.onnx and test_data_set_*/, run as it is and
// there and back.
#ifndef NOMOGRAPH_TESTS_ONNX_BACKEND_CASE_H_
#define NOMOGRAPH_TESTS_ONNX_BACKEND_CASE_H_

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace nomograph {

// Case -> reason, of a file whose lines are a name and the reason. Lines that begin with # are
// comments.
std::map<std::string, std::string> ReadExceptions(const std::string& path);

// OK when the model yields the outputs of the data sets in fast and in exact mode and again, in
// fast mode, after saving, loading, export to `opset` and import.
absl::Status RunBackendCase(const std::filesystem::path& folder, int opset);

// OK when the case passes or stands among the exceptions with a reason and fails.
absl::Status CheckBackendCase(const std::filesystem::path& folder, int opset,
                              const std::map<std::string, std::string>& exceptions);

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_ONNX_BACKEND_CASE_H_
