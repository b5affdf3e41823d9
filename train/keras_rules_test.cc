// Penalties and constraints of Keras' layer configurations: kept in the model's file, and at work
// in training as sums by hand have it.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/layers.h"
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
  const double activity = 0.5 * 2 * (0.0625 + 0.25);  // of each of both rows the bias
  EXPECT_NEAR(logs->at("loss"), penalty + activity, 1e-6);
  const Tensor kernel = *(*trainer)->model().GetWeight("layer/kernel");
  const double before[] = {1, -2, 0.5, 3};
  for (int i = 0; i < 4; ++i) {
    const double gradient = 0.03 * (before[i] > 0 ? 1 : -1) + 0.4 * before[i];
    EXPECT_NEAR(kernel.AsDouble(i), before[i] - 0.1 * gradient, 1e-6);
  }
  const Tensor bias = *(*trainer)->model().GetWeight("layer/bias");
  EXPECT_NEAR(bias.AsDouble(0), 0.25 - 0.1 * 2 * 2 * 0.5 * 0.25, 1e-6);
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

// What layers take is kept, and acts, as what Keras' files have.
TEST(KerasRulesTest, LayersTakeThem) {
  const auto dense = [] {
    return Dense(2, {.name = "layer"})
        .With({.kernel_regularizer = regularizers::L1L2(0.03, 0.2),
               .bias_regularizer = regularizers::L2(1.0 / 3),
               .kernel_constraint = constraints::MaxNorm(3, {0}),
               .bias_constraint = constraints::NonNeg(),
               .activity_regularizer = regularizers::L2(0.5)});
  };
  const auto model = Sequential({Input({2}), dense()}).Build();
  ASSERT_TRUE(model.ok()) << model.status();
  const std::map<std::string, std::string> expected = {
      {"regularizer/layer/kernel", "l1=0.03,l2=0.2"},
      {"regularizer/layer/bias", "l2=0.3333333333333333"},
      {"constraint/layer/kernel", "max_norm:max_value=3,axes=0"},
      {"constraint/layer/bias", "non_neg"}};
  EXPECT_EQ(Rules(*model), expected);
  // The layer that its configuration makes has the same.
  const auto config = dense().Config();
  ASSERT_TRUE(config.ok()) << config.status();
  const auto again = FromConfig("Dense", *config);
  ASSERT_TRUE(again.ok()) << again.status();
  const auto copy = Sequential({Input({2}), *again}).Build();
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(Rules(*copy), expected);
  // Keras' own file of it, too.
  const auto imported = Import("Dense", R"("units": 2, "kernel_regularizer": {"class_name": "L1L2",
    "config": {"l1": 0.03, "l2": 0.2}}, "bias_regularizer": {"class_name": "L2", "config":
    {"l2": 0.3333333333333333}}, "kernel_constraint": {"class_name": "MaxNorm", "config":
    {"max_value": 3, "axis": 0}}, "bias_constraint": {"class_name": "NonNeg", "config": {}},
    "activity_regularizer": {"class_name": "L2", "config": {"l2": 0.5}})");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(Rules(imported->model), expected);
  const Tensor kernel = Tensor::Of<float>({2, 2}, {1, -2, 0.5f, 3});
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 2, -1, 0.5f}), y(DType::kFloat32, {2, 2});
  std::vector<double> found;
  for (Model m : {*model, *copy, imported->model}) {
    ASSERT_TRUE(m.SetWeight("layer/kernel", kernel).ok());
    const auto trainer =
        Trainer::Create(m, {.outputs = {{.loss = losses::MeanSquaredError(), .loss_weight = 0}}});
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const auto logs = (*trainer)->TestOnBatch({x, y});
    ASSERT_TRUE(logs.ok()) << logs.status();
    found.push_back(logs->at("loss"));
  }
  const double rows = 2 * 2 + 4 * 4 + 0.75 * 0.75 + 3.5 * 3.5;  // the sum of the squares of x w
  EXPECT_NEAR(found[0], 0.03 * 6.5 + 0.2 * 14.25 + 0.5 * rows, 1e-5);
  EXPECT_EQ(found[1], found[0]);
  EXPECT_EQ(found[2], found[0]);
}

TEST(KerasRulesTest, WeightsOfEveryKindOfLayer) {
  const auto l2 = regularizers::L2(0.5);
  struct LayerCase {
    Layer layer;
    PartialShape input;
    std::vector<std::string> weights;  // that have the rule
  };
  for (const LayerCase& c : std::vector<LayerCase>{
           {LSTM(2).With({.kernel_regularizer = l2, .recurrent_regularizer = l2}),
            {3, 2},
            {"layer/kernel", "layer/recurrent_kernel"}},
           {Bidirectional(GRU(2).With({.recurrent_regularizer = l2})),
            {3, 2},
            {"layer/backward/recurrent_kernel", "layer/forward/recurrent_kernel"}},
           {SeparableConv2D(2, 2).With({.depthwise_regularizer = l2, .pointwise_regularizer = l2}),
            {4, 4, 2},
            {"layer/depthwise_kernel", "layer/pointwise_kernel"}},
           {BatchNormalization().With({.beta_regularizer = l2, .gamma_regularizer = l2}),
            {4},
            {"layer/beta", "layer/gamma"}},
           {TimeDistributed(Dense(2).With({.kernel_regularizer = l2})),
            {3, 2},
            {"layer/dense/kernel"}}}) {
    const auto model = Sequential({Input(c.input), c.layer}).Build();
    ASSERT_TRUE(model.ok()) << model.status();
    std::vector<std::string> weights;
    for (const auto& [key, text] : Rules(*model)) {
      EXPECT_EQ(text, "l2=0.5");
      weights.push_back("layer" + key.substr(key.find('/', key.find('/') + 1)));
    }
    EXPECT_EQ(weights, c.weights);
  }
}

TEST(KerasRulesTest, RulesThatALayerCannotHave) {
  const auto error = [](const Layer& layer) {
    return Sequential({Input({2}), layer}).Build().status();
  };
  EXPECT_THAT(error(Dense(1).With({.embeddings_regularizer = regularizers::L2()})).message(),
              HasSubstr("layer \"dense\": the layer has no embeddings_regularizer"));
  EXPECT_THAT(
      error(Dense(1).With({.kernel_constraint = [](const Value& w) { return w; }})).message(),
      HasSubstr("kernel_constraint: a model does not keep a function of one's own"));
  EXPECT_TRUE(
      error(Dense(1, {.use_bias = false}).With({.bias_constraint = constraints::NonNeg()})).ok());
  for (const auto& [rule, message] : std::vector<std::pair<ConfigValue, const char*>>{
           {LayerConfig{{"class_name", "L3"}}, "there is no regularizer \"l3\""},
           {LayerConfig{{"class_name", "L2"}, {"config", LayerConfig{{"l1", 1}}}},
            "there is no field l1 (did you mean l2"},
           {3, "expected a name, or an object with class_name and config"}}) {
    EXPECT_THAT(
        FromConfig("Dense", {{"units", 1}, {"kernel_regularizer", rule}}).status().message(),
        HasSubstr(message));
  }
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
