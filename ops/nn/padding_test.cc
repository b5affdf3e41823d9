// Padding that windows reach into instead of a node that adds it, against exact mode, which adds
// it.
#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Attributes With(Attributes attrs, const Attributes& more) {
  for (const auto& [name, value] : more) attrs.Set(name, value);
  return attrs;
}

Value Pad(const Value& x, const Ints& pads, const Attributes& more = {}) {
  return Call("array.Pad", {x}, With({{"pads", pads}}, more));
}
// By one element ahead of rows and columns and two behind them, channels first.
Value Padded(const Value& x, double value = 0) {
  return Pad(x, {1, 1, 2, 2}, {{"axes", Ints{2, 3}}, {"value", value}});
}

const Attributes kFirst = {{"data_format", "channels_first"}};

Value Conv(const Value& x, const Attributes& more = {}) {
  return Call("nn.Conv", {x, Constant(Numbers({4, 3, 3, 3}, 1))},
              With(With(kFirst, {{"kernel_layout", "OIHW"}}), more));
}
Value Pool(const std::string& op, const Value& x, const Attributes& more = {}) {
  return Call(op, {x}, With(With(kFirst, {{"kernel_shape", Ints{3, 3}}}), more));
}
Value Mean(const Value& x, const Attributes& more = {}) { return Pool("nn.AveragePool", x, more); }
Value Maximum(const Value& x, const Attributes& more = {}) { return Pool("nn.MaxPool", x, more); }
Value Relu(const Value& x) { return Call("nn.Relu", {x}); }

struct Case {
  std::string name;
  std::function<Value(const Value&)> build;  // of x: [2, 3, 8, 9]
  bool absorbed = true;
};

std::vector<Case> Cases() {
  const Attributes one_around = {{"padding", "explicit"}, {"pads", Ints{1, 1, 1, 1}}};
  return {
      {"a convolution", [](const Value& x) { return Conv(Padded(x)); }},
      {"with steps",
       [](const Value& x) {
         return Conv(Padded(x), {{"strides", Ints{2, 2}}});
       }},
      {"that pads, too",
       [](const Value& x) {
         return Conv(Pad(x, {0, 0, 1, 0, 0, 0, 1, 1}),
                     {{"padding", "explicit"}, {"pads", Ints{1, 1, 0, 0}}});
       }},
      {"that pads to the same size",
       [](const Value& x) {
         return Conv(Pad(x, {0, 0, 0, 1, 0, 0, 0, 0}), {{"padding", "same"}});
       }},
      {"depthwise, channels last",
       [](const Value& x) {
         const Value turned = Call("array.Transpose", {x}, {{"perm", Ints{0, 2, 3, 1}}});
         return Call("nn.Conv",
                     {Pad(turned, {0, 0, 0, 0, 0, 1, 1, 0}), Constant(Numbers({3, 3, 1, 3}, 2))},
                     {{"groups", 3}, {"strides", Ints{2, 2}}});
       }},
      {"two that read the same padding",
       [](const Value& x) {
         const Value padded = Padded(x);
         return Conv(padded) + Conv(padded, {{"dilations", Ints{1, 1}}});
       }},
      {"a mean", [](const Value& x) { return Mean(Padded(x)); }},
      {"a mean whose padding counts",
       [one_around](const Value& x) {
         return Mean(Pad(x, {0, 0, 1, 1, 0, 0, 1, 1}),
                     With(one_around, {{"count_include_pad", true}}));
       }},
      {"a maximum of what is no less", [](const Value& x) { return Maximum(Padded(Relu(x))); }},
      {"a maximum beside infinities",
       [](const Value& x) { return Maximum(Padded(x, -kInfinity)); }},

      {"by another number", [](const Value& x) { return Conv(Padded(x, 0.5)); }, false},
      {"of channels",
       [](const Value& x) {
         return Mean(Pad(x, {0, 1, 1, 1, 0, 0, 1, 1}));
       },
       false},
      {"that cuts off",
       [](const Value& x) {
         return Conv(Pad(x, {0, 0, 1, 1, 0, 0, -1, 1}));
       },
       false},
      {"of the edge",
       [](const Value& x) {
         return Conv(Pad(x, {0, 0, 1, 1, 0, 0, 1, 1}, {{"mode", "edge"}}));
       },
       false},
      {"as wide as the window",
       [](const Value& x) {
         return Conv(Pad(x, {0, 0, 3, 1, 0, 0, 1, 1}));
       },
       false},
      {"a convolution by an infinity",
       [](const Value& x) {
         Tensor kernel = Numbers({4, 3, 3, 3}, 1);
         kernel.mutable_data<float>()[5] = std::numeric_limits<float>::infinity();
         return Call("nn.Conv", {Padded(x), Constant(kernel)},
                     With(kFirst, {{"kernel_layout", "OIHW"}}));
       },
       false},
      {"a mean beside padding that does not count",
       [one_around](const Value& x) { return Mean(Padded(x), one_around); }, false},
      {"a maximum of what may be less", [](const Value& x) { return Maximum(Padded(x)); }, false},
      {"a maximum with indices",
       [](const Value& x) {
         const std::vector<Value> outputs =
             CallMulti("nn.MaxPool", {Padded(Relu(x))},
                       With(kFirst, {{"kernel_shape", Ints{3, 3}}}), {.num_outputs = 2});
         return outputs[0] + Call("array.Cast", {outputs[1]}, {{"to", DType::kFloat32}});
       },
       false},
  };
}

