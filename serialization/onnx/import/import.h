// Reads ONNX models.
//
//   NOMO_ASSIGN_OR_RETURN(Model model, onnx::Import("resnet50.onnx"));
//   NOMO_RETURN_IF_ERROR(Save(model, "resnet50.nomo"));
//
// IR versions from 3 on and all opsets of ai.onnx are read; OPERATORS.md lists the operators.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/onnx/import/import_report.h"

namespace nomograph::onnx {

struct ImportOptions {
  // Called while nodes are read, with those done and those of the main graph.
  std::function<void(int64_t done, int64_t total)> progress = {};
  // Filled with what a user should know: a version that is newer than those known here, nodes whose
  // operator is covered in other forms only.
  std::vector<std::string>* warnings = nullptr;
  // Filled with what the model has no longer, or in another form.
  ImportReport* report = nullptr;
  // The ops that operators become.
  const OpRegistry* registry = &OpRegistry::Default();
};

// The model that an ONNX file holds. Names of values, inputs and outputs, symbolic sizes,
// documentation and metadata are kept. The model's own functions become bodies in the function
// library; operators that are not known here, or not in the form that the file has, become Lambdas
// named domain.Op (onnx.Op for those of ai.onnx), which run once such an op is registered. Weights
// stay in the file, which is mapped, or are copied where they are not aligned to their elements.
// NotFound, PermissionDenied; InvalidArgument for what is no ONNX model or contradicts itself;
// Unimplemented for types that are not supported. All faults are in one status, each with its node.
absl::StatusOr<Model> Import(const std::string& path, const ImportOptions& options = {});

// The same for a file in memory. External data are looked for below `folder`; where that is empty,
// a model that has some is refused.
absl::StatusOr<Model> ImportFromBytes(absl::string_view bytes, const std::string& folder = "",
                                      const ImportOptions& options = {});

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_H_
