// The typed functions write the same nodes as the calls by name.
#include "nomograph/ops/functions.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/ops/functions/header_writer.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

Value X(PartialShape shape, DType dtype = DType::kFloat32) {
  return InputValue({dtype, std::move(shape)}, "x");
}

// The model of one input whose outputs `function` writes.
template <typename F>
std::string HashOf(const Value& x, F function) {
  const std::vector<Value> outputs = function(x);
  auto model = BuildModel({x}, outputs);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? SemanticHash(*model) : "";
}

struct Case {
  std::string name;
  Value x;
  std::function<std::vector<Value>(Value)> typed, by_name;
};

TEST(Functions, WriteWhatTheCallByNameWrites) {
  const std::vector<Case> cases = {
      {"no attribute", X({2, 3}), [](Value x) { return std::vector{math::Exp(x)}; },
       [](Value x) { return std::vector{Call("math.Exp", {x})}; }},
      {"an attribute", X({2, 3}), [](Value x) { return std::vector{nn::Softmax(x, {.axis = 0})}; },
       [](Value x) {
         return std::vector{Call("nn.Softmax", {x}, {{"axis", 0}})};
       }},
      {"a required attribute", X({2, 3}),
       [](Value x) { return std::vector{array::Cast(x, DType::kInt32)}; },
       [](Value x) {
         return std::vector{Call("array.Cast", {x}, {{"to", DType::kInt32}})};
       }},
      {"a variadic input", X({2, 3}),
       [](Value x) {
         return std::vector{array::Concat({x, x}, {.axis = 1})};
       },
       [](Value x) {
         return std::vector{Call("array.Concat", {x, x}, {{"axis", 1}})};
       }},
      {"an argument that is an attribute", X({2, 3}),
       [](Value x) { return std::vector{array::Unsqueeze(x, {.axes = {0}})}; },
       [](Value x) {
         return std::vector{Call("array.Unsqueeze", {x}, {{"axes", std::vector<int64_t>{0}}})};
       }},
      {"an argument that is an input", X({2, 3}),
       [](Value x) {
         return std::vector{array::Unsqueeze(x, {.axes = Constant(Tensor::Vector<int64_t>({0}))})};
       },
       [](Value x) {
         return std::vector{Call("array.Unsqueeze", {x, Constant(Tensor::Vector<int64_t>({0}))})};
       }},
      {"several outputs", X({2, 3}),
       [](Value x) {
         const auto top = array::TopK(x, {.k = 2, .num_outputs = 2});
         return std::vector{top.values, top.indices};
       },
       [](Value x) {
         return CallMulti("array.TopK", {x}, {{"k", 2}}, {.num_outputs = 2});
       }},
      {"a variadic output", X({2, 4}), [](Value x) { return array::Split(x, 2, {.axis = 1}); },
       [](Value x) {
         return CallMulti("array.Split", {x}, {{"axis", 1}}, {.num_outputs = 2});
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(HashOf(c.x, c.typed), HashOf(c.x, c.by_name));
  }
}

TEST(Values, OperatorsAndSlices) {
  const std::vector<Case> cases = {
      {"%", X({4}, DType::kInt64), [](Value x) { return std::vector{x % 3}; },
       [](Value x) {
         return std::vector{Call("math.Mod", {x, Constant(Tensor::Scalar<int64_t>(3))})};
       }},
      {"&&, || and !", X({4}, DType::kBool), [](Value x) { return std::vector{(x && !x) || x}; },
       [](Value x) {
         return std::vector{Call("math.Or", {Call("math.And", {x, Call("math.Not", {x})}), x})};
       }},
      {"+=", X({4}),
       [](Value x) {
         x += 1.0;
         return std::vector{x};
       },
       [](Value x) { return std::vector{x + 1.0}; }},
      {"x[:, 1:3]", X({4, 5}), [](Value x) { return std::vector{Slice(x, 1, 3, 1)}; },
       [](Value x) {
         return std::vector{array::Slice(x, {.starts = {1}, .ends = {3}, .axes = {1}})};
       }},
      {"x[2]", X({4, 5}), [](Value x) { return std::vector{At(x, 2)}; },
       [](Value x) {
         return std::vector{array::Squeeze(
             array::Slice(x, {.starts = {2}, .ends = {3}, .axes = {0}}), {.axes = {0}})};
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(HashOf(c.x, c.typed), HashOf(c.x, c.by_name));
  }
  EXPECT_EQ(At(X({4, 5}), -1).shape(), (PartialShape{5}));
  EXPECT_EQ(Slice(X({4, 5}), -3, 100).shape(), (PartialShape{3, 5}));
}

TEST(Functions, NameTheNode) {
  const Value x = X({2});
  const auto model = BuildModel({x}, {math::Exp(x, {.name = "growth"})});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.nodes[0].name, "growth");
}

TEST(Functions, NamesThatAreNoGoodInCpp) {
  const struct {
    OpDef op;
    std::string fault;
  } cases[] = {
      {OpDef("acme.Two").Input("a b", "float32").Output("y", "float32"), "acme.Two: \"a b\""},
      {OpDef("acme.Named").Input("x", "float32").Output("y", "float32").Attr("name", 1, ""),
       "acme.Named: \"name\""},
      {OpDef("acme.Twin").Input("x", "float32").Output("y", "float32").Attr("x", 1, ""),
       "acme.Twin: input and attribute are both named \"x\""},
      {OpDef("acme.3D").Output("y", "float32"), "acme.3D cannot name"},
  };
  for (const auto& c : cases) {
    const auto sources = WriteFunctions("acme", {&c.op});
    ASSERT_FALSE(sources.ok());
    EXPECT_THAT(std::string(sources.status().message()), HasSubstr(c.fault));
  }
}

}  // namespace
}  // namespace nomograph
