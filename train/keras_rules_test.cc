// Penalties and constraints of Keras' layer configurations: kept in the model's file, and at work
// in training as sums by hand have it.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

using testing::HasSubstr;

// A model of one layer of this class, of inputs of two numbers or words.
absl::StatusOr<keras::Imported> Import(const std::string& class_name, const std::string& config,
                                       const std::string& shape = "[null, 2]") {
  NOMO_ASSIGN_OR_RETURN(const ConfigValue json,
                        keras::ParseJson(absl::StrCat(
                            R"({"class_name": "Sequential", "config": {"name": "model", "layers": [
              {"class_name": "InputLayer", "config": {"batch_input_shape": )",
                            shape, R"(, "name": "x"}}, {"class_name": ")", class_name,
                            R"(", "config": {"name": "layer", )", config, "}}]}}")));
  keras::KerasFile file;
  file.model = *json.As<LayerConfig>();
  file.keras_version = "3.8.0";
  return keras::ImportFile(file, {});
}

std::map<std::string, std::string> Rules(const Model& model) {
  std::map<std::string, std::string> rules;
  for (const auto& [key, value] : model.metadata) {
    if (key.rfind("keras.", 0) != 0) rules[key] = value;
  }
  return rules;
}

struct Case {
  const char* class_name;
  const char* config;
  std::map<std::string, std::string> rules;
  const char* shape = "[null, 2]";
};

TEST(KerasRulesTest, AreKeptAsMetadata) {
  const std::vector<Case> cases = {
      {"Dense",
       R"("units": 3, "kernel_regularizer": {"module": "keras.regularizers", "class_name": "L2",
          "config": {"l2": 0.25}, "registered_name": null},
          "bias_regularizer": {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.125}},
          "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}},
          "bias_constraint": {"class_name": "NonNeg", "config": {}})",
       {{"regularizer/layer/kernel", "l2=0.25"},
        {"regularizer/layer/bias", "l1=0.5,l2=0.125"},
        {"constraint/layer/kernel", "max_norm:max_value=3,axes=0"},
        {"constraint/layer/bias", "non_neg"}}},
      {"Dense",
       R"("units": 3, "kernel_regularizer": "l1",
          "kernel_constraint": {"class_name": "MinMaxNorm", "config":
            {"min_value": 0.5, "max_value": 2, "rate": 0.75, "axis": [0, 1]}})",
       {{"regularizer/layer/kernel", "l1=0.01"},
        {"constraint/layer/kernel", "min_max_norm:min_value=0.5,max_value=2,rate=0.75,axes=0+1"}}},
      {"Dense",  // Keras 1
       R"("output_dim": 3, "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
          "b_regularizer": null, "W_constraint": {"name": "MaxNorm", "m": 4, "axis": 0})",
       {{"regularizer/layer/kernel", "l2=0.5"},
        {"constraint/layer/kernel", "max_norm:max_value=4,axes=0"}}},
      {"LSTM",
       R"("units": 2, "recurrent_regularizer": {"class_name": "OrthogonalRegularizer",
          "config": {"factor": 0.5, "mode": "columns"}},
          "kernel_constraint": {"class_name": "UnitNorm", "config": {"axis": 0}})",
       {{"regularizer/layer/recurrent_kernel", "orthogonal_columns=0.5"},
        {"constraint/layer/kernel", "unit_norm:axes=0"}},
       "[null, 3, 2]"},
      {"TimeDistributed",
       R"("layer": {"class_name": "Dense", "config": {"name": "inner", "units": 2,
          "kernel_regularizer": {"class_name": "L1", "config": {"l1": 0.5}}}})",
       {{"regularizer/layer/inner/kernel", "l1=0.5"}},
       "[null, 3, 2]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.config);
    const auto imported = Import(c.class_name, c.config, c.shape);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(Rules(imported->model), c.rules);
  }
}

TEST(KerasRulesTest, WhatIsNotKnownIsLeftOutWithAWarning) {
  const auto imported =
      Import("Dense", R"("units": 3, "kernel_regularizer": {"class_name": "Mine", "config": {}})");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(Rules(imported->model).empty());
  EXPECT_THAT(imported->report.warnings,
              testing::Contains(HasSubstr("layer \"layer\": its kernel_regularizer")));
}

