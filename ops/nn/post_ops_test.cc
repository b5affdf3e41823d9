// Post-ops fused into the kernels of this domain and of math, against the op
// followed by the same arithmetic.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// Whole numbers from -3 to 3, so that the order of additions does not matter.
Tensor Numbers(const Shape& shape, int salt) {
  Tensor tensor(DType::kFloat32, shape);
  int i = salt;
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>((i * i * 5 + i * 3 + i / 7) % 7 - 3);
    ++i;
  }
  return tensor;
}

struct Case {
  std::string op;
  Attributes attrs;
  std::vector<Shape> inputs;
  // The operand of an addition; it must be a shape that the kernel is known to take.
  Shape operand;
};

const Case kCases[] = {
    {"nn.Conv", {{"padding", "same"}}, {{2, 5, 5, 3}, {3, 3, 3, 8}}, {8}},
    {"nn.Conv", {{"padding", "same"}}, {{2, 5, 5, 3}, {3, 3, 3, 8}, {8}}, {1, 1, 1, 8}},
    {"nn.Conv", {{"padding", "same"}}, {{2, 4, 4, 8}, {1, 1, 8, 16}}, {2, 4, 4, 16}},
    {"nn.Conv", {{"data_format", "channels_first"}}, {{1, 3, 5, 5}, {3, 3, 3, 8}}, {8, 1, 1}},
    {"nn.Conv", {{"groups", 8}}, {{1, 5, 5, 8}, {3, 3, 1, 8}, {8}}, {8}},
    {"nn.Conv", {}, {{1, 9, 3}, {3, 3, 8}}, {8}},
    {"nn.ConvTranspose",
     {{"strides", std::vector<int64_t>{2, 2}}},
     {{1, 3, 3, 8}, {2, 2, 8, 8}, {8}},
     {8}},
    {"math.Add", {}, {{2, 4, 5}, {2, 4, 5}}, {2, 4, 5}},
    {"math.Add", {}, {{}, {2, 4, 5}}, {}},
    {"math.Add", {}, {{100}, {4, 100}}, {4, 100}},
    {"math.Sub", {}, {{4, 100}, {100}}, {4, 100}},
    {"math.Mul", {}, {{2, 3, 70}, {2, 3, 70}}, {}},
    {"math.Div", {}, {{2, 3, 70}, {}}, {2, 3, 70}},
    {"math.MatMul", {}, {{4, 3}, {3, 5}}, {5}},
    {"math.MatMul", {}, {{4, 3}, {3, 5}}, {4, 5}},
    {"math.MatMul", {}, {{2, 4, 3}, {3, 5}}, {5}},
    {"math.MatMul", {}, {{2, 4, 3}, {3, 5}}, {2, 4, 5}},
    {"math.MatMul", {}, {{3}, {3, 5}}, {5}},
    {"math.MatMul", {}, {{2, 4, 3}, {2, 3, 5}}, {5}},
    {"math.Gemm", {}, {{4, 3}, {3, 5}, {5}}, {5}},
    {"math.Gemm", {{"alpha", 2.0}, {"beta", 3.0}}, {{4, 3}, {3, 5}, {5}}, {4, 5}},
};

struct Node {
  const OpDef* op;
  Attributes attrs;
  std::vector<Tensor> inputs;  // those of the op and the post-op's operand
  std::vector<PostOp> post_ops;
  Shape output;

  bool Prepare(std::unique_ptr<Kernel>& kernel) const {
    std::vector<TensorSpec> specs;
    for (const Tensor& input : inputs) specs.push_back({input.dtype(), input.shape()});
    const std::vector<TensorSpec> output_specs = {{DType::kFloat32, output}};
    std::vector<Tensor> constants(inputs.size());
    constants[1] = inputs[1];
    const PrepareContext context{attrs, specs, output_specs, constants, post_ops, 1};
    if (!op->TakesPostOps(context)) return false;
    auto prepared = PrepareKernel(*op, context, KernelChoice::kFast);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    if (!prepared.ok()) return false;
    kernel = *std::move(prepared);
    return true;
  }

