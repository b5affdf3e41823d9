// Products of integers: the fast kernels yield exactly what the definition yields, whatever is
// known beforehand. And what the shape functions of this domain yield and refuse.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

const OpDef& Op(absl::string_view name) { return *OpRegistry::Default().Find(name); }

// Integers from `low` to `high` that look like random ones.
Tensor Numbers(DType dtype, const Shape& shape, int64_t low, int64_t high) {
  Tensor tensor(DType::kInt32, shape);
  uint32_t state = static_cast<uint32_t>(shape.num_elements());
  for (int32_t& value : tensor.mutable_data<int32_t>()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<int32_t>(low + (state >> 8) % (high - low + 1));
  }
  return tensor.Cast(dtype);
}

Tensor Bytes(DType dtype, const Shape& shape) {
  return dtype == DType::kInt8 ? Numbers(dtype, shape, -128, 127) : Numbers(dtype, shape, 0, 255);
}

// Runs the fast kernel with those inputs as constants that `known` has bits for.
absl::StatusOr<Tensor> RunFast(const OpDef& op, const std::vector<Tensor>& inputs,
                               const Attributes& attrs, unsigned known, std::string& description) {
  NOMO_ASSIGN_OR_RETURN(const Attributes resolved, ResolveAttributes(op.attrs, attrs));
  std::vector<TensorType> types;
  std::vector<TensorSpec> specs;
  std::vector<TensorView> views;
  std::vector<Tensor> constants;
  for (size_t i = 0; i < inputs.size(); ++i) {
    types.push_back(inputs[i].type());
    specs.push_back({inputs[i].dtype(), inputs[i].shape()});
    views.push_back(
        {inputs[i].dtype(), &inputs[i].shape(), const_cast<std::byte*>(inputs[i].raw_data())});
    constants.push_back((known >> i & 1) != 0 ? inputs[i] : Tensor());
  }
  NOMO_ASSIGN_OR_RETURN(const auto inferred, InferNode(op, InferContext(resolved, types, {}, 1)));
  Tensor output(inferred[0].dtype, inferred[0].shape.ToShape());
  const TensorSpec output_spec{output.dtype(), output.shape()};
  TensorView output_view{output.dtype(), &output.shape(), output.mutable_raw_data()};
  const PrepareContext context{resolved,  specs, absl::MakeConstSpan(&output_spec, 1),
                               constants, {},    1};
  NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel,
                        PrepareKernel(op, context, KernelChoice::kFast));
  description = kernel->Describe();
  const RunContext run;
  KernelContextBuilder builder(views, absl::MakeSpan(&output_view, 1), {}, resolved, run, 0);
  const auto state = kernel->NewState();
  Tensor scratch(DType::kUInt8, {kernel->scratch_bytes()});
  builder.SetMemory(scratch.mutable_raw_data(), state.get());
  NOMO_RETURN_IF_ERROR(kernel->Run(builder.context()));
  return output;
}

