// Nodes that several threads share, fused operands and all, against exact runs: oneDNN's primitives
// are divided (core/onednn/onednn_kernel.h), and a share must neither miss nor repeat anything.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {
namespace {

Attributes ChannelsFirst(Attributes attrs) {
  attrs.Set("data_format", "channels_first");
  attrs.Set("kernel_layout", "OIHW");
  return attrs;
}

using Values = std::vector<Value>;

struct Node {
  std::string name;
  std::vector<Shape> inputs;  // of the model
  std::function<Value(const Values&)> build;
};

// The inputs after the first are what a kernel cannot pack beforehand, or what fuses with it.
std::vector<Node> Nodes() {
  const auto conv = [](Attributes attrs, const Shape& kernel) {
    return [=](const Values& x) {
      const Tensor weights = Numbers(kernel, 1, 0.1f), bias = Numbers({kernel[0]}, 2);
      const Value y =
          Call("nn.Conv", {x[0], Constant(weights), Constant(bias)}, ChannelsFirst(attrs));
      return Call("nn.Relu", {y + x[1]});
    };
  };
  const auto product = [](Attributes attrs) {
    return [=](const Values& x) {
      return Call("nn.Relu", {Call("math.MatMul", {x[0], x[1]}, attrs) + x[2]});
    };
  };
  const auto gemm = [](Attributes attrs) {
    return [=](const Values& x) {
      return Call("nn.Sigmoid", {Call("math.Gemm", {x[0], x[1], x[2]}, attrs)});
    };
  };
  return {
      {"a line under the window, a residual",
       {{1, 64, 34, 34}, {1, 80, 34, 34}},
       conv({{"padding", "same"}}, {80, 64, 1, 7})},
      {"groups, a residual of the channels",
       {{1, 96, 28, 28}, {96, 1, 1}},
       conv({{"padding", "same"}, {"groups", 6}}, {96, 16, 3, 3})},
      {"groups of odd widths",
       {{1, 100, 28, 28}, {1, 60, 28, 28}},
       conv({{"padding", "same"}, {"groups", 20}}, {60, 5, 3, 3})},
      {"a batch, a residual of the first image's size",
       {{5, 33, 30, 30}, {1, 40, 14, 14}},
       conv({{"strides", std::vector<int64_t>{2, 2}}}, {40, 33, 4, 4})},
      {"one axis", {{1, 64, 2000}, {1, 48, 1994}}, conv({}, {48, 64, 7})},
      {"a share of one channel, a function that only some loops apply",
       {{1, 64, 40, 32}},
       [](const Values& x) {
         const Value y =
             Call("nn.Conv", {x[0], Constant(Numbers({17, 64, 1, 9}, 1, 0.1f))}, ChannelsFirst({}));
         return Call("math.Clip", {y}, {{"min", -0.5}, {"max", 0.5}});
       }},
      {"computed weights",
       {{1, 32, 32, 32}, {72, 32, 5, 3}, {1, 72, 1, 1}},
       [](const Values& x) {
         return Call("nn.Conv", {x[0], x[1]}, ChannelsFirst({{"padding", "same"}})) * x[2];
       }},
      {"transposed, with overlap",
       {{1, 48, 20, 20}, {1, 40, 43, 43}},
       [](const Values& x) {
         return Call("nn.ConvTranspose", {x[0], Constant(Numbers({48, 40, 5, 5}, 1, 0.1f))},
                     {{"data_format", "channels_first"},
                      {"kernel_layout", "IOHW"},
                      {"strides", std::vector<int64_t>{2, 2}}}) +
                x[1];
       }},
      {"transposed, images in groups that are fewer than threads",
       {{2, 34, 14, 14}},
       [](const Values& x) {
         return Call("nn.ConvTranspose",
                     {x[0], Constant(Numbers({34, 16, 5, 5}, 1)), Constant(Numbers({544}, 2))},
                     {{"data_format", "channels_first"},
                      {"kernel_layout", "IOHW"},
                      {"groups", 34},
                      {"padding", "same"}});
       }},
      {"rows to normalise",
       {{5, 41, 100}, {100}, {100}},
       [](const Values& x) { return Call("nn.LayerNormalization", x); }},
      {"batches that broadcast, a row", {{7, 1, 60, 64}, {3, 64, 70}, {70}}, product({})},
      {"two matrices, both transposed, a column each",
       {{2, 64, 300}, {2, 110, 64}, {2, 300, 1}},
       product({{"transpose_a", true}, {"transpose_b", true}})},
      {"rows in a batch by one matrix", {{2, 100, 96}, {96, 120}, {2, 100, 120}}, product({})},
      {"columns", {{9, 512}, {512, 700}, {9, 700}}, product({})},
      {"scaled, a row", {{130, 100}, {100, 90}, {90}}, gemm({{"alpha", 0.25}, {"beta", 0.5}})},
      {"scaled, a column", {{130, 100}, {100, 90}, {130, 1}}, gemm({{"alpha", 0.25}})},
      {"scaled, a matrix", {{30, 100}, {100, 390}, {30, 390}}, gemm({{"alpha", 0.25}})},
  };
}

TEST(SharedNodes, ComputeWhatOneThreadDoes) {
  for (const Node& node : Nodes()) {
    Values values;
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      values.push_back(InputValue({DType::kFloat32, node.inputs[i]}, absl::StrCat("x", i)));
      inputs.push_back(Numbers(node.inputs[i], 3 + i));
    }
    const absl::StatusOr<Model> model = BuildModel(values, {node.build(values)});
    ASSERT_TRUE(model.ok()) << node.name << ": " << model.status();
    const auto run = [&](SessionOptions options) -> absl::StatusOr<std::vector<Tensor>> {
      NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(*model, options));
      return session->Run(inputs);
    };
    const auto exact = run({.exact = true});
    ASSERT_TRUE(exact.ok()) << node.name << ": " << exact.status();
    for (const int threads : {1, 2, 3, 7}) {
      const auto found = run({.threads = threads});
      ASSERT_TRUE(found.ok()) << node.name << ": " << found.status();
      const absl::Status close = AllClose((*found)[0], (*exact)[0], 1e-4, 1e-4);
      EXPECT_TRUE(close.ok()) << node.name << ", threads: " << threads << ": " << close.message();
    }
  }
}

}  // namespace
}  // namespace nomograph
