// A libFuzzer target: any bytes as an ONNX file. They must be an error that says something, or a
// model that can be saved and then loads, and exported and then imported, unless saving or
// exporting refuses it. tools/fuzz.sh builds and runs it under AddressSanitizer.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "google/protobuf/stubs/logging.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph {
namespace {

void Demand(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::abort();
}

// Some operators cannot be read where a type is not known, which it may not be behind an operator
// that nobody knows.
bool AllTypesKnown(const Graph& graph) {
  return std::all_of(graph.values.begin(), graph.values.end(),
                     [](const ValueInfo& value) { return value.type.dtype != DType::kInvalid; });
}

void TryFile(absl::string_view bytes) {
  const auto model = onnx::ImportFromBytes(bytes);
  if (!model.ok()) {
    if (model.status().message().empty()) Demand(model.status(), "an error without a word");
    return;
  }
  if (const auto saved = SaveToString(*model); saved.ok()) {
    const auto owned = std::make_shared<std::string>(*saved);
    Demand(LoadFromBytes(*owned, owned).status(), "what was saved does not load");
  }
  if (const auto exported = onnx::ExportToString(*model, {.opset = 21});
      exported.ok() && AllTypesKnown(model->graph)) {
    Demand(onnx::ImportFromBytes(*exported).status(), "what was exported cannot be imported");
  }
}

}  // namespace
}  // namespace nomograph

// What protobuf says of damaged messages on standard error would be most of the work.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nomograph::TryFile({reinterpret_cast<const char*>(data), size});
  return 0;
}
