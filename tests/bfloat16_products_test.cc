// Nodes whose kernels round factors themselves: products by constants and of two factors that vary
// in programs in bfloat16, against exact mode's sums in double. All numbers are bfloat16 from the
// beginning, so that what may differ is what sums in float32 leave out.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/compile/tuning.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

// Numbers of [-1, 1) in bfloat16.
Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  const auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    const float x = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
    values[i] = static_cast<float>(BFloat16(x));
  }
  return tensor;
}

struct Case {
  std::string name;
  Shape x;
  std::function<Value(const Value& x)> write;
  std::string kernel;
  double terms;  // of a sum
};

Value Conv(const Value& x, const Shape& kernel, Ints strides, Ints pads, int64_t groups = 1,
           Ints dilations = {1, 1}) {
  return Call("nn.Conv", {x, Constant(Random(kernel, 2)), Constant(Random({kernel[0]}, 3))},
              {{"data_format", "channels_first"},
               {"kernel_layout", "OIHW"},
               {"padding", "explicit"},
               {"strides", std::move(strides)},
               {"pads", std::move(pads)},
               {"dilations", std::move(dilations)},
               {"groups", groups}});
}

// Each pixel becomes a tile of 2x2.
Value Tiles(const Value& x, int64_t in, int64_t out) {
  return Call(
      "nn.ConvTranspose", {x, Constant(Random({in, out, 2, 2}, 2)), Constant(Random({out}, 3))},
      {{"data_format", "channels_first"}, {"kernel_layout", "IOHW"}, {"strides", Ints{2, 2}}});
}

Value Gemm(const Value& x, const Shape& b, bool transposed) {
  const int64_t columns = b[transposed ? 0 : 1];
  return Call("math.Gemm", {x, Constant(Random(b, 4)), Constant(Random({columns}, 5))},
              {{"transpose_b", transposed}});
}

// Runs `model` in bfloat16, whose listing has to name `kernel` and no conversion, against its exact
// sums of so many terms.
void ExpectSums(const Model& model, const std::vector<TensorType>& types,
                const NamedTensors& inputs, const std::string& kernel, double terms) {
  const auto run = [&](const SessionOptions& options) -> Tensor {
    const auto session = Session::Create(model, options);
    EXPECT_TRUE(session.ok()) << session.status();
    auto outputs = (*session)->Run(inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    return outputs->begin()->second;
  };
  const Tensor exact = run({.exact = true});
  for (const int threads : {1, 3}) {
    const auto program = Program::Compile(model, model.graph, types, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16, .threads = threads});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_THAT((*program)->ToString(), testing::HasSubstr(kernel));
    EXPECT_THAT((*program)->ToString(), testing::Not(testing::HasSubstr("array.Cast")));
    const Tensor found = run({.precision = Precision::kBFloat16, .threads = threads});
    ASSERT_EQ(found.type(), exact.type());
    for (int64_t i = 0; i < exact.num_elements(); ++i) {
      const double right = exact.data<float>()[i];
      ASSERT_NEAR(found.data<float>()[i], right, 1e-6 * (std::sqrt(terms) + std::abs(right))) << i;
    }
  }
}

std::string PackedProduct() { return absl::StrCat("packed product ", BFloat16InstructionsName()); }
std::string PairedProduct() { return PackedProduct() + ", planes paired"; }

