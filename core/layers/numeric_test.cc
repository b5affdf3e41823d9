// What layers compute, against PyTorch 1.13 (the expression stands beside each case) and numbers
// worked out by hand.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

// torch.arange(n) * step + start
Tensor Iota(const Shape& shape, double start, double step) {
  Tensor tensor(DType::kFloat32, shape);
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    tensor.mutable_data<float>()[i] = static_cast<float>(start + step * static_cast<double>(i));
  }
  return tensor;
}

Tensor Floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::Of<float>(shape, values);
}

PartialShape WithoutBatch(const Tensor& tensor) { return Shape(tensor.shape().dims().subspan(1)); }

struct Case {
  const char* name;
  Layer layer;
  Tensor x;
  std::vector<Tensor> weights;  // in the order in which the layer declares them
  Shape shape;
  std::vector<float> expected;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Input x(WithoutBatch(c.x), {.dtype = c.x.dtype()});
    auto model = BuildModel({x}, {c.layer(x)});
    ASSERT_TRUE(model.ok()) << model.status();
    ASSERT_EQ(model->graph.weights.size(), c.weights.size());
    for (size_t i = 0; i < c.weights.size(); ++i) {
      ASSERT_EQ(model->graph.weights[i].tensor.shape(), c.weights[i].shape());
      model->graph.weights[i].tensor = c.weights[i];
    }
    const auto y = model->Predict(c.x);
    ASSERT_TRUE(y.ok()) << y.status();
    const absl::Status close = AllClose(*y, Floats(c.shape, c.expected), 1e-5, 1e-6);
    EXPECT_TRUE(close.ok()) << close << "\n" << y->ToString(40);
  }
}

TEST(Numeric, DenseAndConv) {
  const Tensor bias = Floats({2}, {0.5, -0.25}), kernel = Iota({2, 2, 2, 2}, -1, 0.125);
  const Tensor x = Iota({1, 3, 3, 2}, -2, 0.25);
  Check({// relu(x @ kernel + bias)
         {"dense",
          Dense(2, {.activation = "relu"}),
          Iota({2, 3}, -1, 0.5),
          {Iota({3, 2}, -1, 0.5), bias},
          {2, 2},
          {1.5, 0, 1.5, 2.25}},
         // conv2d(x, kernel.permute(3, 2, 0, 1), bias), x and the result being NCHW there
         {"conv2d",
          Conv2D(2, 2),
          x,
          {kernel, bias},
          {1, 2, 2, 2},
          {5, 3.375, 4.5, 3.375, 3.5, 3.375, 3, 3.375}},
         {"conv2d channels first",
          Conv2D(2, 2, {.data_format = "channels_first"}),
          x.Reshaped({1, 2, 3, 3}),
          {kernel, bias},
          {1, 2, 2, 2},
          {3.75, 3.5, 3, 2.75, 2.625, 2.625, 2.625, 2.625}},
         // conv2d(pad(x, (1, 1, 1, 1)), ..., stride=2, dilation=2)
         {"conv2d same",
          Conv2D(2, 2, {.strides = 2, .padding = "same", .dilation_rate = 2}),
          x,
          {kernel, bias},
          {1, 2, 2, 2},
          {0.6875, -0.03125, 0.5625, -0.15625, 0.4375, -0.28125, 0.3125, -0.40625}},
         // conv2d(x, ..., groups=2)
         {"conv2d groups",
          Conv2D(2, 1, {.groups = 2, .use_bias = false}),
          Iota({1, 1, 2, 4}, 0, 1),
          {Iota({1, 1, 2, 2}, 1, 1)},
          {1, 1, 2, 2},
          {3, 16, 19, 40}},
         // y[t] = 100 x[t] + 10 x[t - 2] + x[t - 4]
         {"causal",
          Conv1D(1, 3, {.padding = "causal", .dilation_rate = 2, .use_bias = false}),
          Iota({1, 4, 1}, 1, 1),
          {Floats({3, 1, 1}, {1, 10, 100})},
          {1, 4, 1},
          {100, 200, 310, 420}}});
}

