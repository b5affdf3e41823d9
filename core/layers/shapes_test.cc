// Output shapes and numbers of parameters of every layer, as Keras' documentation and summaries
// have them.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"

namespace nomograph {
namespace {

struct Case {
  const char* name;
  Layer layer;
  PartialShape input;  // without the batch
  const char* output;  // with it
  int64_t params = 0;  // all
  int64_t frozen = 0;  // of them not trainable
  DType dtype = DType::kFloat32;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Input x(c.input, {.dtype = c.dtype});
    const auto model = BuildModel({x}, {c.layer(x)});
    ASSERT_TRUE(model.ok()) << model.status();
    const Graph& graph = model->graph;
    EXPECT_EQ(graph.values[graph.outputs[0]].type.shape.ToString(), c.output);
    const ParameterCount count = CountParameters(graph);
    EXPECT_EQ(count.total(), c.params);
    EXPECT_EQ(count.other, c.frozen);
  }
}

TEST(Shapes, Dense) {
  Check({{"a vector", Dense(32), {16}, "[batch,32]", 544},
         {"a sequence of vectors", Dense(5), {10, 20}, "[batch,10,5]", 105},
         {"no bias", Dense(8, {.use_bias = false}), {4}, "[batch,8]", 32},
         {"an activation", Dense(10, {.activation = "softmax"}), {784}, "[batch,10]", 7850},
         {"an unknown length", Dense(5), {Dim(), 20}, "[batch,?,5]", 105}});
}

TEST(Shapes, Conv) {
  Check({{"valid", Conv2D(32, 3), {28, 28, 1}, "[batch,26,26,32]", 320},
         {"a list", Conv2D(64, {3, 3}), {13, 13, 32}, "[batch,11,11,64]", 18496},
         {"uneven", Conv2D(8, {1, 5}, {.strides = {1, 2}}), {9, 9, 2}, "[batch,9,3,8]", 88},
         {"same with strides",
          Conv2D(64, 7, {.strides = 2, .padding = "same"}),
          {224, 224, 3},
          "[batch,112,112,64]",
          9472},
         {"dilation", Conv2D(4, 3, {.dilation_rate = 2}), {10, 10, 3}, "[batch,6,6,4]", 112},
         {"groups", Conv2D(8, 3, {.groups = 4}), {8, 8, 4}, "[batch,6,6,8]", 80},
         {"no bias", Conv2D(4, 3, {.use_bias = false}), {10, 10, 128}, "[batch,8,8,4]", 4608},
         {"channels first",
          Conv2D(8, 3, {.data_format = "channels_first"}),
          {3, 32, 32},
          "[batch,8,30,30]",
          224},
         {"unknown sizes",
          Conv2D(8, 3, {.padding = "same"}),
          {Dim(), Dim::Symbol("w"), 3},
          "[batch,?,w,8]",
          224},
         {"1D", Conv1D(32, 3), {10, 128}, "[batch,8,32]", 12320},
         {"causal",
          Conv1D(6, 3, {.padding = "causal", .dilation_rate = 2}),
          {10, 4},
          "[batch,10,6]",
          78},
         {"3D", Conv3D(2, 3), {28, 28, 28, 1}, "[batch,26,26,26,2]", 56}});
}

TEST(Shapes, DepthwiseAndSeparableConv) {
  Check({{"depthwise", DepthwiseConv2D(3), {10, 10, 12}, "[batch,8,8,12]", 120},
         {"multiplier",
          DepthwiseConv2D(3, {.strides = 2, .padding = "same", .depth_multiplier = 2}),
          {10, 10, 12},
          "[batch,5,5,24]",
          240},
         {"channels first",
          DepthwiseConv2D(3, {.data_format = "channels_first"}),
          {12, 10, 10},
          "[batch,12,8,8]",
          120},
         {"separable", SeparableConv2D(16, 3), {32, 32, 8}, "[batch,30,30,16]", 216},
         {"separable multiplier",
          SeparableConv2D(4, 3, {.depth_multiplier = 3, .use_bias = false}),
          {5, 5, 2},
          "[batch,3,3,4]",
          78}});
}

TEST(Shapes, ConvTranspose) {
  Check({{"same",
          Conv2DTranspose(64, 3, {.strides = 2, .padding = "same"}),
          {7, 7, 128},
          "[batch,14,14,64]",
          73792},
         {"valid", Conv2DTranspose(4, 3, {.strides = 2}), {7, 7, 2}, "[batch,15,15,4]", 76},
         {"a kernel smaller than the strides",
          Conv2DTranspose(4, 1, {.strides = 3}),
          {7, 7, 2},
          "[batch,21,21,4]",
          12},
         {"output padding, same",
          Conv2DTranspose(1, 3, {.strides = 2, .padding = "same", .output_padding = 1}),
          {7, 7, 1},
          "[batch,14,14,1]",
          10},
         {"no output padding, same",
          Conv2DTranspose(1, 3, {.strides = 2, .padding = "same", .output_padding = 0}),
          {7, 7, 1},
          "[batch,13,13,1]",
          10},
         {"output padding, valid",
          Conv2DTranspose(1, 3, {.strides = 2, .output_padding = {0, 1}}),
          {7, 7, 1},
          "[batch,15,16,1]",
          10},
         {"channels first",
          Conv2DTranspose(4, 3, {.data_format = "channels_first"}),
          {2, 7, 7},
          "[batch,4,9,9]",
          76},
         {"1D", Conv1DTranspose(16, 3, {.strides = 2}), {10, 8}, "[batch,21,16]", 400},
         {"3D", Conv3DTranspose(2, 2, {.strides = 2}), {3, 4, 5, 1}, "[batch,6,8,10,2]", 18}});
}

TEST(Shapes, Pooling) {
  Check({{"max", MaxPooling2D(), {28, 28, 3}, "[batch,14,14,3]"},
         {"strides", MaxPooling2D(3, {.strides = 2}), {55, 55, 96}, "[batch,27,27,96]"},
         {"same", MaxPooling2D({2, 2}, {.padding = "same"}), {7, 7, 3}, "[batch,4,4,3]"},
         {"channels first",
          MaxPooling2D({2, 3}, {.data_format = "channels_first"}),
          {3, 6, 6},
          "[batch,3,3,2]"},
         {"1D", MaxPooling1D(), {5, 3}, "[batch,2,3]"},
         {"3D", MaxPooling3D(), {4, 6, 8, 3}, "[batch,2,3,4,3]"},
         {"average 1D", AveragePooling1D(3, {.strides = 1}), {5, 3}, "[batch,3,3]"},
         {"average 2D", AveragePooling2D(), {5, 5, 3}, "[batch,2,2,3]"},
         {"average 3D", AveragePooling3D({1, 2, 3}), {4, 4, 6, 1}, "[batch,4,2,2,1]"},
         {"global average 1D", GlobalAveragePooling1D(), {6, 4}, "[batch,4]"},
         {"global average 2D", GlobalAveragePooling2D(), {7, 7, 512}, "[batch,512]"},
         {"global average 3D", GlobalAveragePooling3D(), {2, 3, 4, 5}, "[batch,5]"},
         {"global max 1D", GlobalMaxPooling1D(), {6, 4}, "[batch,4]"},
         {"global max 2D", GlobalMaxPooling2D({.keepdims = true}), {7, 7, 8}, "[batch,1,1,8]"},
         {"global max 3D",
          GlobalMaxPooling3D({.data_format = "channels_first"}),
          {5, 2, 3, 4},
          "[batch,5]"}});
}

TEST(Shapes, Normalization) {
  Check({{"batch", BatchNormalization(), {26, 26, 64}, "[batch,26,26,64]", 256, 128},
         {"batch, axis 1",
          BatchNormalization({.axis = 1, .scale = false}),
          {3, 8, 8},
          "[batch,3,8,8]",
          9,
          6},
         {"layer", LayerNormalization(), {10, 64}, "[batch,10,64]", 128},
         {"layer, two axes",
          LayerNormalization({.axis = {1, 2}, .center = false}),
          {4, 5, 6},
          "[batch,4,5,6]",
          20},
         {"group", GroupNormalization({.groups = 8}), {8, 8, 32}, "[batch,8,8,32]", 64},
         {"instance", GroupNormalization({.groups = -1, .axis = 1}), {3, 8, 8}, "[batch,3,8,8]", 6},
         {"none", Dropout(0.5), {3}, "[batch,3]"}});
}

TEST(Shapes, Reshaping) {
  Check({{"flatten", Flatten(), {7, 7, 64}, "[batch,3136]"},
         {"flatten a scalar", Flatten(), {}, "[batch,1]"},
         {"flatten channels first",
          Flatten({.data_format = "channels_first"}),
          {3, 4, 5},
          "[batch,60]"},
         {"reshape", Reshape({3, 4}), {12}, "[batch,3,4]"},
         {"reshape the rest", Reshape({-1, 2, 2}), {12}, "[batch,3,2,2]"},
         {"permute", Permute({2, 1}), {10, 64}, "[batch,64,10]"},
         {"repeat", RepeatVector(3), {32}, "[batch,3,32]"},
         {"pad", ZeroPadding2D(), {28, 28, 3}, "[batch,30,30,3]"},
         {"pad each axis", ZeroPadding2D({1, 2}), {4, 4, 1}, "[batch,6,8,1]"},
         {"pad each end", ZeroPadding2D({{1, 2}, {3, 4}}), {4, 4, 1}, "[batch,7,11,1]"},
         {"pad 1D", ZeroPadding1D({1, 2}), {4, 1}, "[batch,7,1]"},
         {"pad 3D",
          ZeroPadding3D(2, {.data_format = "channels_first"}),
          {1, 4, 5, 6},
          "[batch,1,8,9,10]"},
         {"crop", Cropping2D({{2, 2}, {4, 4}}), {28, 28, 3}, "[batch,24,20,3]"},
         {"crop 1D", Cropping1D(), {3, 2}, "[batch,1,2]"},
         {"crop 3D", Cropping3D({2, 4, 2}), {28, 28, 10, 3}, "[batch,24,20,6,3]"},
         {"up 1D", UpSampling1D(3), {4, 2}, "[batch,12,2]"},
         {"up 2D", UpSampling2D({1, 2}), {2, 2, 1}, "[batch,2,4,1]"},
         {"up 2D bilinear",
          UpSampling2D(2, {.interpolation = "bilinear"}),
          {2, 3, 1},
          "[batch,4,6,1]"},
         {"up 3D", UpSampling3D(), {2, 3, 4, 1}, "[batch,4,6,8,1]"}});
}

TEST(Shapes, Embedding) {
  Check({{"sequence", Embedding(1000, 64), {10}, "[batch,10,64]", 64000, 0, DType::kInt32},
         {"bytes", Embedding(5, 2), {}, "[batch,2]", 10, 0, DType::kUInt8}});
}

TEST(Shapes, Activations) {
  for (const std::string& name : ActivationNames()) {
    if (name == "glu") continue;  // it halves the last axis
    Check({{name.c_str(), Activation(name), {4, 3}, "[batch,4,3]"},
           {name.c_str(), Dense(3, {.activation = name}), {4}, "[batch,3]", 15}});
  }
  Check({{"ReLU", ReLU({.max_value = 6, .negative_slope = 0.1, .threshold = 1}), {3}, "[batch,3]"},
         {"LeakyReLU", LeakyReLU(), {3}, "[batch,3]"},
         {"ELU", ELU(), {3}, "[batch,3]"},
         {"glu", Activation("glu"), {3, 4}, "[batch,3,2]"},
         {"Softmax", Softmax({.axis = 1}), {3, 4}, "[batch,3,4]"},
         {"PReLU", PReLU(), {10, 20}, "[batch,10,20]", 200},
         {"PReLU shared", PReLU({.shared_axes = {1, 2}}), {8, 8, 4}, "[batch,8,8,4]", 4}});
}

TEST(Shapes, Preprocessing) {
  const DType bytes = DType::kUInt8;
  Check({{"rescale", Rescaling(1 / 255.0), {28, 28, 1}, "[batch,28,28,1]", 0, 0, bytes},
         {"normalise",
          Normalization({.mean = {1, 2, 3}, .variance = {4, 5, 6}}),
          {8, 8, 3},
          "[batch,8,8,3]",
          0,
          0,
          bytes},
         {"resize", Resizing(24, 32), {10, 10, 3}, "[batch,24,32,3]"},
         {"centre", CenterCrop(4, 6), {8, 8, 3}, "[batch,4,6,3]", 0, 0, bytes},
         {"random crop", RandomCrop(4, 6), {8, 8, 3}, "[batch,4,6,3]", 0, 0, bytes},
         {"flip", RandomFlip("horizontal"), {256, 256, 3}, "[batch,256,256,3]", 0, 0, bytes},
         {"rotate",
          RandomRotation(0.2, {.fill_mode = "constant", .seed = 3}),
          {8, 8, 3},
          "[batch,8,8,3]"},
         {"brightness", RandomBrightness({-0.1, 0.2}), {8, 8, 3}, "[batch,8,8,3]"},
         {"contrast",
          RandomContrast(0.2, {.data_format = "channels_first"}),
          {3, 8, 8},
          "[batch,3,8,8]"}});
}

// Keras' "Simple MNIST convnet" example.
TEST(Shapes, AWholeModel) {
  const auto model = Sequential({Input({28, 28, 1}), Conv2D(32, {3, 3}, {.activation = "relu"}),
                                 MaxPooling2D({2, 2}), Conv2D(64, {3, 3}, {.activation = "relu"}),
                                 MaxPooling2D({2, 2}), Flatten(), Dropout(0.5),
                                 Dense(10, {.activation = "softmax"})})
                         .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(CountParameters(model->graph).trainable, 34826);
}

}  // namespace
}  // namespace nomograph
