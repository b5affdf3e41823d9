#include "nomograph/inspect/picture/hierarchy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph::picture {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TensorType kType(DType::kFloat32, PartialShape{2, 3});

// Lines "out = op in in" make nodes that are called by their output: "a/b = nn.Relu x". A first
// line "x y ->" names the inputs, a last one "-> z" the outputs.
Graph MakeGraph(absl::string_view text) {
  Graph graph;
  absl::flat_hash_map<std::string, ValueId> ids;
  const auto id_of = [&](absl::string_view name) {
    const auto [found, is_new] = ids.emplace(name, kNoValue);
    if (is_new) found->second = graph.AddValue(std::string(name), kType);
    return found->second;
  };
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    const auto arrow = std::find(words.begin(), words.end(), "->");
    if (arrow != words.end()) {
      for (auto word = words.begin(); word != arrow; ++word) graph.inputs.push_back(id_of(*word));
      for (auto word = arrow + 1; word != words.end(); ++word) {
        graph.outputs.push_back(id_of(*word));
      }
      continue;
    }
    Node node = {.name = words[0], .op = words[2]};
    for (size_t i = 3; i < words.size(); ++i) node.inputs.push_back(id_of(words[i]));
    node.outputs = {id_of(words[0])};
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

void Write(const Tree& tree, int box, std::string& out) {
  out += tree.boxes[box].name;
  if (tree.boxes[box].kind == BoxKind::kRepeat) {
    absl::StrAppend(&out, " x", tree.NumChildren(box));
  }
  if (tree.IsLeaf(box)) return;
  std::vector<std::string> children;
  tree.ForEachChild(box, [&](int child) { Write(tree, child, children.emplace_back()); });
  absl::StrAppend(&out, "{", absl::StrJoin(children, ", "), "}");
}

std::string TextOf(const Graph& graph, const HierarchyOptions& options = {}) {
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default(), options);
  std::string text;
  Write(hierarchy.main(), 0, text);
  return text;
}

TEST(HierarchyTest, MakesBoxesOfScopes) {
  struct Case {
    const char *about, *graph, *expected;
  };
  const Case cases[] = {
      {"empty", "", ""},
      {"no scopes", "x -> \n a = nn.Relu x \n b = nn.Relu a \n -> b", "{x, a, b, b}"},
      {"a scope", "x -> \n s/a = nn.Relu x \n s/b = nn.Relu s/a \n -> s/b", "{x, s{a, b}, s/b}"},
      {"slashes at the start and doubled", "/s/a = nn.Relu x \n /s//b = nn.Relu x", "{s{a, b}}"},
      {"one child only", "/c/Conv = nn.Conv x \n r = nn.Relu x", "{c/Conv, r}"},
      {"a chain of scopes", "a/b/c/d = nn.Relu x \n a/b/c/e = nn.Relu x \n f = nn.Relu x",
       "{a/b/c{d, e}, f}"},
      {"a node with a scope's name", "s = nn.Relu x \n s/a = nn.Relu s \n s/b = nn.Relu s/a",
       "{s, s{a, b}}"},
      {"a scope that comes back", "s/a = nn.Relu x \n r = nn.Relu s/a \n s/b = nn.Relu r",
       "{s{a, b}, r}"},
      {"only slashes", "/ = nn.Relu x \n // = nn.Relu x", "{/, //}"},
      {"a slash at the end", "s/a/ = nn.Relu x \n s/b = nn.Relu x", "{s{a/, b}}"},
  };
  for (const Case& c : cases) EXPECT_EQ(TextOf(MakeGraph(c.graph)), c.expected) << c.about;
}

TEST(HierarchyTest, PutsTheNodesOfALayerIntoItsScope) {
  Graph graph =
      MakeGraph("x -> \n d/a = nn.Relu x \n MatMul = nn.Relu d/a \n Add = nn.Relu MatMul");
  graph.nodes[0].layer = "d";
  graph.nodes[1].layer = graph.nodes[2].layer = "net/e";
  EXPECT_EQ(TextOf(graph), "{x, d/a, net/e{MatMul, Add}}");
}

