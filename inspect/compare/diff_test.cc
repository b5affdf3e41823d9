// Pairs of models that differ in known ways, and what the diff must say of each.
#include "nomograph/inspect/compare/diff.h"

#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/graph/graph_builder.h"
#include "nomograph/core/graph/infer.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Tensor Numbers(const Shape& shape, int salt, float least = -1) {
  Tensor tensor(DType::kFloat32, shape);
  uint32_t state = 77 + static_cast<uint32_t>(salt);
  for (float& value : tensor.mutable_data<float>()) {
    state = state * 1664525 + 1013904223;
    value = least + (1 - least) * static_cast<float>(state >> 8) / (1 << 24);
  }
  return tensor;
}

// Writes a model node by node.
class Writer {
 public:
  Writer()
      : inferrer_(model_.functions, OpRegistry::Default()), builder_(model_.graph, &inferrer_) {
    model_.name = "m";
  }
  ValueId Input(const std::string& name, PartialShape shape) {
    return builder_.AddInput(name, {DType::kFloat32, std::move(shape)});
  }
  ValueId Weight(const std::string& name, Tensor tensor) {
    return builder_.AddWeight(name, std::move(tensor), true);
  }
  ValueId Add(const std::string& name, const std::string& op, std::vector<ValueId> inputs,
              Attributes attrs = {}) {
    Node node;
    node.name = name;
    node.op = op;
    node.attrs = std::move(attrs);
    node.inputs = std::move(inputs);
    auto outputs = builder_.AddNode(std::move(node), {true});
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    builder_.Rename(outputs->at(0), name);
    return outputs->at(0);
  }
  // x times a weight of [4,4], then ReLU.
  ValueId Block(ValueId x, const std::string& name, int salt) {
    const ValueId product =
        Add(name + "/product", "math.MatMul", {x, Weight(name + "/kernel", Numbers({4, 4}, salt))});
    return Add(name + "/relu", "nn.Relu", {product});
  }
  Model Finish(std::vector<ValueId> outputs) {
    model_.graph.outputs = std::move(outputs);
    EXPECT_TRUE(VerifyModel(model_).ok()) << VerifyModel(model_);
    return std::move(model_);
  }

 private:
  Model model_;
  const TypeInferrer inferrer_;
  GraphBuilder builder_;
};

struct BlockOf {
  std::string name;
  int salt;
};

Model Chain(const std::vector<BlockOf>& blocks) {
  Writer writer;
  ValueId x = writer.Input("x", {Dim::Symbol("batch"), 4});
  for (const BlockOf& block : blocks) x = writer.Block(x, block.name, block.salt);
  return writer.Finish({x});
}

// "changed b/relu: attribute alpha 1 -> 2"
std::vector<std::string> Lines(const Model& a, const Model& b, const DiffOptions& options = {}) {
  std::vector<std::string> lines;
  const ModelDiff diff = DiffModels(a, b, OpRegistry::Default(), options);
  const auto add = [&lines](Change change, const std::string& of_a, const std::string& of_b,
                            const std::vector<Edit>& edits, const std::string& rest) {
    if (change == Change::kSame) return;
    std::string line = absl::StrCat(ChangeName(change), " ", of_a);
    if (of_a != of_b) absl::StrAppend(&line, of_a.empty() || of_b.empty() ? "" : " -> ", of_b);
    for (const Edit& edit : edits) {
      absl::StrAppend(&line, "; ", edit.what, ": ", edit.a, " -> ", edit.b);
    }
    lines.push_back(line + rest);
  };
  for (size_t g = 0; g < diff.graphs.size(); ++g) {
    const GraphDiff& graph = diff.graphs[g];
    const Graph& graph_a = g == 0 ? a.graph : a.functions.find(graph.function_a)->second.graph;
    const Graph& graph_b = g == 0 ? b.graph : b.functions.find(graph.function_b)->second.graph;
    for (const auto* items : {&graph.inputs, &graph.outputs}) {
      for (const ItemDiff& item : *items) add(item.change, item.a, item.b, item.edits, " (port)");
    }
    for (const NodeDiff& node : graph.nodes) {
      add(node.change, node.a < 0 ? "" : graph_a.nodes[node.a].name,
          node.b < 0 ? "" : graph_b.nodes[node.b].name, node.edits,
          node.into < 0 ? "" : " into " + graph_b.nodes[node.into].name);
    }
    for (const WeightDiff& weight : graph.weights) {
      add(weight.change, weight.a == kNoValue ? "" : graph_a.value(weight.a).name,
          weight.b == kNoValue ? "" : graph_b.value(weight.b).name, weight.edits,
          weight.values ? absl::StrCat(" (", weight.values->differing, " differ)") : " (weight)");
    }
    EXPECT_EQ(graph.of_a.size(), graph_a.nodes.size());
    EXPECT_EQ(graph.of_b.size(), graph_b.nodes.size());
    for (size_t n = 0; n < graph.of_a.size(); ++n) {
      EXPECT_EQ(graph.nodes[graph.of_a[n]].a, static_cast<int>(n));
    }
    for (size_t n = 0; n < graph.of_b.size(); ++n) {
      EXPECT_EQ(graph.nodes[graph.of_b[n]].b, static_cast<int>(n));
    }
  }
  EXPECT_EQ(diff.same(), lines.empty() && diff.functions.empty() && diff.metadata.empty() &&
                             diff.about.empty() && diff.variables.empty() &&
                             diff.golden_vectors.empty());
  return lines;
}

