// Nodes that multiply by constants in vector loops, with what is fused behind them, yield what
// exact mode yields.
#include "nomograph/ops/math/packed_kernel.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return tensor;
}

struct Case {
  std::string name;
  Shape x;
  std::function<Value(const Value& x)> product;  // its weights are constants
  std::string kernel = "packed product";         // that serves it
  double tolerance = 1e-5;
  const char* with_avx512 = nullptr;  // where another one serves it there
};

Attributes First() { return {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}}; }

std::vector<Case> Cases() {
  const auto weights = [](const Shape& shape) { return Constant(Random(shape, 11)); };
  return {
      {"matrix by matrix",
       {30, 40},
       [=](const Value& x) {
         return Call("math.MatMul", {x, weights({40, 50})});
       },
       "packed product",
       1e-5,
       "oneDNN"},
      {"a batch by a transposed matrix",
       {3, 10, 40},
       [=](const Value& x) {
         return Call("math.MatMul", {x, weights({50, 40})}, {{"transpose_b", true}});
       },
       "packed product",
       1e-5,
       "oneDNN"},
      {"Gemm with c",
       {30, 40},
       [=](const Value& x) {
         return Call("math.Gemm", {x, weights({50, 40}), Constant(Random({50}, 12))},
                     {{"transpose_b", true}});
       },
       "packed product",
       1e-5,
       "oneDNN"},
      {"1x1, channels last",
       {2, 9, 7, 20},
       [=](const Value& x) {
         return Call("nn.Conv", {x, weights({1, 1, 20, 30}), Constant(Random({30}, 12))});
       },
       "packed product",
       1e-5,
       "oneDNN"},
      {"small, of few places",  // not by oneDNN's sgemm
       {1, 5, 1, 7},
       [=](const Value& x) {
         return Call("nn.Conv", {x, weights({3, 5, 1, 1}), Constant(Random({3}, 12))}, First());
       }},
      {"1x1, channels first",
       {2, 20, 9, 7},
       [=](const Value& x) {
         return Call("nn.Conv", {x, weights({30, 20, 1, 1}), Constant(Random({30}, 12))}, First());
       }},
      {"depthwise",
       {2, 20, 30, 17},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("groups", 20);
         attrs.Set("padding", "same");
         attrs.Set("strides", std::vector<int64_t>{2, 2});
         return Call("nn.Conv", {x, weights({40, 1, 3, 3}), Constant(Random({40}, 12))}, attrs);
       },
       "depthwise loop"},
      {"3x3 at every place",
       {2, 20, 31, 29},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("padding", "same");
         return Call("nn.Conv", {x, weights({40, 20, 3, 3}), Constant(Random({40}, 12))}, attrs);
       },
       "Winograd 4x4",
       1e-4},  // its error is that of the largest element of a tile: core/window/winograd_conv.h
      {"1x1 with strides",
       {2, 20, 9, 40},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("strides", std::vector<int64_t>{2, 3});
         return Call("nn.Conv", {x, weights({30, 20, 1, 1}), Constant(Random({30}, 12))}, attrs);
       }},
      {"groups of few channels, with dilation",
       {2, 20, 21, 23},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("groups", 5);
         attrs.Set("padding", "same");
         attrs.Set("dilations", std::vector<int64_t>{1, 2});
         return Call("nn.Conv", {x, weights({30, 4, 3, 3}), Constant(Random({30}, 12))}, attrs);
       },
       "direct sums"},
      {"a first layer, HWIO",
       {2, 3, 43, 63},
       [=](const Value& x) {
         Attributes attrs = {{"data_format", "channels_first"}, {"padding", "same"}};
         attrs.Set("strides", std::vector<int64_t>{2, 2});
         return Call("nn.Conv", {x, weights({3, 3, 3, 16}), Constant(Random({16}, 12))}, attrs);
       },
       "direct sums"},
      {"groups, HWIO, along one axis",
       {2, 24, 50},
       [=](const Value& x) {
         Attributes attrs = {{"data_format", "channels_first"}, {"groups", 3}};
         return Call("nn.Conv", {x, weights({7, 8, 12})}, attrs);
       },
       "direct sums"},
      {"a window of few channels, along one axis",
       {1, 3, 400},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("padding", "explicit");
         attrs.Set("pads", std::vector<int64_t>{2, 4});
         attrs.Set("strides", std::vector<int64_t>{3});
         return Call("nn.Conv", {x, weights({30, 3, 5}), Constant(Random({30}, 12))}, attrs);
       },
       "direct sums"},
      {"patches",
       {2, 3, 50, 26},
       [=](const Value& x) {
         Attributes attrs = First();
         attrs.Set("strides", std::vector<int64_t>{8, 8});
         return Call("nn.Conv", {x, weights({32, 3, 8, 8}), Constant(Random({32}, 12))}, attrs);
       }},
      {"three rows by a matrix",
       {3, 40},
       [=](const Value& x) {
         return Call("math.MatMul", {x, weights({40, 50})});
       },
       "product of rows"},
      {"one row by a transposed matrix",
       {1, 40},
       [=](const Value& x) {
         return Call("math.Gemm", {x, weights({50, 40}), Constant(Random({50}, 12))},
                     {{"transpose_b", true}});
       },
       "product of rows"},
      {"1x1 at one place",
       {2, 20, 1, 1},
       [=](const Value& x) {
         return Call("nn.Conv", {x, weights({30, 20, 1, 1}), Constant(Random({30}, 12))}, First());
       },
       "product of rows"},
      {"1x1, channels first, without bias",
       {1, 20, 100},
       [=](const Value& x) {
         return Call("nn.Conv", {x, weights({30, 20, 1})}, First());
       }},
  };
}

