// Affine maps of channels that convolutions take into their weights, against exact mode, which runs
// every node as it stands.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

Tensor Positive(const Shape& shape, int salt) {
  Tensor tensor = Numbers(shape, salt);
  for (float& value : tensor.mutable_data<float>()) value = value * value + 0.1f;
  return tensor;
}

Value Normalized(const Value& x, int64_t channels, int axis, bool scaled) {
  const auto vector = [&](int salt) { return Constant(Numbers({channels}, salt)); };
  return Call("nn.BatchNormalization",
              {x, scaled ? vector(1) : Value(), scaled ? vector(2) : Value(), vector(3),
               Constant(Positive({channels}, 4))},
              {{"axis", axis}});
}

// The model as it is compiled for `x`, before the passes.
LoweredGraph Lowered(const Model& model, const Tensor& x) {
  auto graph = Lower(model, model.graph, {x.type()}, OpRegistry::Default(), {});
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : LoweredGraph();
}

Tensor RunModel(const Model& model, const Tensor& x, bool exact) {
  const auto session = Session::Create(model, {.exact = exact});
  EXPECT_TRUE(session.ok()) << session.status();
  const auto result = (*session)->Run(x);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

struct Case {
  std::string op;
  Attributes attrs;
  Shape x, kernel;
  int64_t channels;  // of the output
  bool bias = true;
};

const Case kCases[] = {
    {"nn.Conv", {{"padding", "same"}}, {2, 5, 6, 3}, {3, 3, 3, 8}, 8},
    {"nn.Conv", {}, {2, 5, 6, 3}, {3, 3, 3, 8}, 8, /*bias=*/false},
    {"nn.Conv",
     {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
     {2, 4, 7, 7},
     {6, 2, 3, 3},
     6},
    {"nn.Conv", {{"groups", 8}}, {1, 5, 5, 8}, {3, 3, 1, 8}, 8},
    {"nn.Conv", {{"data_format", "channels_first"}}, {1, 3, 9}, {1, 3, 5}, 5},
    {"nn.ConvTranspose", {{"strides", Ints{2, 2}}}, {2, 3, 4, 3}, {2, 2, 8, 3}, 8},
    {"nn.ConvTranspose",
     {{"data_format", "channels_first"}, {"kernel_layout", "IOHW"}, {"groups", 2}},
     {1, 4, 5, 5},
     {4, 3, 3, 3},
     6,
     /*bias=*/false},
    {"nn.ConvTranspose", {{"groups", 3}}, {1, 4, 6}, {3, 2, 6}, 6},
};

// The case's convolution.
Value Convolved(const Case& c, const Value& x) {
  std::vector<Value> inputs = {x, Constant(Numbers(c.kernel, 5))};
  if (c.bias) inputs.push_back(Constant(Numbers({c.channels}, 6)));
  return Call(c.op, inputs, c.attrs);
}

TEST(Affine, GoesIntoTheWeights) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.op + " " + c.attrs.ToString() + " of " + c.kernel.ToString());
    const Value x = InputValue({DType::kFloat32, c.x}, "x");
    const bool first = c.attrs.Find("data_format") != nullptr;
    Shape vector = {c.channels};
    for (int i = 2; first && i < c.x.rank(); ++i) vector.Append(1);
    const Value conv = Convolved(c, x);
    const Value normalized = Normalized(conv, c.channels, first ? 1 : -1, c.bias);
    const Value scaled = Constant(Tensor::Of<float>({}, {1.5})) * normalized;
    const Value shifted = (scaled + Constant(Numbers(vector, 7))) / Constant(Positive(vector, 8));
    const auto model = BuildModel({x}, {shifted - 0.25});
    ASSERT_TRUE(model.ok()) << model.status();
    const Tensor input = Numbers(c.x, 9);
    LoweredGraph graph = Lowered(*model, input);
    EXPECT_TRUE(AbsorbAffines(graph));
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].fused.size(), 5u);
    // Rounding the weights once more costs a unit of the greatest output's last digits.
    const Tensor expected = RunModel(*model, input, /*exact=*/true);
    float greatest = 0;
    for (const float y : expected.data<float>()) greatest = std::max(greatest, std::abs(y));
    const absl::Status close =
        AllClose(RunModel(*model, input, /*exact=*/false), expected, 0, 5e-7 * greatest);
    EXPECT_TRUE(close.ok()) << close;
  }
}

TEST(Affine, OfItsOwnTakesAReluBehindIt) {
  const Shape shape = {2, 5, 6, 16};
  const Tensor input = Numbers(shape, 9);
  for (const bool scaled : {false, true}) {
    const Value x = InputValue({DType::kFloat32, shape}, "x");
    const auto model = BuildModel({x}, {Call("nn.Relu", {Normalized(x, 5, 1, scaled)})});
    ASSERT_TRUE(model.ok()) << model.status();
    LoweredGraph graph = Lowered(*model, input);
    EXPECT_TRUE(FusePostOps(graph, 1));
    EXPECT_EQ(graph.nodes.size(), 1u);
    const absl::Status close =
        AllClose(RunModel(*model, input, /*exact=*/false), RunModel(*model, input, true), 0, 1e-6);
    EXPECT_TRUE(close.ok()) << close;
  }
}

