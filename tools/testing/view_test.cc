// nomo view, end to end, as far as it can be seen without a browser.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ViewTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { SaveTestModels(); }
};

TEST_F(ViewTest, WritesAPageAndNothingOverAnother) {
  EXPECT_THAT(Nomo("view classifier.nomo").out, StartsWith("wrote classifier.html ("));
  const std::string html = Contents("classifier.html");
  EXPECT_THAT(html, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("default-src 'none'")));

  const CliResult again = Nomo("view classifier.nomo");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--force"));
  EXPECT_EQ(Nomo("view classifier.nomo --force").exit_code, 0);
  EXPECT_EQ(Nomo("view classifier.nomo -o -").out, html);
}

TEST_F(ViewTest, ShowsWhatCannotRunAndWhatDiffers) {
  EXPECT_EQ(Nomo("view missing.nomo -o missing.html").exit_code, 0);
  EXPECT_EQ(Nomo("view tenfold.nomo twofold.nomo -o diff.html").exit_code, 0);
  EXPECT_EQ(Nomo("view affine.nomo --program -o program.html").exit_code, 0);
  EXPECT_EQ(Nomo("view missing.nomo --program -o program2.html").exit_code, 4);
}

TEST_F(ViewTest, MeasuresErrorsAgainstADump) {
  EXPECT_EQ(Nomo("dump affine.nomo '**' -o errors_of.npz").exit_code, 0);
  EXPECT_EQ(Nomo("view affine.nomo --dump errors_of.npz -o error.html").exit_code, 0);
  EXPECT_THAT(Nomo("view affine.nomo -o plain.html").out, StartsWith("wrote"));
  EXPECT_NE(Contents("error.html"), Contents("plain.html"));

  EXPECT_EQ(Nomo("dump affine.nomo kind:output -o outputs.npz").exit_code, 0);
  const CliResult without = Nomo("view affine.nomo --dump outputs.npz -o none.html");
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.err, HasSubstr("is not among its values: give it with -i"));
  EXPECT_EQ(Nomo("view affine.nomo --dump gone.npz -o none.html").exit_code, 3);
}

TEST_F(ViewTest, RefusesNumbersOfNoNode) {
  WriteContents("view_times.json", R"({"nobody": 1})");
  const CliResult result = Nomo("view affine.nomo -o - --profile view_times.json");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("the first is \"nobody\""));
  EXPECT_EQ(Nomo("view affine.nomo -o - --numbers view_times.json").exit_code, 2);
  EXPECT_EQ(Nomo("view affine.nomo -o - --profile gone.json").exit_code, 3);
}

}  // namespace
}  // namespace nomograph
