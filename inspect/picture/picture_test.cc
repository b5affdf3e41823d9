#include "nomograph/inspect/picture/picture.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/inspect/picture/dot.h"
#include "nomograph/inspect/picture/mermaid.h"
#include "nomograph/inspect/picture/png_image.h"
#include "nomograph/inspect/picture/svg.h"
#include "nomograph/inspect/picture/test_graph.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBlocks[] =
    "x -> \n in = nn.Conv x \n"
    "b.0/p = nn.Relu in \n b.0/q = math.Add b.0/p in \n"
    "b.1/p = nn.Relu b.0/q \n b.1/q = math.Add b.1/p b.0/q \n"
    "b.2/p = nn.Relu b.1/q \n b.2/q = math.Add b.2/p b.1/q \n"
    "s/a = nn.Relu b.2/q \n s/b = nn.Relu s/a \n -> s/b";

// A picture with what it is of.
struct Drawing {
  explicit Drawing(Graph g, const PictureOptions& options = {})
      : graph(std::move(g)),
        hierarchy(MakeHierarchy(graph, OpRegistry::Default())),
        picture(*MakePicture(hierarchy, OpRegistry::Default(), options)) {}
  explicit Drawing(const char* text, const PictureOptions& options = {})
      : Drawing(TestGraph(text), options) {}

  // What is in box `b`: "title", "title{inside, …}" of an open box.
  std::string Text(int b = 0) const {
    std::string text = picture.boxes[b].title;
    if (picture.boxes[b].times > 1) absl::StrAppend(&text, " x", picture.boxes[b].times);
    if (!picture.diagram.boxes[b].open) return text;
    std::vector<std::string> inside;
    for (size_t i = b + 1; i < picture.boxes.size(); ++i) {
      if (picture.diagram.boxes[i].parent == b) inside.push_back(Text(static_cast<int>(i)));
    }
    return absl::StrCat(text, "{", absl::StrJoin(inside, ", "), "}");
  }

  // "a > b", in the order of lines; with "^" for the border.
  std::vector<std::string> Lines() const {
    std::vector<std::string> result;
    for (const DiagramLine& line : picture.diagram.lines) {
      const auto name = [&](int b) { return b == line.level ? "^" : picture.boxes[b].title; };
      result.push_back(absl::StrCat(name(line.from), " > ", name(line.to)));
    }
    return result;
  }

  Graph graph;
  Hierarchy hierarchy;
  Picture picture;
};

TEST(PictureTest, OpensToADepthOrByName) {
  EXPECT_EQ(Drawing(kBlocks, {.depth = 1}).Text(), "{x, Conv, b.0–2 x3, s, s/b}");
  EXPECT_EQ(Drawing(kBlocks, {.depth = 2}).Text(),
            "{x, Conv, b.0–2 x3{Relu, Add}, s{Relu, Relu}, s/b}");
  EXPECT_EQ(Drawing(kBlocks).Text(), Drawing(kBlocks, {.depth = 2}).Text());
  EXPECT_EQ(Drawing(kBlocks, {.depth = 1, .expand = {"/s/"}}).Text(),
            "{x, Conv, b.0–2 x3, s{Relu, Relu}, s/b}");
  // Any of equal blocks opens them.
  EXPECT_EQ(Drawing(kBlocks, {.depth = 1, .expand = {"b.2"}}).Text(),
            "{x, Conv, b.0–2 x3{Relu, Add}, s, s/b}");
}

TEST(PictureTest, FaultsOfOptions) {
  const Graph graph = TestGraph(kBlocks);
  const Hierarchy hierarchy = MakeHierarchy(graph, OpRegistry::Default());
  const absl::Status unknown =
      MakePicture(hierarchy, OpRegistry::Default(), {.expand = {"b.7"}}).status();
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(unknown.message(), HasSubstr("no scope \"b.7\" (did you mean b."));
  const absl::Status large =
      MakePicture(hierarchy, OpRegistry::Default(), {.depth = 9, .max_boxes = 5}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(large));
}

TEST(PictureTest, LinesGoThroughBorders) {
  EXPECT_THAT(Drawing(kBlocks, {.depth = 1}).Lines(),
              ElementsAre("x > Conv", "Conv > b.0–2", "b.0–2 > s", "s > s/b"));
  // In the block, what comes in goes to both nodes, and the second yields what goes out.
  EXPECT_THAT(Drawing(kBlocks, {.depth = 1, .expand = {"b.0"}}).Lines(),
              testing::UnorderedElementsAre("x > Conv", "Conv > b.0–2", "b.0–2 > s", "s > s/b",
                                            "^ > Relu", "Relu > Add", "^ > Add", "Add > ^"));
}

