// Writes a model for a command, in the form that the path's end says.
#ifndef NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_
#define NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_

#include <string>

#include "nomograph/core/graph/model.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tools/command.h"

namespace nomograph {

struct SaveFlags {
  std::string path;  // "-": standard output, in the binary form
  int opset = onnx::ExportOptions().opset;
  bool external_weights = false, force = false;
};

// Declares --opset, --external-weights and --force.
void AddSaveFlags(CLI::App& app, SaveFlags& flags);

// OK where `path` can be written: it names a form, nothing is there or --force was given, and it is
// not `from`, unless --force. To be asked before any work is done.
absl::Status CheckDestination(const SaveFlags& flags, const std::string& from);

// The status carries its exit code: what ONNX cannot hold is the model's fault. What was written is
// told on standard output: "wrote b.onnx  4.7 MB, ONNX opset 17, 66 nodes"; warnings on standard
// error.
absl::Status SaveModel(const Model& model, const SaveFlags& flags, const std::string& from);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_SAVE_MODEL_H_
