// Selectors against a small model of which every answer is plain to see.
#include "nomograph/inspect/selector.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

TensorType Float(std::vector<Dim> dims) { return {DType::kFloat32, PartialShape(std::move(dims))}; }

// a -> /s/c1 (nn.Conv) -> /s/r1 (nn.Relu) -> /t/c2 (nn.Conv) -> /t/add (math.Add) -> out;
// /s/r1 -> /t/add; a -> cast (acme.Odd) -> "odd, name"; and a function @body with a node `inner`.
Model SmallModel() {
  Model model;
  Graph& g = model.graph;
  const auto add = [](Graph& graph, std::string name, std::string op, std::vector<ValueId> inputs,
                      std::string output, TensorType type, Attributes attrs = {}) {
    const ValueId id = graph.AddValue(std::move(output), std::move(type));
    graph.nodes.push_back({.name = std::move(name),
                           .op = std::move(op),
                           .attrs = std::move(attrs),
                           .inputs = std::move(inputs),
                           .outputs = {id}});
    return id;
  };
  const ValueId a = g.AddValue("a", Float({Dim::Symbol("batch"), 3, 8, 8}));
  const ValueId w = g.AddValue("w", Float({64, 3, 1, 1}));
  g.inputs = {a};
  g.weights.push_back({w, Tensor::Full(DType::kFloat32, {64, 3, 1, 1}, 1)});
  const ValueId c1 =
      add(g, "/s/c1", "nn.Conv", {a, w}, "/s/c1_out", Float({Dim::Symbol("batch"), 64, 8, 8}));
  const ValueId r1 =
      add(g, "/s/r1", "nn.Relu", {c1}, "/s/r1_out", Float({Dim::Symbol("batch"), 64, 8, 8}));
  const ValueId c2 =
      add(g, "/t/c2", "nn.Conv", {r1, w}, "/t/c2_out", Float({Dim::Symbol("batch"), 64, 8, 8}),
          {{"groups", 2}, {"strides", std::vector<int64_t>{2, 1}}, {"padding", "same"}});
  const ValueId out =
      add(g, "/t/add", "math.Add", {c2, r1}, "out", Float({Dim::Symbol("batch"), 64, 8, 8}));
  const ValueId odd =
      add(g, "cast-1", "acme.Odd", {a}, "odd, name", {DType::kFloat16, PartialShape(Shape({2}))});
  g.outputs = {out, odd};
  Function body{.name = "body"};
  const ValueId x = body.graph.AddValue("x", Float({Dim()}));
  body.graph.inputs = {x};
  body.graph.outputs = {add(body.graph, "inner", "nn.Relu", {x}, "y", Float({Dim()}))};
  model.functions["body"] = body;
  return model;
}

// "nodes | values", those of functions as @function:name.
std::string Chosen(const Model& model, const std::string& selector) {
  const auto selection = Select(model, selector);
  if (!selection.ok()) return std::string(selection.status().message());
  std::vector<std::string> nodes, values;
  for (const GraphSelection& part : selection->graphs) {
    const std::string at = part.function.empty() ? "" : absl::StrCat("@", part.function, ":");
    for (const int node : part.nodes) nodes.push_back(at + part.graph->nodes[node].name);
    for (const ValueId value : part.values) values.push_back(at + part.graph->value(value).name);
  }
  return absl::StrCat(absl::StrJoin(nodes, " "), " | ", absl::StrJoin(values, " "));
}

TEST(Select, ChoosesNodesAndValues) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/s/c1", "/s/c1 | "},
      {"/s/c1_out", " | /s/c1_out"},
      {"/s/*", "/s/c1 /s/r1 | /s/c1_out /s/r1_out"},
      {"**/c?", "/s/c1 /t/c2 | "},
      {"op:nn.Conv", "/s/c1 /t/c2 | "},
      {"op:conv", "/s/c1 /t/c2 | "},
      {"op:NN.*", "/s/c1 /s/r1 /t/c2 @body:inner | "},
      {"op:relu @", "/s/r1 | "},
      {"op:relu @b*", "@body:inner | "},
      {"@body", "@body:inner | @body:x @body:y"},
      {"dtype:float16", "cast-1 | odd, name"},
      {"shape:[64,...]", " | w"},
      {"shape:[*,64,*,*] /s/**", "/s/c1 /s/r1 | /s/c1_out /s/r1_out"},
      {"shape:[batch, ..., 8] kind:input", " | a"},
      {"shape:[?]", "@body:inner | @body:x @body:y"},
      {"shape:[2]", "cast-1 | odd, name"},
      {"attr:groups>1", "/t/c2 | "},
      {"attr:groups=1", "/s/c1 | "},  // the default
      {"attr:groups!=2", "/s/c1 | "},
      {"attr:groups<=2", "/s/c1 /t/c2 | "},
      {"attr:strides>=2", "/t/c2 | "},
      {"attr:strides=[2, 1]", "/t/c2 | "},
      {"attr:padding=sam*", "/t/c2 | "},
      {"attr:padding=same, op:add", "/t/c2 /t/add | "},
      {"kind:lambda", "cast-1 | "},
      {"kind:weight", " | w"},
      {"kind:output", " | out odd, name @body:y"},
      {"/s/c1+1", "/s/c1 /s/r1 | "},
      {"/s/c1+2", "/s/c1 /s/r1 /t/c2 /t/add | "},
      {"a+1", "/s/c1 cast-1 | a"},
      {"out-1", "/t/add | out"},
      {"out-2", "/s/r1 /t/c2 /t/add | out"},
      {"/s/c1-99999999999999999999", "/s/c1 | "},
      {"/s/c1../t/c2", "/s/c1 /s/r1 /t/c2 | "},
      {"a..out", "/s/c1 /s/r1 /t/c2 /t/add | "},
      {"/t/c2..", "/t/c2 /t/add | "},
      {"../s/r1", "/s/c1 /s/r1 | "},
      {"/s/c1+1../t/add op:relu", "/s/r1 | "},
      {"op:conv->op:relu", "/s/c1 /s/r1 | "},
      {"op:conv->op:*->op:conv", "/s/c1 /s/r1 /t/c2 | "},
      {"op:conv->op:add", "/t/c2 /t/add | "},  // not /s/c1, whose output no Add reads
      {"op:conv->op:relu+1 op:conv", "/s/c1 /t/c2 | "},
      {"/s/c1->/s/r1", "/s/c1 /s/r1 | "},
      // Regular expressions.
      {"re:/c[0-9]$", "/s/c1 /t/c2 | "},
      {"re:^/[st]/(c|add)", "/s/c1 /t/c2 /t/add | /s/c1_out /t/c2_out"},
      {"re:c{1,2}1$, op:add", "/s/c1 /t/add | "},
      {"re:[,] dtype:float16", " | odd, name"},
      {"re:\"odd, n\"-1", "cast-1 | odd, name"},
      {"re:'c1$'+1", "/s/c1 /s/r1 | "},
      {"re:'c1$'..out", "/s/c1 /s/r1 /t/c2 /t/add | "},
      {"op:conv->re:r1$", "/s/c1 /s/r1 | "},
      {"re:\\bc1\\b op:conv", "/s/c1 | "},
      // Names that look like something else.
      {"cast-1", "cast-1 | "},
      {"cast-1-1", "cast-1 | "},
      {"odd, name", " | odd, name"},
      {"\"odd, name\"-1", "cast-1 | odd, name"},
      {"'odd, name' dtype:float16", " | odd, name"},
  };
  const Model model = SmallModel();
  for (const auto& [selector, expected] : cases) {
    EXPECT_EQ(Chosen(model, selector), expected) << selector;
  }
}

