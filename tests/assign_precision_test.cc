// Where the pass that assigns bfloat16 rounds, as graph text: each node with the types of its
// inputs and outputs.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

// "%2:bf16 = array.Cast %0": inputs of the graph are letters, constants "const", outputs come last.
std::string TextOf(const LoweredGraph& graph) {
  std::vector<std::string> names(graph.types.size());
  const auto typed = [&](ValueId id) {
    const DType dtype = graph.types[id].dtype;
    return absl::StrCat(names[id], dtype == DType::kFloat32    ? ""
                                   : dtype == DType::kBFloat16 ? ":bf16"
                                                               : ":other");
  };
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    names[graph.inputs[i]] = std::string(1, static_cast<char>('a' + i));
  for (size_t id = 0; id < names.size(); ++id) {
    if (graph.constants[id].valid()) names[id] = "const";
  }
  std::string text;
  int next = 0;
  const auto list = [&](const std::vector<ValueId>& ids) {
    std::vector<std::string> parts;
    for (const ValueId id : ids) parts.push_back(id == kNoValue ? "none" : typed(id));
    return absl::StrJoin(parts, " ");
  };
  for (const LoweredNode& node : graph.nodes) {
    const std::string inputs = list(node.inputs);
    for (const ValueId id : node.outputs) names[id] = absl::StrCat("%", next++);
    absl::StrAppend(&text, list(node.outputs), " = ", node.op->name, " ", inputs, "\n");
  }
  return absl::StrCat(text, "-> ", list(graph.outputs), "\n");
}

Value MatMul(const Value& a, const Value& b) { return Call("math.MatMul", {a, b}); }
Value Relu(const Value& x) { return Call("nn.Relu", {x}); }
Value Transposed(const Value& x) { return Call("array.Transpose", {x}); }
Value Matrix() { return Constant(Tensor::Full(DType::kFloat32, {4, 4}, 0.5)); }
Value Cast(const Value& x, DType to) { return Call("array.Cast", {x}, {{"to", to}}); }

struct Case {
  std::string name;
  std::function<std::vector<Value>(const Value& a, const Value& b)> write;
  std::string text;
  DType dtype = DType::kFloat32;
};

