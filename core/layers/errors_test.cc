// What users are told. Every fault is reported once, with its layer's name.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

struct Case {
  Layer layer;
  PartialShape input;
  const char* message;
  DType dtype = DType::kFloat32;
};

std::string Message(const absl::StatusOr<Model>& model) {
  return std::string(model.status().message());
}

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Input x(c.input, {.dtype = c.dtype});
    const absl::Status status = BuildModel({x}, {c.layer(x)}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST(Errors, Options) {
  Check({{Dense(0), {3}, "layer \"dense\": units: expected at least 1, found 0"},
         {Dense(2, {.activation = "rely"}),
          {3},
          "layer \"dense\": activation: there is no \"rely\" (did you mean relu"},
         {Activation("softmux"),
          {3},
          "layer \"activation\": activation: there is no \"softmux\" (did you mean softmax"},
         {Dense(2, {.kernel_initializer = "glorot_unifom"}),
          {3},
          "layer \"dense\": weight kernel: there is no initializer \"glorot_unifom\" (did you mean "
          "glorot_uniform"},
         {Conv2D(-1, 3), {8, 8, 1}, "filters: expected at least 1, found -1"},
         {Conv2D(4, {3, 3, 3}), {8, 8, 1}, "kernel_size: expected 1 number or 2, found 3"},
         {Conv2D(4, 3, {.strides = 0}), {8, 8, 1}, "strides: expected at least 1, found 0"},
         {Conv2D(4, 3, {.padding = "causal"}),
          {8, 8, 1},
          "padding: expected \"valid\", \"same\", found \"causal\""},
         {Conv2D(4, 3, {.data_format = "NHWC"}),
          {8, 8, 1},
          "data_format: expected \"channels_last\", \"channels_first\", found \"NHWC\""},
         {Conv2D(4, 3, {.groups = 3}),
          {8, 8, 3},
          "filters: expected a multiple of groups, 3, found 4"},
         {Conv2DTranspose(4, 3, {.output_padding = 1}),
          {8, 8, 1},
          "output_padding: expected less than strides, 1"},
         {MaxPooling2D(0), {8, 8, 1}, "pool_size: expected at least 1, found 0"},
         {Dropout(1), {3}, "rate: expected a number in [0, 1), found 1"},
         {Reshape({-1, -1}), {4}, "target_shape: -1 may stand once only, found [-1,-1]"},
         {Permute({1, 3}), {4, 4}, "dims: expected each number from 1 to 2 once, found [1,3]"},
         {ZeroPadding2D({1, 2, 3}),
          {8, 8, 1},
          "padding: expected a number, or one or a pair for each of 2 axes, found 3"},
         {Cropping1D(-1), {8, 1}, "cropping: expected numbers from 0 to 2^40, found -1 and -1"},
         {Embedding(0, 3), {4}, "input_dim: expected at least 1, found 0", DType::kInt32},
         {ReLU({.max_value = -1}), {4}, "max_value: expected a number from 0 to inf, found -1"},
         {GroupNormalization({.groups = 0}), {4}, "groups: expected at least 1, found 0"},
         {Normalization({.mean = {1}}),
          {4},
          "mean and variance: expected equally many numbers, at least one, found 1 and 0"},
         {RandomFlip("sideways"), {4, 4, 1}, "mode: expected \"horizontal\", \"vertical\""},
         {RandomRotation(2), {4, 4, 1}, "factor: expected a number from -1 to 1, found 2"}});
}

TEST(Errors, Inputs) {
  Check({{Conv2D(4, 3),
          {784},
          "layer \"conv2d\": expected an input of rank 4 (batch, height, width, channels), found "
          "float32[batch,784]"},
         {Conv1D(4, 3, {.data_format = "channels_first"}),
          {8},
          "expected an input of rank 3 (batch, channels, steps), found float32[batch,8]"},
         {Conv2D(4, 3), {8, 8, Dim()}, "the number of channels (axis -1) must be known"},
         {Conv2D(4, 3, {.groups = 2}),
          {8, 8, 3},
          "expected an input with a multiple of groups, 2, channels"},
         {Conv2D(4, 9),
          {8, 8, 1},
          "layer \"conv2d\": nn.Conv: expected at least 9 elements along spatial axis 0"},
         {Dense(4),
          {},
          "expected an input of rank 2 or more (batch, ..., features), found float32[batch]"},
         {Dense(4),
          {3},
          "expected an input of float32, float64, float16 or bfloat16, found uint8[batch,3]",
          DType::kUInt8},
         {Dense(4), {Dim()}, "the number of features (axis -1) must be known"},
         {Embedding(4, 3), {4}, "found bool[batch,4]", DType::kBool},
         {MaxPooling1D(4), {3, 1}, "nn.MaxPool: expected at least 4 elements"},
         {GroupNormalization(), {8}, "groups: expected a divisor of the 8 channels, found 32"},
         {LayerNormalization({.axis = {3}}), {8}, "axis 3 is outside of [-2, 2)"},
         {PReLU({.shared_axes = {2}}), {8}, "shared_axes: expected axes from 1 to 1, found 2"},
         {Reshape({5}), {4}, "layer \"reshape\": array.Reshape"},
         {Permute({1, 2}), {4}, "expected an input of rank 3"},
         {Cropping1D({2, 1}),
          {3, 1},
          "cropping: expected less than the 3 elements of axis 1, found 2 + 1"},
         {Normalization({.mean = {1, 2}, .variance = {1, 2}}),
          {3},
          "mean: expected 3 numbers for axis -1"},
         {Concatenate(), {3}, "layer \"concatenate\": expected at least 2 inputs, found 1"},
         {Subtract(), {3}, "layer \"subtract\": expected 2 inputs, found 1"}});
}

TEST(Errors, SeveralInputs) {
  const Input a({3}), b({4}), c({3}, {.dtype = DType::kInt32}), deep({2, 2, 2});
  const auto message = [](const Value& value) {
    return std::string(BuildModel({}, {value}).status().message());
  };
  EXPECT_THAT(message(Add()({a, b})),
              HasSubstr("layer \"add\": math.Add: shapes [batch,3] and [batch,4]"));
  EXPECT_THAT(message(Add()({a, c})),
              HasSubstr("expected inputs of one dtype, found float32[batch,3] and int32[batch,3]"));
  EXPECT_THAT(message(Add()({a, Value()})), HasSubstr("input 1 is absent"));
  EXPECT_THAT(message(Dense(1)(Value())), HasSubstr("layer \"dense\": the input is absent"));
  EXPECT_THAT(message(Dense(1)({a, b})), HasSubstr("layer \"dense\": expected 1 input, found 2"));
  EXPECT_THAT(message(Dot(1)({a, b})),
              HasSubstr("expected inputs of equal sizes along axes 1 and 1"));
  EXPECT_THAT(message(Dot(0)({a, a})), HasSubstr("axes: the batch axis, 0, cannot be one of them"));
  EXPECT_THAT(message(Dot(1)({a, deep})),
              HasSubstr("expected inputs of rank 2 or 3, found float32[batch,2,2,2]"));
}

TEST(Errors, LaterCallsOfALayer) {
  const Input a({3}), b({4});
  const Layer dense = Dense(2);
  const Value first = dense(a), second = dense(b);
  EXPECT_EQ(Message(BuildModel({a, b}, {first, second})),
            "layer \"dense\": expected 3 features (axis -1) as in the layer's first call, found "
            "float32[batch,4]");
}

TEST(Errors, AreCollectedAndEachIsReportedOnce) {
  const auto model =
      Sequential({Input({28, 28, 1}), Conv2D(0, 3), Conv2D(8, 3, {.activation = "rely"}), Flatten(),
                  Dropout(-0.5, {.name = "drop"}), Dense(10, {.activation = "softmax"})})
          .Build();
  EXPECT_EQ(
      Message(model),
      "the model cannot be built:\n"
      "  layer \"conv2d\": filters: expected at least 1, found 0\n"
      "  layer \"conv2d_1\": activation: there is no \"rely\" (did you mean relu, celu, elu?)\n"
      "  layer \"drop\": rate: expected a number in [0, 1), found -0.5");
}

TEST(Errors, OfASharedLayerAndOfSeveralInputs) {
  const Input x({3});
  const Layer wrong = Dense(0);
  const Value sum = Add()({wrong(x), wrong(wrong(x)), Dropout(2)(x)});
  EXPECT_EQ(Message(BuildModel({x}, {sum})),
            "the model cannot be built:\n"
            "  layer \"dense\": units: expected at least 1, found 0\n"
            "  layer \"dropout\": rate: expected a number in [0, 1), found 2");
}

TEST(Errors, Names) {
  EXPECT_EQ(
      Message(Sequential({Input({3}), Dense(2, {.name = "a"}), Dense(2, {.name = "a"})}).Build()),
      "two layers are named \"a\"");
  EXPECT_EQ(Message(Sequential({Input({3}), Dense(2, {.name = "a/b"})}).Build()),
            "layer \"a/b\": the name of a layer must not contain '/'");
}

TEST(Errors, Stacks) {
  EXPECT_THAT(Sequential({Dense(2)}).Build().status().message(), HasSubstr("must be an Input"));
  EXPECT_THAT(Sequential().Build().status().message(), HasSubstr("must be an Input"));
  EXPECT_EQ(Message(Sequential({Input({-7}), Dense(0)}).Build()),
            "the model cannot be built:\n"
            "  layer \"input_layer\": an input's sizes must not be negative, found -7\n"
            "  layer \"dense\": units: expected at least 1, found 0");
  Sequential own({Input({3}), Dense(3)});
  Sequential inner;
  inner.Add(own);
  own.Add(inner);
  EXPECT_THAT(own.Build().status().message(), HasSubstr("is among its own layers"));
}

}  // namespace
}  // namespace nomograph