TEST(Numeric, DepthwiseAndSeparableConv) {
  const Tensor x = Iota({1, 3, 3, 2}, -2, 0.25), kernel = Iota({2, 2, 2, 2}, -1, 0.125);
  Check({// output channel 2 c + m: conv2d(x[:, c:c + 1], kernel[:, :, c, m])
         {"depthwise",
          DepthwiseConv2D(2, {.depth_multiplier = 2, .use_bias = false}),
          x,
          {kernel},
          {1, 2, 2, 4},
          {2.75, 2.25, 1.75, 1.375, 2.25, 2, 1.75, 1.625, 1.25, 1.5, 1.75, 2.125, 0.75, 1.25, 1.75,
           2.375}},
         // conv2d(that, pointwise.permute(3, 2, 0, 1), bias)
         {"separable",
          SeparableConv2D(1, 2, {.depth_multiplier = 2}),
          x,
          {kernel, Floats({1, 1, 4, 1}, {1, -1, 2, 0.5}), Floats({1}, {0.5})},
          {1, 2, 2, 1},
          {5.1875, 5.0625, 4.8125, 4.6875}}});
}

TEST(Numeric, ConvTranspose) {
  const Tensor x = Iota({1, 2, 2, 1}, 1, 1), kernel = Iota({3, 3, 1, 1}, 1, 1);
  Check({// conv_transpose2d(x, kernel.permute(3, 2, 0, 1), stride=2)
         {"valid",
          Conv2DTranspose(1, 3, {.strides = 2, .use_bias = false}),
          x,
          {kernel},
          {1, 5, 5, 1},
          {1,  2,  5,  4,  6,  4,  5,  14, 10, 12, 10, 14, 36,
           24, 30, 12, 15, 34, 20, 24, 21, 24, 55, 32, 36}},
         // the same without its last row and column
         {"same",
          Conv2DTranspose(1, 3, {.strides = 2, .padding = "same", .use_bias = false}),
          x,
          {kernel},
          {1, 4, 4, 1},
          {1, 2, 5, 4, 4, 5, 14, 10, 10, 14, 36, 24, 12, 15, 34, 20}},
         // conv_transpose2d(..., stride=2, padding=1)
         {"same, no output padding",
          Conv2DTranspose(
              1, 3, {.strides = 2, .padding = "same", .output_padding = 0, .use_bias = false}),
          x,
          {kernel},
          {1, 3, 3, 1},
          {5, 14, 10, 14, 36, 24, 15, 34, 20}},
         // conv_transpose2d(..., bias, stride=2, output_padding=1)
         {"valid, a small kernel",
          Conv2DTranspose(1, 1, {.strides = 2}),
          x,
          {Floats({1, 1, 1, 1}, {3}), Floats({1}, {0.5})},
          {1, 4, 4, 1},
          {3.5, 0.5, 6.5, 0.5, 0.5, 0.5, 0.5, 0.5, 9.5, 0.5, 12.5, 0.5, 0.5, 0.5, 0.5, 0.5}}});
}

