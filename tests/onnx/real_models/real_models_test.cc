// Models of PyTorch's, with outputs of ONNX Runtime's: imported, saved, loaded and run at every
// batch size of their files, in fast and in exact mode; and again when exported back to ONNX.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph {
namespace {

constexpr char kFolder[] = "tests/onnx/real_models/testdata/";
// Of an output's largest magnitude.
constexpr double kTolerance = 1e-4;

// The arrays BATCH/NAME of a file, by batch and name.
absl::StatusOr<std::map<std::string, NamedTensors>> ReadBatches(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const NamedTensors arrays, ReadNpz(path));
  std::map<std::string, NamedTensors> batches;
  for (const auto& [key, tensor] : arrays) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos) return InvalidArgument("array \"", key, "\" has no batch");
    batches[key.substr(0, slash)][key.substr(slash + 1)] = tensor;
  }
  return batches;
}

double LargestMagnitude(const Tensor& tensor) {
  double largest = 0;
  for (const float value : tensor.data<float>()) {
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  return largest;
}

absl::Status RunBatch(Session& session, const NamedTensors& arrays) {
  const Graph& graph = session.model().graph;
  NamedTensors inputs;
  for (const ValueId id : graph.inputs) {
    const std::string& name = graph.values[id].name;
    const auto given = arrays.find(name);
    if (given == arrays.end()) return InvalidArgument("the file has no input \"", name, "\"");
    inputs[name] = given->second;
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, session.Run(inputs));
  if (inputs.size() + outputs.size() != arrays.size()) {
    return InvalidArgument("expected ", arrays.size() - inputs.size(), " outputs, found ",
                           outputs.size());
  }
  for (const auto& [name, found] : outputs) {
    const auto right = arrays.find(name);
    if (right == arrays.end()) return InvalidArgument("the file has no output \"", name, "\"");
    const double largest = LargestMagnitude(right->second);
    NOMO_RETURN_IF_ERROR(Annotate(AllClose(found, right->second, 0, kTolerance * largest),
                                  absl::StrCat("output \"", name, "\"")));
  }
  return absl::OkStatus();
}

void ExpectAgrees(const Model& model, const std::string& data) {
  const auto batches = ReadBatches(data);
  ASSERT_TRUE(batches.ok()) << batches.status();
  EXPECT_EQ(batches->size(), 3u);
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    for (const auto& [batch, arrays] : *batches) {
      const absl::Status status = RunBatch(**session, arrays);
      EXPECT_TRUE(status.ok()) << "batch " << batch << (exact ? ", exact: " : ": ") << status;
    }
  }
}

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  std::string model_path() const { return absl::StrCat(kFolder, GetParam(), ".onnx"); }
  std::string data_path() const { return absl::StrCat(kFolder, GetParam(), ".npz"); }
};

TEST_P(RealModel, AgreesOnceSavedAndLoaded) {
  const auto imported = onnx::Import(model_path());
  ASSERT_TRUE(imported.ok()) << imported.status();
  const std::string path = absl::StrCat(testing::TempDir(), "/", GetParam(), ".nomo");
  const absl::Status saved = Save(*imported, path);
  ASSERT_TRUE(saved.ok()) << saved;
  const auto loaded = Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectAgrees(*loaded, data_path());
}

TEST_P(RealModel, AgreesOnceExported) {
  const auto imported = onnx::Import(model_path());
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto exported = onnx::ExportToString(*imported);
  ASSERT_TRUE(exported.ok()) << exported.status();
  const auto again = onnx::ImportFromBytes(*exported);
  ASSERT_TRUE(again.ok()) << again.status();
  ExpectAgrees(*again, data_path());
}

INSTANTIATE_TEST_SUITE_P(Testdata, RealModel,
                         testing::Values("lstm_classifier", "gru_classifier", "encoder_opset13",
                                         "encoder_opset17"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace nomograph
