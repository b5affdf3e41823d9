// nomo diff, compare, dump, profile, sign, and what verify records, end to end.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/npz.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class CompareTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
  void SetUp() override {
    for (const char* name : {"out.npz", "out.nomo", "trace.json", "ms.json", "key", "key.pub",
                             "other", "other.pub", "classifier.nomo.sig", "same.nomo.txtpb"}) {
      unlink(TempPath(name).c_str());
    }
  }
};

TEST_F(CompareTest, DiffOfEqualModels) {
  ASSERT_EQ(Nomo("convert classifier.nomo same.nomo.txtpb").exit_code, 0);
  const CliResult result = Nomo("diff classifier.nomo same.nomo.txtpb");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(result.out, "the same\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(CompareTest, DiffTellsGoldenVectorsApart) {
  const CliResult result = Nomo("diff classifier.nomo broken.nomo");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("golden vectors  1 changed\n  ~ owl\n      expected scores"),
                    Not(HasSubstr("nodes"))));
  EXPECT_THAT(result.err, StartsWith("nomo diff: \"classifier.nomo\" and \"broken.nomo\" differ"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));  // no colours in a pipe
}

TEST_F(CompareTest, DiffAsJson) {
  const CliResult result = Nomo("diff affine.nomo pair.nomo --json");
  EXPECT_EQ(result.exit_code, 1);
  const Json json = Json::parse(result.out, nullptr, false);
  EXPECT_EQ(json["schema"], "nomograph.diff.1");
  EXPECT_EQ(json["same"], false);
  EXPECT_EQ(json["graphs"][0]["outputs"].size(), 3u);  // one gone, two new
}

TEST_F(CompareTest, DiffNeedsTwoFilesThatAreThere) {
  EXPECT_EQ(Nomo("diff affine.nomo").exit_code, 2);
  EXPECT_EQ(Nomo("diff affine.nomo nothing.nomo").exit_code, 3);
}

TEST_F(CompareTest, CompareModesOfOne) {
  const CliResult result = Nomo("compare classifier.nomo --exact-vs-fast -i random:1");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("agree to 1e-05 + 0.0001|e|\n"));
  EXPECT_EQ(Nomo("compare classifier.nomo").exit_code, 2);
  EXPECT_EQ(Nomo("compare classifier.nomo affine.nomo --exact-vs-fast").exit_code, 2);
}

TEST_F(CompareTest, ComparePrecisionsOfOne) {
  const CliResult apart = Nomo("compare classifier.nomo --precision=bfloat16 -i random:1");
  EXPECT_EQ(apart.exit_code, 1) << apart.out;
  EXPECT_THAT(apart.err, HasSubstr("\"float32\" and \"bfloat16\" part at "));
  const CliResult near =
      Nomo("compare classifier.nomo --precision=bfloat16 -i random:1 --rtol 0.02 --atol 0.02");
  EXPECT_EQ(near.exit_code, 0) << near.out << near.err;
  EXPECT_EQ(Nomo("compare classifier.nomo --precision=float32").exit_code, 2);
  EXPECT_EQ(Nomo("compare classifier.nomo --precision=bfloat16 --exact").exit_code, 2);
  EXPECT_EQ(Nomo("compare classifier.nomo --precision=float16").exit_code, 2);
}

