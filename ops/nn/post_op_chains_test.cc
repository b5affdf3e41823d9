// What is fused behind nodes: every two functions with a sum between them, behind all that takes
// post-ops, against exact mode.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

struct Function {
  std::string op;
  Attributes attrs;
  Value Of(const Value& x) const { return Call(op, {x}, attrs); }
  std::string ToString() const { return op + " " + attrs.ToString(); }
};

std::vector<Function> Functions() {
  return {
      {"nn.Relu", {}},
      {"nn.LeakyRelu", {{"alpha", 0.1}}},
      {"nn.LeakyRelu", {{"alpha", 0.5}}},
      {"nn.Relu6", {}},
      {"nn.HardSigmoid", {{"alpha", 0.2}, {"beta", 0.5}}},
      {"nn.HardSigmoid", {{"alpha", 0.3}, {"beta", 0.25}}},
      {"nn.HardSwish", {}},
      {"nn.Swish", {}},
      {"nn.Swish", {{"alpha", 2.0}}},
      {"nn.Elu", {{"alpha", 0.5}}},
      {"nn.Elu", {}},
      {"math.Square", {}},
      {"math.Neg", {}},
      {"math.Abs", {}},
      {"math.Floor", {}},
      {"nn.Sigmoid", {}},
  };
}

struct Producer {
  std::string name, op;
  Attributes attrs;
  std::vector<Shape> inputs;  // the first one is x
  bool computed = false;      // no other input is constant
};

std::vector<Producer> Producers() {
  using Ints = std::vector<int64_t>;
  const auto conv = [](std::vector<std::pair<std::string, AttrValue>> more) {
    Attributes attrs{{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}};
    for (auto& [name, value] : more) attrs.Set(name, std::move(value));
    return attrs;
  };
  return {
      {"3x3", "nn.Conv", conv({{"padding", "same"}}), {{1, 5, 9, 7}, {6, 5, 3, 3}, {6}}},
      {"3x3, step of 2",
       "nn.Conv",
       conv({{"strides", Ints{2, 2}}}),
       {{1, 32, 9, 9}, {16, 32, 3, 3}, {16}}},
      {"computed", "nn.Conv", conv({}), {{1, 5, 9, 7}, {6, 5, 3, 3}}, true},
      {"pointwise", "nn.Conv", conv({}), {{1, 8, 6, 6}, {12, 8, 1, 1}}},
      {"depthwise", "nn.Conv", conv({{"groups", 8}}), {{1, 8, 9, 9}, {8, 1, 3, 3}, {8}}},
      {"transposed",
       "nn.ConvTranspose",
       {{"data_format", "channels_first"}, {"kernel_layout", "IOHW"}, {"strides", Ints{2, 2}}},
       {{1, 8, 5, 5}, {8, 4, 2, 2}, {4}}},
      {"product", "math.MatMul", {}, {{33, 20}, {20, 24}}},
      {"computed product", "math.MatMul", {}, {{33, 20}, {20, 24}}, true},
      {"dense", "math.Gemm", {{"alpha", 0.5}}, {{3, 20}, {20, 24}, {24}}},
      {"norm", "nn.BatchNormalization", {{"axis", 1}}, {{1, 3, 46, 62}, {3}, {3}, {3}, {3}}},
      {"sum", "math.Add", {}, {{3, 70}, {3, 70}}, true},
      {"root", "math.Abs", {}, {{3, 70}}},
  };
}

Value Built(const Producer& producer, const Value& x, uint64_t key, std::vector<Value>& computed) {
  std::vector<Value> inputs = {x};
  for (size_t i = 1; i < producer.inputs.size(); ++i) {
    Tensor numbers = Numbers(producer.inputs[i], key + i, 2);
    if (i == 4) {  // a variance
      for (float& value : numbers.mutable_data<float>()) value = value * value + 0.1f;
    }
    inputs.push_back(Constant(numbers));
    if (producer.computed) {
      computed.push_back(InputValue({DType::kFloat32, PartialShape(producer.inputs[i])}));
      inputs.back() = computed.back();
    }
  }
  return Call(producer.op, std::move(inputs), producer.attrs);
}