TEST(BFloat16Products, AreSumsOfRoundedFactors) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const std::string packed = PackedProduct(), rows = "bfloat16 product", paired = PairedProduct();
  // Tiles have as many rows as columns.
  const std::string transposed = HasTiles() ? "" : ", transposed";
  const Case cases[] = {
      {"pointwise convolution",
       {2, 37, 9, 7},
       [](const Value& x) {
         return Conv(x, {21, 37, 1, 1}, {1, 1}, {0, 0, 0, 0});
       },
       packed,
       37},
      {"transposed convolution of tiles",
       {2, 24, 9, 7},
       [](const Value& x) { return Tiles(x, 24, 17); },
       "bf16",
       24},
      {"transposed convolution of tiles of few channels",
       {2, 24, 9, 7},
       [](const Value& x) { return Tiles(x, 24, 3); },
       "nn.ConvTranspose",
       24},
      {"channels last",
       {2, 9, 7, 37},
       [](const Value& x) {
         return Call("nn.Conv", {x, Constant(Random({1, 1, 37, 21}, 2))}, {});
       },
       packed,
       37},
      {"convolution with strides, and a bound",
       {1, 19, 15, 13},
       [](const Value& x) {
         return Call("nn.Relu", {Conv(x, {18, 19, 3, 3}, {2, 2}, {1, 1, 1, 1})});
       },
       paired,
       171},
      {"convolution with dilations and uneven padding",
       {2, 5, 20, 18},
       [](const Value& x) {
         return Conv(x, {33, 5, 3, 5}, {1, 1}, {0, 2, 3, 1}, 1, {2, 1});
       },
       packed,
       75},
      {"groups",
       {2, 24, 13, 12},
       [](const Value& x) {
         return Conv(x, {36, 8, 3, 3}, {1, 2}, {1, 1, 1, 1}, 3);
       },
       paired,
       72},
      {"few pixels",
       {2, 40, 7, 7},
       [](const Value& x) {
         return Conv(x, {144, 40, 1, 1}, {1, 1}, {0, 0, 0, 0});
       },
       packed + transposed,
       40},
      {"few places of windows, and a sum",
       {1, 48, 7, 7},
       [](const Value& x) {
         return Call("nn.Relu", {Conv(x, {48, 48, 3, 3}, {1, 1}, {1, 1, 1, 1}) + x});
       },
       paired + transposed,
       432},
      {"few pixels with strides",
       {2, 24, 13, 14},
       [](const Value& x) {
         return Conv(x, {96, 24, 1, 1}, {2, 2}, {0, 0, 0, 0});
       },
       HasTiles() ? packed : paired + transposed,
       24},
      {"a sum is fused",
       {1, 32, 12, 11},
       [](const Value& x) {
         return Call("nn.Relu", {Conv(x, {32, 32, 1, 1}, {1, 1}, {0, 0, 0, 0}) + x});
       },
       packed,
       32},
      {"matrix",
       {3, 11, 70},
       [](const Value& x) {
         return Call("nn.Gelu", {Call("math.MatMul", {x, Constant(Random({70, 51}, 2))})});
       },
       packed,
       70},
      {"transposed matrix",
       {29, 1100},
       [](const Value& x) {
         return Gemm(x, {50, 1100}, /*transposed=*/true);
       },
       packed,
       1100},
      {"matrix and a row",
       {29, 65},
       [](const Value& x) {
         return Gemm(x, {65, 49}, /*transposed=*/false);
       },
       packed,
       65},
      {"a row",
       {1, 300},
       [](const Value& x) {
         return Gemm(x, {170, 300}, /*transposed=*/true);
       },
       rows,
       300},
      {"some rows",
       {3, 300},
       [](const Value& x) {
         return Gemm(x, {300, 170}, /*transposed=*/false);
       },
       rows,
       300},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const TensorType type{DType::kFloat32, c.x};
    const Value x = InputValue(type, "x");
    const auto model = BuildModel({x}, {c.write(x)});
    ASSERT_TRUE(model.ok()) << model.status();
    ExpectSums(*model, {type}, {{"x", Random(c.x, 1)}}, c.kernel, c.terms);
  }
}

