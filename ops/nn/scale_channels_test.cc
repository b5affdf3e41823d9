// Factors of weights that a model computes, which go to the input or to the output of convolutions,
// against exact mode, which multiplies the weights.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;
using Values = std::vector<Value>;

Value Weights(const Shape& shape) { return Constant(Numbers(shape, 1)); }

Value Conv(const Value& x, const Value& weights, Attributes more = {}, const Value& bias = {}) {
  Attributes attrs{{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}};
  for (const auto& [name, value] : more) attrs.Set(name, value);
  return Call("nn.Conv", {x, weights, bias}, attrs);
}

Value Transposed(const Value& x, const Value& weights) {
  return Call("nn.ConvTranspose", {x, weights},
              {{"data_format", "channels_first"},
               {"kernel_layout", "IOHW"},
               {"strides", std::vector<int64_t>{2, 2}}});
}

Value Shaped(const Value& x, const Ints& shape) {
  return Call("array.Reshape", {x}, {{"shape", shape}});
}

// 1 / sqrt(the sum of the squares), for each output channel.
Value Norm(const Value& weights, const Ints& axes) {
  const Value squares = Call("math.ReduceSum", {weights * weights}, {{"axes", axes}});
  return Call("math.Rsqrt", {squares + 1e-8});
}

struct Case {
  std::string name;
  std::vector<Shape> inputs;  // x, then what factors are
  std::function<Value(const Values&)> build;
  bool moves = true;
};

std::vector<Case> Cases() {
  const Shape x = {1, 6, 9, 9}, style = {1, 6, 1, 1};
  return {
      {"a style, demodulated",
       {x, style},
       [](const Values& v) {
         const Value weights = Weights({8, 6, 3, 3}) * v[1];
         return Conv(v[0], weights * Norm(weights, {1, 2, 3}), {{"padding", "same"}});
       }},
      {"written with the axis of a batch that is one",
       {x, {1, 6}},
       [](const Values& v) {
         const Value weights =
             Shaped(Weights({8, 6, 3, 3}), {1, 8, 6, 3, 3}) * Shaped(v[1], {1, 1, 6, 1, 1});
         const Value norm = Norm(weights, {2, 3, 4});
         return Conv(v[0], Shaped(weights * norm, {8, 6, 3, 3}));
       }},
      {"a transposed convolution by transposed weights",
       {x, style},
       [](const Values& v) {
         const Value weights = v[1] * Weights({8, 6, 3, 3});
         return Transposed(v[0], Call("array.Transpose", {weights * Norm(weights, {1, 2, 3})},
                                      {{"perm", Ints{1, 0, 2, 3}}}));
       }},
      {"channels last",
       {{2, 9, 9, 6}, {6, 1}, {8}},
       [](const Values& v) {
         return Call("nn.Conv", {v[0], Weights({3, 3, 6, 8}) * v[1] * v[2]});
       }},
      {"a batch, several factors, one number",
       {{3, 6, 9, 9}, style, {8, 1, 1, 1}, {}},
       [](const Values& v) {
         return Conv(v[0], v[3] * (v[2] * (Weights({8, 6, 2, 2}) * v[1]) * v[1]));
       }},
      {"groups: of the output",
       {x, {8, 1, 1, 1}},
       [](const Values& v) {
         return Conv(v[0], Weights({8, 3, 3, 3}) * v[1], {{"groups", 2}});
       }},
      {"groups: of an input's channel in each",
       {x, {1, 3, 1, 1}},
       [](const Values& v) {
         return Conv(v[0], Weights({8, 3, 3, 3}) * v[1], {{"groups", 2}});
       },
       /*moves=*/false},
      {"of a tap",
       {x, {3, 1}},
       [](const Values& v) {
         return Conv(v[0], Weights({8, 6, 3, 3}) * v[1]);
       },
       false},
      {"of both channels",
       {x, {8, 6, 1, 1}},
       [](const Values& v) {
         return Conv(v[0], Weights({8, 6, 3, 3}) * v[1]);
       },
       false},
      {"of what is not constant",
       {x, style, {8, 6, 3, 3}},
       [](const Values& v) { return Conv(v[0], v[2] * v[1]); },
       false},
      {"ahead of a bias",
       {x, style},
       [](const Values& v) {
         return Conv(v[0], Weights({8, 6, 3, 3}) * v[1], {}, Constant(Numbers({8}, 3)));
       },
       false},
      {"a factor that makes the weights",
       {x, {8, 6, 1, 1}},
       [](const Values& v) {
         return Conv(v[0], Weights({1, 6, 3, 3}) * v[1]);
       },
       false},
  };
}

TEST(ScaleChannels, LeavesConstantWeightsAndTheSameResults) {
  const OpRegistry& registry = OpRegistry::Default();
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    Values values;
    std::vector<Tensor> inputs;
    std::vector<TensorType> types;
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      types.push_back({DType::kFloat32, c.inputs[i]});
      values.push_back(InputValue(types.back(), absl::StrCat("x", i)));
      inputs.push_back(Numbers(c.inputs[i], i + 5));
    }
    const auto model = BuildModel(values, {c.build(values)});
    ASSERT_TRUE(model.ok()) << model.status();
    auto graph = Lower(*model, model->graph, types, registry, {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ(ScaleChannels(*graph, registry, {}), c.moves);
    const auto convolution =
        std::find_if(graph->nodes.begin(), graph->nodes.end(),
                     [](const LoweredNode& node) { return node.op->channel_axes != nullptr; });
    ASSERT_NE(convolution, graph->nodes.end());
    EXPECT_EQ(graph->constants[convolution->inputs[1]].valid(), c.moves);

    const auto run = [&](bool exact) -> absl::StatusOr<std::vector<Tensor>> {
      NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(*model, {.exact = exact}));
      return session->Run(inputs);
    };
    const auto exact = run(true), fast = run(false);
    ASSERT_TRUE(exact.ok() && fast.ok()) << exact.status() << fast.status();
    const absl::Status close = AllClose((*fast)[0], (*exact)[0], 1e-5, 1e-5);
    EXPECT_TRUE(close.ok()) << close.message();
  }
}

}  // namespace
}  // namespace nomograph
