// Layers with products inside, whose kernels round factors themselves in programs in bfloat16,
// against exact mode's sums in double.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

// Numbers of [-1, 1) in bfloat16.
Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  const auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    const float x = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
    values[i] = static_cast<float>(BFloat16(x));
  }
  return tensor;
}

double Largest(const Tensor& tensor) {
  double largest = 0;
  for (const float x : tensor.data<float>()) largest = std::max(largest, std::abs(double{x}));
  return largest;
}

// A layer's states and gates are no numbers of 8 bits, so that its products with them are rounded;
// what each step does is not.
TEST(BFloat16Layers, InRecurrentLayers) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  for (const std::string cell : {"LSTM", "GRU"}) {
    SCOPED_TRACE(cell);
    const bool lstm = cell == "LSTM";
    const int64_t steps = 24, batch = 8, input = 64, hidden = 32, width = (lstm ? 4 : 3) * hidden;
    const std::vector<std::pair<std::string, Shape>> shapes = {{"x", {steps, batch, input}},
                                                               {"w", {1, width, input}},
                                                               {"r", {1, width, hidden}},
                                                               {"dy", {steps, 1, batch, hidden}}};
    std::vector<Value> values;
    std::vector<TensorType> types;
    NamedTensors inputs;
    for (const auto& [name, shape] : shapes) {
      types.push_back({DType::kFloat32, shape});
      values.push_back(InputValue(types.back(), name));
      Tensor tensor = Random(shape, 7 + values.size());
      for (float& x : tensor.mutable_data<float>()) x /= 8;
      inputs[name] = std::move(tensor);
    }
    const Value none;
    std::vector<Value> arguments = {values[0], values[1], values[2], none, none, none};
    if (lstm) arguments.insert(arguments.end(), {none, none});
    const Attributes attrs = {{"hidden_size", hidden}};
    const Value y = CallMulti("nn." + cell, arguments, attrs, {.num_outputs = 1})[0];
    arguments.insert(arguments.end(), {y, values[3]});
    std::vector<Value> outputs =
        CallMulti("nn." + cell + "Grad", arguments, attrs, {.num_outputs = 3});
    outputs.push_back(Call("math.MatMul", {y, Constant(Random({hidden, 16}, 6))}));
    const auto model = BuildModel(values, outputs);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto run = [&](const SessionOptions& options) {
      const auto session = Session::Create(*model, options);
      EXPECT_TRUE(session.ok()) << session.status();
      auto found = (*session)->Run(inputs);
      EXPECT_TRUE(found.ok()) << found.status();
      return *found;
    };
    const auto program = Program::Compile(*model, model->graph, types, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_THAT((*program)->ToString(), testing::HasSubstr(", product rounded to bfloat16"));
    EXPECT_THAT((*program)->ToString(), testing::HasSubstr("products rounded to bfloat16"));
    const NamedTensors exact = run({.exact = true});
    for (const int threads : {1, 3}) {
      const NamedTensors low = run({.precision = Precision::kBFloat16, .threads = threads});
      for (const auto& [name, right] : exact) {
        const Tensor& found = low.at(name);
        double apart = 0;
        for (int64_t i = 0; i < right.num_elements(); ++i) {
          apart = std::max(apart, std::abs(double{found.data<float>()[i]} - right.AsDouble(i)));
        }
        EXPECT_LT(apart, 0x1p-6 * Largest(right)) << name;
        EXPECT_GT(apart, 1e-5 * Largest(right)) << name << ": nothing was rounded";
      }
    }
  }
}

// Both directions of a layer whose weights are constants.
Value ConstantLayer(const std::string& cell, const Value& x, int64_t input, int64_t hidden) {
  const int64_t width = (cell == "LSTM" ? 4 : 3) * hidden;
  const auto weights = [](const Shape& shape, uint64_t key) {
    Tensor tensor = Random(shape, key);
    for (float& w : tensor.mutable_data<float>()) w /= 8;
    return Constant(std::move(tensor));
  };
  const Value none;
  std::vector<Value> arguments = {x,
                                  weights({2, width, input}, 2),
                                  weights({2, width, hidden}, 3),
                                  weights({2, 2 * width}, 4),
                                  none,
                                  none};
  Attributes attrs = {{"hidden_size", hidden}, {"direction", "bidirectional"}};
  if (cell == "LSTM") {
    arguments.insert(arguments.end(), {none, none});
  } else {
    attrs.Set("linear_before_reset", true);
  }
  return CallMulti("nn." + cell, arguments, attrs, {.num_outputs = 1})[0];
}