TEST(Numeric, Normalization) {
  const Tensor x = Iota({2, 3, 2}, -1, 0.5), gamma = Floats({2}, {1, 2}),
               beta = Floats({2}, {0.5, -0.5});
  Check({// (x - mean) / sqrt(variance + 1e-3) * gamma + beta
         {"batch",
          BatchNormalization(),
          x,
          {gamma, beta, Floats({2}, {0.25, 1}), Floats({2}, {4, 0.25})},
          {2, 3, 2},
          {-0.12492189, -6.48803588, 0.375015622, -2.49601196, 0.874953134, 1.49601196, 1.37489065,
           5.48803588, 1.87482816, 9.4800598, 2.37476567, 13.4720837}},
         {"batch, no scale",
          BatchNormalization({.center = false, .scale = false}),
          Floats({1, 1}, {3}),
          {Floats({1}, {1}), Floats({1}, {0.249})},
          {1, 1},
          {4}},
         // layer_norm(x, (2,), gamma, beta, 1e-3)
         {"layer",
          LayerNormalization(),
          x,
          {gamma, beta},
          {2, 3, 2},
          {-0.492094738, 1.48418948, -0.492094738, 1.48418948, -0.492094738, 1.48418948,
           -0.492094738, 1.48418948, -0.492094738, 1.48418948, -0.492094738, 1.48418948}},
         // (x - x.mean(1)) / sqrt(x.var(1, unbiased=False) + 1e-3) * gamma
         {"layer, axis 1",
          LayerNormalization({.axis = {1}, .center = false}),
          x,
          {Floats({3}, {1, 2, 3})},
          {2, 3, 2},
          {-1.22382734, -1.22382734, 0, 0, 3.67148203, 3.67148203, -1.22382734, -1.22382734, 0, 0,
           3.67148203, 3.67148203}},
         // group_norm(x, 2, gamma, beta, 1e-3), x and the result being NCHW there
         {"group",
          GroupNormalization({.groups = 2}),
          Floats({1, 2, 4}, {1, 4, 2, 8, 5, 7, 1, 3}),
          {Floats({4}, {1, 2, 3, 4}), Floats({4}, {0, 1, 0, 1})},
          {1, 2, 4},
          {-1.50095061, 0.769084522, -1.6711428, 7.68457119, 0.346373217, 3.54007026, -2.78523799,
           0.257269868}}});
}

TEST(Numeric, Activations) {
  struct Row {
    const char* name;
    std::vector<float> expected;
  };
  // The functions of those names in torch.nn.functional.
  const std::vector<Row> rows = {
      {"celu", {-0.981684361, -0.632120559, -0.221199217, 0, 0.3, 2.5}},
      {"elu", {-0.981684361, -0.632120559, -0.221199217, 0, 0.3, 2.5}},
      {"exponential", {0.0183156389, 0.367879441, 0.778800783, 1, 1.34985881, 12.182494}},
      {"gelu", {-0.000126684967, -0.158655254, -0.100323419, 0, 0.185373427, 2.48447584}},
      {"hard_shrink", {-4, -1, 0, 0, 0, 2.5}},
      {"hard_sigmoid", {0, 0.333333333, 0.458333333, 0.5, 0.55, 0.916666667}},
      {"hard_sigmoid_0_2", {0, 0.3, 0.45, 0.5, 0.56, 1}},  // min(max(x / 5 + 1 / 2, 0), 1)
      {"hard_silu", {0, -0.333333333, -0.114583333, 0, 0.165, 2.29166667}},
      {"hard_swish", {0, -0.333333333, -0.114583333, 0, 0.165, 2.29166667}},
      {"hard_tanh", {-1, -1, -0.25, 0, 0.3, 1}},
      {"leaky_relu", {-0.8, -0.2, -0.05, 0, 0.3, 2.5}},
      {"linear", {-4, -1, -0.25, 0, 0.3, 2.5}},
      {"log_sigmoid",
       {-4.01814993, -1.31326169, -0.82593942, -0.693147181, -0.554355244, -0.0788897343}},
      {"log_softmax",
       {-6.75349182, -3.75349182, -3.00349182, -2.75349182, -2.45349182, -0.253491821}},
      {"mish", {-0.0725917408, -0.303401461, -0.129926964, 0, 0.208001372, 2.4713923}},
      {"relu", {0, 0, 0, 0, 0.3, 2.5}},
      {"relu6", {0, 0, 0, 0, 0.3, 2.5}},
      {"selu", {-1.72589863, -1.11133074, -0.388890197, 0, 0.315210296, 2.62675247}},
      {"sigmoid", {0.01798621, 0.268941421, 0.437823499, 0.5, 0.574442517, 0.92414182}},
      {"silu", {-0.0719448398, -0.268941421, -0.109455875, 0, 0.172332755, 2.31035455}},
      {"soft_shrink", {-3.5, -0.5, 0, 0, 0, 2}},
      {"softmax",
       {0.00116679825, 0.0234357693, 0.049613524, 0.0637050258, 0.0859927902, 0.776086092}},
      {"softplus", {0.0181499279, 0.313261688, 0.57593942, 0.693147181, 0.854355244, 2.57888973}},
      {"softsign", {-0.8, -0.5, -0.2, 0, 0.230769231, 0.714285714}},
      // x where x >= 1, (x + 1)^2 / 4 where |x| < 1; clamp((x + 1) / 2, 0, 1); the point of the
      // simplex that is nearest, found by bisection
      {"sparse_plus", {0, 0, 0.140625, 0.25, 0.4225, 2.5}},
      {"sparse_sigmoid", {0, 0, 0.375, 0.5, 0.65, 1}},
      {"sparsemax", {0, 0, 0, 0, 0, 1}},
      {"squareplus", {0.236067977, 0.618033989, 0.882782219, 1, 1.16118742, 2.85078106}},
      {"swish", {-0.0719448398, -0.268941421, -0.109455875, 0, 0.172332755, 2.31035455}},
      {"tanh", {-0.9993293, -0.761594156, -0.244918662, 0, 0.291312612, 0.986614298}},
      {"tanh_shrink", {-3.0006707, -0.238405844, -0.0050813376, 0, 0.00868738755, 1.5133857}}};
  ASSERT_EQ(rows.size() + 1, ActivationNames().size());
  // torch.nn.functional.glu halves the axis.
  Check({{"glu",
          Activation("glu"),
          Floats({1, 6}, {-4, -1, -0.25, 0, 0.3, 2.5}),
          {},
          {1, 3},
          {-2, -0.574442517, -0.231035455}}});
  for (const Row& row : rows) {
    Check({{row.name,
            Activation(row.name),
            Floats({1, 6}, {-4, -1, -0.25, 0, 0.3, 2.5}),
            {},
            {1, 6},
            row.expected}});
  }
}

