// ONNX's test data as golden vectors. The layout is that of the backend tests and the model zoo
// (onnx/onnx, docs/OnnxBackendTest.md).
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/golden.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

constexpr double kRtol = 1e-3, kAtol = 1e-7;
// Folders and files are counted up from 0 until one is missing.
constexpr int kMostSets = 10'000;

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

fs::path SetIn(const std::string& folder, int index) {
  return fs::path(folder) / absl::StrCat("test_data_set_", index);
}

bool IsSet(const fs::path& folder) {
  return Exists(folder / "output_0.pb") || Exists(folder / "input_0.pb");
}

absl::StatusOr<Tensor> ReadTensor(const fs::path& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path.string()));
  const auto proto = std::make_shared<onnx::TensorProto>();
  auto tensor = proto->ParseFromString(bytes)
                    ? onnx::TensorReader(proto, "").Read(*proto)
                    : absl::StatusOr<Tensor>(InvalidArgument(
                          "expected a TensorProto (sequences and optionals are not read)"));
  if (!tensor.ok()) return Annotate(tensor.status(), QuotedPath(path.string()));
  return tensor;
}

// STEM_0.pb, STEM_1.pb, ... for these values.
absl::StatusOr<NamedTensors> ReadTensors(const fs::path& folder, const char* stem,
                                         const Graph& graph, const std::vector<ValueId>& values) {
  NamedTensors tensors;
  const auto path = [&](size_t index) { return folder / absl::StrCat(stem, "_", index, ".pb"); };
  for (size_t i = 0; i < values.size(); ++i) {
    if (!Exists(path(i))) {
      return InvalidArgument(QuotedPath(folder.string()), ": the model has ", values.size(), " ",
                             stem, "s, ", stem, "_", i, ".pb is missing");
    }
    NOMO_ASSIGN_OR_RETURN(tensors[graph.value(values[i]).name], ReadTensor(path(i)));
  }
  if (Exists(path(values.size()))) {
    return InvalidArgument(QuotedPath(folder.string()), ": the model has ", values.size(), " ",
                           stem, "s, and there is a file ", stem, "_", values.size(), ".pb");
  }
  return tensors;
}

absl::StatusOr<GoldenVector> ReadSet(const fs::path& folder, const Graph& graph) {
  fs::path name = folder.filename();
  if (name.empty()) name = folder.parent_path().filename();  // behind a '/' at the end
  GoldenVector golden{.name = name.string()};
  NOMO_ASSIGN_OR_RETURN(golden.inputs, ReadTensors(folder, "input", graph, graph.inputs));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs,
                        ReadTensors(folder, "output", graph, graph.outputs));
  for (const auto& [output, tensor] : outputs) golden.outputs[output] = {tensor, kRtol, kAtol};
  return golden;
}

}  // namespace

bool HasOnnxTestData(const std::string& folder) { return IsSet(folder) || IsSet(SetIn(folder, 0)); }

absl::StatusOr<std::vector<GoldenVector>> ReadOnnxTestData(const std::string& folder,
                                                           const Graph& graph) {
  std::vector<GoldenVector> golden;
  if (IsSet(folder)) {
    NOMO_ASSIGN_OR_RETURN(golden.emplace_back(), ReadSet(folder, graph));
    return golden;
  }
  for (int i = 0; i < kMostSets && IsSet(SetIn(folder, i)); ++i) {
    NOMO_ASSIGN_OR_RETURN(golden.emplace_back(), ReadSet(SetIn(folder, i), graph));
  }
  if (golden.empty()) {
    return absl::NotFoundError(absl::StrCat(
        QuotedPath(folder), " has no test_data_set_0 with input_0.pb and output_0.pb"));
  }
  return golden;
}

}  // namespace nomograph
