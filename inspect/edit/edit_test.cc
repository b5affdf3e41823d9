// Edits and extractions: what is written runs, and computes what the parts of it computed before.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/edit/edit_model.h"
#include "nomograph/inspect/edit/parse_value.h"
#include "nomograph/inspect/edit/subgraph.h"
#include "nomograph/inspect/selected_tensors.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// x [n,2] -> a = 2 x -> b = relu(a) -> y = b + (3 + 4), with a side path a -> z = -a.
Model SmallModel() {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n"), 2}}, "x");
  const auto constant = [](float v) { return Constant(Tensor::Scalar(v)); };
  const Value a = Call("math.Mul", {x, constant(2)}, {}, {.name = "a"});
  const Value b = Call("nn.Relu", {a}, {}, {.name = "b"});
  const Value seven = Call("math.Add", {constant(3), constant(4)}, {}, {.name = "seven"});
  const Value y = Call("math.Add", {b, seven}, {}, {.name = "y"});
  const Value z = Call("math.Neg", {a}, {}, {.name = "z"});
  auto model = BuildModel({x}, {y, z});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::vector<std::string> Names(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> names;
  for (const ValueId id : ids) names.push_back(graph.value(id).name);
  return names;
}

NamedTensors Computed(const Model& model, const std::string& input, std::vector<float> row) {
  const auto session = Session::Create(model, {});
  EXPECT_TRUE(session.ok()) << session.status();
  if (!session.ok()) return {};
  const auto outputs = (*session)->Run({{input, Tensor::Of<float>({1, 2}, std::move(row))}});
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? *outputs : NamedTensors{};
}

TEST(ExtractModel, CutsAtTheBordersOfTheSelection) {
  const Model model = SmallModel();
  const auto selection = Select(model, "b, y");
  ASSERT_TRUE(selection.ok()) << selection.status();
  const auto part = ExtractModel(model, *selection);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_THAT(Names(part->model.graph, part->model.graph.inputs), ElementsAre("a"));
  EXPECT_THAT(Names(part->model.graph, part->model.graph.outputs), ElementsAre("y"));
  // relu([-1, 5]) + 7
  EXPECT_EQ(Computed(part->model, "a", {-1, 5}).at("y"), Tensor::Of<float>({1, 2}, {7, 12}));
}

TEST(ExtractModel, OutputsAreWhatOthersTake) {
  const Model model = SmallModel();
  const auto part = ExtractModel(model, *Select(model, "a, b"));
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_THAT(Names(part->model.graph, part->model.graph.outputs), ElementsAre("a", "b"));
}

TEST(EditModel, RenamesAndChangesOutputs) {
  const auto edited = EditModel(SmallModel(), {.renames = {{"x", "image"}, {"y", "scores"}},
                                               .add_outputs = {"op:relu"},
                                               .drop_outputs = {"z"}});
  ASSERT_TRUE(edited.ok()) << edited.status();
  const Graph& graph = edited->model.graph;
  EXPECT_THAT(Names(graph, graph.inputs), ElementsAre("image"));
  EXPECT_THAT(Names(graph, graph.outputs), ElementsAre("scores", "b"));
  EXPECT_THAT(edited->changes, Contains("1 node on which no output depends left out"));
  EXPECT_EQ(Computed(edited->model, "image", {-1, 5}).at("scores"),
            Tensor::Of<float>({1, 2}, {7, 17}));
}

TEST(EditModel, ReplacesWeights) {
  const Model model = SmallModel();
  const auto tensors = SelectedTensors(*Select(model, "**"));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EditOptions options;
  for (const auto& [name, tensor] : *tensors) {
    if (tensor.AsDouble(0) == 2) options.weights[name] = Tensor::Scalar(5.0f);
  }
  ASSERT_EQ(options.weights.size(), 1u);
  auto edited = EditModel(model, options);
  ASSERT_TRUE(edited.ok()) << edited.status();
  EXPECT_THAT(edited->changes, Contains("1 weight replaced, 2 kept"));
  // 5 x, relu, + 7
  EXPECT_EQ(Computed(edited->model, "x", {-1, 5}).at("y"), Tensor::Of<float>({1, 2}, {7, 32}));

  const std::string name = options.weights.begin()->first;
  options.weights = {{name, Tensor::Vector<float>({1, 2})}, {name + "x", Tensor::Scalar(1.0f)}};
  edited = EditModel(model, options);
  ASSERT_FALSE(edited.ok());
  EXPECT_THAT(std::string(edited.status().message()),
              AllOf(HasSubstr("expected float32[], found float32[2]"),
                    HasSubstr("the model has no weight " + name + "x (did you mean " + name)));
}

TEST(EditModel, SetsShapesAndInfersAnew) {
  const auto edited = EditModel(SmallModel(), {.batch = 4});
  ASSERT_TRUE(edited.ok()) << edited.status();
  const Graph& graph = edited->model.graph;
  EXPECT_EQ(graph.value(graph.outputs[0]).type.ToString(), "float32[4,2]");
  EXPECT_THAT(EditModel(SmallModel(), {.inputs = {{"x", "[1,2,3"}}}).status().message(),
              HasSubstr("is no type"));
  EXPECT_THAT(EditModel(SmallModel(), {.inputs = {{"y", "[1]"}}}).status().message(),
              HasSubstr("there is no input \"y\""));
  EXPECT_EQ(EditModel(SmallModel(), {.batch = -1}).status().message(),
            "batch: expected at least 0, found -1");
}

TEST(EditModel, FoldsWhatFollowsFromConstants) {
  const auto edited = EditModel(SmallModel(), {.fold = true});
  ASSERT_TRUE(edited.ok()) << edited.status();
  for (const Node& node : edited->model.graph.nodes) {
    if (node.name == "seven") {
      EXPECT_EQ(node.op, "core.Constant");
    }
  }
  EXPECT_EQ(Computed(edited->model, "x", {-1, 5}).at("y"), Tensor::Of<float>({1, 2}, {7, 17}));
}

// More elements than type inference computes, and as many as the limits say.
TEST(EditModel, FoldsWithinItsOwnLimits) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n"), 2}}, "x");
  const Value large = Constant(Tensor::Full(DType::kFloat32, {5000, 1, 2}, 2));
  const Value square = Call("math.Mul", {large, large}, {}, {.name = "square"});
  const auto model = BuildModel({x}, {Call("math.Add", {x, square}, {}, {.name = "y"})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto op_of_square = [](const Edited& edited) {
    for (const Node& node : edited.model.graph.nodes) {
      if (node.name == "square") return node.op;
    }
    return std::string();
  };
  const struct {
    FoldLimits limits;
    const char *op, *change;
  } cases[] = {
      {{}, "core.Constant", "1 node computed from constants, 1 node left out"},
      {{.max_elements = 10000}, "core.Constant", "1 node computed from constants, 1 node left out"},
      {{.max_elements = 9999},
       "math.Mul",
       "1 node of constants left as found: folding would be over the budget"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.change);
    const auto edited = EditModel(*model, {.fold = true, .fold_limits = c.limits});
    ASSERT_TRUE(edited.ok()) << edited.status();
    EXPECT_EQ(op_of_square(*edited), c.op);
    EXPECT_THAT(edited->changes, ElementsAre(HasSubstr(c.change)));
  }
}

TEST(EditModel, CastsBetweenTheBorders) {
  const auto edited = EditModel(SmallModel(), {.cast = DType::kFloat16});
  ASSERT_TRUE(edited.ok()) << edited.status();
  const Graph& graph = edited->model.graph;
  EXPECT_EQ(graph.value(graph.inputs[0]).type.dtype, DType::kFloat32);
  EXPECT_EQ(graph.value(graph.outputs[0]).type.dtype, DType::kFloat32);
  // 0.1 is 0.0999755859375 in float16; doubled and added to 7 it is rounded to a multiple of 2^-8.
  EXPECT_EQ(Computed(edited->model, "x", {0.1f, 5}).at("y"),
            Tensor::Of<float>({1, 2}, {7.19921875f, 17}));
}

TEST(EditModel, ReplacesOpsAndAttributes) {
  const auto edited =
      EditModel(SmallModel(), {.ops = {{"b", "nn.LeakyRelu"}}, .attributes = {{"b:alpha", "0.5"}}});
  ASSERT_TRUE(edited.ok()) << edited.status();
  // leaky(2 * -1) = -1, + 7
  EXPECT_EQ(Computed(edited->model, "x", {-1, 5}).at("y"), Tensor::Of<float>({1, 2}, {6, 17}));
  EXPECT_THAT(EditModel(SmallModel(), {.attributes = {{"op:neg:size", "1"}}}).status().message(),
              HasSubstr("it has no attribute \"size\""));
  const auto misspelt = EditModel(SmallModel(), {.ops = {{"b", "nn.LeakyRelo"}}});
  ASSERT_TRUE(misspelt.ok()) << misspelt.status();
  EXPECT_THAT(misspelt->changes.back(),
              HasSubstr("from now on, which is no op here (did you mean nn.LeakyRelu"));
}

TEST(ParseType, TakesWhatToStringWrites) {
  for (const char* text : {"float32[]", "float32[batch,3,?]", "uint8[2]"}) {
    EXPECT_EQ(ParseType(text, DType::kFloat32)->ToString(), text);
  }
  EXPECT_EQ(ParseType("[batch]", DType::kInt64)->ToString(), "int64[batch]");
  for (const char* text : {"", "float32", "float33[2]", "[-1]", "[1,]", "[a-]x"}) {
    EXPECT_FALSE(ParseType(text, DType::kFloat32).ok()) << text;
  }
}

}  // namespace
}  // namespace nomograph
