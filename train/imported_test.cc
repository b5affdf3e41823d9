// A fresh network of PyTorch's, read from ONNX and trained: losses and weights against PyTorch's
// (testdata/make_fresh_norms.py).
#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

constexpr const char kModel[] = "train/testdata/fresh_norms.onnx";

const NamedTensors& Golden() {
  static const auto* const golden = [] {
    auto read = ReadNpz("train/testdata/fresh_norms.npz");
    EXPECT_TRUE(read.ok()) << read.status();
    return new NamedTensors(read.value_or(NamedTensors()));
  }();
  return *golden;
}

// Row i of an array of batches.
Tensor Batch(absl::string_view name, int64_t i) {
  const Tensor& all = Golden().find(name)->second;
  const auto rest = all.shape().dims().subspan(1);
  return all.Rows(i, i + 1).Reshaped(Shape(std::vector<int64_t>(rest.begin(), rest.end())));
}

TEST(ImportedTest, WeightsThatTheExporterWroteOnceAreTrainedApart) {
  const auto model = onnx::Import(kModel);
  ASSERT_TRUE(model.ok()) << model.status();
  auto trainer = Trainer::Create(
      *model, {.optimizer = optimizers::SGD({.learning_rate = 0.05, .momentum = 0.9}),
               .loss = losses::SparseCategoricalCrossentropy({.from_logits = true})});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const Tensor losses = Golden().at("losses");
  ASSERT_EQ(losses.num_elements(), 10);
  for (int64_t step = 0; step < losses.num_elements(); ++step) {
    const auto logs = (*trainer)->TrainOnBatch({Batch("x", step), Batch("y", step)});
    ASSERT_TRUE(logs.ok()) << logs.status();
    EXPECT_NEAR(logs->at("loss"), losses.AsDouble(step), 1e-4) << "step " << step;
  }
  int compared = 0;
  for (const auto& [key, expected] : Golden()) {
    if (key.rfind("final/", 0) != 0) continue;
    const auto found = (*trainer)->model().GetWeight(key.substr(6));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, expected.Reshaped(found->shape()), 1e-3, 1e-4).ok())
        << key << AllClose(*found, expected.Reshaped(found->shape()), 1e-3, 1e-4);
    ++compared;
  }
  EXPECT_EQ(compared, 20);
}

TEST(ImportedTest, InferenceIsThatOfTheFileAndOfItsExport) {
  const auto model = onnx::Import(kModel);
  ASSERT_TRUE(model.ok()) << model.status();
  for (const Node& node : model->graph.nodes) EXPECT_NE(node.op, "core.Identity") << node.name;
  // Copies have the memory of the first.
  const auto memory = [&](absl::string_view weight) {
    return model->graph.FindWeight(model->graph.FindValue(weight))->tensor.raw_data();
  };
  EXPECT_EQ(memory("norm2.running_var"), memory("norm1.weight"));
  const auto bytes = onnx::ExportToString(*model);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto again = onnx::ImportFromBytes(*bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->graph.nodes.size(), model->graph.nodes.size());
  ASSERT_EQ(again->graph.weights.size(), model->graph.weights.size());
  for (const Weight& weight : model->graph.weights) {
    const std::string& name = model->graph.value(weight.value).name;
    EXPECT_TRUE(again->GetWeight(name).ok()) << name;
  }
  for (const Model* m : {&*model, &*again}) {
    const auto session = Session::Create(*m);
    ASSERT_TRUE(session.ok()) << session.status();
    const auto found = (*session)->Run(Batch("x", 0));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(AllClose(*found, Golden().at("logits"), 1e-5, 1e-5).ok());
  }
}

}  // namespace
}  // namespace nomograph
