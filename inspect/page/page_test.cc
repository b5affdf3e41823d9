// The page as a file: what is in it, unpacked again by zlib; that nothing of a model gets out of
// its place; its size. What the page does with it is tested in web/, in a browser.
#include "nomograph/inspect/page/page.h"

#include <zlib.h>

#include <cmath>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/inspect/page/page_template.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Unzip(const std::string& packed) {
  std::string out(size_t{1} << 26, '\0');
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

// Of a page, what stands where the template has its mark.
std::string DataText(const std::string& html) {
  const absl::string_view page = PageTemplate();
  const size_t place = page.find("@@NOMO_DATA@@");
  const size_t behind = page.size() - place - std::string("@@NOMO_DATA@@").size();
  EXPECT_EQ(html.substr(0, place), page.substr(0, place));
  EXPECT_EQ(html.substr(html.size() - behind), page.substr(page.size() - behind));
  return html.substr(place, html.size() - behind - place);
}

Json Data(const std::string& html) {
  std::string packed;
  EXPECT_TRUE(absl::Base64Unescape(DataText(html), &packed));
  return Json::parse(Unzip(packed));
}

// x -> n0 (Relu) -> n1 -> ...; the names behind `prefix`.
ModelFile Chain(int nodes, const std::string& prefix) {
  ModelFile file;
  file.path = absl::StrCat("/some/where/", prefix, ".nomo");
  Graph& graph = file.model.graph;
  const TensorType type = {DType::kFloat32, PartialShape({Dim::Symbol("batch"), 8})};
  ValueId last = graph.AddValue(absl::StrCat(prefix, "x"), type);
  graph.inputs = {last};
  for (int i = 0; i < nodes; ++i) {
    const std::string name = absl::StrCat(prefix, "/layer", i / 10, "/Relu_", i);
    const ValueId out = graph.AddValue(name + "_out", type);
    graph.nodes.push_back({.name = name, .op = "nn.Relu", .inputs = {last}, .outputs = {out}});
    last = out;
  }
  graph.outputs = {last};
  return file;
}

std::string Html(const ModelFile& file, const PageOptions& options = {}) {
  const auto html = PageHtml(file, OpRegistry::Default(), options);
  EXPECT_TRUE(html.ok()) << html.status();
  return html.ok() ? *html : "";
}

TEST(PageHtml, HoldsTheModel) {
  const Json data = Data(Html(Chain(3, "m")));
  const Json& model = data["models"][0];
  EXPECT_EQ(model["file"], "m.nomo");
  EXPECT_EQ(model["node"]["name"], Json({"m/layer0/Relu_0", "m/layer0/Relu_1", "m/layer0/Relu_2"}));
  EXPECT_EQ(model["symbols"], Json({"batch"}));
  EXPECT_EQ(model["types"], Json::parse(R"([["float32", ["$0", 8]]])"));
  // Each input is the value ahead of the node's output.
  EXPECT_EQ(model["node"]["in"], Json({1, 1, 1}));
  EXPECT_TRUE(data["ops"]["nn.Relu"]["doc"].is_string());
}

TEST(PageHtml, IsTheSameEachTime) { EXPECT_EQ(Html(Chain(50, "m")), Html(Chain(50, "m"))); }

TEST(PageHtml, KeepsNamesWhereTheyBelong) {
  const std::string evil[] = {"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
                              "@@NOMO_DATA@@", std::string("\0\x1b[2J\xff\"'", 8), "\u202e\n"};
  for (const std::string& name : evil) {
    ModelFile file = Chain(2, name);
    file.model.name = file.model.doc = file.model.producer = name;
    file.model.metadata = {{name, name}};
    const std::string html = Html(file);
    // Nothing but the digits of base64 in its place, and the place is known by the template alone.
    for (const char c : DataText(html)) {
      EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || absl::StrContains("+/=", c));
    }
    EXPECT_EQ(Data(html)["models"][0]["node"]["name"].size(), 2);
  }
}

