// nomo summary and nomo inspect, end to end.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class InspectTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
};

TEST_F(InspectTest, SummaryIsTheModelsOwn) {
  const CliResult result = Nomo("summary classifier.nomo");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith(Load(TempPath("classifier.nomo"))->Summary()));
  // 256 pixels, each with 3 classes.
  EXPECT_THAT(result.out, HasSubstr("\ncosts  768 MACs, "));
  EXPECT_THAT(result.out, AllOf(HasSubstr("scores (Dense)"), HasSubstr("Total params: 771")));
  EXPECT_EQ(Nomo("summary missing.nomo").exit_code, 0);
}

TEST_F(InspectTest, ShowsAllParts) {
  const CliResult result = Nomo("inspect classifier.nomo");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("file  classifier.nomo, "));
  EXPECT_THAT(result.out, HasSubstr(", format version 1\n"
                                    "model  \"classifier\", written by nomograph\n"
                                    "  Tells animals apart.\n"
                                    "parameters  771, 3.0 KB of tensors\n"
                                    "semantic hash  "));
  EXPECT_THAT(result.out, HasSubstr("\nInputs (1)\n  image  uint8[batch,16,16,1]\n"));
  EXPECT_THAT(result.out, HasSubstr("\nOutputs (1)\n  scores  float32[batch,3]\n"));
  EXPECT_THAT(
      result.out,
      ContainsRegex("\n  rescale[^\n]* +image.Rescale +image +[^\n]*float32\\[batch,16,16,1\\]\n"
                    "      scale=0.00392"));
  EXPECT_THAT(
      result.out,
      ContainsRegex(
          "\nLambdas \\(1\\)\n[^\n]*\n  rescale[^\n]* +image.Rescale v1 +kernel from nomograph\n"));
  EXPECT_THAT(result.out,
              ContainsRegex("\n  scores/kernel +weight +float32\\[256,3\\] +3.0 KB +[0-9,]+\n"));
  EXPECT_THAT(result.out, ContainsRegex("\n  scores/bias +weight +float32\\[3\\] +12 B +inline\n"));
  EXPECT_THAT(result.out, HasSubstr("\nGolden vectors (1)\n  owl  image uint8[1,16,16,1] -> scores "
                                    "float32[1,3] within 1e-06 + 1e-05 * |expected|\n"));
  EXPECT_THAT(result.out, HasSubstr("\nMetadata (1)\n  labels  cat,dog,owl\n"));
}

TEST_F(InspectTest, TellsHowLambdasResolve) {
  const CliResult missing = Nomo("inspect missing.nomo");
  EXPECT_EQ(missing.exit_code, 0);
  EXPECT_THAT(missing.out,
              ContainsRegex("first +acme.Missing v2 +missing: no op acme.Missing is registered"));
  EXPECT_THAT(missing.out, HasSubstr("did you mean nn.Softplus"));
  EXPECT_THAT(Nomo("inspect tenfold.nomo").out,
              ContainsRegex("y +acme.Tenfold v1 +body @acme.Tenfold in the file\n"));
  EXPECT_THAT(
      Nomo("inspect tenfold.nomo --op-library " + AcmeOps()).out,
      ContainsRegex(
          "y +acme.Tenfold v1 +kernel from //tools:acme_ops; elsewhere body @acme.Tenfold\n"));
  EXPECT_THAT(Nomo("inspect ring.nomo --op-library " + AcmeOps()).out,
              HasSubstr("refused: op acme.Ring has the effect io"));
}

TEST_F(InspectTest, ShowsOnlyThePartsThatAreAskedFor) {
  const std::string nodes = Nomo("inspect tenfold.nomo --nodes").out;
  EXPECT_THAT(nodes, AllOf(StartsWith("Nodes (1)\n"), Not(HasSubstr("Functions")),
                           Not(HasSubstr("semantic hash"))));
  const std::string functions = Nomo("inspect tenfold.nomo --functions").out;
  EXPECT_THAT(functions,
              AllOf(StartsWith("Functions (1)\n  @acme.Tenfold("), HasSubstr("math.Mul")));
  EXPECT_THAT(Nomo("inspect affine.nomo --tensors").out,
              AllOf(StartsWith("Tensors ("), HasSubstr("constant")));
}

