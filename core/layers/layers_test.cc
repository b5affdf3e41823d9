// Names, weights, sharing, several inputs and outputs, stacks, layers of one's own.
#include "nomograph/core/layers/layers.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> LayerNames(const Model& model) {
  std::vector<std::string> names;
  for (const LayerInfo& layer : model.layers) names.push_back(layer.name);
  return names;
}

// The weights as "name float32[shape]".
std::vector<std::string> Weights(const Model& model) {
  std::vector<std::string> weights;
  for (const Weight& weight : model.graph.weights) {
    const ValueInfo& value = model.graph.values[weight.value];
    weights.push_back(absl::StrCat(value.name, " ", value.type.ToString()));
  }
  return weights;
}

std::vector<std::string> Names(const Graph& graph, const std::vector<ValueId>& values) {
  std::vector<std::string> names;
  for (const ValueId id : values) names.push_back(graph.values[id].name);
  return names;
}

TEST(Layers, AreNamedAsInKeras) {
  struct Case {
    Layer layer;
    const char* name;
  };
  const std::vector<Case> cases = {{Conv2D(1, 1), "conv2d"},
                                   {Conv2DTranspose(1, 1), "conv2d_transpose"},
                                   {DepthwiseConv2D(1), "depthwise_conv2d"},
                                   {SeparableConv2D(1, 1), "separable_conv2d"},
                                   {MaxPooling2D(), "max_pooling2d"},
                                   {BatchNormalization(), "batch_normalization"},
                                   {ReLU(), "re_lu"},
                                   {LeakyReLU(), "leaky_re_lu"},
                                   {PReLU(), "p_re_lu"},
                                   {ELU(), "elu"},
                                   {ZeroPadding2D(), "zero_padding2d"},
                                   {UpSampling2D(), "up_sampling2d"},
                                   {GlobalAveragePooling2D(), "global_average_pooling2d"},
                                   {RandomFlip(), "random_flip"}};
  for (const Case& c : cases) {
    const auto model = Sequential({Input({4, 4, 1}), c.layer}).Build();
    ASSERT_TRUE(model.ok()) << c.name << ": " << model.status();
    EXPECT_THAT(LayerNames(*model), ElementsAre(c.name));
  }
}

TEST(Layers, AreNumberedAndKeepTheNamesThatTheyAreGiven) {
  const auto model = Sequential({Input({3}), Dense(1), Dense(1, {.name = "dense_1"}), Dense(1),
                                 Activation("linear")},
                                "net")
                         .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name, "net");
  EXPECT_THAT(LayerNames(*model), ElementsAre("dense", "dense_1", "dense_2", "activation"));
  EXPECT_THAT(Names(model->graph, model->graph.outputs), ElementsAre("activation"));
}

TEST(Layers, HaveKerasWeights) {
  const auto model =
      Sequential({Input({8, 8, 3}), Conv2D(4, {3, 5}), BatchNormalization(),
                  DepthwiseConv2D(3, {.depth_multiplier = 2}), SeparableConv2D(6, 2),
                  Conv2DTranspose(5, 3), PReLU({.shared_axes = {1, 2}}), Flatten(), Dense(2)})
          .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(
      Weights(*model),
      ElementsAre(
          "conv2d/kernel float32[3,5,3,4]", "conv2d/bias float32[4]",
          "batch_normalization/gamma float32[4]", "batch_normalization/beta float32[4]",
          "batch_normalization/moving_mean float32[4]",
          "batch_normalization/moving_variance float32[4]",
          "depthwise_conv2d/depthwise_kernel float32[3,3,4,2]", "depthwise_conv2d/bias float32[8]",
          "separable_conv2d/depthwise_kernel float32[2,2,8,1]",
          "separable_conv2d/pointwise_kernel float32[1,1,8,6]", "separable_conv2d/bias float32[6]",
          "conv2d_transpose/kernel float32[3,3,5,6]", "conv2d_transpose/bias float32[5]",
          "p_re_lu/alpha float32[1,1,5]", "dense/kernel float32[75,2]", "dense/bias float32[2]"));
}