const std::vector<BlockOf> kThree = {{"b0", 10}, {"b1", 11}, {"b2", 12}};

TEST(DiffTest, OfOneModelIsEmpty) { EXPECT_THAT(Lines(Chain(kThree), Chain(kThree)), IsEmpty()); }

TEST(DiffTest, TellsARenameFromAnEdit) {
  EXPECT_THAT(Lines(Chain(kThree), Chain({{"b0", 10}, {"new", 11}, {"b2", 12}})),
              ElementsAre("renamed b1/product -> new/product", "renamed b1/relu -> new/relu",
                          "renamed b1/kernel -> new/kernel (weight)"));
  EXPECT_THAT(Lines(Chain(kThree), Chain({{"b0", 10}, {"new", 11}, {"b2", 12}}), {.names = false}),
              IsEmpty());
  EXPECT_THAT(Lines(Chain(kThree), Chain({{"b0", 10}, {"b1", 99}, {"b2", 12}})),
              ElementsAre("changed b1/kernel (16 differ)"));
}

// Names that are numbers move to other nodes; the weights tell what each node is.
TEST(DiffTest, TellsAnInsertionFromManyEditsWhereNamesAreNumbers) {
  EXPECT_THAT(Lines(Chain({{"0", 10}, {"1", 11}, {"2", 12}, {"3", 13}}),
                    Chain({{"0", 10}, {"1", 50}, {"2", 11}, {"3", 12}, {"4", 13}})),
              ElementsAre("renamed 3/relu -> 4/relu (port)", "added 1/product", "added 1/relu",
                          "changed 1/product -> 2/product; input a: 0/relu -> 1/relu",
                          "renamed 1/relu -> 2/relu", "renamed 2/product -> 3/product",
                          "renamed 2/relu -> 3/relu", "renamed 3/product -> 4/product",
                          "renamed 3/relu -> 4/relu", "renamed 1/kernel -> 2/kernel (weight)",
                          "renamed 2/kernel -> 3/kernel (weight)",
                          "renamed 3/kernel -> 4/kernel (weight)", "added 1/kernel (weight)"));
}

TEST(DiffTest, ComparesAttributesWithTheirDefaults) {
  const auto model = [](Attributes attrs, const std::string& op = "nn.Softmax") {
    Writer writer;
    const ValueId x = writer.Input("x", {Dim::Symbol("batch"), 4});
    return writer.Finish({writer.Add("head", op, {x}, std::move(attrs))});
  };
  EXPECT_THAT(Lines(model({}), model({{"axis", -1}})), IsEmpty());
  EXPECT_THAT(Lines(model({}), model({{"axis", 0}})),
              ElementsAre("changed head; attribute axis: -1 -> 0"));
  EXPECT_THAT(Lines(model({}), model({}, "nn.LogSoftmax")),
              ElementsAre("changed head; op: nn.Softmax -> nn.LogSoftmax"));
}

TEST(DiffTest, TypesThatFollowFromOthersAreNoEdits) {
  const auto model = [](PartialShape shape) {
    Writer writer;
    const ValueId x = writer.Input("x", std::move(shape));
    return writer.Finish({writer.Add("b", "nn.Relu", {writer.Add("a", "nn.Relu", {x})})});
  };
  EXPECT_THAT(Lines(model({Dim::Symbol("batch"), 4}), model({8, 4})),
              ElementsAre("changed x; type: float32[batch,4] -> float32[8,4] (port)",
                          "changed b; type: float32[batch,4] -> float32[8,4] (port)"));
}