// Sums of no channels are 0, and outputs of no channels empty.
TEST(Affine, OfNoChannels) {
  const Attributes conv = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}};
  const Attributes transposed = {{"data_format", "channels_first"}, {"kernel_layout", "IOHW"}};
  struct Empty {
    std::string op;
    Attributes attrs;
    Shape x, kernel, y;
  };
  const Empty cases[] = {
      {"nn.Conv", conv, {1, 3, 5, 5}, {0, 3, 3, 3}, {1, 0, 3, 3}},
      {"nn.Conv", conv, {1, 0, 5, 5}, {4, 0, 3, 3}, {1, 4, 3, 3}},
      {"nn.Conv", conv, {0, 3, 5, 5}, {4, 3, 3, 3}, {0, 4, 3, 3}},
      {"nn.ConvTranspose", transposed, {1, 3, 5, 5}, {3, 0, 3, 3}, {1, 0, 7, 7}},
      {"nn.ConvTranspose", transposed, {1, 0, 5, 5}, {0, 4, 3, 3}, {1, 4, 7, 7}},
  };
  for (const Empty& c : cases) {
    SCOPED_TRACE(c.op + " of " + c.x.ToString() + " by " + c.kernel.ToString());
    const auto full = [&](double value) {
      return Constant(Tensor::Full(DType::kFloat32, {c.y[1]}, value));
    };
    const Value x = InputValue({DType::kFloat32, c.x}, "x");
    const Value y = Call(c.op, {x, Constant(Tensor(DType::kFloat32, c.kernel))}, c.attrs);
    // Of 0 with a mean of -3 and a deviation of 2, and a sum of 1.
    const Value normalized = Call("nn.BatchNormalization", {y, full(1), full(0), full(-3), full(4)},
                                  {{"axis", 1}, {"epsilon", 0.0}});
    for (const auto& [output, expected] :
         {std::pair(y * 2.0, 0.0), {y * 2.0 + 1.0, 1.0}, {normalized, 1.5}}) {
      const auto model = BuildModel({x}, {output});
      ASSERT_TRUE(model.ok()) << model.status();
      for (const bool exact : {false, true}) {
        EXPECT_EQ(RunModel(*model, Tensor(DType::kFloat32, c.x), exact),
                  Tensor::Full(DType::kFloat32, c.y, expected));
      }
    }
  }
}

TEST(Affine, StaysWhereTheWeightsCannotTakeIt) {
  const Shape x_shape = {2, 4, 4, 4};
  const auto input = [&] { return InputValue({DType::kFloat32, x_shape}, "x"); };
  const Tensor kernel = Numbers({1, 1, 4, 4}, 1), vector = Numbers({4}, 2);
  const auto conv = [&](const Value& x) { return Call("nn.Conv", {x, Constant(kernel)}); };
  struct Refused {
    std::string why;
    std::function<std::vector<Value>(const Value& x)> outputs;
  };
  const Refused cases[] = {
      {"another axis",
       [&](const Value& x) {
         return std::vector{conv(x) * Constant(Numbers({4, 1}, 3))};
       }},
      {"a value for each element of two axes",
       [&](const Value& x) {
         return std::vector{conv(x) * Constant(Numbers({4, 4}, 3))};
       }},
      {"batch normalisation of another axis",
       [&](const Value& x) { return std::vector{Normalized(conv(x), 4, 1, true)}; }},
      {"something else uses the convolution's output",
       [&](const Value& x) {
         const Value y = conv(x);
         return std::vector{y * Constant(vector), Call("math.Exp", {y})};
       }},
      {"weights that are not finite",
       [&](const Value& x) {
         return std::vector{conv(x) / Constant(Tensor::Of<float>({4}, {0, 1, 1, 1}))};
       }},
      {"the operand is divided, not the divisor",
       [&](const Value& x) { return std::vector{Constant(Positive({4}, 4)) / conv(x)}; }},
      {"the weights are computed from the input",
       [&](const Value& x) {
         const Value weights =
             Call("array.Slice", {x}, {{"starts", Ints{0, 0}}, {"ends", Ints{1, 1}}});
         return std::vector{Call("nn.Conv", {x, weights}) * Constant(vector)};
       }},
  };
  for (const Refused& c : cases) {
    SCOPED_TRACE(c.why);
    const Value x = input();
    const auto model = BuildModel({x}, c.outputs(x));
    ASSERT_TRUE(model.ok()) << model.status();
    LoweredGraph graph = Lowered(*model, Numbers(x_shape, 9));
    EXPECT_FALSE(AbsorbAffines(graph));
  }
}

}  // namespace
}  // namespace nomograph
