// nomo ops and nomo convert, end to end.
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class OpsConvertTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
};

TEST_F(OpsConvertTest, ListsOpsByDomain) {
  const std::string all = Nomo("ops").out;
  EXPECT_THAT(all,
              AllOf(ContainsRegex("\nimage \\([0-9]+\\)\n"), ContainsRegex("\nmath \\([0-9]+\\)\n"),
                    ContainsRegex("\n  image.Rescale +y = x \\* scale \\+ offset")));
  const std::string image = Nomo("ops image").out;
  EXPECT_THAT(image,
              AllOf(StartsWith("image ("), HasSubstr("  image.Rescale "), Not(HasSubstr("math."))));
  EXPECT_THAT(all, Not(HasSubstr("acme")));
  EXPECT_THAT(Nomo("ops acme --op-library " + AcmeOps()).out,
              "acme (3)\n"
              "  acme.Ring  y = x, and rings a bell\n"
              "  acme.Tenfold  y = 10 x\n"
              "  acme.Twofold  y = 3 x\n");
}

TEST_F(OpsConvertTest, DescribesAnOp) {
  const CliResult result = Nomo("ops image.Rescale");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(
      result.out,
      StartsWith("image.Rescale v1\n  y = image.Rescale(x; scale, offset=0, dtype=float32)\n"));
  EXPECT_THAT(result.out, ContainsRegex("\nAttributes\n  scale +float +required +the factor"));
  EXPECT_THAT(result.out, ContainsRegex("\n  offset +float +[=] 0 +what is added"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("\nInputs\n"), HasSubstr("\nTypes\n"),
                                HasSubstr("\nExample\n"), HasSubstr("-> y")));
  EXPECT_THAT(result.out,
              AllOf(ContainsRegex("\neffects +pure\n"), ContainsRegex("\nversions +1\n"),
                    ContainsRegex("\nprovider +nomograph\n"), HasSubstr("reference kernel")));
  EXPECT_THAT(Nomo("ops math.Clip").out, ContainsRegex("\nknown as +ONNX Clip \\(opset 11\\)\n"));
  EXPECT_THAT(
      Nomo("ops acme.Ring --op-library " + AcmeOps()).out,
      AllOf(ContainsRegex("\neffects +io\n"), ContainsRegex("\nprovider +//tools:acme_ops\n")));
  EXPECT_THAT(Nomo("ops image.Rescale --markdown").out,
              AllOf(StartsWith("## image.Rescale\n"), HasSubstr("| `scale` | float | required |")));
  EXPECT_THAT(Nomo("ops image --markdown").out, StartsWith("| op | |\n|---|---|\n| `image."));
}

TEST_F(OpsConvertTest, EveryOpCanBeDescribed) {
  const auto json = nlohmann::json::parse(Nomo("ops --json").out);
  EXPECT_EQ(json["schema"], "nomograph.ops.1");
  EXPECT_GT(json["ops"].size(), 100u);
  for (const auto& op : json["ops"]) {
    EXPECT_FALSE(op["doc"].get<std::string>().empty()) << op["name"];
    EXPECT_FALSE(op["outputs"].empty()) << op["name"];
  }
  const auto rescale = nlohmann::json::parse(Nomo("ops image.Rescale --json").out)["ops"][0];
  EXPECT_EQ(rescale["attributes"][0]["required"], true);
  EXPECT_EQ(rescale["attributes"][1]["default"], 0.0);
  EXPECT_EQ(rescale["attributes"][2]["default"], nlohmann::json({{"dtype", "float32"}}));
  EXPECT_EQ(rescale["types"]["R"], nlohmann::json({"float32", "float64", "float16", "bfloat16"}));
  EXPECT_TRUE(rescale["example"]["inputs"][0].contains("values"));
  EXPECT_TRUE(rescale["known_as"].empty());
  const auto clip = nlohmann::json::parse(Nomo("ops math.Clip --json").out)["ops"][0];
  EXPECT_EQ(clip["known_as"],
            nlohmann::json::parse(R"([{"as": "onnx", "name": "Clip", "since": 11}])"));
}

// The table that is committed is the one that the rules yield.
TEST_F(OpsConvertTest, OnnxOperators) {
  const auto committed = ReadFile("serialization/onnx/OPERATORS.md");
  ASSERT_TRUE(committed.ok()) << committed.status();
  const std::string table = Nomo("ops --onnx").out;
  EXPECT_THAT(table, StartsWith("| operator | opsets |"));
  EXPECT_THAT(*committed, HasSubstr(table))
      << "write it anew: nomo ops --onnx (below the heading of OPERATORS.md)";
}

