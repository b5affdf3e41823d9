// Loops over planes (NCHW) yield what the definitions yield: maxima over windows, affine maps of
// channels and what is fused behind them.
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();

// From -2 to 2, and every so often what is no number.
Tensor Numbers(const Shape& shape, uint64_t key, int special_every) {
  Tensor tensor(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 39) / (1 << 23) - 2.0f;
    if (special_every == 0 || i % special_every != 0) continue;
    constexpr float kSpecial[] = {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf};
    values[i] = kSpecial[i / special_every % 3];
  }
  return tensor;
}

// What the node computes with `threads`, or in exact mode; `program` is its listing.
Tensor Computed(const Model& model, const Tensor& x, bool exact, int threads,
                std::string& program) {
  const auto session = Session::Create(model, {.exact = exact, .threads = threads});
  EXPECT_TRUE(session.ok()) << session.status();
  const auto compiled = (*session)->ProgramFor({{"x", x}});
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  program = (*compiled)->ToString();
  const auto y = (*session)->Run(x);
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? *y : Tensor();
}

void ExpectNear(const Tensor& found, const Tensor& expected, double tolerance) {
  ASSERT_EQ(found.shape(), expected.shape());
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    const float a = found.data<float>()[i], b = expected.data<float>()[i];
    if (std::isnan(b) || std::isinf(b)) {
      ASSERT_EQ(std::isnan(a), std::isnan(b)) << i;
      if (!std::isnan(b)) {
        ASSERT_EQ(a, b) << i;
      }
    } else {
      ASSERT_NEAR(a, b, tolerance) << i;
    }
  }
}

TEST(MaxPlanes, AgreesWithTheDefinition) {
  using Ints = std::vector<int64_t>;
  const struct {
    std::string name;
    Shape x;
    Attributes attrs;
  } cases[] = {
      {"3x3, stride 2, as in many networks",
       {2, 3, 21, 23},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}}},
      {"3x3, stride 2, pads",
       {1, 40, 33, 32},
       {{"kernel_shape", Ints{3, 3}},
        {"strides", Ints{2, 2}},
        {"padding", "explicit"},
        {"pads", Ints{1, 1, 1, 1}}}},
      {"stride 1, dilated",
       {1, 2, 14, 11},
       {{"kernel_shape", Ints{2, 3}}, {"dilations", Ints{3, 2}}, {"padding", "same"}}},
      {"stride 3 of 2x2: elements that no window has",
       {1, 2, 12, 13},
       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{3, 3}}, {"ceil_mode", true}}},
      {"windows of padding alone",
       {1, 1, 4, 5},
       {{"kernel_shape", Ints{1, 2}},
        {"dilations", Ints{1, 4}},
        {"padding", "explicit"},
        {"pads", Ints{2, 3, 1, 6}}}},
      {"rows of one vector and less",
       {2, 3, 9, 8},
       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{1, 2}}, {"padding", "same"}}},
      {"rows of several vectors",
       {1, 2, 10, 67},
       {{"kernel_shape", Ints{3, 3}}, {"padding", "same"}}},
      {"every second of many, as far as they go",
       {1, 2, 10, 64},
       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
      {"one axis", {2, 3, 50}, {{"kernel_shape", Ints{5}}, {"strides", Ints{4}}}},
      {"a window larger than the input",
       {1, 2, 3, 3},
       {{"kernel_shape", Ints{5, 5}}, {"padding", "same"}}},
  };
  for (const auto& c : cases) {
    for (const int special_every : {0, 7}) {
      for (const int threads : {1, 3}) {
        SCOPED_TRACE(c.name);
        Attributes attrs = c.attrs;
        attrs.Set("data_format", "channels_first");
        const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
        const auto model = BuildModel({x}, {Call("nn.MaxPool", {x}, attrs)});
        ASSERT_TRUE(model.ok()) << model.status();
        const Tensor numbers = Numbers(c.x, 1, special_every);
        std::string program, reference;
        const Tensor y = Computed(*model, numbers, false, threads, program);
        EXPECT_THAT(program, HasSubstr("loop over planes"));
        ExpectNear(y, Computed(*model, numbers, true, 1, reference), 0);
      }
    }
  }
}

TEST(MaxPoolGrad, GoesToTheGreatest) {
  using Ints = std::vector<int64_t>;
  const struct {
    std::string name;
    Shape x;
    Attributes attrs;
  } cases[] = {
      {"side by side", {2, 3, 10, 12}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
      {"overlapping",
       {1, 2, 11, 150},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"padding", "same"}}},
      {"the last window is cut off",
       {1, 3, 10, 12},
       {{"kernel_shape", Ints{2, 5}}, {"strides", Ints{3, 2}}, {"ceil_mode", true}}},
      {"at every place",
       {1, 2, 10, 67},
       {{"kernel_shape", Ints{3, 3}}, {"padding", "explicit"}, {"pads", Ints{1, 1, 1, 1}}}},
      {"one axis, far apart", {2, 3, 50}, {{"kernel_shape", Ints{5}}, {"strides", Ints{4}}}},
      {"dilated, strides of 3",
       {2, 3, 12, 33},
       {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{1, 3}}, {"dilations", Ints{1, 4}}}},
      {"three axes", {1, 2, 5, 6, 9}, {{"kernel_shape", Ints{2, 3, 2}}}},
      {"a window larger than the input",
       {1, 2, 3, 3},
       {{"kernel_shape", Ints{5, 5}}, {"padding", "same"}}},
  };
  for (const auto& c : cases) {
    for (const int special_every : {0, 7}) {
      SCOPED_TRACE(c.name);
      Attributes attrs = c.attrs;
      attrs.Set("data_format", "channels_first");
      const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
      const Value y = Call("nn.MaxPool", {x}, attrs);
      const auto model = BuildModel({x}, {Call("nn.MaxPoolGrad", {y, x}, attrs)});
      ASSERT_TRUE(model.ok()) << model.status();
      const Tensor numbers = Numbers(c.x, 1, special_every);
      std::string program, reference;
      const Tensor dx = Computed(*model, numbers, false, 3, program);
      EXPECT_THAT(program, HasSubstr("window loop"));
      ExpectNear(dx, Computed(*model, numbers, true, 1, reference), 1e-5);
    }
  }
}

