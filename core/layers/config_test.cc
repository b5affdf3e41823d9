// Layers from configurations: every registered class, and what users are told.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Ints = std::vector<int64_t>;

// A model of one layer.
absl::StatusOr<Model> ModelOf(const Layer& layer, const LayerSample& sample) {
  std::vector<Value> inputs;
  for (const TensorType& type : sample.inputs) {
    const std::vector<Dim> dims = type.shape.dims();
    inputs.push_back(
        Input(PartialShape(std::vector<Dim>(dims.begin() + 1, dims.end())), {.dtype = type.dtype}));
  }
  const std::vector<Value> outputs = layer.Apply(inputs, sample.num_outputs);
  return BuildModel(inputs, outputs);
}

// Ones for each input, in a batch of two.
NamedTensors InputsOf(const Model& model) {
  NamedTensors inputs;
  for (const ValueId id : model.graph.inputs) {
    const ValueInfo& value = model.graph.value(id);
    Shape shape = {2};
    for (int axis = 1; axis < value.type.shape.rank(); ++axis)
      shape.Append(value.type.shape[axis].size());
    inputs[value.name] = Tensor::Full(value.type.dtype, shape, 1);
  }
  return inputs;
}

TEST(Config, EveryLayerComesBackFromItsConfiguration) {
  const LayerRegistry& registry = LayerRegistry::Default();
  EXPECT_GT(registry.Names().size(), 70u);
  for (const std::string& name : registry.Names()) {
    const LayerClass& layer_class = *registry.Find(name);
    EXPECT_FALSE(layer_class.samples.empty()) << name << " has no sample";
    for (const LayerSample& sample : layer_class.samples) {
      SCOPED_TRACE(absl::StrCat(name, " ", sample.config.ToString()));
      const auto layer = FromConfig(name, sample.config);
      ASSERT_TRUE(layer.ok()) << layer.status();
      EXPECT_EQ(layer->class_name(), name);
      const auto config = layer->Config();
      ASSERT_TRUE(config.ok()) << config.status();
      const auto again = FromConfig(name, *config);
      ASSERT_TRUE(again.ok()) << again.status();
      const auto second = again->Config();
      ASSERT_TRUE(second.ok()) << second.status();
      EXPECT_EQ(*config, *second) << config->ToString() << "\n" << second->ToString();

      const auto a = ModelOf(*layer, sample), b = ModelOf(*again, sample);
      ASSERT_TRUE(a.ok()) << a.status();
      ASSERT_TRUE(b.ok()) << b.status();
      EXPECT_EQ(SemanticHash(*a), SemanticHash(*b));
      const auto y = a->Predict(InputsOf(*a));
      EXPECT_TRUE(y.ok()) << y.status();
    }
  }
}

// What a sample sets is not lost on the way, and every option is documented.
TEST(Config, SamplesAndOptionsAgree) {
  const LayerRegistry& registry = LayerRegistry::Default();
  for (const std::string& name : registry.Names()) {
    SCOPED_TRACE(name);
    const LayerClass& layer_class = *registry.Find(name);
    std::vector<std::string> options;
    for (const LayerOption& option : layer_class.options()) {
      options.push_back(option.name);
      EXPECT_FALSE(option.type.empty()) << option.name;
      EXPECT_FALSE(option.doc.empty()) << option.name;
      EXPECT_EQ(option.required, option.default_value.empty()) << option.name;
    }
    for (const LayerSample& sample : layer_class.samples) {
      const auto config = FromConfig(name, sample.config)->Config();
      for (const auto& [field, value] : sample.config) {
        EXPECT_THAT(options, ::testing::Contains(field));
        ASSERT_NE(config->Find(field), nullptr) << field;
      }
    }
  }
}

TEST(Config, IsWhatTheOptionsAre) {
  const auto dense =
      Dense(3, {.activation = "relu", .kernel_initializer = HeNormal({.seed = 7})}).Config();
  ASSERT_TRUE(dense.ok()) << dense.status();
  EXPECT_EQ(*dense,
            (LayerConfig{{"name", nullptr},
                         {"units", 3},
                         {"activation", "relu"},
                         {"use_bias", true},
                         {"kernel_initializer", LayerConfig{{"class_name", "HeNormal"},
                                                            {"config", LayerConfig{{"seed", 7}}}}},
                         {"bias_initializer",
                          LayerConfig{{"class_name", "Zeros"}, {"config", LayerConfig{}}}},
                         {"trainable", true}}))
      << dense->ToString();
}

// A configuration as Keras 3 writes it.
TEST(Config, OfKeras) {
  const LayerConfig initializer = {{"module", "keras.initializers"},
                                   {"class_name", "GlorotUniform"},
                                   {"config", LayerConfig{{"seed", nullptr}}},
                                   {"registered_name", nullptr}};
  const auto layer =
      FromConfig("Conv2D", {{"name", "conv"},
                            {"trainable", false},
                            {"dtype", LayerConfig{{"module", "keras"},
                                                  {"class_name", "DTypePolicy"},
                                                  {"config", LayerConfig{{"name", "float32"}}},
                                                  {"registered_name", nullptr}}},
                            {"filters", 2},
                            {"kernel_size", Ints{3, 3}},
                            {"strides", Ints{1, 1}},
                            {"padding", "valid"},
                            {"data_format", "channels_last"},
                            {"dilation_rate", Ints{1, 1}},
                            {"groups", 1},
                            {"activation", "linear"},
                            {"use_bias", true},
                            {"kernel_initializer", initializer},
                            {"bias_initializer", "zeros"},
                            {"kernel_regularizer", nullptr},
                            {"bias_regularizer", nullptr},
                            {"activity_regularizer", nullptr},
                            {"kernel_constraint", nullptr},
                            {"bias_constraint", nullptr}});
  ASSERT_TRUE(layer.ok()) << layer.status();
  const Input x({5, 5, 1});
  const auto a = BuildModel({x}, {(*layer)(x)});
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_EQ(a->layers[1].name, "conv");
  EXPECT_EQ(CountParameters(a->graph).trainable, 0);
  EXPECT_EQ(CountParameters(a->graph).other, 20);
}