TEST(HierarchyTest, LimitsTheDepthOfScopes) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "s/";
  const Graph graph = MakeGraph(absl::StrCat(deep, "a = nn.Relu x \n ", deep, "b = nn.Relu x"));
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default(), {.max_depth = 4});
  EXPECT_EQ(hierarchy.main().boxes.size(), 4u);  // the root, one scope, two nodes
}

// A block of two nodes in which `op` is the second.
std::string Block(int i, absl::string_view in, absl::string_view op = "nn.Relu") {
  return absl::StrCat("b.", i, "/p = nn.Relu ", in, "\n b.", i, "/q = ", op, " b.", i, "/p\n");
}

TEST(HierarchyTest, FoldsEqualBlocks) {
  const std::string chain =
      "x ->\n" + Block(0, "x") + Block(1, "b.0/q") + Block(2, "b.1/q") + "-> b.2/q";
  EXPECT_EQ(TextOf(MakeGraph(chain)), "{x, b.0–2 x3{b.0{p, q}, b.1{p, q}, b.2{p, q}}, b.2/q}");
  EXPECT_EQ(TextOf(MakeGraph("x ->\n" + Block(9, "x") + Block(10, "b.9/q") + "-> b.10/q")),
            "{x, b.9–10 x2{b.9{p, q}, b.10{p, q}}, b.10/q}");

  struct Case {
    const char* about;
    std::string graph;
  };
  const Case cases[] = {
      {"another op", "x ->\n" + Block(0, "x") + Block(1, "b.0/q", "nn.Sigmoid")},
      {"a number left out", "x ->\n" + Block(0, "x") + Block(2, "b.0/q")},
      {"other wiring inside",
       "x ->\n" + Block(0, "x") + "b.1/p = nn.Relu b.0/q \n b.1/q = nn.Relu x"},
      {"another node between", "x ->\n" + Block(0, "x") + "m = nn.Relu b.0/q\n" + Block(1, "m")},
      {"an inner value used outside",
       "x ->\n" + Block(0, "x") + Block(1, "b.0/q") + "m = math.Add b.0/p b.1/q"},
      {"another name", "x ->\n a/p = nn.Relu x \n a/q = nn.Relu a/p \n" + Block(0, "a/q")},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(TextOf(MakeGraph(c.graph)), testing::Not(testing::HasSubstr("–"))) << c.about;
  }
}

TEST(HierarchyTest, BlocksThatDifferInTypesOrAttributesStayApart) {
  const std::string chain = "x ->\n" + Block(0, "x") + Block(1, "b.0/q");
  Graph types = MakeGraph(chain);
  types.values[types.FindValue("b.1/p")].type.shape = PartialShape{2, 4};
  EXPECT_THAT(TextOf(types), testing::Not(testing::HasSubstr("–")));
  Graph attributes = MakeGraph(chain);
  attributes.nodes[2].attrs.Set("axis", 1);
  EXPECT_THAT(TextOf(attributes), testing::Not(testing::HasSubstr("–")));
}

TEST(HierarchyTest, FoldsBlocksInBlocks) {
  std::string text = "x ->\n";
  std::string last = "x";
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (const char* node : {"p", "q"}) {
        const std::string name = absl::StrCat("s", i, "/", j, "/", node);
        absl::StrAppend(&text, name, " = nn.Relu ", last, "\n");
        last = name;
      }
    }
  }
  EXPECT_EQ(TextOf(MakeGraph(text + "-> " + last)),
            "{x, s0–1 x2{s0{0–2 x3{0{p, q}, 1{p, q}, 2{p, q}}}, "
            "s1{0–2 x3{0{p, q}, 1{p, q}, 2{p, q}}}}, s1/2/q}");
}