void ExpectSameAsDefinition(const std::string& op, const std::vector<Tensor>& inputs,
                            const Attributes& attrs = {}) {
  const auto expected = RunOp(Op(op), inputs, attrs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (const unsigned known : {0u, 2u, ~0u}) {  // none; the second factor; all
    std::string description;
    const auto found = RunFast(Op(op), inputs, attrs, known, description);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_NE(description, "reference");
    EXPECT_EQ(*found, (*expected)[0]) << description;
  }
}

TEST(MatMulInteger, IsExact) {
  struct Case {
    Shape a, b, a_zero, b_zero;
  };
  const Case cases[] = {
      {{3, 5}, {5, 4}, {}, {}},
      {{9, 700}, {700, 33}, {1}, {33}},            // more than one sum of 2^24
      {{2, 1, 9, 300}, {3, 300, 8}, {9}, {1, 8}},  // zero points for rows and columns
      {{2, 4, 7}, {2, 7, 3}, {2, 4, 1}, {2, 1, 3}},
      {{7}, {2, 7, 3}, {}, {3}},
  };
  for (const Case& c : cases) {
    for (const DType a : {DType::kUInt8, DType::kInt8}) {
      for (const DType b : {DType::kUInt8, DType::kInt8}) {
        for (const bool small : {false, true}) {  // 7 bits, for which there are faster kernels
          SCOPED_TRACE(c.a.ToString() + DTypeName(a).data() + DTypeName(b).data());
          const Tensor w = small ? Numbers(b, c.b, b == DType::kInt8 ? -40 : 0, 40) : Bytes(b, c.b);
          const Tensor w_zero = small ? Numbers(b, c.b_zero, 0, 20) : Bytes(b, c.b_zero);
          ExpectSameAsDefinition("quant.MatMulInteger",
                                 {Bytes(a, c.a), w, Bytes(a, c.a_zero), w_zero});
          ExpectSameAsDefinition("quant.MatMulInteger", {Bytes(a, c.a), w});
        }
      }
    }
  }
}

// Where 16 bits, which the processor's instructions for two products have, might not do.
TEST(MatMulInteger, IsExactAtTheEnds) {
  for (const double w : {127.0, 64.0, -64.0, -128.0}) {
    // Sums that float32 does not have.
    ExpectSameAsDefinition("quant.MatMulInteger", {Tensor::Full(DType::kUInt8, {8, 901}, 255),
                                                   Tensor::Full(DType::kInt8, {901, 8}, w)});
    ExpectSameAsDefinition("quant.MatMulInteger", {Tensor::Full(DType::kUInt8, {8, 2001}, 255),
                                                   Tensor::Full(DType::kInt8, {2001, 8}, w),
                                                   Tensor::Full(DType::kUInt8, {}, 34)});
    ExpectSameAsDefinition(
        "quant.ConvInteger",
        {Tensor::Full(DType::kUInt8, {1, 3, 4, 90}, 255),
         Tensor::Full(DType::kInt8, {2, 2, 90, 8}, w), Tensor::Full(DType::kUInt8, {}, 255)},
        {{"padding", "same"}});
  }
}

TEST(ConvInteger, IsExact) {
  struct Case {
    Shape x, kernel;  // HWIO
    Attributes attrs;
  };
  const Case cases[] = {
      {{2, 6, 5, 3}, {3, 3, 3, 4}, {{"padding", "same"}, {"strides", Ints{2, 1}}}},
      {{1, 5, 5, 200}, {3, 3, 200, 9}, {{"padding", "same"}}},  // more than one sum of 2^24
      {{1, 6, 6, 8}, {3, 3, 1, 8}, {{"groups", 8}, {"padding", "same_lower"}}},
      {{1, 6, 6, 8}, {2, 3, 4, 6}, {{"groups", 2}, {"dilations", Ints{2, 1}}}},
      {{1, 12, 3}, {4, 3, 5}, {}},
      {{1, 4, 5, 4, 2}, {2, 2, 3, 2, 3}, {}},
  };
  for (Case c : cases) {
    for (const DType x : {DType::kUInt8, DType::kInt8}) {
      for (const bool small : {false, true}) {
        SCOPED_TRACE(c.x.ToString() + DTypeName(x).data() + c.attrs.ToString());
        const int64_t channels = c.kernel[c.kernel.rank() - 1];
        const Tensor w =
            small ? Numbers(DType::kInt8, c.kernel, -40, 40) : Bytes(DType::kInt8, c.kernel);
        const Tensor w_zero = Numbers(DType::kInt8, {channels}, 0, small ? 20 : 127);
        ExpectSameAsDefinition("quant.ConvInteger", {Bytes(x, c.x), w, Bytes(x, {}), w_zero},
                               c.attrs);
        ExpectSameAsDefinition("quant.ConvInteger", {Bytes(x, c.x), w}, c.attrs);
      }
    }
  }
}

// The second factor is packed as it would be if it were not transposed.
TEST(QLinearMatMul, OfATransposedMatrixIsExact) {
  for (const Shape& b : {Shape{33, 700}, Shape{5, 3}}) {
    for (const DType dtype : {DType::kUInt8, DType::kInt8}) {
      SCOPED_TRACE(b.ToString() + DTypeName(dtype).data());
      const Shape columns = {b[0]};
      const std::vector<Tensor> inputs = {Bytes(dtype, {9, b[1]}),
                                          Tensor::Scalar<float>(0.01f),
                                          Bytes(dtype, {}),
                                          Bytes(DType::kInt8, b),
                                          Tensor::Full(DType::kFloat32, columns, 0.02),
                                          Numbers(DType::kInt8, columns, -20, 20),
                                          Tensor::Scalar<float>(0.3f),
                                          Bytes(dtype, {}),
                                          Numbers(DType::kInt32, columns, -5000, 5000)};
      const Attributes attrs = {{"transpose_b", true}};
      const auto expected = RunOp(Op("quant.QLinearMatMul"), inputs, attrs);
      ASSERT_TRUE(expected.ok()) << expected.status();
      std::string description;
      const auto found = RunFast(Op("quant.QLinearMatMul"), inputs, attrs, ~0u, description);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_NE(description, "reference");
      EXPECT_EQ(*found, (*expected)[0]) << description;
    }
  }
}

TEST(QLinearMaxPool, IsExact) {
  struct Case {
    Shape x;
    Attributes attrs;
  };
  const Attributes three = {
      {"kernel_shape", Ints{3, 3}}, {"padding", "explicit"}, {"pads", Ints{1, 1, 1, 1}}};
  const auto with = [&](Attributes attrs, const Attributes& more) {
    for (const auto& [name, value] : more) attrs.Set(name, value);
    return attrs;
  };
  const Case cases[] = {
      {{2, 3, 14, 14}, three},
      {{1, 2, 7, 7}, three},
      {{1, 2, 3, 100}, three},
      {{1, 2, 9, 63}, with(three, {{"strides", Ints{2, 2}}})},
      {{1, 2, 28, 27}, with(three, {{"strides", Ints{2, 2}}})},
      {{1, 2, 15, 17}, with(three, {{"strides", Ints{3, 1}}})},
      {{1, 2, 6, 130}, with(three, {{"strides", Ints{1, 2}}})},
      {{1, 3, 12, 13}, {{"kernel_shape", Ints{2, 4}}, {"dilations", Ints{3, 2}}}},
      {{1, 2, 5, 5}, {{"kernel_shape", Ints{5, 5}}}},
  };
  for (const Case& c : cases) {
    for (const DType dtype : {DType::kUInt8, DType::kInt8}) {
      for (const float y_scale : {0.5f, 0.3f}) {
        const Attributes attrs = with(c.attrs, {{"data_format", "channels_first"}});
        SCOPED_TRACE(c.x.ToString() + DTypeName(dtype).data() + attrs.ToString());
        const std::vector<Tensor> inputs = {
            Bytes(dtype, c.x), Tensor::Scalar<float>(0.5f), Tensor::Full(dtype, {}, 7),
            Tensor::Scalar<float>(y_scale), Tensor::Full(dtype, {}, 7)};
        const auto expected = RunOp(Op("quant.QLinearMaxPool"), inputs, attrs);
        ASSERT_TRUE(expected.ok()) << expected.status();
        std::string description;
        const auto found = RunFast(Op("quant.QLinearMaxPool"), inputs, attrs, ~0u, description);
        ASSERT_TRUE(found.ok()) << found.status();
        EXPECT_NE(description, "reference");
        EXPECT_EQ(*found, (*expected)[0]);
      }
    }
  }
}

struct ShapeCase {
  std::string op;
  Attributes attrs;
  std::vector<TensorType> inputs;
  std::string expected;  // output 0's type, or a part of the error
};

TEST(Shapes, OfQuantisation) {
  const auto f = [](PartialShape shape) { return TensorType{DType::kFloat32, std::move(shape)}; };
  const auto u = [](PartialShape shape) { return TensorType{DType::kUInt8, std::move(shape)}; };
  const auto s = [](PartialShape shape) { return TensorType{DType::kInt8, std::move(shape)}; };
  const PartialShape any, one = PartialShape::OfRank(0);
  const Dim batch = Dim::Symbol("batch");
  const TensorType x = f({batch, 4, 6}), absent;
  const ShapeCase cases[] = {
      {"quant.QuantizeLinear", {}, {x, f(one)}, "uint8[batch,4,6]"},
      {"quant.QuantizeLinear", {{"output_dtype", DType::kInt16}}, {x, f({4})}, "int16[batch,4,6]"},
      {"quant.QuantizeLinear", {{"axis", -1}}, {x, f({6}), s({6})}, "int8[batch,4,6]"},
      {"quant.QuantizeLinear", {{"block_size", 3}}, {x, f({batch, 2, 6})}, "uint8[batch,4,6]"},
      {"quant.QuantizeLinear", {}, {f(any), f(any)}, "uint8[...]"},
      {"quant.QuantizeLinear", {}, {x, f({6})}, "input y_scale: expected 4 numbers"},
      {"quant.QuantizeLinear", {{"axis", 3}}, {x, f({6})}, "axis"},
      {"quant.QuantizeLinear", {}, {x, f({4}), s({6})}, "input y_zero_point: expected shape [4]"},
      {"quant.QuantizeLinear", {}, {x, f({4, 6})}, "without block_size"},
      {"quant.QuantizeLinear",
       {{"block_size", 2}},
       {x, f({3, 3, 6})},
       "input y_scale: expected shape [batch,2,6] for blocks of 2 along axis 1"},
      {"quant.QuantizeLinear",
       {{"output_dtype", DType::kInt16}},
       {x, f({4}), s({4})},
       "attribute output_dtype: expected int8 like y_zero_point, found int16"},
      {"quant.DequantizeLinear", {}, {u({batch, 3}), f({3}), u({3})}, "float32[batch,3]"},
      {"quant.DequantizeLinear", {}, {u({batch, 3}), f({3}), s({3})}, "x_zero_point"},
      {"quant.DynamicQuantizeLinear", {}, {x}, "uint8[batch,4,6]"},
      {"quant.MatMulInteger", {}, {u({batch, 3}), s({3, 4})}, "int32[batch,4]"},
      {"quant.MatMulInteger", {}, {u(any), s({3, 4})}, "int32[...]"},
      {"quant.MatMulInteger", {}, {u({2, 3}), s({4, 3})}, "expected equal inner sizes"},
      {"quant.MatMulInteger", {}, {u({2, 3}), s(one)}, "input b: expected at least 1 axis"},
      {"quant.MatMulInteger",
       {},
       {u({2, 3}), s({3, 4}), u({3})},
       "input a_zero_point: expected one number, shape [2] or [2,1], found shape [3]"},
      {"quant.QLinearMatMul",
       {},
       {u({2, 3}), f({1}), u({1}), s({3, 4}), f({3}), s({1}), f({1}), u({1})},
       "input b_scale"},
      {"quant.ConvInteger", {}, {u({batch, 5, 5, 2}), s({3, 3, 2, 4})}, "int32[batch,3,3,4]"},
      {"quant.ConvInteger",
       {},
       {u({1, 5, 5, 2}), s({3, 3, 2, 4}), absent, s({2})},
       "input kernel_zero_point: expected one number, or shape [4]"},
      {"quant.ConvInteger", {}, {u({1, 5, 5, 2}), s({3, 3, 2, 4}), u({2})}, "input x_zero_point"},
      {"quant.QLinearConv",
       {},
       {u({1, 5, 5, 2}),
        f(one),
        u(one),
        s({3, 3, 2, 4}),
        f({4}),
        s({4}),
        f(one),
        s(one),
        {DType::kInt32, {3}}},
       "input bias"},
      {"quant.QLinearAdd",
       {},
       {u({2, 3}), f(one), u(one), u({3}), f(one), u(one), f(one), u(one)},
       "uint8[2,3]"},
      {"quant.QLinearAdd",
       {},
       {u({2, 3}), f({2}), u(one), u({3}), f(one), u(one), f(one)},
       "input a_scale: expected one number"},
  };
  for (const ShapeCase& c : cases) {
    const auto attrs = ResolveAttributes(Op(c.op).attrs, c.attrs);
    ASSERT_TRUE(attrs.ok()) << attrs.status();
    const int outputs = static_cast<int>(Op(c.op).outputs.size());
    const auto types = InferNode(Op(c.op), InferContext(*attrs, c.inputs, {}, outputs));
    const std::string found =
        types.ok() ? (*types)[0].ToString() : std::string(types.status().message());
    EXPECT_THAT(found, testing::HasSubstr(c.expected)) << c.op;
  }
}

}  // namespace
}  // namespace nomograph