// R is read in each step, rounded where the machine multiplies bfloat16, or where one sequence
// takes steps by a large R that is widened in vectors. Without a product of another op, too.
TEST(BFloat16Layers, OfConstantRecurrentLayers) {
  struct LayerCase {
    std::string cell;
    int64_t steps, batch, input, hidden;
    bool widened;  // whether R is rounded on machines that have to widen it
  };
  const bool vectors = BestVectorTarget() != VectorTarget::kBaseline;
  for (const LayerCase& c :
       {LayerCase{"LSTM", 12, 1, 40, 65, vectors}, LayerCase{"GRU", 12, 1, 40, 65, vectors},
        LayerCase{"LSTM", 12, 5, 40, 65, false}, LayerCase{"GRU", 12, 2, 40, 33, false}}) {
    SCOPED_TRACE(testing::Message() << c.cell << " x" << c.batch);
    const TensorType type{DType::kFloat32, {c.steps, c.batch, c.input}};
    const Value x = InputValue(type, "x");
    const auto model = BuildModel({x}, {ConstantLayer(c.cell, x, c.input, c.hidden)});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto program = Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    const std::string text = (*program)->ToString();
    const bool rounds = HasBFloat16Products() || c.widened;
    EXPECT_EQ(text.find("recurrent pass in bfloat16") != text.npos, rounds) << text;
    EXPECT_EQ(text.find(absl::StrCat("packed product ", BFloat16InstructionsName())) != text.npos,
              HasBFloat16Products())
        << text;
    const NamedTensors inputs = {{"x", Random({c.steps, c.batch, c.input}, 1)}};
    const auto run = [&](const SessionOptions& options) -> Tensor {
      const auto session = Session::Create(*model, options);
      EXPECT_TRUE(session.ok()) << session.status();
      auto outputs = (*session)->Run(inputs);
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      return outputs->begin()->second;
    };
    const Tensor exact = run({.exact = true});
    for (const int threads : {1, 3}) {
      const Tensor low = run({.precision = Precision::kBFloat16, .threads = threads});
      ASSERT_EQ(low.type(), exact.type());
      double apart = 0;
      for (int64_t i = 0; i < exact.num_elements(); ++i) {
        apart = std::max(apart, std::abs(double{low.data<float>()[i]} - exact.AsDouble(i)));
      }
      EXPECT_LT(apart, 0x1p-7 * Largest(exact));
    }
  }
}

// Attention rounds queries, keys, values and the weights of these, but no scores; a few queries
// stay in float32.
TEST(BFloat16Layers, InAttention) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  const TensorType keys{DType::kFloat32, {2, 4, 50, 24}};
  for (const auto& [queries, masked] :
       std::vector<std::pair<int64_t, bool>>{{40, false}, {33, true}, {3, false}}) {
    SCOPED_TRACE(testing::Message() << queries << " queries" << (masked ? ", masked" : ""));
    std::vector<TensorType> types = {{DType::kFloat32, {2, 4, queries, 24}}, keys, keys};
    std::vector<Value> values = {InputValue(types[0], "q"), InputValue(types[1], "k"),
                                 InputValue(types[2], "v")};
    NamedTensors inputs;
    for (const auto& [name, i] : {std::pair("q", 0), std::pair("k", 1), std::pair("v", 2)}) {
      inputs[name] = Random(types[i].shape.ToShape(), 20 + i);
    }
    if (masked) {
      types.push_back({DType::kBool, {queries, 50}});
      values.push_back(InputValue(types.back(), "mask"));
      Tensor mask(DType::kBool, {queries, 50});
      for (int64_t i = 0; i < mask.num_elements(); ++i) {
        mask.mutable_data<bool>()[i] = i % 50 <= i / 50;
      }
      inputs["mask"] = std::move(mask);
    }
    const auto model =
        BuildModel(values, {Call("nn.DotProductAttention", values, {{"scale", 0.25}})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto program = Program::Compile(*model, model->graph, types, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    const bool rounds = queries > 16;
    EXPECT_EQ((*program)->ToString().find(BFloat16InstructionsName()) != std::string::npos, rounds)
        << (*program)->ToString();
    const auto run = [&](const SessionOptions& options) -> Tensor {
      const auto session = Session::Create(*model, options);
      EXPECT_TRUE(session.ok()) << session.status();
      auto outputs = (*session)->Run(inputs);
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      return outputs->begin()->second;
    };
    const Tensor exact = run({.exact = true});
    for (const int threads : {1, 3}) {
      const Tensor low = run({.precision = Precision::kBFloat16, .threads = threads});
      double apart = 0;
      for (int64_t i = 0; i < exact.num_elements(); ++i) {
        apart = std::max(apart, std::abs(double{low.data<float>()[i]} - exact.AsDouble(i)));
      }
      EXPECT_LT(apart, rounds ? 0x1p-9 : 1e-5);
    }
  }
}

// Softmax between products is attention where that rounds them; few queries' products stay apart,
// and so does what the machine would not round.
TEST(BFloat16Layers, ProductsBecomeAttentionThatRounds) {
  for (const int64_t queries : {40, 3}) {
    SCOPED_TRACE(queries);
    const std::vector<TensorType> types = {{DType::kFloat32, {4, queries, 24}},
                                           {DType::kFloat32, {4, 50, 24}},
                                           {DType::kFloat32, {4, 50, 24}}};
    const Value q = InputValue(types[0], "q"), k = InputValue(types[1], "k"),
                v = InputValue(types[2], "v");
    const Value scores = Call("math.MatMul", {q, k}, {{"transpose_b", true}}) * 0.25;
    const auto model =
        BuildModel({q, k, v}, {Call("math.MatMul", {Call("nn.Softmax", {scores}), v})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto program = Program::Compile(*model, model->graph, types, OpRegistry::Default(),
                                          {.precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    const std::string text = (*program)->ToString();
    const bool attention =
        text.find(absl::StrCat("attention in tiles ", BFloat16InstructionsName())) != text.npos;
    EXPECT_EQ(attention, HasBFloat16Products() && queries > 16) << text;
    EXPECT_EQ(text.find("nn.Softmax") == text.npos, attention) << text;
  }
}

}  // namespace
}  // namespace nomograph
