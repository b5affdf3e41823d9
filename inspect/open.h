// Opens a model file of any form, which its contents tell, with what only the file knows of it.
//
//   NOMO_ASSIGN_OR_RETURN(const Model model, Open("mobilenet.onnx"));
#ifndef NOMOGRAPH_INSPECT_OPEN_H_
#define NOMOGRAPH_INSPECT_OPEN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/onnx/import/import_report.h"

namespace nomograph {

enum class ModelForm { kBinary, kText, kOnnx, kKeras };
// "binary", "text", "onnx", "keras".
const char* ModelFormName(ModelForm form);
// The form that a file of this name has when it is written: by what the path ends with.
ModelForm ModelFormOf(const std::string& path);

struct ModelFile {
  std::string path;
  Model model;
  int64_t bytes = 0;       // of the file
  int format_version = 0;  // of Nomograph's own forms
  ModelForm form = ModelForm::kBinary;
  std::vector<std::string> warnings = {};              // of the importer
  std::optional<keras::KerasImportReport> keras = {};  // of Keras models: what became of Lambdas
  std::optional<onnx::ImportReport> onnx = {};         // of ONNX models: what reading changed
  // Of tensors that lie in the file as they are; none for the others.
  std::optional<int64_t> OffsetOf(const Tensor& tensor) const;

  absl::string_view mapped;  // the binary file in memory; `model` keeps it there
  std::shared_ptr<const void> owner;
};

struct OpenOptions {
  // Brings nodes of older versions of ops up to date, as running needs it; else the model is as the
  // file has it.
  bool upgrade = true;
  // Called while an ONNX model is imported, with the nodes read so far and those of all graphs.
  std::function<void(int64_t done, int64_t total)> progress = {};
  // For Keras models: what the user says of Lambdas.
  keras::KerasImportOptions keras = {};
};

// The model in a file; "-" is standard input, which is read whole, and a folder with a model.json
// stands for that. ONNX and Keras models are
// imported. Errors as Load(), onnx::Import() and keras::Import().
absl::StatusOr<Model> Open(const std::string& path, OpenOptions options = {});
// With what only the file tells.
absl::StatusOr<ModelFile> OpenFile(const std::string& path, OpenOptions options = {});

// Reads every byte and compares with the checksums. DataLoss lists the tensors that are damaged. OK
// for the other forms, which have no checksums. `progress` as in LoadOptions.
absl::Status VerifyPayloads(const ModelFile& file,
                            std::function<void(int64_t done, int64_t total)> progress);

// "model.nomo: <message>"
absl::Status AtFile(const std::string& path, const absl::Status& status);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_OPEN_H_