TEST(PictureTest, ShowsTheFunctionsThatNodesName) {
  Model model;
  model.graph = TestGraph("c x -> \n if = core.If c x \n -> if");
  model.functions["one"] = {"one", TestGraph("a -> \n r = nn.Relu a \n -> r")};
  model.functions["two"] = {"two", TestGraph("a -> \n s = nn.Sigmoid a \n -> s")};
  model.graph.nodes[0].attrs.Set("then_branch", FunctionRef{"one"});
  model.graph.nodes[0].attrs.Set("else_branch", FunctionRef{"two"});
  const Hierarchy hierarchy = MakeHierarchy(model, OpRegistry::Default());
  const auto picture = MakePicture(hierarchy, OpRegistry::Default(), {.depth = 2});
  ASSERT_TRUE(picture.ok());
  std::vector<std::string> titles;
  for (const PictureBox& box : picture->boxes) titles.push_back(box.title);
  EXPECT_THAT(titles, ElementsAre("", "c", "x", "If", "else_branch", "a", "Sigmoid", "s",
                                  "then_branch", "a", "Relu", "r", "if"));
}

// Functions that each name the one before twice, and a long row of them.
TEST(PictureTest, NoNestingIsTooDeep) {
  for (const bool twice : {true, false}) {
    Model model;
    const auto calls = [twice](int i) {
      Graph graph = TestGraph("c x -> \n if = core.If c x \n -> if");
      graph.nodes[0].attrs.Set("then_branch", FunctionRef{absl::StrCat("f", i)});
      if (twice) graph.nodes[0].attrs.Set("else_branch", FunctionRef{absl::StrCat("f", i)});
      return graph;
    };
    const int count = twice ? 60 : 5000;
    for (int i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("f", i);
      model.functions[name] = {name, calls(i - 1)};
    }
    model.graph = calls(count - 1);
    const Hierarchy hierarchy = MakeHierarchy(model, OpRegistry::Default());
    const auto picture =
        MakePicture(hierarchy, OpRegistry::Default(), {.depth = 1 << 20, .max_boxes = 10000});
    if (twice) {
      EXPECT_TRUE(absl::IsResourceExhausted(picture.status()));
    } else {
      ASSERT_TRUE(picture.ok()) << picture.status();
      EXPECT_GT(picture->boxes.size(), 500u);
      EXPECT_TRUE(absl::EndsWith(Dot(*picture), "}\n"));
    }
  }
}

TEST(PictureTest, NodesSayWhatTheyAre) {
  Graph graph = TestGraph(
      "x -> \n conv1/Conv = nn.Conv x w \n relu/Relu_1 = nn.Relu conv1/Conv \n"
      "t = acme.Thing relu/Relu_1 \n -> t");
  graph.weights.push_back({graph.FindValue("w"), Tensor()});
  graph.values[graph.FindValue("w")].type.shape = PartialShape{64, 3, 7, 7};
  const Drawing drawing(std::move(graph));
  const auto& boxes = drawing.picture.boxes;
  EXPECT_EQ(boxes[2].title, "Conv");
  EXPECT_EQ(boxes[2].subtitle, "conv1  64×3×7×7");
  EXPECT_EQ(boxes[2].family, OpFamily::kProduct);
  EXPECT_EQ(boxes[3].subtitle, "");
  EXPECT_EQ(boxes[4].lambda, LambdaBadge::kMissing);
  EXPECT_THAT(boxes[4].tooltip, HasSubstr("acme.Thing v1"));
  EXPECT_THAT(boxes[4].tooltip, HasSubstr("in relu/Relu_1  float32 [2,3]"));
}

TEST(PictureTest, ValuesOfScopesAreSums) {
  const Drawing drawing(
      kBlocks, {.depth = 1, .value_name = "time", .values = {{"in", 1}, {"s/a", 2}, {"s/b", 3.5}}});
  EXPECT_EQ(drawing.picture.boxes[2].value, 1);
  EXPECT_EQ(drawing.picture.boxes[3].value, std::nullopt);
  EXPECT_EQ(drawing.picture.boxes[4].value, 5.5);
  EXPECT_EQ(drawing.picture.max_value, 5.5);
  EXPECT_THAT(Svg(drawing.picture), HasSubstr("0 to 5.5 time"));
}

