// Models whose weights are stored in fewer bits: how they are compiled, and what they yield beside
// the reference kernels.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using testing::HasSubstr;
using testing::Not;

// Numbers from `low` to `high`.
Tensor Numbers(DType dtype, const Shape& shape, double low, double high, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  int64_t i = 0;
  for (float& value : tensor.mutable_data<float>()) {
    const double part = static_cast<double>(MixKeys(key, i++) >> 40) / (1 << 24);
    value = static_cast<float>(low + (high - low) * part);
  }
  return tensor.Cast(dtype);
}

Value Weights(DType dtype, const Shape& shape, double low, double high) {
  return Constant(Numbers(dtype, shape, low, high, 3));
}

Value Dequantized(DType dtype, const Shape& shape, double low, double high, const Shape& scales,
                  bool zeros, const Attributes& attrs) {
  std::vector<Value> inputs = {Weights(dtype, shape, low, high),
                               Constant(Numbers(DType::kFloat32, scales, 0.01, 0.02, 4))};
  if (zeros) inputs.push_back(Constant(Numbers(dtype, scales, low, high, 5)));
  return Call("quant.DequantizeLinear", inputs, attrs);
}

struct Case {
  std::string name;
  DType dtype;
  std::vector<int64_t> sizes;  // of the input x
  std::function<std::vector<Value>(const Value& x)> outputs;
  std::string has, lacks;  // what the program's text does and does not mention
  size_t steps;            // 0: as many as there are
};

std::vector<Case> Cases() {
  const DType f32 = DType::kFloat32, f16 = DType::kFloat16, b16 = DType::kBFloat16;
  const auto dense = [](DType dtype) {
    return [dtype](const Value& x) {
      const Value sum = Call("math.MatMul", {x, Weights(dtype, {200, 130}, -0.2, 0.2)}) +
                        Weights(dtype, {130}, -1, 1);
      return std::vector<Value>{Call("nn.Relu", {sum})};
    };
  };
  return {
      {"int8 by column, a bias and an activation",
       f32,
       {2, 70},
       [](const Value& x) {
         const Value w = Dequantized(DType::kInt8, {70, 33}, -128, 127, {33}, false, {{"axis", 1}});
         return std::vector<Value>{Call(
             "nn.Relu", {Call("math.MatMul", {x, w}) + Weights(DType::kFloat32, {33}, -1, 1)})};
       },
       "int8 product",
       "",
       1},
      {"uint4 in blocks with zero points, transposed, many rows",
       f32,
       {30, 100},
       [](const Value& x) {
         const Value w = Dequantized(DType::kUInt4, {21, 100}, 0, 15, {21, 4}, true,
                                     {{"axis", 1}, {"block_size", 32}});
         return std::vector<Value>{Call("math.Gemm", {x, w, Weights(DType::kFloat32, {21}, -1, 1)},
                                        {{"transpose_b", true}})};
       },
       "int4 product",
       "",
       1},
      {"weights that are read as they are, too",
       f32,
       {1, 64},
       [](const Value& x) {
         const Value w = Dequantized(DType::kInt8, {64, 64}, -128, 127, {}, true, {});
         return std::vector<Value>{Call("math.MatMul", {x, w}), w};
       },
       "int8 product",
       "",
       0},
      {"blocks along the columns are expanded",
       f32,
       {1, 64},
       [](const Value& x) {
         const Value w = Dequantized(DType::kInt8, {64, 32}, -128, 127, {64, 2}, false,
                                     {{"axis", 1}, {"block_size", 16}});
         return std::vector<Value>{Call("math.MatMul", {x, w})};
       },
       "math.MatMul",
       "WeightOnly",
       1},
      {"blocks that are no groups are expanded",
       f32,
       {1, 64},
       [](const Value& x) {
         const Value w = Dequantized(DType::kInt8, {64, 32}, -128, 127, {6, 32}, false,
                                     {{"axis", 0}, {"block_size", 12}});
         return std::vector<Value>{Call("math.MatMul", {x, w})};
       },
       "math.MatMul",
       "WeightOnly",
       1},
      {"quantised activations make it a product of integers",
       f32,
       {4, 64},
       [](const Value& x) {
         const Value scale = Constant(Tensor::Scalar<float>(0.0625f)),
                     zero = Constant(Tensor::Scalar<uint8_t>(128));
         const Value q = Call("quant.QuantizeLinear", {x, scale, zero});
         const Value a = Call("quant.DequantizeLinear", {q, scale, zero});
         const Value w = Dequantized(DType::kInt8, {64, 16}, -128, 127, {16}, true, {{"axis", 1}});
         return std::vector<Value>{
             Call("quant.QuantizeLinear", {Call("math.MatMul", {a, w}), scale, zero})};
       },
       "QLinearMatMul",
       "WeightOnly",
       0},
      {"float16", f16, {1, 200}, dense(f16), "float16 product", "in float32", 3},
      {"bfloat16, many rows", b16, {40, 200}, dense(b16), "", "in float32", 3},
      {"bfloat16, some rows", b16, {7, 200}, dense(b16), "float16 product", "in float32", 3},
      {"float16 with a value that is an output, and casts",
       f16,
       {2, 16},
       [](const Value& x) {
         const Value y = x * Weights(DType::kFloat16, {16}, -1, 1);
         const Value wide = Call("array.Cast", {Call("nn.Relu", {y})}, {{"to", DType::kFloat32}});
         const Value rounded = Call("array.Cast", {wide * wide}, {{"to", DType::kFloat16}});
         return std::vector<Value>{y, wide, rounded + y};
       },
       "",
       "in float32",
       0},
      {"float16 from a table",
       f16,
       {3},
       [](const Value& x) {
         const Value index = Call("array.Cast", {x}, {{"to", DType::kInt64}});
         const Value row = Call("array.Gather", {Weights(DType::kFloat16, {9, 5}, -1, 1), index});
         return std::vector<Value>{row * row, index};
       },
       "float16[3,5]",
       "float32[9,5]",
       0},
  };
}