TEST(Config, Errors) {
  struct Case {
    const char* layer;
    LayerConfig config;
    const char* message;
  };
  const LayerConfig unknown = {{"class_name", "HeNormall"}, {"config", LayerConfig{}}};
  for (const Case& c : std::vector<Case>{
           {"Dens", {}, "there is no layer Dens (did you mean Dense"},
           {"Dense", {}, "Dense: units (int) is required"},
           {"Dense",
            {{"units", 2}, {"activatoin", "relu"}},
            "there is no field activatoin (did you mean activation"},
           {"Dense", {{"units", "2"}}, "units: expected int, found string \"2\""},
           {"Dense", {{"units", 2.5}}, "units: expected int, found float 2.5"},
           {"Dense", {{"units", 0}}, "units: expected at least 1, found 0"},
           {"Dense", {{"units", 2}, {"use_bias", 1}}, "use_bias: expected bool, found int 1"},
           {"Dense",
            {{"units", 2}, {"kernel_initializer", unknown}},
            "kernel_initializer: there is no initializer \"HeNormall\" (did you mean he_normal"},
           {"Dense",
            {{"units", 2},
             {"kernel_initializer",
              LayerConfig{{"class_name", "HeNormal"}, {"config", LayerConfig{{"sed", 1}}}}}},
            "kernel_initializer: HeNormal: there is no field sed (did you mean seed"},
           {"Dense",
            {{"units", 2}, {"kernel_regularizer", LayerConfig{{"class_name", "L3"}}}},
            "kernel_regularizer: there is no regularizer \"l3\""},
           {"Dense", {{"units", 2}, {"dtype", "float16"}}, "dtype: expected \"float32\" or null"},
           {"Conv2D",
            {{"filters", 2}, {"kernel_size", ConfigValue::List{3, "x"}}},
            "kernel_size: expected int or list of int, found list [3, \"x\"]"},
           {"ZeroPadding2D",
            {{"padding", ConfigValue::List{Ints{1, 2, 3}}}},
            "padding: expected int, or list of int or of two int, found list [[1, 2, 3]]"},
           {"LSTM",
            {{"units", 2}, {"stateful", true}},
            "stateful: expected false, found bool true"},
           {"LSTM",
            {{"units", 2}, {"recurrent_activation", "sigmoyd"}},
            "recurrent_activation: activation: there is no \"sigmoyd\" (did you mean sigmoid"},
           {"Bidirectional",
            {{"layer",
              LayerConfig{{"class_name", "Dense"}, {"config", LayerConfig{{"units", 1}}}}}},
            "layer: expected a recurrent layer, found Dense"},
           {"Bidirectional", {{"layer", 3}}, "layer: expected a layer, an object with class_name"},
           {"TimeDistributed",
            {{"layer", LayerConfig{{"class_name", "Dense"}, {"config", LayerConfig{}}}}},
            "layer: Dense: units (int) is required"},
           {"GroupQueryAttention",
            {{"head_dim", 1}, {"num_query_heads", 3}, {"num_key_value_heads", 2}},
            "num_query_heads: expected a multiple of num_key_value_heads, 2, found 3"}}) {
    EXPECT_THAT(std::string(FromConfig(c.layer, c.config).status().message()),
                HasSubstr(c.message));
  }
  // All at once.
  EXPECT_THAT(std::string(FromConfig("Dense", {{"units", "a"}, {"bias", 1}}).status().message()),
              AllOf(HasSubstr("units: expected int"), HasSubstr("there is no field bias")));
}

TEST(Config, OfLayersThatHaveNone) {
  EXPECT_EQ(Lambda("nn.Relu").Config().status().code(), absl::StatusCode::kUnimplemented);
  const auto own = [](const Shape& shape, DType dtype, uint64_t) {
    return Tensor::Create(dtype, shape);
  };
  const absl::Status status = Dense(1, {.kernel_initializer = own}).Config().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Dense: kernel_initializer"));
}

TEST(Config, TwoClassesOfOneName) {
  LayerRegistry registry;
  const LayerClass& dense = *LayerRegistry::Default().Find("Dense");
  EXPECT_TRUE(registry.Register(dense).ok());
  EXPECT_TRUE(registry.FromConfig("Dense", {{"units", 1}}).ok());
  EXPECT_EQ(registry.Register(dense).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry.FromConfig("Dense", {{"units", 1}}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST(Config, Description) {
  const auto text = LayerRegistry::Default().Describe("Dense");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("  units: int, required. the size of the result's last axis\n"));
  EXPECT_THAT(*text, HasSubstr("  use_bias: bool, default true. whether bias is added\n"));
  EXPECT_FALSE(LayerRegistry::Default().Describe("Dens").ok());
}

}  // namespace
}  // namespace nomograph
