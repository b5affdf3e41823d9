// Map() with a model: what it computes is what a Lambda of the same function computes within the
// model that is trained or run, its random numbers depend on seed, epoch and element alone, and a
// position goes on within them.
#include <set>

#include "absl/strings/match.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/pipeline/pipeline_testing.h"
#include "nomograph/ops/functions.h"

namespace nomograph {
namespace {

// Written once, used in both places.
Value Preprocess(const Value& x) { return (array::Cast(x, DType::kFloat32) / 255.0 - 0.5) * 2.0; }

Tensor Images(int64_t count) {
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count * 12; ++i) pixels.push_back(static_cast<uint8_t>(i * 37));
  return Tensor::Of<uint8_t>({count, 2, 2, 3}, pixels);
}
Tensor Labels(int64_t count) {
  Tensor labels(DType::kInt64, {count});
  for (int64_t i = 0; i < count; ++i) labels.mutable_data<int64_t>()[i] = i;
  return labels;
}

Layer Images2x2() { return Input({2, 2, 3}, {.dtype = DType::kUInt8}); }

Model Build(const Sequential& layers) {
  auto model = layers.Build();
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model();
}

// All elements' first components, of which each is a batch.
Tensor AllRows(const Dataset& dataset, const IterateOptions& options = {}) {
  auto iterator = dataset.Iterate(options);
  EXPECT_TRUE(iterator.ok()) << iterator.status();
  std::vector<Tensor> parts;
  while (true) {
    auto element = (*iterator)->Next();
    EXPECT_TRUE(element.ok()) << element.status();
    if (!element.ok() || !*element) break;
    parts.push_back((**element)[0]);
  }
  return *ConcatRows(parts);
}

TEST(MapModel, ComputesWhatALambdaInTheModelDoes) {
  const Model whole = Build(Sequential({Images2x2(), Lambda(Preprocess), Flatten(), Dense(3)}));
  const Model preprocessing = Build(Sequential({Images2x2(), Lambda(Preprocess)}));
  const Model rest = Build(Sequential({Input({2, 2, 3}), Flatten(), Dense(3)}));
  const Tensor images = Images(10);
  const auto right = whole.Predict(images);
  ASSERT_TRUE(right.ok()) << right.status();
  Model with_weights = rest;
  for (const char* weight : {"dense/kernel", "dense/bias"}) {
    ASSERT_TRUE(with_weights.SetWeight(weight, *whole.GetWeight(weight)).ok());
  }
  const Dataset source = Dataset::FromTensorSlices({images});
  // Images one by one and batches of them, in one thread and in several.
  for (const int threads : {1, 3}) {
    const MapModelOptions options = {.num_parallel = threads};
    for (const Dataset& dataset : {source.Map(preprocessing, options).Batch(4),
                                   source.Batch(4).Map(preprocessing, options)}) {
      ASSERT_TRUE(dataset.status().ok()) << dataset.status();
      EXPECT_EQ(dataset.element_types()[0].ToString(), "float32[?,2,2,3]");
      const auto found = with_weights.Predict(AllRows(dataset));
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(*found, *right);
    }
  }
}

// Of {image, label}: the image preprocessed and, in training, flipped and made noisy.
Model Augmentation(bool random = true) {
  const Value x = InputValue({DType::kUInt8, {Dim::Symbol("batch"), 2, 2, 3}}, "x");
  const Value y = InputValue({DType::kInt64, {Dim::Symbol("batch")}}, "y");
  Value image = Preprocess(x);
  if (random) image = GaussianNoise(0.1)(RandomFlip("horizontal")(image));
  auto model = BuildModel({x, y}, {image, y});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model();
}

TEST(MapModel, RandomNumbersDependOnSeedEpochAndElement) {
  const Dataset source = Dataset::FromTensorSlices({Images(30), Labels(30)}).Shuffle(8);
  const Model augmentation = Augmentation();
  const auto lines = [&](int threads, const IterateOptions& options) {
    return Line(source.Map(augmentation, {.num_parallel = threads}).Batch(4), options);
  };
  const std::string right = lines(1, {.epoch = 1, .seed = 2});
  ASSERT_TRUE(absl::StartsWith(right, "[")) << right;
  for (const int threads : {1, 2, 5}) EXPECT_EQ(lines(threads, {.epoch = 1, .seed = 2}), right);
  EXPECT_NE(lines(1, {.epoch = 2, .seed = 2}), right);
  EXPECT_NE(lines(1, {.epoch = 1, .seed = 3}), right);
  // One image, many times: each time other noise.
  const auto noise =
      Elements(Dataset::FromTensors({Images(1).Reshaped({2, 2, 3}), Tensor::Scalar<int64_t>(0)})
                   .Repeat(20)
                   .Map(augmentation));
  ASSERT_TRUE(noise.ok()) << noise.status();
  EXPECT_EQ(std::set<std::string>(noise->begin(), noise->end()).size(), 20u);
  // In inference nothing random acts.
  EXPECT_EQ(Line(source.Map(augmentation, {.training = false})),
            Line(source.Map(Augmentation(/*random=*/false))));
}

TEST(MapModel, PositionsGoOnWithTheSameRandomNumbers) {
  const Dataset source = Dataset::FromTensorSlices({Images(12), Labels(12)});
  for (const int threads : {1, 3}) {
    const MapModelOptions options = {.num_parallel = threads};
    CheckPositions(source.Shuffle(5).Map(Augmentation(), options).Batch(3).Prefetch(2),
                   {.epoch = 1, .seed = 7});
    CheckPositions(source.Batch(5).Map(Augmentation(), options).Unbatch().Repeat(2), {.seed = 7});
  }
}

// A changed model is another pipeline.
TEST(MapModel, IsPartOfThePipelinesIdentity) {
  const auto scaled = [](double factor) {
    return Dataset::FromTensorSlices({Tensor::Of<float>({4, 1}, {1, 2, 3, 4})})
        .Map(Build(Sequential({Input({1}), Rescaling(factor)})));
  };
  auto two = scaled(2).Iterate();
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_TRUE((*scaled(2).Iterate())->RestorePosition((*two)->SavePosition()).ok());
  EXPECT_FALSE((*scaled(3).Iterate())->RestorePosition((*two)->SavePosition()).ok());
}

TEST(MapModel, WhatDoesNotFit) {
  const Model model = Build(Sequential({Images2x2(), Lambda(Preprocess)}));
  struct {
    Dataset dataset;
    const char* message;
  } const cases[] = {
      {Dataset::Range(3).Map(model), "component 0 is int64[]"},
      {Dataset::FromTensorSlices({Images(2), Labels(2)}).Map(model),
       "Map: the model has 1 inputs; the elements have 2 components"},
      {Dataset::FromTensors({Images(2)}).Batch(2).Map(model), "component 0 is uint8[?,2,2,2,3]"},
      {Dataset::Range(3).Map(std::shared_ptr<const Model>()), "Map: there is no model"},
      {Dataset::FromTensorSlices({Images(2)}).Map(model, {.num_parallel = 1000}),
       "num_parallel is 1000; expected 1 to 256"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(absl::StrContains(c.dataset.status().message(), c.message)) << c.dataset.status();
  }
  Model counting = model;
  counting.variables.push_back({"count", Tensor::Scalar<int64_t>(0)});
  EXPECT_TRUE(
      absl::StrContains(Dataset::FromTensorSlices({Images(2)}).Map(counting).status().message(),
                        "the model has state variables (\"count\")"));
}

}  // namespace
}  // namespace nomograph