Value MatMul(const Value& a, const Value& b, bool transpose_a = false, bool transpose_b = false) {
  return Call("math.MatMul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

TEST(BFloat16Products, OfFactorsThatVaryAreSumsOfRoundedOnes) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  struct Factors {
    std::string name;
    Shape a, b;
    std::function<Value(const Value& a, const Value& b)> write;
    double terms;
    std::string kernel = kRoundingForm;
  };
  const auto conv = [](Ints strides, int64_t groups) {
    return [strides, groups](const Value& a, const Value& b) {
      return Call("nn.Conv", {a, b},
                  {{"data_format", "channels_first"},
                   {"kernel_layout", "OIHW"},
                   {"padding", "explicit"},
                   {"strides", strides},
                   {"pads", Ints{1, 1, 1, 1}},
                   {"groups", groups}});
    };
  };
  const Factors cases[] = {
      {"matrices",
       {40, 70},
       {70, 51},
       [](const Value& a, const Value& b) { return MatMul(a, b); },
       70},
      {"the left one transposed",
       {530, 40},
       {530, 51},
       [](const Value& a, const Value& b) { return MatMul(a, b, true); },
       530},
      {"the right one transposed, and what follows",
       {60, 33},
       {49, 33},
       [](const Value& a, const Value& b) {
         return Call("nn.Relu", {MatMul(a, b, false, true) * 0.5});
       },
       33},
      {"both transposed",
       {64, 40},
       {51, 64},
       [](const Value& a, const Value& b) { return MatMul(a, b, true, true); },
       64},
      {"rows on many axes by one matrix",
       {3, 11, 70},
       {70, 51},
       [](const Value& a, const Value& b) { return MatMul(a, b); },
       70},
      {"a batch, as scores are",
       {2, 5, 30, 17},
       {2, 5, 28, 17},
       [](const Value& a, const Value& b) { return MatMul(a, b, false, true); },
       17},
      {"a batch that broadcasts",
       {2, 1, 30, 40},
       {5, 40, 26},
       [](const Value& a, const Value& b) { return MatMul(a, b); },
       40},
      {"a batch of transposed ones by one matrix, and a sum",
       {4, 24, 30},
       {24, 40},
       [](const Value& a, const Value& b) {
         return MatMul(a, b, true) + Constant(Random({4, 30, 40}, 6));
       },
       24},
      {"a row is added",
       {70, 35},
       {26, 70},
       [](const Value& a, const Value& b) {
         return Call("math.Gemm", {a, b, Constant(Random({26}, 6))},
                     {{"transpose_a", true}, {"transpose_b", true}});
       },
       70},
      {"a convolution", {2, 6, 13, 18}, {20, 6, 3, 3}, conv({1, 1}, 1), 54, PairedProduct()},
      {"a convolution with strides and groups",
       {2, 24, 13, 18},
       {20, 12, 3, 3},
       conv({2, 2}, 2),
       108,
       PairedProduct()},
  };
  for (const Factors& c : cases) {
    SCOPED_TRACE(c.name);
    const TensorType a_type{DType::kFloat32, c.a}, b_type{DType::kFloat32, c.b};
    const Value a = InputValue(a_type, "a"), b = InputValue(b_type, "b");
    const auto model = BuildModel({a, b}, {c.write(a, b)});
    ASSERT_TRUE(model.ok()) << model.status();
    ExpectSums(*model, {a_type, b_type}, {{"a", Random(c.a, 1)}, {"b", Random(c.b, 2)}}, c.kernel,
               c.terms);
  }
}

// So tuning can measure them beside those of float32 for the constant widened again.
TEST(BFloat16Products, HaveFormsOfTheirOwn) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const TensorType type{DType::kFloat32, {1, 16, 12, 12}};
  const Value x = InputValue(type, "x");
  const auto model = BuildModel({x}, {Conv(x, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1})});
  ASSERT_TRUE(model.ok()) << model.status();
  auto tuning = std::make_shared<Tuning>();
  tuning->survey = true;
  const auto program =
      Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                       {.precision = Precision::kBFloat16, .threads = 1, .tuning = tuning});
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_EQ((*program)->steps().size(), 1u);
  ASSERT_NE((*program)->steps()[0].form, nullptr);
  EXPECT_THAT((*program)->steps()[0].form->forms, testing::Contains("packed product in bfloat16"));
}

// What is reckoned to be faster without is not rounded at all.
TEST(BFloat16Products, DepthwiseAndSmallConvolutionsStay) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const struct {
    Shape x, kernel;
    int64_t groups;
  } cases[] = {{{1, 64, 16, 16}, {64, 1, 3, 3}, 64},
               {{1, 20, 1, 7}, {20, 1, 3, 3}, 20},
               {{1, 20, 3, 3}, {40, 20, 1, 1}, 1}};
  for (const auto& c : cases) {
    const int64_t pad = (c.kernel[2] - 1) / 2;
    const TensorType type{DType::kFloat32, c.x};
    const Value x = InputValue(type, "x");
    const auto model = BuildModel({x}, {Conv(x, c.kernel, {1, 1}, {pad, pad, pad, pad}, c.groups)});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto program = Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_THAT((*program)->ToString(), testing::Not(testing::HasSubstr("bfloat16")));
  }
}

TEST(BFloat16Products, TransposedConvolutionsThatOverlapStay) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const TensorType type{DType::kFloat32, {1, 64, 8, 8}};
  const Value x = InputValue(type, "x");
  const Value y = Call("nn.ConvTranspose", {x, Constant(Random({64, 32, 4, 4}, 2))},
                       {{"data_format", "channels_first"},
                        {"kernel_layout", "IOHW"},
                        {"strides", Ints{2, 2}},
                        {"padding", "explicit"},
                        {"pads", Ints{1, 1, 1, 1}}});
  const auto model = BuildModel({x}, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto program = Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                                        {.precision = Precision::kBFloat16});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_THAT((*program)->ToString(), testing::HasSubstr("transposed product"));
  EXPECT_THAT((*program)->ToString(), testing::Not(testing::HasSubstr("bfloat16")));
}

}  // namespace
}  // namespace nomograph