TEST(DiffTest, WeightsAreMatchedByUseAheadOfNames) {
  // Of numbered weights one is put in front.
  const auto model = [](bool extra) {
    Writer writer;
    ValueId x = writer.Input("x", {Dim::Symbol("batch"), 4});
    int number = 500;
    const auto weight = [&](int salt) {
      return writer.Weight(absl::StrCat("onnx::", number++), Numbers({4, 4}, salt));
    };
    if (extra) x = writer.Add("extra", "math.MatMul", {x, weight(1)});
    x = writer.Add("p", "math.MatMul", {x, weight(2)});
    return writer.Finish({writer.Add("q", "math.MatMul", {x, weight(3)})});
  };
  EXPECT_THAT(Lines(model(false), model(true)),
              ElementsAre("added extra", "changed p; input a: x -> extra",
                          "renamed onnx::500 -> onnx::501 (weight)",
                          "renamed onnx::501 -> onnx::502 (weight)", "added onnx::500 (weight)"));
}

TEST(DiffTest, MeasuresHowFarWeightsHaveMoved) {
  Model a = Chain(kThree), b = Chain(kThree);
  Tensor kernel = *b.GetWeight("b1/kernel");
  kernel.mutable_data<float>()[5] += 0.5f;
  ASSERT_TRUE(b.SetWeight("b1/kernel", kernel).ok());
  const ModelDiff diff = DiffModels(a, b, OpRegistry::Default());
  const WeightDiff& weight = diff.graphs[0].weights[1];
  ASSERT_TRUE(weight.values.has_value());
  EXPECT_EQ(weight.values->differing, 1);
  EXPECT_EQ(weight.values->worst, 5);
  EXPECT_NEAR(weight.values->max_abs, 0.5, 1e-6);
  double squares = 0;
  const Tensor before = *a.GetWeight("b1/kernel");
  for (const float value : before.data<float>()) squares += value * value;
  EXPECT_NEAR(weight.values->relative(), 0.5 / std::sqrt(squares), 1e-6);
  EXPECT_THAT(Lines(a, b, {.tolerance = {.rtol = 0, .atol = 0.6}}), IsEmpty());
}

// Convolution, batch normalisation, ReLU; in B the normalisation is in the weights, by the formulas
// of Ioffe and Szegedy (2015), section 3.1.
Model Normalized(bool folded, bool keep_weights = false) {
  constexpr double kEpsilon = 1e-3;
  Writer writer;
  const ValueId x = writer.Input("x", {Dim::Symbol("batch"), 8, 8, 3});
  Tensor kernel = Numbers({3, 3, 3, 5}, 1);
  const Tensor gamma = Numbers({5}, 2), beta = Numbers({5}, 3), mean = Numbers({5}, 4),
               variance = Numbers({5}, 5, 0.1f);
  Tensor bias(DType::kFloat32, {5});
  if (folded && !keep_weights) {
    for (int c = 0; c < 5; ++c) {
      const double factor = gamma.at<float>(c) / std::sqrt(variance.at<float>(c) + kEpsilon);
      bias.mutable_data<float>()[c] =
          static_cast<float>(beta.at<float>(c) - factor * mean.at<float>(c));
      for (int i = c; i < kernel.num_elements(); i += 5) {
        kernel.mutable_data<float>()[i] *= static_cast<float>(factor);
      }
    }
  }
  std::vector<ValueId> inputs = {x, writer.Weight("kernel", kernel)};
  if (folded && !keep_weights) inputs.push_back(writer.Weight("bias", bias));
  ValueId y = writer.Add("conv", "nn.Conv", inputs);
  if (!folded) {
    y = writer.Add("bn", "nn.BatchNormalization",
                   {y, writer.Weight("gamma", gamma), writer.Weight("beta", beta),
                    writer.Weight("mean", mean), writer.Weight("variance", variance)},
                   {{"epsilon", kEpsilon}});
  }
  return writer.Finish({writer.Add("relu", "nn.Relu", {y})});
}