TEST(NarrowWeights, AgreeWithTheReferenceKernels) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Shape shape(c.sizes);
    const Value x = InputValue({c.dtype, PartialShape(shape)}, "x");
    const auto model = BuildModel({x}, c.outputs(x));
    ASSERT_TRUE(model.ok()) << model.status();
    const NamedTensors inputs = {{"x", Numbers(c.dtype, shape, -2, 2, 9)}};
    const auto fast = Session::Create(*model);
    const auto exact = Session::Create(*model, {.exact = true});
    ASSERT_TRUE(fast.ok() && exact.ok());
    const auto program = (*fast)->ProgramFor(inputs);
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_THAT((*program)->ToString(), HasSubstr(c.has));
    if (!c.lacks.empty()) {
      EXPECT_THAT((*program)->ToString(), Not(HasSubstr(c.lacks)));
    }
    if (c.steps != 0) {
      EXPECT_EQ((*program)->steps().size(), c.steps) << (*program)->ToString();
    }
    const auto found = (*fast)->Run(inputs), expected = (*exact)->Run(inputs);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_EQ(found->size(), expected->size());
    for (const auto& [name, right] : *expected) {
      const Tensor& y = found->at(name);
      ASSERT_EQ(y.type(), right.type());
      double most = 1;
      for (int64_t k = 0; k < right.num_elements(); ++k) {
        most = std::max(most, std::abs(right.AsDouble(k)));
      }
      // Float32: 200 terms at most. 16 bits: each of three nodes rounds to half a unit. Integers:
      // one step, where a sum lies between two.
      const DType least = c.dtype;
      const double unit = least == DType::kFloat16    ? std::ldexp(1, -11)
                          : least == DType::kBFloat16 ? std::ldexp(1, -8)
                                                      : 15 * std::ldexp(1, -24);
      const double tolerance = right.dtype() == DType::kUInt8 ? 1 : 4 * unit * most;
      for (int64_t k = 0; k < right.num_elements(); ++k) {
        ASSERT_NEAR(y.AsDouble(k), right.AsDouble(k), tolerance) << name << ", " << k;
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