TEST(TextWidthTest, TextFitsAndKeepsItsEnds) {
  // "W" is 944 thousandths wide, "i" 222.
  EXPECT_DOUBLE_EQ(TextWidth("Wi", 10), 11.66);
  EXPECT_EQ(FitText("short", 12, 100), "short");
  const std::string cut = FitText("encoder_layer_with_a_long_name_7", 12, 100);
  EXPECT_LE(TextWidth(cut, 12), 100);
  EXPECT_TRUE(absl::StartsWith(cut, "encod"));
  EXPECT_TRUE(absl::EndsWith(cut, "me_7"));
  EXPECT_THAT(cut, HasSubstr("…"));
  EXPECT_EQ(FitText("a\nb\x1b", 12, 100), "a\\nb\\x1b");
  EXPECT_LE(FitText(std::string(1 << 24, 'x'), 12, 100).size(), 40u);
  EXPECT_LE(TextWidth(FitText("ééééééééééééééééééééé", 12, 50), 12), 50);
}

// A reader of the XML that Svg() writes: whether tags nest, attributes are quoted, and text is
// escaped. Returns what is wrong.
std::string XmlFault(absl::string_view xml) {
  std::vector<std::string> open;
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] == '&') {
      const size_t end = xml.find(';', at);
      const absl::string_view entity = xml.substr(at, end - at + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;") return "entity";
    }
    if (static_cast<unsigned char>(xml[at]) < 0x20 && xml[at] != '\n') return "control character";
    if (xml[at] != '<') {
      ++at;
      continue;
    }
    size_t end = at;
    for (bool quoted = false; end < xml.size() && (quoted || xml[end] != '>'); ++end) {
      if (xml[end] == '"') quoted = !quoted;
      if (quoted && xml[end] == '<') return "< in an attribute";
    }
    if (end == xml.size()) return "a tag without an end";
    const absl::string_view tag = xml.substr(at + 1, end - at - 1);
    const std::string name(tag.substr(0, tag.find_first_of(" /\n", 1)));
    if (tag[0] == '/') {
      if (open.empty() || absl::StrCat("/", open.back()) != tag) return absl::StrCat("</", tag);
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end + 1;
  }
  return open.empty() ? "" : absl::StrCat("open ", open.back());
}

Graph HostileGraph() {
  Graph graph = TestGraph("x -> \n s/a = nn.Relu x \n s/b = nn.Relu s/a \n -> s/b");
  graph.nodes[0].name = "s/</title><script>&\"'\x1b[31m\n]]>\xff";
  graph.nodes[1].op = "acme.<&\"`|#>";
  graph.nodes[1].attrs.Set("<a>", "<&\">");
  graph.values[1].name = "\"--> <x>";
  return graph;
}