TEST(AbsorbPadding, LeavesTheSameResults) {
  const TensorType type(DType::kFloat32, Shape{2, 3, 8, 9});
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Value x = InputValue(type, "x");
    const auto model = BuildModel({x}, {c.build(x)});
    ASSERT_TRUE(model.ok()) << model.status();
    auto graph = Lower(*model, model->graph, {&type, 1}, OpRegistry::Default(), {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ(AbsorbPadding(*graph), c.absorbed);
    RemoveDeadNodes(*graph);
    const auto pads = [](const LoweredNode& node) { return node.op->padding != nullptr; };
    EXPECT_EQ(std::none_of(graph->nodes.begin(), graph->nodes.end(), pads), c.absorbed);

    const auto run = [&](bool exact) -> absl::StatusOr<std::vector<Tensor>> {
      NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(*model, {.exact = exact}));
      return session->Run(std::vector<Tensor>{Numbers(type.shape.ToShape(), 5)});
    };
    const auto exact = run(true), fast = run(false);
    ASSERT_TRUE(exact.ok() && fast.ok()) << exact.status() << fast.status();
    const absl::Status close = AllClose((*fast)[0], (*exact)[0], 1e-5, 1e-5);
    EXPECT_TRUE(close.ok()) << close.message();
  }
}

// Where the input has no elements, windows have the padding's numbers alone.
TEST(AbsorbPadding, OfNoRows) {
  const TensorType type(DType::kFloat32, Shape{1, 1, 0, 4});
  const auto pool = [](const std::string& op, const Value& x, const Attributes& more = {}) {
    return Call(op, {x}, With(With(kFirst, {{"kernel_shape", Ints{2, 1}}}), more));
  };
  const Value x = InputValue(type, "x");
  const Value padded = Pad(Relu(x), {1, 1}, {{"axes", Ints{2}}});
  const Value kernel = Constant(Tensor::Full(DType::kFloat32, {1, 1, 2, 1}, 1));
  const auto model = BuildModel(
      {x}, {pool("nn.MaxPool", padded), pool("nn.MaxPool", padded, {{"ceil_mode", true}}),
            pool("nn.AveragePool", padded, {{"count_include_pad", true}}),
            Call("nn.Conv", {padded, kernel}, With(kFirst, {{"kernel_layout", "OIHW"}}))});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(*model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    const auto outputs =
        (*session)->Run(std::vector<Tensor>{Tensor(DType::kFloat32, type.shape.ToShape())});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < outputs->size(); ++i) {
      EXPECT_EQ((*outputs)[i], Tensor(DType::kFloat32, {1, 1, 1, 4})) << "output " << i;
    }
  }
}

}  // namespace
}  // namespace nomograph
