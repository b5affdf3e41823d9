// nomo graph, end to end.
#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class GraphTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
};

TEST_F(GraphTest, WritesEveryForm) {
  struct Form {
    const char *file, *begins, *holds;
  };
  const Form forms[] = {{"pair.svg", "<svg xmlns=", ">product</text>"},
                        {"pair.png", "\x89PNG", "IHDR"},
                        {"pair.dot", "digraph ", "product"},
                        {"pair.mmd", "flowchart TD\n", "product"}};
  for (const Form& form : forms) {
    const CliResult result = Nomo(std::string("graph pair.nomo -o ") + form.file);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, StartsWith(std::string(form.file) + ": "));
    const std::string picture = Contents(form.file);
    EXPECT_THAT(picture, StartsWith(form.begins));
    EXPECT_THAT(picture, HasSubstr(form.holds));
    // Once more, the same bytes.
    EXPECT_EQ(Nomo(std::string("graph pair.nomo --force -o ") + form.file).exit_code, 0);
    EXPECT_EQ(Contents(form.file), picture) << form.file;
  }
}

TEST_F(GraphTest, SaysWhatItIsOfAndIsCutIntoColumnsWhereItIsLong) {
  EXPECT_EQ(Nomo("graph classifier.nomo --wrap 0 -o long.svg").exit_code, 0);
  EXPECT_EQ(Nomo("graph classifier.nomo --wrap 200 -o columns.svg").exit_code, 0);
  EXPECT_THAT(Contents("long.svg"), HasSubstr(">classifier.nomo</text>"));
  EXPECT_NE(Contents("long.svg"), Contents("columns.svg"));
}

TEST_F(GraphTest, ReplacesNothingUnasked) {
  WriteContents("mine.svg", "mine");
  const CliResult result = Nomo("graph pair.nomo -o mine.svg");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("mine.svg"));
  EXPECT_THAT(result.err, HasSubstr("--force"));
  EXPECT_EQ(Contents("mine.svg"), "mine");
}

TEST_F(GraphTest, ColoursByCostAndByAnyNumbers) {
  EXPECT_EQ(Nomo("graph classifier.nomo --color macs -o macs.svg").exit_code, 0);
  EXPECT_THAT(Contents("macs.svg"), HasSubstr(" multiply-accumulates</text>"));
  const CliResult profiled =
      Nomo("profile pair.nomo -i a=random:1 -i b=random:2 --runs 3 --node-ms graph_times.json");
  EXPECT_EQ(profiled.exit_code, 0) << profiled.err;
  const CliResult timed =
      Nomo("graph pair.nomo --color time --values graph_times.json -o time.svg");
  EXPECT_EQ(timed.exit_code, 0) << timed.err;
  EXPECT_THAT(Contents("time.svg"), HasSubstr(" ms</text>"));
  WriteContents("others.json", R"({"nothing": 1.5})");
  const CliResult others = Nomo("graph pair.nomo --values others.json -o others.svg");
  EXPECT_EQ(others.exit_code, 2);
  EXPECT_EQ(others.err, "nomo graph: others.json: no node of \"pair.nomo\" is named there\n");
  WriteContents("words.json", R"({"a\u001b": "fast"})");
  const CliResult words = Nomo("graph classifier.nomo --values words.json -o words.svg");
  EXPECT_EQ(words.exit_code, 3);
  EXPECT_EQ(words.err,
            "nomo graph: words.json: node \"a\\x1b\": expected a number, found string\n");
}

TEST_F(GraphTest, ShowsWhatDiffersFromAnotherModel) {
  const CliResult result = Nomo("graph pair.nomo --diff affine.nomo --all -o diff.svg");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string picture = Contents("diff.svg");
  EXPECT_THAT(picture, HasSubstr(">removed</text>"));
  EXPECT_EQ(Nomo("graph pair.nomo --diff pair.nomo --all -o same.svg").exit_code, 0);
  EXPECT_EQ(Nomo("graph pair.nomo --diff nosuch.nomo -o none.svg").exit_code, 3);
}

TEST_F(GraphTest, DrawsAMissingLambdaWithADashedFrame) {
  EXPECT_EQ(Nomo("graph missing.nomo --all -o missing.svg").exit_code, 0);
  EXPECT_THAT(Contents("missing.svg"), HasSubstr("<rect class=\"m\""));
  EXPECT_EQ(Nomo("graph tenfold.nomo --depth 1 -o tenfold.svg").exit_code, 0);
  EXPECT_THAT(Contents("tenfold.svg"), HasSubstr(">λ</text>"));
}

TEST_F(GraphTest, FaultsOfUse) {
  struct Case {
    const char *arguments, *message;
    int exit_code;
  };
  const Case cases[] = {
      {"graph pair.nomo", "--output is required", 2},
      {"graph pair.nomo -o x.gif",
       "nomo graph: -o \"x.gif\": a picture is written as .svg, .png, .dot (Graphviz) or .mmd "
       "(Mermaid)\n",
       2},
      {"graph nosuch.nomo -o x.svg", "nosuch.nomo", 3},
      {"graph pair.nomo nosuch -o x.svg", "nosuch", 2},
      {"graph pair.nomo --expand nosuch -o x.svg", "there is no scope \"nosuch\"", 2},
      {"graph pair.nomo --color time -o x.svg", "--color time needs --values FILE", 2},
      {"graph pair.nomo -o nosuch/x.svg", "nosuch/x.svg", 5},
      {"graph pair.nomo -o x.png --scale 100", "--scale: 100 is more than 16\n", 2},
      {"graph pair.nomo -o x.svg --depth 0", "--depth: 0 is less than 1\n", 2},
      {"graph pair.nomo -o x.svg --wrap x", "--wrap: \"x\" is no number\n", 2},
  };
  for (const Case& c : cases) {
    const CliResult result = Nomo(c.arguments);
    EXPECT_EQ(result.exit_code, c.exit_code) << c.arguments;
    EXPECT_THAT(result.err, HasSubstr(c.message)) << c.arguments;
  }
}

}  // namespace
}  // namespace nomograph