absl::StatusOr<std::vector<Tensor>> Yield(const Model& model, const std::vector<Tensor>& inputs,
                                          bool exact) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = exact, .threads = 1}));
  return session->Run(inputs);
}

TEST(PostOpChains, ComputeWhatTheirNodesCompute) {
  const std::vector<Function> functions = Functions();
  for (const Producer& producer : Producers()) {
    for (const Function& first : functions) {
      // All second functions are outputs of one model, each behind a producer of its own.
      const Value x = InputValue({DType::kFloat32, PartialShape(producer.inputs[0])}, "x");
      std::vector<Value> inputs = {x}, outputs;
      std::vector<Tensor> values = {Numbers(producer.inputs[0], 1, 2)};
      for (const Function& second : functions) {
        std::vector<Value> computed;
        const Value y = first.Of(Built(producer, x, 100 * (outputs.size() + 1), computed));
        for (const Value& w : computed) {
          inputs.push_back(w);
          values.push_back(Numbers(producer.inputs[1], 20 + inputs.size(), 2));
        }
        const TensorType type = y.type();
        ASSERT_TRUE(type.shape.fully_known());
        const Value added =
            Call("math.Add", {y, Constant(Numbers(type.shape.ToShape(), 3 + outputs.size(), 2))});
        outputs.push_back(second.Of(added));
      }
      const auto model = BuildModel(inputs, outputs);
      ASSERT_TRUE(model.ok()) << model.status();
      const auto found = Yield(*model, values, /*exact=*/false);
      const auto expected = Yield(*model, values, /*exact=*/true);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_TRUE(expected.ok()) << expected.status();
      for (size_t i = 0; i < functions.size(); ++i) {
        SCOPED_TRACE(producer.name + ": " + first.ToString() + ", sum, " + functions[i].ToString());
        int64_t far = 0;  // a sum may be rounded to the other side of an integer
        for (int64_t k = 0; k < (*expected)[i].num_elements(); ++k) {
          const float a = (*found)[i].data<float>()[k], b = (*expected)[i].data<float>()[k];
          far += std::abs(a - b) <= 1e-4f * std::max(1.0f, std::abs(b)) ? 0 : 1;
        }
        EXPECT_LE(far, functions[i].op == "math.Floor" || first.op == "math.Floor" ? 1 : 0);
      }
    }
  }
}

// Those that became one op ahead of that are not forgotten.
TEST(PostOpChains, NameAllTheirNodes) {
  const auto call = [](const char* op, std::vector<Value> inputs, const char* name) {
    return Call(op, std::move(inputs), {}, {.name = name});
  };
  const auto swish = [&](const Value& x, const char* gate, const char* name) {
    return call("math.Mul", {x, call("nn.Sigmoid", {x}, gate)}, name);
  };
  const Value x = InputValue({DType::kFloat32, {33, 20}}, "x");
  const Value product = call("math.MatMul", {x, Constant(Numbers({20, 24}, 1))}, "product");
  const Value sum =
      call("math.Add", {swish(product, "gate", "swish"), Constant(Numbers({24}, 2))}, "sum");
  const auto model = BuildModel({x}, {swish(sum, "last gate", "last")});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  const auto program = (*session)->ProgramFor({{"x", Tensor(DType::kFloat32, {33, 20})}});
  ASSERT_TRUE(program.ok()) << program.status();
  std::vector<std::string> names;
  for (const LoweredNode& node : (*program)->graph().nodes) {
    names.push_back(node.name);
    names.insert(names.end(), node.fused.begin(), node.fused.end());
  }
  EXPECT_THAT(
      names, testing::UnorderedElementsAre("product", "gate", "swish", "sum", "last gate", "last"));
}

}  // namespace
}  // namespace nomograph
