// 16-bit floats on the kernels of float32.
#include "nomograph/core/op/widened_kernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/elementwise.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

OpDef Add() {
  return ElementwiseOp("wide.Add", FloatTypes{}, [](auto a, auto b) { return a + b; })
      .Fast(FastBinary(dnnl_binary_add));
}

OpDef Less() {
  return ElementwiseOp("wide.Less", FloatTypes{}, [](auto a, auto b) { return a < b; });
}

// Its output's type is an attribute's.
OpDef As() {
  return OpDef("wide.As")
      .TypeVar("T", kFloats)
      .TypeVar("R", kFloats)
      .Input("x", "T")
      .RequiredAttr("to", AttrType::kDType, "")
      .Output("y", "R")
      .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
        return std::vector<TensorType>{{c.attrs().Type("to"), c.shape(0)}};
      })
      .Reference([](KernelContext& c) {
        return c.SetOutput(0, c.BorrowInput(0).Cast(c.output_dtype(0)));
      });
}

std::string KernelFor(const OpDef& op, const Attributes& attrs, absl::Span<const Tensor> inputs,
                      DType output, KernelChoice choice) {
  std::vector<TensorSpec> specs;
  for (const Tensor& input : inputs) specs.push_back({input.dtype(), input.shape()});
  const std::vector<TensorSpec> outputs = {{output, inputs[0].shape()}};
  const std::vector<Tensor> constants(inputs.size());
  const auto kernel = PrepareKernel(op, {attrs, specs, outputs, constants, {}}, choice);
  return kernel.ok() ? (*kernel)->Describe() : std::string(kernel.status().message());
}

template <typename T>
Tensor Ramp(double first, double step) {
  Tensor tensor(kDTypeOf<T>, {1000});
  for (int i = 0; i < 1000; ++i) tensor.mutable_data<T>()[i] = T(first + step * i);
  return tensor;
}

template <typename T>
void ExpectRoundedSums() {
  const OpDef op = Add();
  const Tensor a = Ramp<T>(-3, 0.37), b = Ramp<T>(1, 1.0 / 3);
  EXPECT_THAT(KernelFor(op, {}, {a, b}, kDTypeOf<T>, KernelChoice::kFast), HasSubstr("in float32"));
  EXPECT_EQ(KernelFor(op, {}, {a, b}, kDTypeOf<T>, KernelChoice::kReference), "reference");
  const auto sums = RunOp(op, {a, b}, {}, {.fast = true});
  ASSERT_TRUE(sums.ok()) << sums.status();
  // A sum of two 16-bit floats in float, rounded once: what IEEE 754 asks of them.
  for (int i = 0; i < 1000; ++i) {
    const float sum = static_cast<float>(a.data<T>()[i]) + static_cast<float>(b.data<T>()[i]);
    ASSERT_EQ((*sums)[0].data<T>()[i].bits(), T(sum).bits()) << i;
  }
}

TEST(WidenedKernel, RoundsAtTheOutputs) {
  ExpectRoundedSums<Half>();
  ExpectRoundedSums<BFloat16>();
}

TEST(WidenedKernel, ServesReferenceKernelsThatRoundNothing) {
  const Tensor a = Ramp<Half>(0, 1), b = Ramp<Half>(999, -1);
  EXPECT_EQ(KernelFor(Less(), {}, {a, b}, DType::kBool, KernelChoice::kFast),
            "reference in float32");
  const auto less = RunOp(Less(), {a, b}, {}, {.fast = true});
  ASSERT_TRUE(less.ok()) << less.status();
  EXPECT_TRUE((*less)[0].data<bool>()[499]);
  EXPECT_FALSE((*less)[0].data<bool>()[500]);
}

TEST(WidenedKernel, KeepsTypesThatAttributesName) {
  const Tensor x = Ramp<Half>(0, 1);
  for (const DType to : {DType::kFloat16, DType::kBFloat16}) {
    const Attributes attrs = {{"to", to}};
    const auto y = RunOp(As(), {x}, attrs, {.fast = true});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0], x.Cast(to));
  }
}

TEST(WidenedKernel, ConvertsAConstantOnce) {
  const OpDef op = Add();
  const Tensor a = Ramp<Half>(0, 1), b = Ramp<Half>(1, 2);
  const std::vector<TensorSpec> specs(2, {DType::kFloat16, a.shape()});
  const std::vector<TensorSpec> outputs(1, {DType::kFloat16, a.shape()});
  const std::vector<Tensor> constants = {Tensor(), b};
  const Attributes attrs;
  const auto kernel =
      PrepareKernel(op, {attrs, specs, outputs, constants, {}}, KernelChoice::kFast);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_TRUE((*kernel)->ReadsInput(0));
  EXPECT_FALSE((*kernel)->ReadsInput(1));
}

}  // namespace
}  // namespace nomograph
