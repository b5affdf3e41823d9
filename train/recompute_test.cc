// Layers that are computed a second time on the way back: the same losses with less memory.
#include <cmath>

#include "gtest/gtest.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

constexpr int64_t kRows = 256, kWidth = 64;

// An encoder of eight layers, with dropout among them, and a head.
Model Deep() {
  Sequential encoder("encoder");
  encoder.Add(Input({kWidth}));
  for (int i = 0; i < 4; ++i) {
    encoder.Add(Dense(kWidth, {.activation = "tanh"}));
    encoder.Add(Dropout(0.1));
    encoder.Add(LayerNormalization());
  }
  auto model = Sequential({Input({kWidth}), encoder, Dense(3)}).Build();
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

TrainingData Samples() {
  Tensor x(DType::kFloat32, {kRows, kWidth}), y(DType::kInt64, {kRows});
  for (int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<float>()[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
  for (int64_t i = 0; i < kRows; ++i) y.mutable_data<int64_t>()[i] = i % 3;
  return TrainingData(x, y);
}

struct Trained {
  std::vector<double> losses;
  int64_t arena_bytes = 0;
  size_t nodes = 0;
};

Trained TrainWith(std::vector<std::string> recompute) {
  Trained result;
  const auto trainer =
      Trainer::Create(Deep(),
                      {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                       .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                       .recompute = std::move(recompute)},
                      {.seed = 3, .exact = true});
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  if (!trainer.ok()) return result;
  for (int step = 0; step < 3; ++step) {
    const auto logs = (*trainer)->TrainOnBatch(Samples());
    EXPECT_TRUE(logs.ok()) << logs.status();
    if (logs.ok()) result.losses.push_back(logs->at("loss"));
  }
  const Model& step = (*trainer)->step_model();
  result.nodes = step.graph.nodes.size();
  std::vector<TensorType> types;
  for (const ValueId id : step.graph.inputs) {
    TensorType type = step.graph.value(id).type;
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      if (!type.shape[axis].known()) type.shape[axis] = kRows;
    }
    types.push_back(type);
  }
  const auto program =
      Program::Compile(step, step.graph, types, OpRegistry::Default(), {.exact = true});
  EXPECT_TRUE(program.ok()) << program.status();
  if (program.ok()) result.arena_bytes = (*program)->plan().peak_bytes;
  return result;
}

TEST(Recompute, HasTheSameLossesWithLessMemory) {
  const Trained kept = TrainWith({}), again = TrainWith({"encoder"}),
                parts = TrainWith({"encoder/dense", "encoder/dense_1", "encoder/dense_2"});
  EXPECT_EQ(again.losses, kept.losses);
  EXPECT_EQ(parts.losses, kept.losses);
  EXPECT_GT(again.nodes, kept.nodes);
  EXPECT_LT(parts.arena_bytes, kept.arena_bytes);
}

TEST(Recompute, NamesALayerThatIsNotThere) {
  const auto trainer = Trainer::Create(
      Deep(), {.loss = losses::MeanSquaredError(), .recompute = {"encoder", "enkoder"}});
  EXPECT_EQ(trainer.status().message(), "there is no layer \"enkoder\" (did you mean encoder?)");
}

}  // namespace
}  // namespace nomograph
