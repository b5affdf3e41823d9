// nomo verify and nomo check, end to end.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class VerifyCheckTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SaveTestModels();
    std::string damaged = Contents("classifier.nomo");
    damaged.back() = static_cast<char>(damaged.back() ^ 1);  // in the last payload, the kernel
    WriteContents("damaged.nomo", damaged);
    std::string graph = Contents("affine.nomo");
    graph[graph.size() / 2] = static_cast<char>(graph[graph.size() / 2] ^ 4);
    WriteContents("graph.nomo", graph);
  }
};

TEST_F(VerifyCheckTest, VerifyReplaysGoldenVectorsInBothModes) {
  const CliResult result = Nomo("verify classifier.nomo");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("classifier.nomo: "), HasSubstr("all checksums hold\n"),
                                HasSubstr("  golden vector  source  mode  result\n"),
                                HasSubstr("  owl  not said  fast  ok, off by "),
                                HasSubstr("  owl  not said  exact  ok, no difference")));
  EXPECT_THAT(Nomo("verify classifier.nomo --skip-exact").out, Not(HasSubstr("exact")));
}

TEST_F(VerifyCheckTest, VerifyNamesTheVectorThatDoesNotHold) {
  const CliResult result = Nomo("verify broken.nomo");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("owl  not said  fast  FAILED, off by 0.38 at most"));
  EXPECT_THAT(
      result.err,
      AllOf(
          StartsWith("nomo verify: broken.nomo: golden vectors are not met:\n"),
          HasSubstr("golden vector \"owl\", fast mode: output \"scores\": 2 of 3 elements differ"),
          HasSubstr(
              "golden vector \"owl\", exact mode: output \"scores\": 2 of 3 elements differ")));
}

TEST_F(VerifyCheckTest, VerifyWithoutGoldenVectors) {
  const CliResult result = Nomo("verify affine.nomo");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("no golden vectors"));
  const CliResult required = Nomo("verify affine.nomo --require-golden-vectors");
  EXPECT_EQ(required.exit_code, 1);
  EXPECT_EQ(required.err, "nomo verify: affine.nomo: the model has no golden vectors\n");
}

TEST_F(VerifyCheckTest, VerifyNamesTheDamagedTensor) {
  const CliResult result = Nomo("verify damaged.nomo");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(StartsWith("nomo verify: damaged.nomo: "),
                                HasSubstr("scores/kernel"), HasSubstr("checksum")));
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(Nomo("verify graph.nomo").exit_code, 1);
  // Other commands do not read the weights to find it, but for the one that would hide it.
  EXPECT_EQ(Nomo("summary damaged.nomo").exit_code, 0);
  EXPECT_EQ(Nomo("convert damaged.nomo hidden.nomo").exit_code, 3);
}

TEST_F(VerifyCheckTest, VerifyNeedsTheOps) {
  EXPECT_EQ(Nomo("verify missing.nomo").exit_code, 0);  // it has no golden vector to run
  EXPECT_EQ(Nomo("verify missing.nomo --require-golden-vectors").exit_code, 1);
}

TEST_F(VerifyCheckTest, CheckPasses) {
  const CliResult plain = Nomo("check classifier.nomo");
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(plain.out, "classifier.nomo can run here\n");
  const CliResult body = Nomo("check tenfold.nomo");
  EXPECT_EQ(body.exit_code, 0);
  EXPECT_EQ(body.out,
            "tenfold.nomo can run here\nNotes\n"
            "  body: node \"y\" (acme.Tenfold): runs as the body @acme.Tenfold of the file\n");
  EXPECT_THAT(
      Nomo("check tenfold.nomo --op-library " + AcmeOps()).out,
      HasSubstr("  fallback: node \"y\" (acme.Tenfold): runs as a kernel from //tools:acme_ops; "
                "where that is missing, the body @acme.Tenfold of the file runs\n"));
}

TEST_F(VerifyCheckTest, CheckListsEverythingAtOnce) {
  const CliResult result = Nomo("check missing.nomo");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "nomo check: missing.nomo: 2 faults\n");
  EXPECT_THAT(result.out, AllOf(StartsWith("Faults\n  missing op: node \"first\" (acme.Missing): "
                                           "no op acme.Missing is registered"),
                                HasSubstr("  missing op: node \"second\" (nn.Sofplus): ")));
}

TEST_F(VerifyCheckTest, CheckFindsEachKindOfFault) {
  struct Case {
    std::string arguments;
    std::string fault;
  };
  const std::string library = " --op-library " + AcmeOps();
  const Case kCases[] = {
      {"damaged.nomo", "  damage: "},
      {"graph.nomo", "  damage: "},
      {"truncated_by_test.nomo", "  damage: "},
      {"ring.nomo", "  missing op: node \"y\" (acme.Ring)"},
      {"ring.nomo" + library, "  effect: node \"y\" (acme.Ring): op acme.Ring has the effect io"},
      {"wide.nomo" + library, "  types: node \"y\" (acme.Tenfold): "},
      {"twofold.nomo --compare-bodies" + library,
       "  body differs: node \"y\" (acme.Twofold): the kernel differs from body @acme.Twofold, "
       "output 0: "},
  };
  WriteContents("truncated_by_test.nomo", Contents("affine.nomo").substr(0, 60));
  for (const Case& c : kCases) {
    const CliResult result = Nomo("check " + c.arguments);
    EXPECT_EQ(result.exit_code, 1) << c.arguments << result.out;
    EXPECT_THAT(result.out, HasSubstr("Faults\n" + c.fault)) << c.arguments;
    EXPECT_THAT(result.err, HasSubstr(": 1 fault\n")) << c.arguments;
  }
  EXPECT_EQ(Nomo("check ring.nomo --allow-io acme.Ring" + library).exit_code, 0);
  EXPECT_EQ(Nomo("check tenfold.nomo --compare-bodies" + library).exit_code, 0);
  EXPECT_EQ(Nomo("check twofold.nomo" + library).exit_code, 0);  // only where it is asked for
}

TEST_F(VerifyCheckTest, CheckSaysWhichBatchItSupposed) {
  const CliResult result = Nomo("check batch_of_two.nomo");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("Notes\n  supposed: the model compiles for a batch of 2, not "
                                    "of 1: "));
}

TEST_F(VerifyCheckTest, CheckAsJson) {
  const CliResult result = Nomo("check missing.nomo --json");
  EXPECT_EQ(result.exit_code, 1);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["schema"], "nomograph.check.1");
  EXPECT_EQ(json["file"], "missing.nomo");
  EXPECT_EQ(json["runs_here"], false);
  ASSERT_EQ(json["faults"].size(), 2u);
  EXPECT_EQ(json["faults"][1]["kind"], "missing_op");
  EXPECT_EQ(json["faults"][1]["place"], "node \"second\" (nn.Sofplus)");
  EXPECT_TRUE(json["notes"].empty());
  EXPECT_EQ(nlohmann::json::parse(Nomo("check graph.nomo --json").out)["faults"][0]["kind"],
            "damage");
  EXPECT_EQ(nlohmann::json::parse(Nomo("check affine.nomo --json").out)["runs_here"], true);
}

}  // namespace
}  // namespace nomograph
