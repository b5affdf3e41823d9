// Pointwise convolutions of gated and of normalised channels, which a program maps as it reads
// them, against exact mode, which does one after the other.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using Values = std::vector<Value>;

constexpr int64_t kIn = 30, kOut = 20;

Value Conv(const Value& x, Attributes more = {}, bool biased = true) {
  Attributes attrs{{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}};
  for (const auto& [name, value] : more) attrs.Set(name, value);
  Shape kernel = {kOut, kIn};
  for (int axis = 2; axis < x.shape().rank(); ++axis) kernel.Append(attrs.Has("padding") ? 3 : 1);
  const Value bias = biased ? Constant(Numbers({kOut}, 2)) : Value();
  return Call("nn.Conv", {x, Constant(Numbers(kernel, 1)), bias}, attrs);
}

Value Normalized(const Value& x, int64_t channels = kIn, int64_t axis = 1) {
  const Tensor variance = Tensor::Full(DType::kFloat32, {channels}, 0.5);
  return Call("nn.BatchNormalization",
              {x, Constant(Numbers({channels}, 3)), Constant(Numbers({channels}, 4)),
               Constant(Numbers({channels}, 5)), Constant(variance)},
              {{"axis", axis}});
}

struct Case {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Value(const Values&)> build;
  std::string op;  // what the convolution becomes
};

std::vector<Case> Cases() {
  const Shape x = {1, kIn, 14, 15}, gate = {1, kIn, 1, 1};
  const std::string gated = "nn.GatedConv", normalized = "nn.NormalizedConv", plain = "nn.Conv";
  return {
      {"a gate", {x, gate}, [](const Values& v) { return Conv(v[0] * v[1]); }, gated},
      {"a gate on the left, no bias",
       {x, gate},
       [](const Values& v) { return Conv(v[1] * v[0], {}, false); },
       gated},
      {"a gate for each image",
       {{3, kIn, 7, 7}, {3, kIn, 1, 1}},
       [](const Values& v) { return Conv(v[0] * v[1]); },
       gated},
      {"a gate for all images",
       {{4, kIn, 5, 3}, gate},
       [](const Values& v) { return Conv(v[0] * v[1]); },
       gated},
      {"what follows is fused",
       {x, gate, {1, kOut, 14, 15}},
       [](const Values& v) {
         return Call("nn.Relu", {Normalized(Conv(v[0] * v[1]), kOut) + v[2]});
       },
       gated},
      {"one axis",
       {{2, kIn, 40}, {2, kIn, 1}},
       [](const Values& v) { return Conv(v[0] * v[1]); },
       gated},
      {"normalised", {x}, [](const Values& v) { return Conv(Normalized(v[0])); }, normalized},
      {"normalised, with relu",
       {x},
       [](const Values& v) { return Conv(Call("nn.Relu", {Normalized(v[0])})); },
       normalized},
      {"a batch, no bias",
       {{3, kIn, 7, 7}},
       [](const Values& v) { return Conv(Call("nn.Relu", {Normalized(v[0])}), {}, false); },
       normalized},
      {"large enough for threads",
       {{1, kIn, 150, 141}},
       [](const Values& v) { return Conv(Call("nn.Relu", {Normalized(v[0])})); },
       normalized},
      {"a window",
       {x, gate},
       [](const Values& v) {
         return Conv(v[0] * v[1], {{"padding", "same"}});
       },
       plain},
      {"steps of two",
       {x, gate},
       [](const Values& v) {
         return Conv(v[0] * v[1], {{"strides", std::vector<int64_t>{2, 2}}});
       },
       plain},
      {"no gate: an element each",
       {x, x},
       [](const Values& v) { return Conv(v[0] * v[1]); },
       plain},
      {"no gate: of columns",
       {x, {1, 1, 1, 15}},
       [](const Values& v) { return Conv(v[0] * v[1]); },
       plain},
      {"the other axis is normalised",
       {{1, kIn, 14, kIn}},
       [](const Values& v) { return Conv(Normalized(v[0], kIn, -1)); },
       plain},
      {"one pixel", {gate, gate}, [](const Values& v) { return Conv(v[0] * v[1]); }, plain},
      {"others need what is gated",
       {x, gate, {1, kOut, 14, 15}},
       [](const Values& v) {
         const Value product = v[0] * v[1];
         return Conv(product) + Call("math.ReduceMean", {product});
       },
       plain},
      {"a convolution normalises what it yields by itself",
       {x},
       [](const Values& v) {
         const Value first = Call("nn.Conv", {v[0], Constant(Numbers({kIn, kIn, 1, 1}, 6))},
                                  {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}});
         return Conv(Call("nn.Relu", {Normalized(first)}));
       },
       plain},
      {"channels last",
       {{1, 14, 15, kIn}, {1, 1, 1, kIn}},
       [](const Values& v) {
         return Call("nn.Conv", {v[0] * v[1], Constant(Numbers({1, 1, kIn, kOut}, 1))});
       },
       plain},
  };
}

TEST(MappedConv, YieldsWhatTheNodesYield) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    Values values;
    std::vector<Tensor> inputs;
    NamedTensors named;
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      const std::string name = absl::StrCat("x", i);
      values.push_back(InputValue({DType::kFloat32, PartialShape(c.inputs[i])}, name));
      inputs.push_back(Numbers(c.inputs[i], i + 7));
      named[name] = inputs.back();
    }
    const auto model = BuildModel(values, {c.build(values)});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto exact = Session::Create(*model, {.exact = true});
    ASSERT_TRUE(exact.ok()) << exact.status();
    const auto expected = (*exact)->Run(inputs);
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (const int threads : {1, 2, 3}) {
      const auto session = Session::Create(*model, {.threads = threads});
      ASSERT_TRUE(session.ok()) << session.status();
      const auto program = (*session)->ProgramFor(named);
      ASSERT_TRUE(program.ok()) << program.status();
      const auto& nodes = (*program)->graph().nodes;
      const std::string op = BestVectorTarget() == VectorTarget::kBaseline ? "nn.Conv" : c.op;
      EXPECT_TRUE(std::any_of(nodes.begin(), nodes.end(), [&](const LoweredNode& node) {
        return node.op->name == op;
      })) << (*program)->ToString();
      const auto found = (*session)->Run(inputs);
      ASSERT_TRUE(found.ok()) << found.status();
      const absl::Status close = AllClose((*found)[0], (*expected)[0], 1e-5, 1e-5);
      EXPECT_TRUE(close.ok()) << close;
    }
  }
}

}  // namespace
}  // namespace nomograph