// What can follow `y`, of the type of `x`'s product.
std::vector<std::pair<std::string, std::function<Value(const Value& y)>>> Followers() {
  const auto same = [](const Value& y) { return Constant(Random(y.shape().ToShape(), 13)); };
  return {
      {"nothing", [](const Value& y) { return y; }},
      {"Relu", [](const Value& y) { return Call("nn.Relu", {y}); }},
      {"Add, Relu", [=](const Value& y) { return Call("nn.Relu", {y + same(y)}); }},
      {"Clip, Add",
       [=](const Value& y) {
         return Call("math.Clip", {y}, {{"min", -0.5}, {"max", 0.5}}) + same(y);
       }},
      {"Swish", [](const Value& y) { return Call("nn.Swish", {y}); }},
      {"HardSigmoid", [](const Value& y) { return Call("nn.HardSigmoid", {y}); }},
      {"HardSwish", [](const Value& y) { return Call("nn.HardSwish", {y}); }},
      {"a row",
       [](const Value& y) {
         return y + Constant(Random({y.shape()[y.shape().rank() - 1].size()}, 14));
       }},
      {"times what it has of each channel, less a number",
       [](const Value& y) {
         Shape channels;
         for (int axis = 1; axis < y.shape().rank(); ++axis) {
           channels.Append(axis == 1 ? y.shape()[1].size() : 1);
         }
         return y * Constant(Random(channels, 16)) - Constant(Tensor::Scalar<float>(0.25f));
       }},
  };
}

Tensor Result(const Model& model, const Tensor& x, bool exact, int threads) {
  const auto session = Session::Create(model, {.exact = exact, .threads = threads});
  EXPECT_TRUE(session.ok()) << session.status();
  const auto y = (*session)->Run(x);
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? *y : Tensor();
}

TEST(PackedKernel, AgreesWithExactMode) {
  for (const Case& c : Cases()) {
    for (const auto& [follower, follow] : Followers()) {
      SCOPED_TRACE(c.name + "; " + follower);
      const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
      const auto model = BuildModel({x}, {follow(c.product(x))});
      ASSERT_TRUE(model.ok()) << model.status();
      const Tensor input = Random(c.x, 15);
      const Tensor expected = Result(*model, input, true, 1);
      for (const int threads : {1, 3}) {
        const Tensor y = Result(*model, input, false, threads);
        ASSERT_EQ(y.shape(), expected.shape());
        for (int64_t i = 0; i < y.num_elements(); ++i) {
          ASSERT_NEAR(y.data<float>()[i], expected.data<float>()[i], c.tolerance) << i;
        }
      }
    }
  }
}

TEST(PackedKernel, ServesThemWhereItPays) {
  const VectorTarget target = BestVectorTarget();
  if (target == VectorTarget::kBaseline) GTEST_SKIP() << "for machines with AVX2 or AVX-512";
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
    const Value y = c.product(x);
    const auto model =
        BuildModel({x}, {Call("nn.Relu", {y + Constant(Random(y.shape().ToShape(), 13))})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    const auto program = (*session)->ProgramFor({{"x", Random(c.x, 15)}});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ((*program)->steps().size(), 1u);
    const bool other = target == VectorTarget::kAvx512 && c.with_avx512 != nullptr;
    EXPECT_THAT(
        (*program)->ToString(),
        HasSubstr(other ? c.with_avx512 : absl::StrCat(c.kernel, " ", VectorTargetName(target))));
  }
}

TEST(WinogradConv, InfinitiesAndNanStayWhereTheyBelong) {
  const Shape shape = {1, 20, 31, 29};
  const Value x = InputValue({DType::kFloat32, PartialShape(shape)}, "x");
  const auto model =
      BuildModel({x}, {Call("nn.Conv", {x, Constant(Random({40, 20, 3, 3}, 11))}, First())});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    Tensor input = Random(shape, 15);
    input.mutable_data<float>()[400] = value;
    const Tensor expected = Result(*model, input, true, 1);
    const Tensor y = Result(*model, input, false, 2);
    int special = 0;
    for (int64_t i = 0; i < y.num_elements(); ++i) {
      const float right = expected.data<float>()[i];
      if (std::isfinite(right)) {
        ASSERT_NEAR(y.data<float>()[i], right, 1e-4) << i;
      } else {
        ++special;
        ASSERT_EQ(std::isnan(y.data<float>()[i]), std::isnan(right)) << i;
        ASSERT_FALSE(std::isfinite(y.data<float>()[i])) << i;
      }
    }
    EXPECT_EQ(special, 40 * 9);
  }
}

}  // namespace
}  // namespace nomograph
