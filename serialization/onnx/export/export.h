// Writes ONNX models.
//
//   NOMO_RETURN_IF_ERROR(onnx::Export(model, "classifier.onnx"));
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_EXPORT_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_EXPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::onnx {

// The opsets of ai.onnx that are written.
inline constexpr int kMinExportOpset = 13;
inline constexpr int kMaxExportOpset = 26;

struct ExportOptions {
  int opset = 17;
  // Above this size of the message weights go into PATH.data, beside the file.
  int64_t max_message_bytes = int64_t{2'000'000'000};
  // Whether PATH.data may be replaced where it is there; if not, and weights go there:
  // AlreadyExists, and nothing is written.
  bool replace_weights = true;
  // Traced bodies and the functions of control flow are written in the place of each node that
  // calls them. ResourceExhausted, before anything is written, where they come to more nodes in
  // all.
  int64_t max_inlined_nodes = 250'000;
  // Filled with what a user should know: nodes of domains that ONNX does not know.
  std::vector<std::string>* warnings = nullptr;
  // The ops of the model, with the names that they have in ONNX.
  const OpRegistry* registry = &OpRegistry::Default();
};

// Standard ops, layers and traced lambdas become standard operators; a Lambda with a body becomes
// an ONNX function, one without a node of its domain, with a warning. Activations and kernels in
// channels_last layout are transposed, kernels and other constants at once.
// Unimplemented lists every op that has no form in ONNX, with its nodes; then nothing is written.
// The file is written as Save() writes: a crash leaves the old one or the new one. With weights in
// a file of their own both are complete before either takes its place.
absl::Status Export(const Model& model, const std::string& path, const ExportOptions& options = {});

// The file's bytes. ResourceExhausted for a model that needs external data.
absl::StatusOr<std::string> ExportToString(const Model& model, const ExportOptions& options = {});

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_EXPORT_H_