TEST(Numeric, ActivationLayers) {
  const Tensor x = Floats({1, 5}, {-2, 0, 1, 3, 8});
  Check({{"ReLU", ReLU(), x, {}, {1, 5}, {0, 0, 1, 3, 8}},
         {"ReLU max", ReLU({.max_value = 6}), x, {}, {1, 5}, {0, 0, 1, 3, 6}},
         {"ReLU slope",
          ReLU({.max_value = 6, .negative_slope = 0.5}),
          x,
          {},
          {1, 5},
          {-1, 0, 1, 3, 6}},
         {"ReLU threshold", ReLU({.threshold = 2}), x, {}, {1, 5}, {0, 0, 0, 3, 8}},
         {"ReLU all",
          ReLU({.max_value = 6, .negative_slope = 0.5, .threshold = 2}),
          x,
          {},
          {1, 5},
          {-2, -1, -0.5, 3, 6}},
         {"LeakyReLU", LeakyReLU(), x, {}, {1, 5}, {-0.6, 0, 1, 3, 8}},
         {"PReLU", PReLU(), x, {Floats({5}, {0.25, 1, 1, 1, 1})}, {1, 5}, {-0.5, 0, 1, 3, 8}},
         {"Softmax",
          Softmax({.axis = 1}),
          Floats({1, 2, 2}, {0, 5, 0, 5}),
          {},
          {1, 2, 2},
          {0.5, 0.5, 0.5, 0.5}}});
}

