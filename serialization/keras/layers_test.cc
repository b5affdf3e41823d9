// Layers as Keras 1, 2 and 3 configure them compute what testdata/make_layers.py computes from
// their documentation, also after the model has been saved as ONNX and opened again.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph::keras {
namespace {

constexpr char kFolder[] = "serialization/keras/testdata/";

struct Case {
  std::string name;
  KerasFile file;
  std::vector<Tensor> inputs, outputs;
};

// The arrays PREFIX0, PREFIX1, ….
std::vector<Tensor> Numbered(const NamedTensors& arrays, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (;;) {
    const auto found = arrays.find(absl::StrCat(prefix, tensors.size()));
    if (found == arrays.end()) return tensors;
    tensors.push_back(found->second);
  }
}

Case CaseOf(const LayerConfig& model, const NamedTensors& arrays) {
  Case c{.name = *model.Find("name")->As<std::string>()};
  c.file.container = Container::kHdf5;
  c.file.model = *model.Find("model")->As<LayerConfig>();
  c.file.keras_version = *model.Find("keras_version")->As<std::string>();
  c.file.weights.order = StoredWeights::Order::kByLayer;
  for (const auto& [layer, names] : *model.Find("weights")->As<LayerConfig>()) {
    std::vector<StoredWeight>& group = c.file.weights.groups[layer];
    const auto tensors = Numbered(arrays, absl::StrCat(c.name, ".", layer, "."));
    for (size_t i = 0; i < tensors.size(); ++i) {
      group.push_back({.name = *(*names.As<ConfigValue::List>())[i].As<std::string>(),
                       .type = tensors[i].type(),
                       .read = [tensor = tensors[i]] { return tensor; }});
    }
  }
  c.file.weights.Number();
  c.inputs = Numbered(arrays, c.name + ".x");
  c.outputs = Numbered(arrays, c.name + ".y");
  return c;
}

const std::vector<Case>& Cases() {
  static const auto& cases = *[] {
    auto* list = new std::vector<Case>;
    const auto text = ReadFile(absl::StrCat(kFolder, "layers.json"));
    const auto arrays = ReadNpz(absl::StrCat(kFolder, "layers.npz"));
    if (!text.ok() || !arrays.ok()) return list;
    const auto models = ParseJson(*text);
    for (const ConfigValue& model : *models->As<ConfigValue::List>())
      list->push_back(CaseOf(*model.As<LayerConfig>(), *arrays));
    return list;
  }();
  return cases;
}

void ExpectOutputs(const Model& model, const Case& c) {
  NamedTensors inputs;
  ASSERT_EQ(model.graph.inputs.size(), c.inputs.size());
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const ValueInfo& input = model.graph.value(model.graph.inputs[i]);
    inputs[input.name] = c.inputs[i].Cast(input.type.dtype);
  }
  const auto outputs = model.Predict(inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_EQ(model.graph.outputs.size(), c.outputs.size());
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    const Tensor& output = outputs->at(model.graph.value(model.graph.outputs[i]).name);
    const absl::Status close = AllClose(output.Cast(DType::kFloat32), c.outputs[i], 1e-4, 1e-5);
    EXPECT_TRUE(close.ok()) << close;
  }
}

void Check(const Case& c, const std::string& onnx_path) {
  SCOPED_TRACE(c.name);
  const auto imported = ImportFile(c.file);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(imported->report.warnings.empty()) << absl::StrJoin(imported->report.warnings, "\n");
  EXPECT_TRUE(imported->report.lambdas.empty()) << ReportText(imported->report);
  ExpectOutputs(imported->model, c);
  const absl::Status exported = onnx::Export(imported->model, onnx_path);
  ASSERT_TRUE(exported.ok()) << exported;
  const auto back = onnx::Import(onnx_path);
  ASSERT_TRUE(back.ok()) << back.status();
  SCOPED_TRACE("as ONNX");
  ExpectOutputs(*back, c);
}

TEST(Layers, ComputeWhatKerasDocuments) {
  ASSERT_GT(Cases().size(), 100u);
  for (const Case& c : Cases()) Check(c, absl::StrCat(testing::TempDir(), "/layer.onnx"));
}

}  // namespace
}  // namespace nomograph::keras
