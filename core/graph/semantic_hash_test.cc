// Which changes of a model its semantic hash tells, and which it does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/graph/model.h"

namespace nomograph {
namespace {

// x, a -> [Mul, Softplus] -> y = Mul(x, w) + Softplus(a), with a Lambda at the end whose body is in
// the function library.
Model TestModel() {
  Model model;
  Graph& graph = model.graph;
  const TensorType type = {DType::kFloat32, {Dim::Symbol("batch"), 2}};
  for (const char* name : {"x", "a", "w", "product", "soft", "sum", "y"})
    graph.AddValue(name, type);
  graph.values[2].type.shape = {2};
  graph.inputs = {0, 1};
  graph.outputs = {6};
  graph.weights = {{.value = 2, .tensor = Tensor::Vector<float>({3, 4})}};
  graph.nodes = {
      {.name = "mul", .op = "math.Mul", .inputs = {0, 2}, .outputs = {3}},
      {.name = "softplus",
       .op = "nn.Softplus",
       .attrs = {{"beta", 1.0}},
       .inputs = {1},
       .outputs = {4}},
      {.name = "add", .op = "math.Add", .inputs = {3, 4}, .outputs = {5}},
      {.name = "lambda", .op = "acme.Twice", .inputs = {5}, .outputs = {6}, .body = "twice"},
  };
  graph.nodes[3].signature = Signature{{type}, {type}};
  Graph& body = model.functions["twice"].graph;
  model.functions["twice"].name = "twice";
  body.AddValue("u", type);
  body.AddValue("v", type);
  body.inputs = {0};
  body.outputs = {1};
  body.nodes = {{.name = "add", .op = "math.Add", .inputs = {0, 0}, .outputs = {1}}};
  model.variables = {{.name = "count", .initial = Tensor::Scalar<int64_t>(0)}};
  return model;
}

// Moves value `id` of the main graph to the end of the list.
void MoveValueToEnd(Model& model, ValueId id) {
  Graph& graph = model.graph;
  const ValueId last = static_cast<ValueId>(graph.values.size());
  graph.values.push_back(graph.values[id]);
  graph.values[id] = {.name = "unused", .type = {}};
  const auto move = [&](std::vector<ValueId>& ids) {
    std::replace(ids.begin(), ids.end(), id, last);
  };
  for (Node& node : graph.nodes) {
    move(node.inputs);
    move(node.outputs);
  }
  move(graph.inputs);
  move(graph.outputs);
  for (Weight& weight : graph.weights) {
    if (weight.value == id) weight.value = last;
  }
}

struct Change {
  const char* name;
  std::function<void(Model&)> apply;
};

const Change kSame[] = {
    {"names of values", [](Model& m) { m.graph.values[3].name = "p"; }},
    {"names of weights", [](Model& m) { m.graph.values[2].name = "dense/kernel"; }},
    {"names of pure nodes", [](Model& m) { m.graph.nodes[1].name = "s"; }},
    {"name of a Lambda with a pure body", [](Model& m) { m.graph.nodes[3].name = "l"; }},
    {"order of nodes", [](Model& m) { std::swap(m.graph.nodes[0], m.graph.nodes[1]); }},
    {"numbers of values", [](Model& m) { MoveValueToEnd(m, 4); }},
    {"number of a weight's value", [](Model& m) { MoveValueToEnd(m, 2); }},
    {"documentation",
     [](Model& m) {
       m.name = "other";
       m.doc = m.graph.doc = m.graph.nodes[0].doc = m.graph.values[0].doc = "words";
       m.producer = "someone";
       m.metadata["author"] = "someone";
     }},
    {"layers",
     [](Model& m) {
       m.layers.push_back({.name = "dense"});
       m.graph.nodes[0].layer = "dense";
     }},
    {"provider", [](Model& m) { m.graph.nodes[3].provider = "acme"; }},
    {"golden vectors", [](Model& m) { m.golden_vectors.emplace_back(); }},
    {"trainable", [](Model& m) { m.graph.weights[0].trainable = false; }},
    {"name of a function",
     [](Model& m) {
       Function function = m.functions["twice"];
       m.functions.erase("twice");
       m.functions["double"] = std::move(function);
       m.graph.nodes[3].body = "double";
     }},
    {"functions that nothing names",
     [](Model& m) {
       Function function = m.functions["twice"];
       m.functions["unused"] = std::move(function);
     }},
    {"names in functions",
     [](Model& m) {
       m.functions["twice"].graph.values[0].name = "input";
       m.functions["twice"].graph.nodes[0].name = "n";
     }},
    {"names of symbols",
     [](Model& m) {
       for (ValueInfo& value : m.graph.values) {
         if (value.type.shape.rank() == 2) value.type.shape[0] = Dim::Symbol("n");
       }
     }},
    {"where the elements lie",
     [](Model& m) { m.graph.weights[0].tensor = m.graph.weights[0].tensor.Clone(); }},
    {"dead nodes without effects",
     [](Model& m) {
       const ValueId dead = m.graph.AddValue("dead", m.graph.values[0].type);
       m.graph.nodes.push_back(
           {.name = "dead", .op = "math.Neg", .inputs = {0}, .outputs = {dead}});
     }},
};

const Change kDifferent[] = {
    {"op", [](Model& m) { m.graph.nodes[0].op = "math.Sub"; }},
    {"version", [](Model& m) { m.graph.nodes[0].version = 2; }},
    {"attribute", [](Model& m) { m.graph.nodes[1].attrs.Set("beta", 2.0); }},
    {"type of an attribute", [](Model& m) { m.graph.nodes[1].attrs.Set("beta", 1); }},
    {"name of an attribute",
     [](Model& m) {
       m.graph.nodes[1].attrs = {{"gamma", 1.0}};
     }},
    {"order of a node's inputs",
     [](Model& m) { std::swap(m.graph.nodes[2].inputs[0], m.graph.nodes[2].inputs[1]); }},
    {"a weight's element",
     [](Model& m) {
       m.graph.weights[0].tensor = Tensor::Vector<float>({3, 5});
     }},
    {"a weight's shape",
     [](Model& m) {
       m.graph.weights[0].tensor = Tensor::Of<float>({2, 1}, {3, 4});
     }},
    {"name of an input", [](Model& m) { m.graph.values[0].name = "z"; }},
    {"type of an input", [](Model& m) { m.graph.values[0].type.shape[1] = 3; }},
    {"name of an output", [](Model& m) { m.graph.values[6].name = "z"; }},
    {"what is an output", [](Model& m) { m.graph.outputs = {5}; }},
    {"body", [](Model& m) { m.functions["twice"].graph.nodes[0].op = "math.Mul"; }},
    {"no body", [](Model& m) { m.graph.nodes[3].body = ""; }},
    {"name of a Lambda's op", [](Model& m) { m.graph.nodes[3].op = "acme.Double"; }},
    {"signature", [](Model& m) { m.graph.nodes[3].signature->outputs[0].dtype = DType::kFloat64; }},
    {"variable", [](Model& m) { m.variables[0].initial = Tensor::Scalar<int64_t>(1); }},
    {"name of a variable", [](Model& m) { m.variables[0].name = "n"; }},
};

TEST(SemanticHashTest, HasThirtyTwoHexadecimalDigits) {
  const std::string hash = SemanticHash(TestModel());
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(SemanticHashTest, WhatDoesNotMatter) {
  for (const Change& change : kSame) {
    Model model = TestModel();
    change.apply(model);
    EXPECT_EQ(SemanticHash(model), SemanticHash(TestModel())) << change.name;
  }
}

// Whether they are written down makes a difference only where the standard set does not know them.
TEST(SemanticHashTest, Defaults) {
  const auto hash = [](const char* op, const Attributes& attrs) {
    Model model = TestModel();
    model.graph.nodes[1].op = op;
    model.graph.nodes[1].attrs = attrs;
    return SemanticHash(model);
  };
  EXPECT_EQ(hash("nn.LeakyRelu", {{"alpha", 0.01}}), hash("nn.LeakyRelu", {}));
  EXPECT_NE(hash("nn.LeakyRelu", {{"alpha", 0.02}}), hash("nn.LeakyRelu", {}));
  EXPECT_NE(hash("acme.LeakyRelu", {{"alpha", 0.01}}), hash("acme.LeakyRelu", {}));
}

TEST(SemanticHashTest, WhatMatters) {
  std::set<std::string> hashes = {SemanticHash(TestModel())};
  for (const Change& change : kDifferent) {
    Model model = TestModel();
    change.apply(model);
    EXPECT_TRUE(hashes.insert(SemanticHash(model)).second) << change.name;
  }
}

// Ops whose nodes' names key random numbers, or that may have effects.
TEST(SemanticHashTest, NamesAndOrderOfNodesThatMayHaveEffects) {
  const std::pair<const char*, bool> ops[] = {
      {"random.Uniform", true}, {"state.Read", true},
      {"nn.Dropout", true},     {"image.RandomFlip", true},
      {"acme.Mystery", true},   {"image.Rescale", false},
      {"nn.Relu", false},       {"array.Reshape", false},
      {"math.Add", false},      {"quant.QuantizeLinear", false},
      {"signal.Stft", false},
  };
  for (const auto& [op, matters] : ops) {
    const auto hash_with = [&, op = op](const std::string& first, const std::string& second) {
      Model model = TestModel();
      model.graph.nodes[0].op = model.graph.nodes[1].op = op;
      model.graph.nodes[0].name = first;
      model.graph.nodes[1].name = second;
      return SemanticHash(model);
    };
    EXPECT_EQ(hash_with("a", "b") != hash_with("a", "c"), matters) << op;
    // In the function, and so in the node that calls it.
    Model inside = TestModel();
    inside.functions["twice"].graph.nodes[0].op = op;
    Model renamed = inside;
    renamed.functions["twice"].graph.nodes[0].name = "renamed";
    EXPECT_EQ(SemanticHash(inside) != SemanticHash(renamed), matters) << op;
    renamed = inside;
    renamed.graph.nodes[3].name = "renamed";
    EXPECT_EQ(SemanticHash(inside) != SemanticHash(renamed), matters) << op;
  }
}

TEST(SemanticHashTest, OrderOfEffects) {
  Model model = TestModel();
  model.graph.nodes[0].op = "state.Assign";
  model.graph.nodes[1].op = "state.Read";
  Model swapped = model;
  std::swap(swapped.graph.nodes[0], swapped.graph.nodes[1]);
  EXPECT_NE(SemanticHash(model), SemanticHash(swapped));
}

TEST(SemanticHashTest, TracedLambdasAreTheirBodies) {
  Model model = TestModel();
  model.graph.nodes[3].op = "local.lambda";
  Model renamed = model;
  renamed.graph.nodes[3].op = "local.lambda_2";
  EXPECT_EQ(SemanticHash(model), SemanticHash(renamed));
}

TEST(SemanticHashTest, ManyFunctionsNeedNoStack) {
  Model model = TestModel();
  std::string callee = "twice";
  for (int i = 0; i < 20000; ++i) {
    const std::string name = "f" + std::to_string(i);
    Function function = model.functions["twice"];
    function.name = name;
    function.graph.nodes[0].body = callee;
    model.functions[name] = std::move(function);
    callee = name;
  }
  model.graph.nodes[3].body = callee;
  EXPECT_NE(SemanticHash(model), SemanticHash(TestModel()));
}

TEST(SemanticHashTest, SurvivesModelsThatAreNotValid) {
  Model model = TestModel();
  model.graph.nodes[0].inputs = {99, kNoValue, -5};
  model.graph.nodes[1].outputs = {99};
  model.graph.inputs = {50};
  model.graph.weights[0] = {.value = 70};
  model.graph.nodes[3].body = "missing";
  model.functions["twice"].graph.nodes[0].body = "twice";
  model.graph.nodes[2].attrs.Set("f", FunctionRef{"twice"});
  EXPECT_EQ(SemanticHash(model).size(), 32u);
}

}  // namespace
}  // namespace nomograph