// One step of y = x w on two rows of zeros, whose gradients and losses so are the penalties' alone.
TEST(KerasRulesTest, ActInTraining) {
  const auto imported =
      Import("Dense", R"("units": 2, "kernel_regularizer": {"class_name": "L1L2", "config":
        {"l1": 0.03, "l2": 0.2}}, "bias_regularizer": {"class_name": "OrthogonalRegularizer",
        "config": {"factor": 0.0}}, "bias_constraint": {"class_name": "NonNeg", "config": {}},
        "activity_regularizer": {"class_name": "L2", "config": {"l2": 0.5}})");
  ASSERT_TRUE(imported.ok()) << imported.status();
  Model built = imported->model;
  ASSERT_TRUE(built.SetWeight("layer/kernel", Tensor::Of<float>({2, 2}, {1, -2, 0.5f, 3})).ok());
  ASSERT_TRUE(built.SetWeight("layer/bias", Tensor::Vector<float>({0.25f, -0.5f})).ok());
  const auto bytes = SaveToString(built);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto owner = std::make_shared<const std::string>(*bytes);
  const auto model = LoadFromBytes(*owner, owner);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto trainer = Trainer::Create(
      *model, {.optimizer = optimizers::SGD({.learning_rate = 0.1}),
               .outputs = {{.loss = losses::MeanSquaredError(), .loss_weight = 0}}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto logs =
      (*trainer)->TrainOnBatch({Tensor(DType::kFloat32, {2, 2}), Tensor(DType::kFloat32, {2, 2})});
  ASSERT_TRUE(logs.ok()) << logs.status();
  const double penalty = 0.03 * (1 + 2 + 0.5 + 3) + 0.2 * (1 + 4 + 0.25 + 9);
  const double activity = 0.5 * (0.0625 + 0.25);  // of each row the bias, and the mean of both
  EXPECT_NEAR(logs->at("loss"), penalty + activity, 1e-6);
  const Tensor kernel = *(*trainer)->model().GetWeight("layer/kernel");
  const double before[] = {1, -2, 0.5, 3};
  for (int i = 0; i < 4; ++i) {
    const double gradient = 0.03 * (before[i] > 0 ? 1 : -1) + 0.4 * before[i];
    EXPECT_NEAR(kernel.AsDouble(i), before[i] - 0.1 * gradient, 1e-6);
  }
  const Tensor bias = *(*trainer)->model().GetWeight("layer/bias");
  EXPECT_NEAR(bias.AsDouble(0), 0.25 - 0.1 * 2 * 0.5 * 0.25, 1e-6);
  EXPECT_EQ(bias.AsDouble(1), 0);  // it is not negative
  // Where the layer is frozen its weights have no penalty; that of the activations stays.
  const auto frozen =
      Trainer::Create(*model, {.loss = losses::MeanSquaredError(), .frozen = {"layer/kernel"}});
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  const auto tested =
      (*frozen)->TestOnBatch({Tensor(DType::kFloat32, {2, 2}), Tensor(DType::kFloat32, {2, 2})});
  ASSERT_TRUE(tested.ok()) << tested.status();
  EXPECT_NEAR(tested->at("loss"), activity + (0.0625 + 0.25) / 2, 1e-6);
}

// numpy: u = w / norm(w, axis=1, keepdims=True); (abs(u @ u.T).sum() - 3) / (3 * 2)
TEST(KerasRulesTest, OrthogonalPenalties) {
  const Tensor w = Tensor::Of<float>({3, 2}, {3, 4, -1, 0, 0, 2});
  const double rows = (0.6 + 0.8 + 0) * 2 / 6;
  const double columns = 3 * -1 * 0 + std::abs(3 * 4) / (std::sqrt(10.0) * std::sqrt(20.0));
  for (const bool by_rows : {true, false}) {
    const Regularizer r{.orthogonal_rows = by_rows ? 0.5 : 0,
                        .orthogonal_columns = by_rows ? 0 : 0.5};
    const Value x = InputValue(w.type(), "w");
    const auto model = BuildModel({x}, {Penalty(r, x)});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const auto found = (*session)->Run(w);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_NEAR(found->AsDouble(0), 0.5 * (by_rows ? rows : columns), 1e-6);
  }
}

TEST(KerasRulesTest, RulesThatAreWrongAreNamed) {
  const auto imported = Import("Dense", R"("units": 1)");
  ASSERT_TRUE(imported.ok()) << imported.status();
  for (const auto& [key, text, error] : std::vector<std::array<const char*, 3>>{
           {"regularizer/layer/kernel", "l3=1", "there is no option \"l3\"; there are l1, l2"},
           {"regularizer/layer/kernel", "l1=x", "l1: expected a number, found \"x\""},
           {"constraint/layer/kernel", "max_norm:axes=0+a", "expected integers such as 0+1"},
           {"constraint/layer/kernel", "least", "there is no constraint \"least\""},
           {"regularizer/other/kernel", "l1=1", "there is no weight \"other/kernel\""}}) {
    Model model = imported->model;
    model.metadata[key] = text;
    const auto trainer = Trainer::Create(model, {.loss = losses::MeanSquaredError()});
    EXPECT_THAT(trainer.status().message(), HasSubstr(error));
  }
}

}  // namespace
}  // namespace nomograph
