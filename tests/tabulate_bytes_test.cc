// What stands between dequantised and quantised bytes becomes a table where it
// is done to each element by itself, and yields what the definitions yield.
#include "nomograph/core/compile/tabulate_bytes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

constexpr float kXScale = 0.05f, kYScale = 0.02f;
constexpr int kXZero = 100, kYZero = 20;

Value Dequantized(const Value& x) {
  return Call("quant.DequantizeLinear", {x, Constant(Tensor::Scalar<float>(kXScale)),
                                         Constant(Tensor::Scalar<uint8_t>(kXZero))});
}
Value Quantized(const Value& x) {
  return Call("quant.QuantizeLinear", {x, Constant(Tensor::Scalar<float>(kYScale)),
                                       Constant(Tensor::Scalar<uint8_t>(kYZero))});
}

struct Case {
  std::string name;
  std::function<std::vector<Value>(const Value& x)> write;
  std::string ops;                                   // of the program's nodes
  std::function<double(double)> function = nullptr;  // of an element
};

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const Case kCases[] = {
    {"a sigmoid",
     [](const Value& x) { return std::vector{Quantized(Call("nn.Sigmoid", {Dequantized(x)}))}; },
     "quant.LookUp", Sigmoid},
    {"two ops, one of which is written with others",
     [](const Value& x) {
       const Value y = Call("math.Tanh", {Dequantized(x)});
       return std::vector{Quantized(y * Call("nn.Sigmoid", {y}))};
     },
     "quant.LookUp", [](double x) { return std::tanh(x) * Sigmoid(std::tanh(x)); }},
    {"bounds",
     [](const Value& x) { return std::vector{Quantized(Call("nn.Relu6", {Dequantized(x)}))}; },
     "quant.LookUp", [](double x) { return std::clamp(x, 0.0, 6.0); }},
    {"others read what is dequantised",
     [](const Value& x) {
       const Value y = Dequantized(x);
       return std::vector{Quantized(Call("nn.HardSwish", {y})), y};
     },
     "quant.DequantizeLinear quant.LookUp",
     [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
    {"others read what is quantised",
     [](const Value& x) {
       const Value y = Call("nn.Sigmoid", {Dequantized(x)});
       return std::vector{Quantized(y), y};
     },
     "quant.DequantizeLinear nn.Sigmoid quant.QuantizeLinear"},
    {"an op of several elements",
     [](const Value& x) { return std::vector{Quantized(Call("nn.Softmax", {Dequantized(x)}))}; },
     "quant.DequantizeLinear nn.Softmax quant.QuantizeLinear"},
    {"a scale for each index",
     [](const Value& x) {
       const Value scales = Constant(Tensor::Vector<float>({0.1f, 0.2f}));
       const Value y = Call("quant.DequantizeLinear", {x, scales}, {{"axis", 0}});
       return std::vector{Quantized(Call("nn.Sigmoid", {y}))};
     },
     "quant.DequantizeLinear nn.Sigmoid quant.QuantizeLinear"},
    {"nothing between them", [](const Value& x) { return std::vector{Quantized(Dequantized(x))}; },
     "quant.DequantizeLinear quant.QuantizeLinear"},
};

TEST(TabulateBytes, WhereElementsAreByThemselves) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const TensorType type{DType::kUInt8, {2, 256}};
    const Value input = InputValue(type, "x");
    const auto model = BuildModel({input}, c.write(input));
    ASSERT_TRUE(model.ok()) << model.status();
    auto graph = Lower(*model, model->graph, {type}, OpRegistry::Default(), {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    MatchPatterns(*graph, OpRegistry::Default());
    TabulateBytes(*graph, OpRegistry::Default());
    RemoveDeadNodes(*graph);
    std::vector<std::string> ops;
    for (const LoweredNode& node : graph->nodes) ops.push_back(node.op->name);
    EXPECT_EQ(absl::StrJoin(ops, " "), c.ops);
    if (!c.function) continue;
    Tensor x(DType::kUInt8, {2, 256});
    for (int i = 0; i < 512; ++i) x.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(i);
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const Tensor inputs[] = {x};
    const auto y = (*session)->Run(absl::MakeConstSpan(inputs));
    ASSERT_TRUE(y.ok()) << y.status();
    for (int i = 0; i < 512; ++i) {
      const double expected = c.function((i % 256 - kXZero) * double{kXScale}) / kYScale + kYZero;
      // A number next to the middle of two integers may come to be either.
      EXPECT_NEAR((*y)[0].data<uint8_t>()[i], std::clamp(expected, 0.0, 255.0), 0.5001) << i;
    }
  }
}

}  // namespace
}  // namespace nomograph