TEST(ChannelPieces, AgreeWithTheDefinition) {
  const struct {
    std::string name, op;
    Shape x;
    Attributes attrs;
    float mean;
    bool served = true;
  } cases[] = {
      {"images", "nn.InstanceNormalization", {2, 5, 9, 13}, {{"axis", 1}}, 0},
      {"far from 0", "nn.InstanceNormalization", {1, 3, 40, 40}, {{"axis", 1}}, 1000},
      {"a channel in many pieces", "nn.InstanceNormalization", {1, 2, 50'003}, {{"axis", 1}}, 3},
      {"groups", "nn.GroupNormalization", {2, 6, 5, 9}, {{"axis", 1}, {"num_groups", 3}}, 0},
      {"one group", "nn.GroupNormalization", {1, 8, 3000}, {{"axis", 1}, {"num_groups", 1}}, -20},
      {"short rows",
       "nn.GroupNormalization",
       {2, 6, 3},
       {{"axis", 1}, {"num_groups", 2}},
       0,
       false},
      {"channels last",
       "nn.GroupNormalization",
       {2, 5, 6, 8},
       {{"axis", -1}, {"num_groups", 4}},
       0,
       false},
  };
  for (const auto& c : cases) {
    for (const int threads : {1, 3}) {
      for (const int special_every : {0, 997}) {
        SCOPED_TRACE(c.name);
        const int64_t axis = c.attrs.Int("axis");
        const int64_t channels = c.x[axis < 0 ? c.x.rank() + axis : axis];
        const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
        const Value y = Call(
            c.op, {x, Constant(Numbers({channels}, 2, 0)), Constant(Numbers({channels}, 3, 0))},
            c.attrs);
        const auto model = BuildModel({x}, {y});
        ASSERT_TRUE(model.ok()) << model.status();
        Tensor numbers = Numbers(c.x, 5, special_every);
        for (float& v : numbers.mutable_data<float>()) v += c.mean;
        std::string program, reference;
        const Tensor found = Computed(*model, numbers, false, threads, program);
        if (c.served) {
          EXPECT_THAT(program, HasSubstr("channels in pieces"));
        }
        ExpectNear(found, Computed(*model, numbers, true, 1, reference),
                   2e-6 + 1e-7 * std::abs(c.mean));
      }
    }
  }
}

TEST(ChannelAffine, AgreesWithTheDefinition) {
  const struct {
    std::string name;
    Shape x;
    int64_t axis;
    bool relu;
    bool served = true;
  } cases[] = {{"planes", {2, 5, 7, 9}, 1, false},
               {"with what is behind it", {1, 40, 30, 31}, 1, true},
               {"one axis behind the channels", {3, 4, 16}, 1, true},
               {"channels last", {2, 6, 6, 20}, -1, true, false},
               {"short rows", {2, 5, 3}, 1, false, false}};
  for (const auto& c : cases) {
    for (const int threads : {1, 3}) {
      SCOPED_TRACE(c.name);
      const int64_t channels = c.x[c.axis < 0 ? c.x.rank() + c.axis : c.axis];
      const auto vector = [&](uint64_t key) { return Numbers({channels}, key, 0); };
      Tensor variance = vector(4);
      for (float& v : variance.mutable_data<float>()) v = v * v + 0.01f;
      const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
      // Something ahead of it that takes in no affine map.
      Value y = Call("nn.BatchNormalization",
                     {Call("math.Sin", {x}), Constant(vector(1)), Constant(vector(2)),
                      Constant(vector(3)), Constant(variance)},
                     {{"axis", c.axis}});
      if (c.relu) y = Call("nn.Relu", {y});
      const auto model = BuildModel({x}, {y});
      ASSERT_TRUE(model.ok()) << model.status();
      const Tensor numbers = Numbers(c.x, 5, 11);
      std::string program, reference;
      const Tensor found = Computed(*model, numbers, false, threads, program);
      if (c.served && BestVectorTarget() != VectorTarget::kBaseline) {
        EXPECT_THAT(program, HasSubstr("affine rows"));
        EXPECT_THAT(program, HasSubstr(c.relu ? "with Relu" : "nn.BatchNormalization"));
      }
      ExpectNear(found, Computed(*model, numbers, true, 1, reference), 1e-4);
    }
  }
}

}  // namespace
}  // namespace nomograph