TEST(HierarchyTest, KnowsWhatCrossesBorders) {
  const Graph graph = MakeGraph(
      "x y -> \n s/a = nn.Relu x \n s/b = math.Add s/a y \n s/t/c = math.Add s/b s/a \n"
      "s/t/d = math.Add s/t/c x \n e = math.Add s/t/d s/b \n -> e");
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default());
  const Tree& tree = hierarchy.main();
  const auto names = [&](const std::vector<ValueId>& values) {
    std::vector<std::string> result;
    for (const ValueId id : values) result.push_back(graph.value(id).name);
    return result;
  };
  for (const Box& box : tree.boxes) {
    if (box.name == "s") {
      EXPECT_THAT(names(box.inputs), ElementsAre("x", "y"));
      EXPECT_THAT(names(box.outputs), ElementsAre("s/t/d", "s/b"));
      EXPECT_EQ(box.num_nodes, 4);
    } else if (box.name == "t") {
      EXPECT_THAT(names(box.inputs), ElementsAre("s/b", "s/a", "x"));
      EXPECT_THAT(names(box.outputs), ElementsAre("s/t/d"));
      EXPECT_EQ(box.path, "s/t");
    } else if (box.name == "d") {
      EXPECT_THAT(names(box.inputs), ElementsAre("s/t/c", "x"));
    }
  }
  EXPECT_THAT(tree.boxes[0].inputs, IsEmpty());
  EXPECT_EQ(tree.edges.size(), 10u);
}

TEST(HierarchyTest, ConstantsCountWithTheirFirstUsers) {
  Graph graph = MakeGraph(
      "x w -> \n c = core.Identity w \n s/d = core.Identity c \n s/a = math.Add x s/d \n"
      "s/b = math.Add s/a c \n -> s/b");
  graph.inputs.pop_back();
  graph.weights.push_back({graph.FindValue("w"), Tensor()});
  EXPECT_EQ(ConstantNodes(graph, OpRegistry::Default()),
            (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(TextOf(graph), "{x, s{a, b}, s/b}");
  EXPECT_EQ(TextOf(graph, {.constants = true}), "{x, c, s{d, a, b}, s/b}");
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default());
  EXPECT_EQ(hierarchy.main().boxes[2].num_nodes, 4);
  EXPECT_EQ(hierarchy.main().boxes[2].num_constants, 2);
  EXPECT_EQ(hierarchy.main().boxes[0].num_nodes, 4);
}

TEST(HierarchyTest, OfASelectionOtherValuesAreEnds) {
  const Graph graph = MakeGraph(
      "x -> \n a = nn.Relu x \n b = math.Add a x \n c = math.Add b a \n d = nn.Relu c \n -> d");
  EXPECT_EQ(TextOf(graph, {.nodes = {false, true, true, false}}), "{a, x, b, c, c}");
}

TEST(HierarchyTest, CountsBoxesByDepth) {
  const Graph graph = MakeGraph("x ->\n" + Block(0, "x") + Block(1, "b.0/q") + "-> b.1/q");
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default());
  EXPECT_EQ(hierarchy.CountBoxes(1), 3);  // x, b.0–1, the output
  EXPECT_EQ(hierarchy.CountBoxes(2), 4);  // the first block's nodes in its place
  EXPECT_EQ(hierarchy.CountBoxes(9), 4);
  EXPECT_EQ(DepthFor(hierarchy, 2, 3), 1);
  EXPECT_EQ(DepthFor(hierarchy, 2, 60), 64);
}

// Functions that each name the one before twice: more boxes than could be counted one by one.
TEST(HierarchyTest, CountsTheBoxesOfBodies) {
  Model model;
  const auto calls = [](absl::string_view function) {
    Graph graph = MakeGraph("x ->\n a = core.If x \n -> a");
    graph.nodes[0].attrs.Set("then_branch", FunctionRef{std::string(function)});
    graph.nodes[0].attrs.Set("else_branch", FunctionRef{std::string(function)});
    return graph;
  };
  for (int i = 0; i < 60; ++i) {
    const std::string name = absl::StrCat("f", i);
    model.functions[name] = {name, calls(absl::StrCat("f", i - 1))};
  }
  model.graph = calls("f59");
  const Hierarchy hierarchy = MakeHierarchy(model, OpRegistry::Default());
  EXPECT_EQ(hierarchy.BodiesOf(model.graph.nodes[0]).size(), 2u);
  EXPECT_EQ(hierarchy.CountBoxes(1), 3);
  EXPECT_EQ(hierarchy.CountBoxes(2), 9);
  EXPECT_EQ(hierarchy.CountBoxes(60), 1 << 20);
  EXPECT_EQ(DepthFor(hierarchy, 8, 60), 4);
}

}  // namespace
}  // namespace nomograph::picture