TEST(SvgTest, IsWellFormedWhateverNamesHold) {
  EXPECT_EQ(XmlFault("<a><b/></a>"), "");
  EXPECT_NE(XmlFault("<a><b></a></b>"), "");
  const std::string plain = Svg(Drawing(kBlocks).picture);
  EXPECT_EQ(XmlFault(plain), "");
  EXPECT_TRUE(absl::StartsWith(plain, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "));
  const std::string hostile = Svg(Drawing(HostileGraph()).picture);
  EXPECT_EQ(XmlFault(hostile), "");
  EXPECT_THAT(hostile, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(hostile, Not(HasSubstr("<script")));
  EXPECT_THAT(hostile, HasSubstr("\\x1b[31m"));
}

// In the light theme and in the dark one.
TEST(SvgTest, EveryClassHasColours) {
  const std::string svg = absl::StrCat(
      Svg(Drawing(kBlocks, {.depth = 2}).picture), Svg(Drawing(HostileGraph()).picture),
      Svg(Drawing(kBlocks, {.depth = 1, .value_name = "v", .values = {{"in", 1}}}).picture),
      Svg(Drawing(kBlocks, {.marks = {{"in", Mark::kAdded}}}).picture));
  std::set<std::string> classes;
  for (const absl::string_view part : absl::StrSplit(svg, "<rect class=\"")) {
    classes.insert(std::string(part.substr(0, part.find('"'))));
  }
  classes.erase(classes.find("<svg xmlns="));
  EXPECT_GE(classes.size(), 10u);
  const size_t dark = svg.find("@media (prefers-color-scheme:dark)");
  for (const std::string& name : classes) {
    const std::string rule = absl::StrCat(".", name, "{fill:#");
    EXPECT_LT(svg.find(rule), dark) << name;
    EXPECT_NE(svg.find(rule, dark), std::string::npos) << name;
  }
}

TEST(SvgTest, SaysWhatItIsOfAndWhatColoursMean) {
  const std::string svg = Svg(Drawing("x -> \n a = nn.Conv x \n b = nn.Relu a \n -> b",
                                      {.title = "a<b>\x1b.onnx", .subtitle = "2 nodes"})
                                  .picture);
  EXPECT_THAT(svg, HasSubstr(">a&lt;b&gt;\\x1b.onnx</text>"));
  EXPECT_THAT(svg, HasSubstr(">2 nodes</text>"));
  EXPECT_THAT(svg, HasSubstr(">products</text>"));
  EXPECT_THAT(svg, HasSubstr(">activations</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">pooling</text>")));
}

TEST(SvgTest, TheSamePictureIsTheSameBytes) {
  EXPECT_EQ(Svg(Drawing(kBlocks).picture), Svg(Drawing(kBlocks).picture));
  EXPECT_NE(Svg(Drawing(kBlocks).picture), Svg(Drawing(kBlocks, {.depth = 1}).picture));
}

// What nodes are called changes texts alone.
TEST(PictureTest, NamesDoNotMoveBoxes) {
  Graph renamed = TestGraph(kBlocks);
  for (Node& node : renamed.nodes) {
    if (absl::StartsWith(node.name, "s/")) node.name = absl::StrCat("t/", node.name.substr(2));
  }
  const Drawing a(kBlocks), b(std::move(renamed));
  ASSERT_EQ(a.picture.boxes.size(), b.picture.boxes.size());
  for (size_t i = 0; i < a.picture.boxes.size(); ++i) {
    EXPECT_EQ(a.picture.diagram.boxes[i].x, b.picture.diagram.boxes[i].x);
    EXPECT_EQ(a.picture.diagram.boxes[i].y, b.picture.diagram.boxes[i].y);
  }
  for (size_t i = 0; i < a.picture.diagram.lines.size(); ++i) {
    EXPECT_EQ(a.picture.diagram.lines[i].route, b.picture.diagram.lines[i].route);
  }
}

TEST(PngTest, HasTheSizeOfThePicture) {
  const Drawing drawing(kBlocks);
  const auto once = Png(drawing.picture, {.scale = 1}), twice = Png(drawing.picture, {.scale = 2});
  ASSERT_TRUE(once.ok() && twice.ok());
  // Width and height stand in the first chunk: RFC 2083, 4.1.1.
  const auto number = [](const std::string& png, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  EXPECT_EQ(once->substr(1, 3), "PNG");
  EXPECT_NEAR(number(*twice, 16), 2.0 * number(*once, 16), 1);
  EXPECT_NEAR(number(*twice, 20), 2.0 * number(*once, 20), 1);
  EXPECT_GT(number(*once, 16), drawing.picture.diagram.boxes[0].width);
  EXPECT_EQ(*once, *Png(drawing.picture, {.scale = 1}));
  EXPECT_NE(*once, *Png(drawing.picture, {.scale = 1, .dark = true}));
  EXPECT_TRUE(
      absl::IsResourceExhausted(Png(drawing.picture, {.scale = 2, .max_pixels = 1000}).status()));
}

TEST(DotTest, HasClustersAndLinesBetweenClosedBoxes) {
  const std::string dot = Dot(Drawing(kBlocks, {.depth = 2}).picture);
  EXPECT_THAT(dot, HasSubstr("subgraph cluster_3 {\n    label=\"b.0–2 ×3\""));
  // Boxes: 1 x, 2 Conv, 3 the block of 4 Relu and 5 Add, 6 the scope of 7 and 8, 9 the output.
  for (const char* line :
       {"n1 -> n2", "n2 -> n4", "n2 -> n5", "n4 -> n5", "n5 -> n7", "n7 -> n8", "n8 -> n9"}) {
    EXPECT_THAT(dot, HasSubstr(absl::StrCat("  ", line, " [label=\"2×3\"]\n"))) << line;
  }
  const std::string hostile = Dot(Drawing(HostileGraph()).picture);
  EXPECT_THAT(hostile, HasSubstr("<&\\\"`|#>"));
}

TEST(MermaidTest, HasSubgraphsAndEscapes) {
  const std::string text = Mermaid(Drawing(kBlocks, {.depth = 2}).picture);
  EXPECT_TRUE(absl::StartsWith(text, "flowchart TD\n"));
  EXPECT_THAT(text, HasSubstr("  subgraph n3[\"b.0–2 ×3\"]\n"));
  EXPECT_THAT(text, HasSubstr("  n5 -->|\"2×3\"| n7\n"));
  const std::string hostile = Mermaid(Drawing(HostileGraph()).picture);
  EXPECT_THAT(hostile, HasSubstr("#lt;#amp;#quot;#96;|#35;#gt;"));
  EXPECT_THAT(hostile, Not(HasSubstr("<script")));
}

}  // namespace
}  // namespace nomograph::picture
