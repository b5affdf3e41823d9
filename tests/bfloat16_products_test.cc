// Nodes whose kernels round one factor themselves: products by constants in programs in bfloat16,
// against exact mode's sums in double. All numbers are bfloat16 from the beginning, so that what
// may differ is what sums in float32 leave out.
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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

Value Gemm(const Value& x, const Shape& b, bool transposed) {
  const int64_t columns = b[transposed ? 0 : 1];
  return Call("math.Gemm", {x, Constant(Random(b, 4)), Constant(Random({columns}, 5))},
              {{"transpose_b", transposed}});
}

TEST(BFloat16Products, AreSumsOfRoundedFactors) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const std::string packed = "packed product avx512_bf16", rows = "bfloat16 product";
  const Case cases[] = {
      {"pointwise convolution",
       {2, 37, 9, 7},
       [](const Value& x) {
         return Conv(x, {21, 37, 1, 1}, {1, 1}, {0, 0, 0, 0});
       },
       packed,
       37},
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
       packed,
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
       packed,
       72},
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
    const Tensor input = Random(c.x, 1);
    const auto run = [&](const SessionOptions& options) -> Tensor {
      const auto session = Session::Create(*model, options);
      EXPECT_TRUE(session.ok()) << session.status();
      auto outputs = (*session)->Run({{"x", input}});
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      return outputs->begin()->second;
    };
    const Tensor exact = run({.exact = true});
    for (const int threads : {1, 3}) {
      const auto program =
          Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                           {.precision = Precision::kBFloat16, .threads = threads});
      ASSERT_TRUE(program.ok()) << program.status();
      EXPECT_THAT((*program)->ToString(), testing::HasSubstr(c.kernel));
      EXPECT_THAT((*program)->ToString(), testing::Not(testing::HasSubstr("array.Cast")));
      const Tensor found = run({.precision = Precision::kBFloat16, .threads = threads});
      ASSERT_EQ(found.type(), exact.type());
      for (int64_t i = 0; i < exact.num_elements(); ++i) {
        const double right = exact.data<float>()[i];
        ASSERT_NEAR(found.data<float>()[i], right, 1e-6 * (std::sqrt(c.terms) + std::abs(right)))
            << i;
      }
    }
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
TEST(BFloat16Products, DepthwiseConvolutionsStay) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const TensorType type{DType::kFloat32, {1, 64, 16, 16}};
  const Value x = InputValue(type, "x");
  const auto model = BuildModel({x}, {Conv(x, {64, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, 64)});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto program = Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                                        {.precision = Precision::kBFloat16});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_THAT((*program)->ToString(), testing::Not(testing::HasSubstr("bfloat16")));
}

}  // namespace
}  // namespace nomograph