TEST_F(CompareTest, DumpGoesIntoCompare) {
  const CliResult dumped = Nomo("dump affine.nomo '**' -i random:1 -o out.npz");
  EXPECT_EQ(dumped.exit_code, 0) << dumped.err;
  EXPECT_THAT(dumped.out, StartsWith("wrote out.npz: "));
  EXPECT_EQ(Nomo("compare out.npz affine.nomo -i random:1").exit_code, 0);
  const CliResult other = Nomo("compare out.npz affine.nomo -i random:2");
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.out, HasSubstr("the first: "));
  EXPECT_THAT(other.err, HasSubstr("part at node \"affine"));
  // An array without a name is that of the one output, or of the one that is compared with it.
  ASSERT_EQ(Nomo("run affine.nomo -i random:1 -o one.npy").exit_code, 0);
  ASSERT_EQ(Nomo("run affine.nomo -i random:2 -o two.npy").exit_code, 0);
  EXPECT_EQ(Nomo("compare one.npy affine.nomo -i random:1").exit_code, 0);
  EXPECT_EQ(Nomo("compare affine.nomo one.npy -i random:2").exit_code, 1);
  EXPECT_EQ(Nomo("compare one.npy one.npy").exit_code, 0);
  EXPECT_EQ(Nomo("compare one.npy two.npy").exit_code, 1);
  ASSERT_TRUE(
      WriteNpz(TempPath("two.npz"), {{"a", Tensor::Scalar(1.0f)}, {"b", Tensor::Scalar(2.0f)}})
          .ok());
  const CliResult many = Nomo("compare one.npy two.npz");
  EXPECT_EQ(many.exit_code, 2);
  EXPECT_THAT(many.err, HasSubstr("\"one.npy\" has no name, and there are 2 values"));
  // What is there stays there.
  EXPECT_EQ(Nomo("dump affine.nomo '**' -o out.npz").exit_code, 2);
  EXPECT_EQ(Nomo("dump affine.nomo '**' -o out.npz --force").exit_code, 0);
  EXPECT_EQ(Nomo("dump affine.nomo '**' -o out.csv").exit_code, 2);
}

TEST_F(CompareTest, DumpPrintsStatistics) {
  const CliResult result = Nomo("dump pair.nomo '**' -i a=random:1 -i b=random:2");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("sum"), HasSubstr("product"), HasSubstr("float32[1,2]")));
  const CliResult wrong = Nomo("dump pair.nomo summ");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("sum"));
}

TEST_F(CompareTest, ProfileTellsTimesAndWritesFiles) {
  const CliResult result =
      Nomo("profile classifier.nomo --runs 3 --warmup 1 --trace trace.json --node-ms ms.json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("latency  median "), HasSubstr("3 runs after 1"),
                                HasSubstr("math.MatMul"), HasSubstr("(between steps)"),
                                HasSubstr("profiling itself cost")));
  const Json trace = Json::parse(Contents("trace.json"), nullptr, false);
  ASSERT_TRUE(trace["traceEvents"].is_array());
  int runs = 0;
  for (const Json& event : trace["traceEvents"]) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_GE(event["dur"].get<double>(), 0);
    runs += event["cat"] == "run";
  }
  EXPECT_EQ(runs, 3);
  const Json ms = Json::parse(Contents("ms.json"), nullptr, false);
  EXPECT_GT(ms.size(), 1u);
  const Json json =
      Json::parse(Nomo("profile classifier.nomo --runs 2 --json").out, nullptr, false);
  EXPECT_EQ(json["schema"], "nomograph.profile.1");
  EXPECT_EQ(json["latency"]["runs"], 2);
  EXPECT_EQ(json["nodes"].size(), ms.size());
  EXPECT_EQ(Nomo("profile classifier.nomo --runs 1 --trace trace.json").exit_code, 2);
}