TEST(AssignPrecision, RoundsForProductsAlone) {
  const Case cases[] = {
      {"nothing is a product",
       [](const Value& a, const Value& b) { return std::vector{Relu(a) + b}; },
       "%0 = nn.Relu a\n"
       "%1 = math.Add %0 b\n"
       "-> %1\n"},
      {"a product yields float32 to the graph's output",
       [](const Value& a, const Value& b) { return std::vector{MatMul(a, b)}; },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2 = math.MatMul %0:bf16 %1:bf16\n"
       "-> %2\n"},
      {"constants are rounded when compiling",
       [](const Value& a, const Value&) { return std::vector{MatMul(a, Matrix())}; },
       "%0:bf16 = array.Cast a\n"
       "%1 = math.MatMul %0:bf16 const:bf16\n"
       "-> %1\n"},
      {"one value is rounded once",
       [](const Value& a, const Value&) { return std::vector{MatMul(MatMul(a, a), a)}; },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = math.MatMul %0:bf16 %0:bf16\n"
       "%2 = math.MatMul %1:bf16 %0:bf16\n"
       "-> %2\n"},
      {"between products moves and maxima take bfloat16",
       [](const Value& a, const Value& b) {
         return std::vector{MatMul(Transposed(Relu(MatMul(a, b))), b)};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2:bf16 = math.MatMul %0:bf16 %1:bf16\n"
       "%3:bf16 = nn.Relu %2:bf16\n"
       "%4:bf16 = array.Transpose %3:bf16\n"
       "%5 = math.MatMul %4:bf16 %1:bf16\n"
       "-> %5\n"},
      {"ahead of the first product they stay",
       [](const Value& a, const Value& b) { return std::vector{MatMul(Transposed(a), b)}; },
       "%0 = array.Transpose a\n"
       "%1:bf16 = array.Cast %0\n"
       "%2:bf16 = array.Cast b\n"
       "%3 = math.MatMul %1:bf16 %2:bf16\n"
       "-> %3\n"},
      {"what else reads a sum reads it in float32",
       [](const Value& a, const Value& b) {
         const Value y = Relu(MatMul(a, b));
         return std::vector{MatMul(y, b), Call("math.Exp", {y})};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2 = math.MatMul %0:bf16 %1:bf16\n"
       "%3 = nn.Relu %2\n"
       "%4:bf16 = array.Cast %3\n"
       "%5 = math.MatMul %4:bf16 %1:bf16\n"
       "%6 = math.Exp %3\n"
       "-> %5 %6\n"},
      {"what joins bfloat16 and float32 for a product rounds the rest",
       [](const Value& a, const Value& b) {
         const Value joined = Call("array.Concat", {b, MatMul(a, b)}, {{"axis", 0}});
         return std::vector{MatMul(joined, b)};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2:bf16 = math.MatMul %0:bf16 %1:bf16\n"
       "%3:bf16 = array.Concat %1:bf16 %2:bf16\n"
       "%4 = math.MatMul %3:bf16 %1:bf16\n"
       "-> %4\n"},
      {"sums, exponentials and differences stay in float32",
       [](const Value& a, const Value& b) {
         const Value scores = Call("nn.Softmax", {MatMul(a, b) * 0.5}, {{"axis", -1}});
         return std::vector{MatMul(scores, b)};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2 = math.MatMul %0:bf16 %1:bf16\n"
       "%3 = math.Mul %2 const\n"
       "%4 = nn.Softmax %3\n"
       "%5:bf16 = array.Cast %4\n"
       "%6 = math.MatMul %5:bf16 %1:bf16\n"
       "-> %6\n"},
      {"a node that yields places as well is not to see rounded elements",
       [](const Value& a, const Value& b) {
         const Value image =
             Call("array.Reshape", {MatMul(a, b)}, {{"shape", std::vector<int64_t>{1, 4, 4, 1}}});
         const std::vector<Value> pooled =
             CallMulti("nn.MaxPool", {image}, {{"kernel_shape", std::vector<int64_t>{4, 1}}},
                       {.num_outputs = 2});
         const Value row =
             Call("array.Reshape", {pooled[0]}, {{"shape", std::vector<int64_t>{1, 4}}});
         return std::vector{MatMul(row, b), pooled[1]};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2 = math.MatMul %0:bf16 %1:bf16\n"
       "%3 = array.Reshape %2\n"
       "%4 %5:other = nn.MaxPool %3\n"
       "%6 = array.Reshape %4\n"
       "%7:bf16 = array.Cast %6\n"
       "%8 = math.MatMul %7:bf16 %1:bf16\n"
       "-> %8 %5:other\n"},
      {"what the model itself has widened is not rounded again",
       [](const Value& a, const Value& b) {
         return std::vector{MatMul(Cast(a, DType::kFloat32), Cast(b, DType::kFloat32))};
       },
       "%0 = math.MatMul a:bf16 b:bf16\n"
       "-> %0\n",
       DType::kBFloat16},
      {"what the model rounds itself stays so",
       [](const Value& a, const Value& b) {
         return std::vector{Cast(Cast(a, DType::kBFloat16), DType::kFloat32) + b};
       },
       "%0:bf16 = array.Cast a\n"
       "%1 = array.Cast %0:bf16\n"
       "%2 = math.Add %1 b\n"
       "-> %2\n"},
      {"other types are left alone",
       [](const Value& a, const Value& b) { return std::vector{Relu(MatMul(a, b))}; },
       "%0:other = math.MatMul a:other b:other\n"
       "%1:other = nn.Relu %0:other\n"
       "-> %1:other\n",
       DType::kFloat64},
      {"an equation with one operand is no product",
       [](const Value& a, const Value&) {
         return std::vector{Call("math.Einsum", {a}, {{"equation", "ij->i"}})};
       },
       "%0 = math.Einsum a\n"
       "-> %0\n"},
      {"an equation with two is one",
       [](const Value& a, const Value& b) {
         return std::vector{Call("math.Einsum", {a, b}, {{"equation", "ij,kj->ik"}})};
       },
       "%0:bf16 = array.Cast a\n"
       "%1:bf16 = array.Cast b\n"
       "%2 = math.Einsum %0:bf16 %1:bf16\n"
       "-> %2\n"},
      {"nothing is left of what nothing reads",
       [](const Value& a, const Value& b) {
         MatMul(a, b);
         return std::vector{Relu(a)};
       },
       "%0 = nn.Relu a\n"
       "-> %0\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const TensorType type{c.dtype, {4, 4}};
    const Value a = InputValue(type, "a"), b = InputValue(type, "b");
    const auto model = BuildModel({a, b}, c.write(a, b));
    ASSERT_TRUE(model.ok()) << model.status();
    auto graph = Lower(*model, model->graph, {type, type}, OpRegistry::Default(), {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    RemoveDeadNodes(*graph);
    const auto changed = AssignPrecision(*graph, OpRegistry::Default());
    ASSERT_TRUE(changed.ok()) << changed.status();
    RemoveDeadNodes(*graph);
    EXPECT_EQ(TextOf(*graph), c.text);
  }
}

// Large factors that vary are rounded where they are multiplied, and what lies between products is
// float32. Where that does not pay, nothing is rounded.
TEST(AssignPrecision, LeavesRoundingToProductsThatPackBoth) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const TensorType square{DType::kFloat32, {64, 64}}, row{DType::kFloat32, {4, 64}};
  const Value a = InputValue(square, "a"), b = InputValue(square, "b"), c = InputValue(row, "c");
  const auto model =
      BuildModel({a, b, c}, {MatMul(Relu(MatMul(a, Transposed(b))), b), MatMul(c, b)});
  ASSERT_TRUE(model.ok()) << model.status();
  auto lowered = Lower(*model, model->graph, {square, square, row}, OpRegistry::Default(), {});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const auto changed = AssignPrecision(*lowered, OpRegistry::Default());
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(*changed);
  EXPECT_EQ(TextOf(*lowered),
            "%0 = array.Transpose b\n"
            "%1 = math.MatMul a %0\n"
            "%2 = nn.Relu %1\n"
            "%3 = math.MatMul %2 b\n"
            "%4 = math.MatMul c b\n"
            "-> %3 %4\n");
  int marked = 0;
  for (const LoweredNode& node : lowered->nodes) marked += node.attrs.Has(kRoundsFactors);
  EXPECT_EQ(marked, 2);
}

TEST(AssignPrecision, HalvesWeightsThatProductsAloneRead) {
  const Value x = InputValue({DType::kFloat32, {2, 4}}, "x");
  const Value shared = Constant(Tensor::Full(DType::kFloat32, {4, 4}, 1.25));
  const Value own = Constant(Tensor::Full(DType::kFloat32, {4, 4}, 1.0 / 3));
  const auto model = BuildModel({x}, {MatMul(MatMul(x, own), shared), Call("math.Exp", {shared})});
  ASSERT_TRUE(model.ok()) << model.status();
  // Exp of a constant is folded, and the constant itself then read by the product alone.
  auto lowered =
      Lower(*model, model->graph, {{DType::kFloat32, {2, 4}}}, OpRegistry::Default(), {});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const auto changed = AssignPrecision(*lowered, OpRegistry::Default());
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(*changed);
  int rounded = 0;
  for (const LoweredNode& node : lowered->nodes) {
    if (node.op->name != "math.MatMul") continue;
    const Tensor& weight = lowered->constants[node.inputs[1]];
    EXPECT_EQ(weight.type().ToString(), "bfloat16[4,4]");
    EXPECT_EQ(weight.num_bytes(), 32);
    ++rounded;
  }
  EXPECT_EQ(rounded, 2);
  for (const Tensor& constant : lowered->constants) {
    if (!constant.valid() || constant.dtype() != DType::kFloat32) continue;
    EXPECT_NE(constant.data<float>()[0], 1.0f / 3) << "the weight is held twice";
  }
}

TEST(AssignPrecision, IsNotForExactMode) {
  const Value x = InputValue({DType::kFloat32, {4, 4}}, "x");
  const auto model = BuildModel({x}, {MatMul(x, x)});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model, {.exact = true, .precision = Precision::kBFloat16});
  EXPECT_EQ(session.status().code(), absl::StatusCode::kInvalidArgument) << session.status();
  const auto program =
      Program::Compile(*model, model->graph, {{DType::kFloat32, {4, 4}}}, OpRegistry::Default(),
                       {.exact = true, .precision = Precision::kBFloat16});
  EXPECT_EQ(program.status().code(), absl::StatusCode::kInvalidArgument) << program.status();
}

// Forty thousand nodes, half of which read one value: more than linear work would show.
TEST(AssignPrecision, TakesLinearTime) {
  const Value x = InputValue({DType::kFloat32, {1, 1}}, "x");
  Value y = x;
  for (int i = 0; i < 20'000; ++i) y = Relu(MatMul(y, x));
  const auto model = BuildModel({x}, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  auto lowered =
      Lower(*model, model->graph, {{DType::kFloat32, {1, 1}}}, OpRegistry::Default(), {});
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  ASSERT_TRUE(AssignPrecision(*lowered, OpRegistry::Default()).ok());
  EXPECT_EQ(lowered->nodes.size(), 40'001u);
}

}  // namespace
}  // namespace nomograph