TEST(Layers, WeightsHaveTheDTypeOfTheInput) {
  const auto model = Sequential({Input({3}, {.dtype = DType::kFloat64}), Dense(1)}).Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Weights(*model), ElementsAre("dense/kernel float64[3,1]", "dense/bias float64[1]"));
}

TEST(Layers, TheSeedDecidesInitialValues) {
  const Sequential layers({Input({3}), Dense(2), Dense(2, {.bias_initializer = "ones"})});
  const auto a = layers.Build(7), b = layers.Build(7), c = layers.Build(8);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(*a->GetWeight("dense/kernel"), *b->GetWeight("dense/kernel"));
  EXPECT_FALSE(*a->GetWeight("dense/kernel") == *c->GetWeight("dense/kernel"));
  EXPECT_EQ(a->GetWeight("dense/bias")->AsDouble(0), 0);
  EXPECT_EQ(a->GetWeight("dense_1/bias")->AsDouble(0), 1);
}

TEST(Layers, ASharedLayerHasOneSetOfWeights) {
  const Input a({4}, {.name = "a"}), b({4}, {.name = "b"});
  const Layer shared = Dense(3);
  const auto model = BuildModel({a, b}, {Concatenate()({shared(a), shared(b)})});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Weights(*model), ElementsAre("dense/kernel float32[4,3]", "dense/bias float32[3]"));
  EXPECT_THAT(LayerNames(*model), ElementsAre("a", "b", "dense", "concatenate"));
}

TEST(Layers, SeveralInputsAndOutputs) {
  const Input image({8, 8, 1}, {.name = "image"}),
      text({5}, {.dtype = DType::kInt32, .name = "text"});
  const Value left = Flatten()(Conv2D(2, 3)(image));
  const Value right = Flatten()(Embedding(10, 3)(text));
  const Value both = Concatenate()({left, right});
  const Value label = Dense(3, {.activation = "softmax", .name = "label"})(both);
  const Value score = Dense(1, {.name = "score"})(both);
  const auto model = BuildModel({image, text}, {label, score}, {.name = "two"});
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph& graph = model->graph;
  EXPECT_THAT(Names(graph, graph.inputs), ElementsAre("image", "text"));
  EXPECT_THAT(Names(graph, graph.outputs), ElementsAre("label", "score"));
  EXPECT_EQ(graph.values[graph.outputs[0]].type.ToString(), "float32[batch,3]");
}

TEST(Layers, MergeShapes) {
  const Input a({3, 4}), b({3, 4}), row({4}), column({3, 1});
  struct Case {
    const char* name;
    Value value;
    const char* shape;
  };
  const std::vector<Case> cases = {
      {"add", Add()({a, b, a}), "[batch,3,4]"},
      {"an input of fewer axes", Add()({a, row}), "[batch,3,4]"},
      {"repeated sizes", Multiply()({a, column}), "[batch,3,4]"},
      {"subtract", Subtract()({a, b}), "[batch,3,4]"},
      {"average", Average()({a, b}), "[batch,3,4]"},
      {"maximum", Maximum()({a, b}), "[batch,3,4]"},
      {"minimum", Minimum()({a, b}), "[batch,3,4]"},
      {"concatenate", Concatenate()({a, column}), "[batch,3,5]"},
      {"concatenate axis 1", Concatenate({.axis = 1})({a, b}), "[batch,6,4]"},
      {"dot of vectors", Dot(1)({row, row}), "[batch,1]"},
      {"dot of matrices", Dot(2)({a, b}), "[batch,3,3]"},
      {"dot along axis 1", Dot(1)({a, b}), "[batch,4,4]"},
      {"dot of both kinds", Dot({2, 1})({a, row}), "[batch,3]"},
      {"dot, the vector first", Dot(-1, {.normalize = true})({row, b}), "[batch,3]"}};
  for (const Case& c : cases) {
    EXPECT_TRUE(c.value.status().ok()) << c.name << ": " << c.value.status();
    EXPECT_EQ(c.value.shape().ToString(), c.shape) << c.name;
  }
}