TEST(Numeric, Reshaping) {
  const Tensor x = Iota({1, 2, 2, 1}, 1, 1), cube = Iota({1, 2, 1, 3}, 0, 1);
  Check({{"flatten channels first",
          Flatten({.data_format = "channels_first"}),
          cube,
          {},
          {1, 6},
          {0, 3, 1, 4, 2, 5}},
         {"permute", Permute({3, 1, 2}), cube, {}, {1, 3, 2, 1}, {0, 3, 1, 4, 2, 5}},
         {"repeat",
          RepeatVector(2),
          Floats({2, 2}, {1, 2, 3, 4}),
          {},
          {2, 2, 2},
          {1, 2, 1, 2, 3, 4, 3, 4}},
         {"pad", ZeroPadding2D({{1, 0}, {0, 1}}), x, {}, {1, 3, 3, 1}, {0, 0, 0, 1, 2, 0, 3, 4, 0}},
         {"pad channels first",
          ZeroPadding1D({1, 0}, {.data_format = "channels_first"}),
          Floats({1, 2, 1}, {1, 2}),
          {},
          {1, 2, 2},
          {0, 1, 0, 2}},
         {"crop", Cropping2D({{1, 0}, {0, 1}}), x, {}, {1, 1, 1, 1}, {3}},
         {"up 1D", UpSampling1D(2), Iota({1, 2, 2}, 1, 1), {}, {1, 4, 2}, {1, 2, 1, 2, 3, 4, 3, 4}},
         {"up 2D", UpSampling2D({1, 3}), x, {}, {1, 2, 6, 1}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}},
         // interpolate(x, scale_factor=2, mode="bilinear")
         {"up 2D bilinear",
          UpSampling2D(2, {.interpolation = "bilinear"}),
          x,
          {},
          {1, 4, 4, 1},
          {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}},
         {"embedding",
          Embedding(3, 2),
          Tensor::Of<uint8_t>({1, 2}, {2, 0}),
          {Iota({3, 2}, 0, 1)},
          {1, 2, 2},
          {4, 5, 0, 1}}});
}

TEST(Numeric, Preprocessing) {
  const Tensor pixels = Tensor::Of<uint8_t>({1, 1, 2, 2}, {0, 51, 102, 255});
  const std::vector<float> kSame = {1, 2, 3, 4};
  Check(
      {{"rescale", Rescaling(1 / 255.0, {.offset = 1}), pixels, {}, {1, 1, 2, 2}, {1, 1.2, 1.4, 2}},
       {"rescale channels",
        Rescaling(std::vector<double>{-0.1, 0}, {.offset = std::vector<double>{1, 2}}),
        pixels,
        {},
        {1, 1, 2, 2},
        {1, 2, -9.2, 2}},
       {"normalise",
        Normalization({.mean = {2, 51}, .variance = {4, 100}}),
        pixels,
        {},
        {1, 1, 2, 2},
        {-1, 0, 50, 20.4}},
       {"normalise axis 2",
        Normalization({.axis = 2, .mean = {1, 2}, .variance = {1, 4}}),
        Iota({1, 1, 2, 2}, 1, 1),
        {},
        {1, 1, 2, 2},
        {0, 1, 0.5, 1}},
       {"normalise all",
        Normalization({.axis = std::nullopt, .mean = {1}, .variance = {4}}),
        Iota({1, 2}, 1, 2),
        {},
        {1, 2},
        {0, 1}},
       {"the way back",
        Normalization({.mean = {1, 2}, .variance = {1, 4}, .invert = true}),
        Iota({1, 2}, 1, 1),
        {},
        {1, 2},
        {2, 6}},
       {"resize",
        Resizing(1, 4, {.interpolation = "nearest"}),
        Iota({1, 1, 2, 1}, 1, 1),
        {},
        {1, 1, 4, 1},
        {1, 1, 2, 2}},
       {"centre", CenterCrop(1, 2), Iota({1, 3, 4, 1}, 0, 1), {}, {1, 1, 2, 1}, {5, 6}},
       {"dropout", Dropout(0.5), Iota({1, 4}, 1, 1), {}, {1, 4}, kSame},
       {"flip", RandomFlip(), Iota({1, 2, 2, 1}, 1, 1), {}, {1, 2, 2, 1}, kSame},
       {"rotate", RandomRotation(0.5), Iota({1, 2, 2, 1}, 1, 1), {}, {1, 2, 2, 1}, kSame},
       {"brightness", RandomBrightness(0.5), Iota({1, 2, 2, 1}, 1, 1), {}, {1, 2, 2, 1}, kSame},
       {"contrast", RandomContrast(0.5), Iota({1, 2, 2, 1}, 1, 1), {}, {1, 2, 2, 1}, kSame}});
}