TEST_F(InspectTest, Statistics) {
  // 1, 0.693147 (ln 2) and 1.609438 (ln 5) among 768 elements, from the definitions.
  EXPECT_THAT(
      Nomo("inspect classifier.nomo --tensors --stats").out,
      AllOf(
          ContainsRegex(
              "name +kind +type +size +at byte +min +max +mean +std +zeros +nan +inf +histogram\n"),
          ContainsRegex(
              "scores/kernel [^\n]* 0 +1.609 +0.002998 +0.06316 +766 +0 +0 +█    ▁     ▁\n"),
          ContainsRegex("scores/bias [^\n]* 0 +0 +0 +0 +3 +0 +0 +█\n")));
}

TEST_F(InspectTest, AsJson) {
  const auto json = nlohmann::json::parse(Nomo("inspect classifier.nomo --json --stats").out);
  EXPECT_EQ(json["schema"], "nomograph.inspect.1");
  EXPECT_EQ(json["file"]["format_version"], 1);
  EXPECT_EQ(json["file"]["form"], "binary");
  EXPECT_EQ(json["file"]["bytes"], Contents("classifier.nomo").size());
  EXPECT_EQ(json["model"]["semantic_hash"], SemanticHash(*Load(TempPath("classifier.nomo"))));
  EXPECT_EQ(json["model"]["trainable_parameters"], 771);
  EXPECT_EQ(json["inputs"],
            nlohmann::json::parse(
                R"([{"name": "image", "dtype": "uint8", "shape": ["batch", 16, 16, 1]}])"));
  EXPECT_EQ(json["lambdas"][0]["resolves_as"], "kernel");
  EXPECT_EQ(json["nodes"][0]["op"], "image.Rescale");
  EXPECT_NEAR(json["nodes"][0]["attributes"]["scale"].get<double>(), 1 / 255.0, 1e-9);
  EXPECT_EQ(json["golden_vectors"][0]["outputs"][0]["rtol"], 1e-5);
  EXPECT_EQ(json["metadata"]["labels"], "cat,dog,owl");
  for (const auto& tensor : json["tensors"]) {
    if (tensor["name"] != "scores/kernel") continue;
    // The payload of a file lies where the offset says.
    const std::string bytes =
        Contents("classifier.nomo").substr(tensor["offset"].get<size_t>(), 12);
    const float* values = reinterpret_cast<const float*>(bytes.data());
    EXPECT_EQ(values[0], 0);
    EXPECT_NEAR(values[1], 0.693147f, 1e-6);
    EXPECT_EQ(tensor["stats"]["zeros"], 766);
  }
  const auto missing = nlohmann::json::parse(Nomo("inspect missing.nomo --json").out);
  EXPECT_EQ(missing["lambdas"][0]["resolves_as"], "missing");
  EXPECT_EQ(missing["nodes"][0]["provider"], "//acme:ops");
  const auto nodes = nlohmann::json::parse(Nomo("inspect tenfold.nomo --json --nodes").out);
  EXPECT_TRUE(nodes.contains("nodes"));
  EXPECT_FALSE(nodes.contains("tensors"));
}

TEST_F(InspectTest, CompiledSteps) {
  const CliResult result = Nomo("inspect classifier.nomo --program --batch 4");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("Steps ("), HasSubstr("float32[4,3]"),
                                HasSubstr("result"), HasSubstr("\nmemory  arena ")));
  EXPECT_THAT(Nomo("inspect classifier.nomo --program --input image=2x16x16x1 --exact").out,
              AllOf(HasSubstr("float32[2,3]"), HasSubstr("reference")));
  EXPECT_THAT(Nomo("inspect classifier.nomo --program --precision=bfloat16").out,
              AllOf(HasSubstr("array.Cast"), HasSubstr("bfloat16[1,")));
  EXPECT_EQ(Nomo("inspect classifier.nomo --precision=bfloat16").exit_code, 2);
  EXPECT_EQ(Nomo("inspect classifier.nomo --program --input 2x16x16x1").exit_code, 0);
  const CliResult wrong = Nomo("inspect classifier.nomo --program --input image=2x8x8x1");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("input \"image\": expected [batch,16,16,1], found [2,8,8,1]"));
  EXPECT_THAT(Nomo("inspect classifier.nomo --program --input x=1").err,
              HasSubstr("there is no input \"x\""));
  EXPECT_EQ(Nomo("inspect missing.nomo --program").exit_code, 4);
}