TEST(Layers, AStackIsALayerOfAnother) {
  const Sequential head({Dense(4), Dense(2)}, "head");
  const Sequential augment({Input({8}), Dropout(0.5)});
  const auto model = Sequential({Input({8}), augment, Dense(3), head}).Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(LayerNames(*model), ElementsAre("sequential", "dense", "head"));
  EXPECT_THAT(Weights(*model),
              ElementsAre("dense/kernel float32[8,3]", "dense/bias float32[3]",
                          "head/dense/kernel float32[3,4]", "head/dense/bias float32[4]",
                          "head/dense_1/kernel float32[4,2]", "head/dense_1/bias float32[2]"));
  EXPECT_THAT(augment(Input({9})).expr()->inputs.size(),
              1u);  // the fault that follows is behind it
  EXPECT_THAT(BuildModel({}, {augment(Input({9}))}).status().message(),
              HasSubstr("expected float32[batch,8]"));
}

// Weights that training does not change, and another layer inside.
class Gate : public LayerBase {
 public:
  explicit Gate(int64_t units) : LayerBase("Gate"), dense_(Dense(units)) {}

  absl::Status Build(absl::Span<const TensorType>) override {
    limit_ = AddWeight({.name = "limit", .shape = {1}, .initializer = "ones", .trainable = false});
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    const Value y = dense_(inputs[0]);
    return std::vector<Value>{nomograph::Call("math.Min", {y, limit_}), y};
  }

 private:
  Layer dense_;
  Value limit_;
};

TEST(Layers, OfOnesOwn) {
  const Layer gate = MakeLayer<Gate>(2);
  const Input x({3});
  const std::vector<Value> y = gate.Apply({x}, 2);
  const auto model = BuildModel({x}, {y[0], y[1]}, {.output_names = {"low", "all"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(LayerNames(*model), ElementsAre("input_layer", "gate"));
  EXPECT_THAT(Names(model->graph, model->layers[1].outputs), ElementsAre("low", "all"));
  const ParameterCount count = CountParameters(model->graph);
  EXPECT_EQ(count.trainable, 8);
  EXPECT_EQ(count.other, 1);
  EXPECT_THAT(BuildModel({x}, {gate(x)}).status().message(),
              HasSubstr("the layer yields 2 outputs, but 1 are taken"));
}

TEST(Layers, OfOnesOwnOnAnUnknownSize) {
  class Scale : public LayerBase {
   public:
    Scale() : LayerBase("Scale") {}
    absl::Status Build(absl::Span<const TensorType> inputs) override {
      scale_ = AddWeight({.name = "scale", .shape = {inputs[0].shape[1].size()}});
      return absl::OkStatus();
    }
    absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
      return std::vector<Value>{inputs[0] * scale_};
    }

   private:
    Value scale_;
  };
  EXPECT_THAT(Sequential({Input({Dim()}), MakeLayer<Scale>()}).Build().status().message(),
              HasSubstr("layer \"scale\": weight scale: expected known sizes, found [-1]"));
}

// The value of a regularisation, which Keras would add to the loss, is an output like any other.
TEST(Layers, AWeightCanBeUsedElsewhere) {
  const Input x({3});
  const Layer dense = Dense(2, {.kernel_initializer = "ones"});
  const Value y = dense(x);
  const Value penalty =
      0.01 * Call("math.ReduceSumSquare", {dense.weight("kernel")}, {{"keepdims", false}});
  const auto model = BuildModel({x}, {y, penalty}, {.output_names = {"y", "l2"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(CountParameters(model->graph).total(), 8);
  EXPECT_THAT(dense.weight("kernels").status().message(),
              HasSubstr("no weight \"kernels\"; it has kernel, bias"));
  EXPECT_THAT(Dense(1).weight("kernel").status().message(),
              HasSubstr("before the layer is called"));
}

}  // namespace
}  // namespace nomograph