TEST(Numeric, Merging) {
  struct MergeCase {
    const char* name;
    Layer layer;
    Tensor a, b;
    Shape shape;
    std::vector<float> expected;
  };
  const Tensor a = Iota({1, 2, 3}, 1, 1), b = Iota({1, 2, 3}, 0, 1), row = Iota({1, 3}, 1, 1);
  const std::vector<MergeCase> cases = {
      {"add", Add(), a, row, {1, 2, 3}, {2, 4, 6, 5, 7, 9}},
      {"subtract", Subtract(), a, b, {1, 2, 3}, {1, 1, 1, 1, 1, 1}},
      {"multiply", Multiply(), row, a, {1, 2, 3}, {1, 4, 9, 4, 10, 18}},
      {"average", Average(), a, b, {1, 2, 3}, {0.5, 1.5, 2.5, 3.5, 4.5, 5.5}},
      {"maximum", Maximum(), b, row, {1, 2, 3}, {1, 2, 3, 3, 4, 5}},
      {"minimum", Minimum(), b, row, {1, 2, 3}, {0, 1, 2, 1, 2, 3}},
      {"concatenate",
       Concatenate({.axis = 1}),
       a,
       b,
       {1, 4, 3},
       {1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5}},
      // einsum("bmd,bnd->bmn"), einsum("bdm,bdn->bmn"), einsum("bmd,bd->bm"), einsum("bd,bnd->bn")
      {"dot", Dot(2), a, b, {1, 2, 2}, {8, 26, 17, 62}},
      {"dot axis 1", Dot(1), a, b, {1, 3, 3}, {12, 17, 22, 15, 22, 29, 18, 27, 36}},
      {"dot with a vector", Dot({2, 1}), a, row, {1, 2}, {14, 32}},
      {"a vector's dot", Dot({1, 2}), row, b, {1, 2}, {8, 26}},
      // cosine_similarity
      {"dot normalised",
       Dot(1, {.normalize = true}),
       Floats({2, 2}, {3, 4, 0, 0}),
       Floats({2, 2}, {1, 0, 1, 1}),
       {2, 1},
       {0.6, 0}}};
  for (const MergeCase& c : cases) {
    SCOPED_TRACE(c.name);
    const Input x(WithoutBatch(c.a), {.name = "a"}), y(WithoutBatch(c.b), {.name = "b"});
    const auto model = BuildModel({x, y}, {c.layer({x, y})}, {.output_names = {"y"}});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto outputs = model->Predict({{"a", c.a}, {"b", c.b}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    const absl::Status close = AllClose(outputs->at("y"), Floats(c.shape, c.expected), 1e-5, 1e-6);
    EXPECT_TRUE(close.ok()) << close;
  }
}

// Large enough that every kernel divides its work.
TEST(Numeric, AgreesOnAnyNumberOfThreads) {
  const auto model =
      Sequential({Input({40, 40, 3}), Conv2D(32, 3, {.activation = "relu"}), BatchNormalization(),
                  MaxPooling2D(2), Conv2D(64, 3, {.padding = "same"}), LayerNormalization(),
                  Flatten(), Dense(100, {.activation = "softmax"})})
          .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  Tensor images(DType::kFloat32, {4, 40, 40, 3});
  absl::Span<float> pixels = images.mutable_data<float>();
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i % 251) / 251;
  const auto run = [&](int threads, bool exact) {
    const auto session = Session::Create(*model, {.exact = exact, .threads = threads});
    return session.ok() ? *(*session)->Run(images) : Tensor();
  };
  const Tensor fast = run(1, false), exact = run(1, true);
  ASSERT_TRUE(fast.valid() && exact.valid());
  EXPECT_TRUE(AllClose(fast, exact, 1e-4, 1e-7).ok());
  for (const int threads : {0, 2, 3}) {
    const absl::Status close = AllClose(run(threads, false), fast, 1e-5, 1e-7);
    EXPECT_TRUE(close.ok()) << threads << ": " << close;
  }
  EXPECT_EQ(run(3, true), exact);
}

}  // namespace
}  // namespace nomograph