TEST(DiffTest, TellsAFoldFromARemoval) {
  EXPECT_THAT(
      Lines(Normalized(false), Normalized(true)),
      ElementsAre("changed conv; input bias:  -> bias", "folded bn into conv",
                  "changed kernel (135 differ)", "removed gamma (weight)", "removed beta (weight)",
                  "removed mean (weight)", "removed variance (weight)", "added bias (weight)"));
  EXPECT_THAT(
      Lines(Normalized(false), Normalized(true, /*keep_weights=*/true)),
      ElementsAre("removed bn", "changed relu; input x: bn -> conv", "removed gamma (weight)",
                  "removed beta (weight)", "removed mean (weight)", "removed variance (weight)"));
}

TEST(DiffTest, TellsConstantsThatWereComputed) {
  const auto model = [](bool folded, double factor) {
    Writer writer;
    const ValueId x = writer.Input("x", {Dim::Symbol("batch"), 3});
    ValueId scale = writer.Weight("scale", Tensor::Of<float>({3}, {1, -2, 3}));
    if (folded) {
      scale = writer.Weight("squares", Tensor::Of<float>({3}, {1, 4, static_cast<float>(factor)}));
    } else {
      scale = writer.Add("square", "math.Mul", {scale, scale});
    }
    return writer.Finish({writer.Add("y", "math.Mul", {x, scale})});
  };
  EXPECT_THAT(Lines(model(false, 0), model(true, 9)),
              ElementsAre("folded square", "added squares (weight)"));
  EXPECT_THAT(Lines(model(false, 0), model(true, 8)),
              ElementsAre("removed square", "changed y; input b: square -> squares",
                          "added squares (weight)"));
}

TEST(DiffTest, FunctionsMetadataAndGoldenVectors) {
  Model a = Chain(kThree), b = Chain(kThree);
  a.functions["gone"] = {.name = "gone", .graph = Chain({{"f", 1}}).graph};
  a.functions["old"] = {.name = "old", .graph = Chain({{"f", 2}}).graph};
  b.functions["young"] = {.name = "young", .graph = Chain({{"f", 2}}).graph};
  a.metadata = {{"labels", "cat"}, {"kept", "1"}};
  b.metadata = {{"labels", "dog"}, {"kept", "1"}, {"more", ""}};
  b.producer = "another program";
  const GoldenVector golden = {
      .name = "g",
      .inputs = {{"x", Tensor::Of<float>({1, 4}, {1, 2, 3, 4})}},
      .outputs = {{"b2/relu", {Tensor::Of<float>({1, 4}, {0, 0, 0, 0}), 1e-5, 1e-6}}}};
  a.golden_vectors = {golden};
  b.golden_vectors = {golden};
  b.golden_vectors[0].outputs.begin()->second.rtol = 1e-2;
  const ModelDiff diff = DiffModels(a, b, OpRegistry::Default());
  std::vector<std::string> lines;
  for (const auto* items : {&diff.functions, &diff.metadata, &diff.golden_vectors, &diff.about}) {
    for (const ItemDiff& item : *items) {
      lines.push_back(absl::StrCat(ChangeName(item.change), " ", item.a, "|", item.b, " ",
                                   absl::StrJoin(item.edits, ",", [](std::string* out, auto& e) {
                                     absl::StrAppend(out, e.what, ":", e.a, ">", e.b);
                                   })));
    }
  }
  EXPECT_THAT(lines,
              ElementsAre("removed gone| ", "renamed old|young ",
                          "changed labels|labels value:cat>dog", "added |more ",
                          "changed g|g tolerance of b2/relu:1e-06 + 1e-05|e|>1e-06 + 0.01|e|",
                          "changed producer|producer value:>another program"));
  EXPECT_FALSE(diff.same());
}

// A chain is compared in time that grows as it does: what is quadratic takes minutes here.
TEST(DiffTest, TakesLongChainsInSeconds) {
  const auto chain = [](int length, int extra_at) {
    Writer writer;
    ValueId x = writer.Input("x", {Dim::Symbol("batch"), 4});
    for (int i = 0; i < length; ++i) {
      if (i == extra_at) x = writer.Add("extra", "math.Neg", {x});
      x = writer.Add(absl::StrCat("n", i), i % 3 == 0 ? "nn.Relu" : "math.Exp", {x});
    }
    return writer.Finish({x});
  };
  const Model a = chain(20'000, -1), b = chain(20'000, 7'000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Lines(a, b), ElementsAre("added extra", "changed n7000; input x: n6999 -> extra"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace nomograph