  Tensor Run(const Kernel& kernel) const {
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) {
      views.push_back({input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())});
    }
    std::vector<Tensor> results = {Tensor(DType::kFloat32, output)};
    std::vector<TensorView> outputs = {{DType::kFloat32, &output, results[0].mutable_raw_data()}};
    const RunContext run;
    const auto state = kernel.NewState();
    Tensor scratch(DType::kUInt8, {kernel.scratch_bytes()});
    KernelContextBuilder builder(views, absl::MakeSpan(outputs), absl::MakeSpan(results), attrs,
                                 run, 0);
    builder.SetMemory(scratch.mutable_raw_data(), state.get());
    const absl::Status status = kernel.Run(builder.context());
    EXPECT_TRUE(status.ok()) << status;
    return results[0];
  }
};

// max(x + operand, 0), the operand being broadcast along the leading axes or along those behind it.
Tensor AddThenRelu(const Tensor& x, const Tensor& operand) {
  Tensor sum = (*RunOp(*OpRegistry::Default().Find("math.Add"), {x, operand}, {}))[0];
  for (float& value : sum.mutable_data<float>()) value = std::max(value, 0.0f);
  return sum;
}

TEST(PostOps, AreApplied) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.op + " " + c.attrs.ToString() + " with an operand " + c.operand.ToString());
    const OpDef* op = OpRegistry::Default().Find(c.op);
    ASSERT_NE(op, nullptr);
    Node node{.op = op};
    for (const Shape& shape : c.inputs)
      node.inputs.push_back(Numbers(shape, static_cast<int>(node.inputs.size())));
    const auto plain = RunOp(*op, node.inputs, c.attrs);
    ASSERT_TRUE(plain.ok()) << plain.status();
    node.attrs = *ResolveAttributes(op->attrs, c.attrs);
    node.output = (*plain)[0].shape();
    const Tensor operand = Numbers(c.operand, 5);
    node.inputs.resize(op->inputs.size());  // the absent bias
    node.post_ops = {{.kind = PostOp::Kind::kBinary,
                      .algorithm = dnnl_binary_add,
                      .input = static_cast<int>(node.inputs.size())},
                     {.kind = PostOp::Kind::kEltwise, .algorithm = dnnl_eltwise_relu}};
    node.inputs.push_back(operand);
    std::unique_ptr<Kernel> kernel;
    ASSERT_TRUE(node.Prepare(kernel));
    const absl::Status close =
        AllClose(node.Run(*kernel), AddThenRelu((*plain)[0], operand), 1e-6, 1e-6);
    EXPECT_TRUE(close.ok()) << kernel->Describe() << ": " << close;
  }
}

TEST(PostOps, AreRefusedWhereTheyCannotBeApplied) {
  const OpDef* op = OpRegistry::Default().Find("math.MatMul");
  Node node{.op = op, .attrs = *ResolveAttributes(op->attrs, {})};
  node.inputs = {Numbers({2, 4, 3}, 0), Numbers({3, 5}, 1), Numbers({4, 1}, 2)};
  node.output = {2, 4, 5};
  node.post_ops = {{.kind = PostOp::Kind::kBinary, .algorithm = dnnl_binary_add, .input = 2}};
  std::unique_ptr<Kernel> kernel;
  EXPECT_FALSE(node.Prepare(kernel));  // the batch and the rows are one axis to the kernel

  node.inputs = {Tensor(DType::kFloat32, {0, 3}), Numbers({3, 5}, 1), Numbers({5}, 2)};
  node.output = {0, 5};
  EXPECT_FALSE(node.Prepare(kernel));  // the reference kernel serves empty tensors
}

}  // namespace
}  // namespace nomograph
