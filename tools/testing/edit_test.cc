// Selectors at the command line, nomo extract, nomo edit, nomo check --target, completion: end to
// end.
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/data/npz.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class EditTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
};

TEST_F(EditTest, InspectsWhatIsSelected) {
  const CliResult node = Nomo("inspect classifier.nomo op:matmul");
  EXPECT_EQ(node.exit_code, 0) << node.err;
  EXPECT_THAT(node.out, AllOf(HasSubstr("scores/MatMul  math.MatMul v1  node "),
                              HasSubstr("scores/kernel  float32[256,3]"),
                              HasSubstr("weight  3.0 KB, 0..1.609")));
  EXPECT_THAT(Nomo("inspect classifier.nomo scores/kernel").out,
              HasSubstr("scores/kernel  float32[256,3]  value\n"));
  const auto json =
      nlohmann::json::parse(Nomo("inspect classifier.nomo kind:weight --json --stats").out);
  EXPECT_EQ(json["schema"], "nomograph.selection.1");
  EXPECT_EQ(json["graphs"][0]["values"].size(), 2u);
  EXPECT_EQ(json["graphs"][0]["values"][0]["source"], "weight");
  const CliResult wrong = Nomo("inspect classifier.nomo op:matmull");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("(did you mean MatMul?)"));
}

TEST_F(EditTest, WritesWeightsAndNothingOverOthers) {
  std::filesystem::remove(TempPath("w.npz"));
  EXPECT_EQ(Nomo("inspect classifier.nomo kind:weight -o w.npz").out,
            "wrote w.npz  2 tensors, 3.0 KB\n");
  EXPECT_EQ(ReadNpz(TempPath("w.npz"))->at("scores/kernel").shape(), Shape({256, 3}));
  const CliResult again = Nomo("inspect classifier.nomo kind:weight -o w.npz");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("\"w.npz\" is there already: --force writes over it"));
  EXPECT_EQ(Nomo("inspect classifier.nomo kind:weight -o w.npz --force").exit_code, 0);
}

TEST_F(EditTest, OnePartAlone) {
  EXPECT_EQ(Nomo("inspect classifier.nomo --io").out,
            "Inputs (1)\n  image  uint8[batch,16,16,1]\n\nOutputs (1)\n  scores  "
            "float32[batch,3]\n");
  EXPECT_THAT(Nomo("inspect classifier.nomo --lambdas").out,
              AllOf(HasSubstr("Lambdas (1)"), Not(HasSubstr("Nodes"))));
}

TEST_F(EditTest, TextForGitHasNoWeightsAndNoPath) {
  const std::string text = Nomo("inspect classifier.nomo --textconv").out;
  EXPECT_THAT(text, AllOf(HasSubstr("\nweight scores/kernel float32[256,3] "),
                          HasSubstr(" min 0 max 1.60944 "), Not(HasSubstr("classifier.nomo"))));
  EXPECT_EQ(Nomo("convert classifier.nomo again.nomo.txtpb --force").exit_code, 0);
  EXPECT_EQ(Nomo("inspect again.nomo.txtpb --textconv").out, text);
}

TEST_F(EditTest, ExtractsAndEdits) {
  const CliResult part = Nomo("extract classifier.nomo 'op:matmul, op:add' -o part.nomo --force");
  EXPECT_EQ(part.exit_code, 0) << part.err;
  EXPECT_THAT(part.out, AllOf(HasSubstr("took 2 of 5 nodes\n"), HasSubstr("float32[batch,256]")));
  EXPECT_EQ(Nomo("run part.nomo -i random").exit_code, 0);
  const CliResult edited = Nomo(
      "edit classifier.nomo -o edited.nomo --force --rename scores=classes --batch 1 "
      "--metadata labels=");
  EXPECT_EQ(edited.exit_code, 0) << edited.err;
  EXPECT_THAT(edited.out,
              AllOf(HasSubstr("value \"scores\" is named \"classes\"\n"),
                    HasSubstr("input \"image\": uint8[batch,16,16,1] -> uint8[1,16,16,1]\n"),
                    HasSubstr("metadata \"labels\" taken away\n"), HasSubstr("wrote edited.nomo")));
  EXPECT_THAT(Nomo("inspect edited.nomo --io").out, HasSubstr("  classes  float32[1,3]\n"));
  // The golden vector goes with the new name, and still holds.
  EXPECT_THAT(Nomo("verify edited.nomo").out, HasSubstr("owl  not said  fast  ok"));
}

TEST_F(EditTest, ChecksAgainstAManifest) {
  EXPECT_EQ(Nomo("ops --json", "manifest.json").exit_code, 0);
  EXPECT_EQ(Nomo("check classifier.nomo --target manifest.json").exit_code, 0);
  auto manifest = nlohmann::json::parse(Contents("manifest.json"));
  for (auto& op : manifest["ops"]) {
    if (op["name"] == "nn.Softmax") op["name"] = "nn.Hardmax2";
  }
  manifest["memory_bytes"] = 100;
  WriteContents("small.json", manifest.dump());
  const CliResult result = Nomo("check classifier.nomo --target small.json");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("there is no op nn.Softmax on small.json"),
                                HasSubstr("small.json has 100 B")));
  EXPECT_EQ(Nomo("check classifier.nomo --target opset:17").exit_code, 0);
  EXPECT_EQ(Nomo("check classifier.nomo --target classifier.nomo").exit_code, 3);
}

TEST_F(EditTest, ReadsStandardInputAndSeveralFiles) {
  // Redirected ahead of what Nomo() redirects.
  EXPECT_EQ(Nomo("summary - <classifier.nomo >piped.txt; true").exit_code, 0);
  EXPECT_THAT(Contents("piped.txt"), HasSubstr("Total params: 771"));
  EXPECT_EQ(Nomo("convert classifier.nomo - >piped.nomo; true").exit_code, 0);
  EXPECT_EQ(Contents("piped.nomo"), Contents("classifier.nomo"));
  const CliResult several = Nomo("summary nowhere.nomo classifier.nomo");
  EXPECT_EQ(several.exit_code, 3);
  EXPECT_THAT(several.out, HasSubstr("Total params: 771"));

  // As JSON, one text whatever fails.
  for (const std::string command : {"summary ", "check ", "verify "}) {
    const auto json = [&](const std::string& files) {
      return nlohmann::json::parse(Nomo(command + files + " --json").out, nullptr, false);
    };
    const auto list = json("classifier.nomo nowhere.nomo classifier.nomo");
    ASSERT_TRUE(list.is_array()) << command;
    EXPECT_EQ(list.size(), 2u) << command;
    EXPECT_EQ(json("nowhere.nomo nope.nomo"), nlohmann::json::array()) << command;
    EXPECT_TRUE(json("classifier.nomo").is_object()) << command;
  }
}

TEST_F(EditTest, CompletesWhatIsThere) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CliResult result = Nomo(std::string("completion ") + shell);
    EXPECT_EQ(result.exit_code, 0) << shell;
    EXPECT_THAT(result.out, AllOf(HasSubstr("summary"), HasSubstr("check-finite"))) << shell;
  }
  EXPECT_THAT(Nomo("man").out, AllOf(HasSubstr(".TH NOMO 1"), HasSubstr("\\-\\-check\\-finite")));
  EXPECT_THAT(Nomo("ops --names").out, HasSubstr("\nnn.Softmax\n"));
}

}  // namespace
}  // namespace nomograph
