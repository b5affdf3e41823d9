#include "nomograph/tests/onnx/backend_case.h"

#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

// Those of the suite's own runner.
constexpr double kRtol = 1e-3, kAtol = 1e-7;

absl::StatusOr<Tensor> ReadTensor(const fs::path& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path.string()));
  auto proto = std::make_shared<onnx::TensorProto>();
  if (!proto->ParseFromString(bytes)) return InvalidArgument(path.string(), ": no tensor");
  return onnx::TensorReader(proto, "").Read(*proto);
}

// Tensors STEM_0.pb, STEM_1.pb, ….
absl::StatusOr<std::vector<Tensor>> ReadTensors(const fs::path& folder, const std::string& stem) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / absl::StrCat(stem, "_", i, ".pb");
    if (!fs::exists(path)) return tensors;
    NOMO_ASSIGN_OR_RETURN(tensors.emplace_back(), ReadTensor(path));
  }
}

// The suite holds the bits of bfloat16 as uint16, and its runner compares them so.
Tensor AsBits(const Tensor& tensor, DType from, DType to) {
  if (tensor.dtype() != from) return tensor;
  return Tensor::FromBuffer(to, tensor.shape(), tensor.raw_data(),
                            std::make_shared<Tensor>(tensor));
}

absl::Status RunDataSet(Session& session, const fs::path& folder) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> inputs, ReadTensors(folder, "input"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> expected, ReadTensors(folder, "output"));
  const Graph& graph = session.model().graph;
  if (inputs.size() != graph.inputs.size() || expected.size() != graph.outputs.size()) {
    return InvalidArgument("expected ", inputs.size(), " inputs and ", expected.size(),
                           " outputs, found ", graph.inputs.size(), " and ", graph.outputs.size());
  }
  NamedTensors given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& input = graph.values[graph.inputs[i]];
    given[input.name] = input.type.dtype == DType::kBFloat16
                            ? AsBits(inputs[i], DType::kUInt16, DType::kBFloat16)
                            : inputs[i];
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors results, session.Run(given));
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string& name = graph.values[graph.outputs[i]].name;
    Tensor found = results.at(name);
    if (expected[i].dtype() == DType::kUInt16) {
      found = AsBits(found, DType::kBFloat16, DType::kUInt16);
    }
    NOMO_RETURN_IF_ERROR(Annotate(AllClose(found, expected[i], kRtol, kAtol),
                                  absl::StrCat("output \"", name, "\"")));
  }
  return absl::OkStatus();
}

absl::Status RunModel(const Model& model, bool exact, const fs::path& folder) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = exact}));
  for (int i = 0;; ++i) {
    const fs::path data = folder / absl::StrCat("test_data_set_", i);
    if (!fs::exists(data)) {
      return i == 0 ? absl::NotFoundError("the case has no data") : absl::OkStatus();
    }
    NOMO_RETURN_IF_ERROR(RunDataSet(*session, data));
  }
}

absl::StatusOr<Model> ThereAndBack(const Model& model, int opset) {
  NOMO_ASSIGN_OR_RETURN(const std::string saved, SaveToString(model));
  const auto bytes = std::make_shared<const std::string>(saved);
  NOMO_ASSIGN_OR_RETURN(const Model loaded, LoadFromBytes(*bytes, bytes));
  NOMO_ASSIGN_OR_RETURN(const std::string exported, onnx::ExportToString(loaded, {.opset = opset}));
  return onnx::ImportFromBytes(exported);
}

}  // namespace

std::map<std::string, std::string> ReadExceptions(const std::string& path) {
  std::map<std::string, std::string> exceptions;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.find(' ');
    exceptions[line.substr(0, space)] =
        space == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', space));
  }
  return exceptions;
}

absl::Status RunBackendCase(const fs::path& folder, int opset) {
  NOMO_ASSIGN_OR_RETURN(const Model model, onnx::Import((folder / "model.onnx").string()));
  NOMO_RETURN_IF_ERROR(Annotate(RunModel(model, false, folder), "fast"));
  NOMO_RETURN_IF_ERROR(Annotate(RunModel(model, true, folder), "exact"));
  const auto back = ThereAndBack(model, opset);
  NOMO_RETURN_IF_ERROR(Annotate(back.status(), "there and back"));
  return Annotate(RunModel(*back, false, folder), "there and back");
}

absl::Status CheckBackendCase(const fs::path& folder, int opset,
                              const std::map<std::string, std::string>& exceptions) {
  const absl::Status status = RunBackendCase(folder, opset);
  const auto listed = exceptions.find(folder.filename().string());
  if (listed == exceptions.end()) return status;
  if (status.ok()) return InvalidArgument("it passes, but stands among the exceptions");
  if (listed->second.empty())
    return InvalidArgument("it stands among the exceptions with no reason");
  return absl::OkStatus();
}

}  // namespace nomograph