TEST(Select, FindsSelectorsForEveryName) {
  Model model = SmallModel();
  const std::vector<std::string> names = {"a b",  "x..y", "n+1", "n-1",      "op:conv",
                                          "@",    "*",    "a,b", "\"quoted", "a\\b",
                                          "a\nb", "/s/[", "..",  "é",        "[a]"};
  for (const std::string& name : names) model.graph.AddValue(name, Float({}));
  for (const std::string& name : names) {
    // In company, so that it is not taken as a whole.
    const auto selection = Select(model, absl::StrCat(SelectorFor(name), " shape:[]"));
    ASSERT_TRUE(selection.ok()) << name << ": " << selection.status();
    ASSERT_EQ(selection->graphs.size(), 1u) << name;
    ASSERT_EQ(selection->graphs[0].values.size(), 1u) << name;
    EXPECT_EQ(model.graph.value(selection->graphs[0].values[0]).name, name);
  }
}

TEST(Select, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/s/c3", "column 1: no node and no value is named \"/s/c3\" (did you mean /s/c1"},
      {"c1", "(did you mean /s/c1?)"},
      {"/s", "it is a scope: write /s/**"},
      {"op:conv op:Cnov", "column 9: nothing fits \"op:Cnov\" (did you mean Conv?)"},
      {"a dtype:flot16", "column 3: there is no dtype \"flot16\" (did you mean float16"},
      {"attr:group>1", "(did you mean groups"},
      {"attr:padding>x", "only numbers are less or greater"},
      {"attr:=1", "the name of an attribute is missing"},
      {"shape:64", "a shape is written in brackets"},
      {"shape:[-1]", "\"-1\" is no size"},
      {"kind:lamda", "there is no kind \"lamda\" (did you mean lambda?)"},
      {"op:", "nothing stands behind op:"},
      {"a re:(x", "column 3: regular expression \"(x\": column 3: a group is not closed"},
      {"re:'x", "column 4: this quote is not closed"},
      {"re:zz$", "nothing fits \"re:zz$\""},
      {"re:", "nothing stands behind re:"},
      {"@bdy", "there is no function @bdy (did you mean body?)"},
      {"a \"b", "column 3: this quote is not closed"},
      {"shape:[1,2", "column 7: this bracket is not closed"},
      {", a", "column 1: nothing stands ahead of this comma"},
      {"a,", "column 2: nothing stands behind this comma"},
      {" ", "it is empty"},
      {"..", "a path is written A..B"},
      {"out..a", "no path leads from \"out\" to \"a\""},
      {"op:add->op:conv", "column 1: there are no nodes in a row that fit"},
      {"op:conv->", "nodes in a row are written A->B"},
      {"/s*", "no name fits \"/s*\"; * stops at '/', /s** does not"},
      {"op:conv dtype:float16", "no node and no value fits all of it"},
  };
  const Model model = SmallModel();
  for (const auto& [selector, expected] : cases) {
    const std::string found = Chosen(model, selector);
    EXPECT_THAT(found, HasSubstr(expected)) << selector;
  }
}

TEST(GraphSelection, AddsProducersAndOutputs) {
  const Model model = SmallModel();
  const auto selection = Select(model, "/s/c1, /s/r1_out");
  ASSERT_TRUE(selection.ok()) << selection.status();
  EXPECT_THAT(selection->graphs[0].WithProducers(), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(selection->graphs[0].WithOutputs(), ::testing::ElementsAre(2, 3));
}

}  // namespace
}  // namespace nomograph
