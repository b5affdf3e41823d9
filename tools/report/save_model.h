// Writes a model for a command, in the form that the path's end says.
#ifndef NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_
#define NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_

#include <optional>
#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/core/graph/model.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tools/command.h"

namespace nomograph {

struct SaveFlags {
  std::string path;          // "-": standard output, in the binary form
  std::optional<int> opset;  // of ONNX; none: that of onnx::ExportOptions
  bool external_weights = false, force = false;
  bool json = false;  // what is done is told as one JSON object
};

// Declares --opset, --external-weights, --force and --json.
void AddSaveFlags(CLI::App& app, SaveFlags& flags);

// OK where a file of that path can be made, as far as its folder tells; else the status has
// kUnwritable. For commands that work for hours before they write.
absl::Status CheckWritable(const std::string& path);

// OK where `path` can be written: it names a form, nothing is there or --force was given, it is not
// `from`, unless --force, its folder is there, --json does not want standard output, too, and flags
// for ONNX stand beside an ONNX file. To be asked before any work is done.
absl::Status CheckDestination(const SaveFlags& flags, const std::string& from);

// The status carries its exit code: what ONNX cannot hold is the model's fault. What was written is
// told on standard output: "wrote b.onnx  4.7 MB, ONNX opset 17, 66 nodes"; with --json as `told`,
// to which it is added as "written". Warnings go to standard error.
absl::Status SaveModel(const Model& model, const SaveFlags& flags, const std::string& from,
                       nlohmann::ordered_json told);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_