TEST_F(InspectTest, NamesOfAFileCannotControlTheTerminal) {
  Model model = *Load(TempPath("affine.nomo"));
  model.doc = "\x1b[31mred\nline";
  model.metadata["key\x1b"] = "a\tb";
  ASSERT_TRUE(Save(model, TempPath("hostile.nomo")).ok());
  const std::string out = Nomo("inspect hostile.nomo").out;
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(out,
              AllOf(HasSubstr("\\x1b[31mred\\nline"), HasSubstr("key\\x1b"), HasSubstr("a\\tb")));
}

// Of a model whose names end lines, begin others, and turn them round.
TEST_F(InspectTest, NamesCannotForgeLines) {
  const std::string name = "n\nTotal params: 0\n0 faults\x7f\xc2\x9b\xe2\x80\xae";
  Model model = *Load(TempPath("missing.nomo"));
  model.name = name;
  model.graph.nodes[0].name = name;
  model.graph.nodes[1].op = "nn." + name;
  for (ValueInfo& value : model.graph.values) value.name += name;
  ASSERT_TRUE(Save(model, TempPath("forged.nomo")).ok());
  for (const char* command : {"summary", "inspect", "check", "verify", "run"}) {
    const CliResult result = Nomo(absl::StrCat(command, " forged.nomo"));
    const std::string text = "\n" + result.out + "\n" + result.err;
    EXPECT_THAT(text, AllOf(Not(HasSubstr("\n0 faults")), Not(HasSubstr("\n  0 faults"))))
        << command;
    EXPECT_THAT(result.err, Not(HasSubstr("\nTotal params"))) << command;
    for (const char* raw : {"\x7f", "\xc2\x9b", "\xe2\x80\xae"}) {
      EXPECT_THAT(text, Not(HasSubstr(raw))) << command;
    }
  }
  for (const char* command : {"inspect", "check"}) {
    const CliResult result = Nomo(absl::StrCat(command, " forged.nomo --json"));
    EXPECT_THAT(result.out, Not(HasSubstr("\x7f")));
    EXPECT_TRUE(nlohmann::json::accept(result.out)) << command;
  }
  const auto json = nlohmann::json::parse(Nomo("inspect forged.nomo --json").out);
  EXPECT_EQ(json["nodes"][0]["name"], name);
}

TEST_F(InspectTest, CountsParametersAsSummaryDoes) {
  Model model = *Load(TempPath("tenfold.nomo"));
  Graph& body = model.functions.begin()->second.graph;
  body.weights.push_back({.value = body.AddValue("table", {DType::kFloat32, {7}}),
                          .tensor = Tensor(DType::kFloat32, {7})});
  ASSERT_TRUE(Save(model, TempPath("inside.nomo")).ok());
  EXPECT_THAT(Nomo("summary inside.nomo").out, HasSubstr("\nparameters  7; "));
  EXPECT_THAT(Nomo("inspect inside.nomo").out, ContainsRegex("parameters +7,"));
  const auto json = nlohmann::json::parse(Nomo("inspect inside.nomo --json").out);
  EXPECT_EQ(json["model"]["trainable_parameters"], 7);
}

// What is not known of a missing op's outputs is no second fault.
TEST_F(InspectTest, OutputsOfMissingOpsAreAsDeclared) {
  Model model = *Load(TempPath("missing.nomo"));
  for (Node& node : model.graph.nodes) node.signature.reset();
  ASSERT_TRUE(Save(model, TempPath("untyped.nomo")).ok());
  const CliResult checked = Nomo("check untyped.nomo --json");
  const auto json = nlohmann::json::parse(checked.out);
  EXPECT_EQ(json["faults"].size(), 2u) << checked.out;
  for (const auto& fault : json["faults"]) EXPECT_EQ(fault["kind"], "missing_op");
  model.graph.values[1].type = {};
  ASSERT_TRUE(Save(model, TempPath("typeless.nomo")).ok());
  EXPECT_THAT(Nomo("inspect typeless.nomo").out, Not(HasSubstr("invalid")));
  EXPECT_TRUE(nlohmann::json::parse(
                  Nomo("inspect typeless.nomo --json").out)["nodes"][0]["outputs"][0]["dtype"]
                  .is_null());
}

}  // namespace
}  // namespace nomograph