// Likewise what is read of Keras.
TEST_F(OpsConvertTest, KerasForms) {
  const auto committed = ReadFile("serialization/keras/FORMS.md");
  ASSERT_TRUE(committed.ok()) << committed.status();
  const std::string table = Nomo("layers --keras").out;
  EXPECT_THAT(table, StartsWith("## Files"));
  EXPECT_THAT(*committed, HasSubstr(table))
      << "write it anew: nomo layers --keras (below the heading of FORMS.md)";
}

TEST_F(OpsConvertTest, ToOnnxAndBack) {
  EXPECT_EQ(Nomo("convert classifier.nomo c.onnx --opset 18").exit_code, 0);
  EXPECT_EQ(Nomo("convert c.onnx c.nomo").exit_code, 0);
  const CliResult run = Nomo("run c.onnx -i random");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Nomo("run c.nomo -i random").out, run.out);
  const auto json = nlohmann::json::parse(Nomo("inspect c.onnx --json").out);
  EXPECT_EQ(json["file"]["form"], "onnx");
}

TEST_F(OpsConvertTest, UnknownOps) {
  const CliResult result = Nomo("ops nn.Sofplus");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err,
              StartsWith("nomo ops: no op nn.Sofplus is registered (did you mean nn.Softplus"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(OpsConvertTest, TextAndBack) {
  EXPECT_EQ(Nomo("convert classifier.nomo c.nomo.txtpb").exit_code, 0);
  EXPECT_THAT(Contents("c.nomo.txtpb"), HasSubstr("op: \"image.Rescale\""));
  EXPECT_EQ(Nomo("convert c.nomo.txtpb back.nomo").exit_code, 0);
  EXPECT_EQ(Contents("back.nomo"), Contents("classifier.nomo"));
  const CliResult verified = Nomo("verify c.nomo.txtpb");
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_THAT(verified.out, StartsWith("c.nomo.txtpb: text, which has no checksums\n"));
  const auto json = nlohmann::json::parse(Nomo("inspect c.nomo.txtpb --json").out);
  EXPECT_EQ(json["file"]["form"], "text");
  EXPECT_EQ(json["file"]["format_version"], 1);
  // Ops that are not known here do not matter.
  EXPECT_EQ(Nomo("convert missing.nomo m.nomo.txtpb").exit_code, 0);
}

TEST_F(OpsConvertTest, RefusesWhatItCannotConvert) {
  WriteContents("model.h5", "");
  WriteContents("model.onnx", "");
  struct Case {
    const char* arguments;
    int exit_code;
    const char* message;
  };
  // ir_version 8, a producer, and a graph of 100 bytes of which 2 are there.
  WriteContents("cut.onnx", std::string("\x08\x08\x12\x01p\x3a\x64\x12\x00", 9));
  constexpr Case kCases[] = {
      {"cut.onnx out.nomo", 3,
       "nomo convert: cut.onnx: expected an ONNX model, found one that is cut off or damaged: byte "
       "7: field 7 needs 100 bytes, 2 are left\n"},
      {"model.h5 out.nomo", 3, "model.h5"},
      {"affine.nomo out.h5", 2, "nomo convert: out.h5: this form of file is not supported"},
      {"model.onnx out.nomo", 3,
       "nomo convert: model.onnx: expected an ONNX model, found an empty file\n"},
      {"affine.nomo out.onnx --opset 3", 2, "--opset"},
      {"affine.nomo out.nomo --opset 17", 2, "--opset is for ONNX files, and \"out.nomo\" is none"},
      {"affine.nomo - --opset 17", 2, "standard output gets the binary form"},
      {"affine.nomo out.nomo --external-weights", 2, "--external-weights is for ONNX files"},
      {"nowhere.nomo out.nomo", 3, "cannot open \"nowhere.nomo\""},
      {"affine.nomo nowhere/out.nomo", 5, "nowhere/out.nomo"},
  };
  for (const Case& c : kCases) {
    const CliResult result = Nomo(std::string("convert ") + c.arguments);
    EXPECT_EQ(result.exit_code, c.exit_code) << c.arguments << result.err;
    EXPECT_THAT(result.err, HasSubstr(c.message)) << c.arguments;
  }
  EXPECT_FALSE(std::filesystem::exists(TempPath("out.nomo")));
}

}  // namespace
}  // namespace nomograph