TEST(PageHtml, TellsOfWeightsWithoutHoldingThem) {
  ModelFile file = Chain(1, "m");
  Graph& graph = file.model.graph;
  std::vector<float> values(1000);
  for (int i = 0; i < 1000; ++i) values[i] = static_cast<float>(i);
  values[999] = std::nanf("");
  const ValueId w = graph.AddValue("w", {DType::kFloat32, PartialShape({10, 100})});
  graph.weights.push_back({w, Tensor::Of<float>({10, 100}, values)});
  const Json weights = Data(Html(file))["models"][0]["weight"];
  // Of 0, 1, ..., 998: mean 499, and the deviation sqrt((999^2 - 1) / 12).
  EXPECT_EQ(weights["stats"][0][0], 0);
  EXPECT_EQ(weights["stats"][0][1], 998);
  EXPECT_EQ(weights["stats"][0][2], 499);
  EXPECT_NEAR(weights["stats"][0][3].get<double>(), std::sqrt((999. * 999 - 1) / 12), 1e-3);
  EXPECT_EQ(weights["stats"][0][5], 1);
  int64_t counted = 0;
  for (const Json& bin : weights["hist"][0]) counted += bin.get<int64_t>();
  EXPECT_EQ(weights["hist"][0].size(), 64);
  EXPECT_EQ(counted, 999);
  EXPECT_FALSE(weights.contains("preview"));

  EXPECT_TRUE(Data(Html(file, {.statistics = false}))["models"][0]["weight"]["stats"][0].is_null());
  const Json preview = Data(Html(file, {.previews = true}))["models"][0]["weight"]["preview"]["0"];
  EXPECT_EQ(preview[0], 10);
  EXPECT_EQ(preview[1], 64);
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(preview[2].get<std::string>(), &bytes));
  EXPECT_EQ(bytes.size(), 640);
  // Rows rise from the least to the greatest.
  EXPECT_EQ(static_cast<uint8_t>(bytes[0]), 0);
  EXPECT_GT(static_cast<uint8_t>(bytes[638]), 250);  // the last holds nothing but the NaN
}

TEST(PageHtml, HasALimit) {
  const auto html = PageHtml(Chain(50, "m"), OpRegistry::Default(), {.max_data_bytes = 1000});
  EXPECT_EQ(html.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(PageHtml, IsSmall) {
  EXPECT_LT(Html(Chain(5000, "model/encoder")).size(), 400 << 10);
  EXPECT_LT(Html(Chain(50000, "model/encoder")).size(), 2 << 20);
}

TEST(PageDiffHtml, SaysWhatBecameOfNodes) {
  const ModelFile a = Chain(3, "m");
  ModelFile b = Chain(3, "m");
  b.model.graph.nodes[1].op = "math.Abs";
  const auto html = PageDiffHtml(a, b, OpRegistry::Default(), {});
  ASSERT_TRUE(html.ok()) << html.status();
  const Json diff = Data(*html)["diff"]["graphs"][0];
  // The nodes of b, each with what it is in a: 2 is "changed", 3 "added", 4 "removed".
  std::map<int, int> of_b;
  for (size_t i = 0; i < diff["change"].size(); ++i) of_b[diff["node_b"][i]] = diff["change"][i];
  EXPECT_EQ(of_b[0], 0);
  EXPECT_EQ(of_b[2], 0);
  EXPECT_THAT(of_b[1], testing::AnyOf(2, 3));
}

TEST(ParsePageNumbers, TakesNumbersOfNodes) {
  const Graph graph = Chain(2, "m").model.graph;
  const auto numbers =
      ParsePageNumbers("time", "ms", R"({"m/layer0/Relu_0": 1.5, "gone": 2})", graph);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_EQ(numbers->of_node.at("m/layer0/Relu_0"), 1.5);
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "expected a JSON object"},
      {"[1]", "expected a JSON object"},
      {R"({"a": "b"})", "expected a number"},
      {R"({"a": 1e999})", "expected"},
      {R"({"a": 1})", "none of its 1 names is a node of the model; the first is \"a\""},
      {"{}", "none of its 0 names"},
  };
  for (const auto& [json, message] : wrong) {
    EXPECT_THAT(std::string(ParsePageNumbers("t", "", json, graph).status().message()),
                HasSubstr(message))
        << json;
  }
}

TEST(PageNumbersTest, ErrorsAreTheFarthestOfANodeAndAtMostOne) {
  const auto value = [](const std::string& node, double difference, double expected) {
    ValueComparison comparison;
    comparison.node = node;
    TensorDifference measured;
    measured.differing = 1;
    measured.norm_difference = difference;
    measured.norm_expected = expected;
    comparison.difference = measured;
    return comparison;
  };
  Comparison comparison;
  comparison.values = {value("a", 1, 10), value("a", 3, 10), value("b", 50, 10), value("", 1, 1)};
  comparison.values.push_back(ValueComparison{.node = "c"});  // of other shapes
  const PageNumbers errors = ErrorsOfNodes(comparison);
  EXPECT_EQ(errors.of_node, (absl::flat_hash_map<std::string, double>{{"a", 0.3}, {"b", 1}}));
  EXPECT_TRUE(errors.greatest);
}

}  // namespace
}  // namespace nomograph