TEST_F(CompareTest, RecordsAndTellsWhoComputed) {
  const CliResult recorded =
      Nomo("verify affine.nomo --record -i random:1 --name mine -o out.nomo");
  EXPECT_EQ(recorded.exit_code, 0) << recorded.err;
  EXPECT_THAT(recorded.out, StartsWith("\"mine\": 1 input, 1 output, "));
  const CliResult verified = Nomo("verify out.nomo");
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_THAT(verified.out,
              AllOf(HasSubstr("mine  recorded  exact  ok"), HasSubstr("not that this is right")));
  EXPECT_EQ(Nomo("verify out.nomo --require-external").exit_code, 1);

  // 2 x + 1, worked out by hand.
  NamedTensors arrays = {{"affine", Tensor::Of<float>({1, 3}, {3, -1, 2})}};
  ASSERT_TRUE(WriteNpz(TempPath("expected.npz"), arrays).ok());
  arrays = {{"x", Tensor::Of<float>({1, 3}, {1, -1, 0.5f})}};
  ASSERT_TRUE(WriteNpz(TempPath("given.npz"), arrays).ok());
  const std::string record =
      "verify out.nomo --record -i given.npz --expect expected.npz --from 'paper and pencil' "
      "--name hand -o out.nomo";
  const CliResult external = Nomo(record);
  EXPECT_EQ(external.exit_code, 0) << external.err;
  const CliResult both = Nomo("verify out.nomo --require-external");
  EXPECT_EQ(both.exit_code, 0) << both.err;
  EXPECT_THAT(both.out, AllOf(HasSubstr("hand  external: paper and pencil  fast  ok"),
                              Not(HasSubstr("not that this is right"))));
  EXPECT_EQ(Nomo(record).exit_code, 2);  // the name is taken
  const Json json = Json::parse(Nomo("verify out.nomo --json").out, nullptr, false);
  EXPECT_EQ(json["schema"], "nomograph.verify.1");
  EXPECT_EQ(json["golden_vectors"].size(), 4u);
}

TEST_F(CompareTest, RecordingNeedsAPlaceForIt) {
  EXPECT_EQ(Nomo("verify affine.nomo --record").exit_code, 2);
  EXPECT_EQ(Nomo("verify affine.nomo --record -o out.onnx").exit_code, 2);
  EXPECT_EQ(Nomo("verify affine.nomo --record -o pair.nomo").exit_code, 2);
  EXPECT_EQ(Nomo("verify affine.nomo --name x").exit_code, 2);  // without --record
}

TEST_F(CompareTest, VerifyComparesLambdasWithTheirBodies) {
  const std::string ops = " --op-library '" + AcmeOps() + "'";
  const CliResult good = Nomo("verify tenfold.nomo --lambdas" + ops);
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("a body: 1; 1 agree on random numbers, 0 differ"));
  const CliResult bad = Nomo("verify twofold.nomo --lambdas" + ops);
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, HasSubstr("the kernel differs from body @acme.Twofold"));
}

TEST_F(CompareTest, SignsAndTellsWhatDoesNotHold) {
  ASSERT_EQ(Nomo("sign --new-key key").exit_code, 0);
  ASSERT_EQ(Nomo("sign --new-key other").exit_code, 0);
  EXPECT_EQ(Nomo("sign --new-key key").exit_code, 2);
  const CliResult result = Nomo("sign classifier.nomo --key key");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("wrote classifier.nomo.sig: it covers all "));
  EXPECT_EQ(Nomo("sign classifier.nomo --key key").exit_code, 2);
  EXPECT_EQ(Nomo("verify classifier.nomo --key key.pub").exit_code, 0);
  EXPECT_EQ(Nomo("run classifier.nomo -i random --require-signature key.pub").exit_code, 0);

  const CliResult wrong = Nomo("verify classifier.nomo --key other.pub");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("is of another key"));
  const CliResult changed =
      Nomo("verify broken.nomo --key key.pub --signature classifier.nomo.sig");
  EXPECT_EQ(changed.exit_code, 1);
  EXPECT_THAT(changed.err, HasSubstr("is not the file that was signed"));
  const CliResult unsigned_run = Nomo("run affine.nomo -i random --require-signature key.pub");
  EXPECT_EQ(unsigned_run.exit_code, 3);
  EXPECT_THAT(unsigned_run.out, IsEmpty());
  ASSERT_EQ(chmod(TempPath("key").c_str(), 0644), 0);
  EXPECT_EQ(Nomo("sign classifier.nomo --key key --force").exit_code, 3);
}

}  // namespace
}  // namespace nomograph
