// What every command does with wrong arguments and with files that are no models.
#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/tools/testing/cli.h"
#include "nomograph/tools/testing/models.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class UsageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SaveTestModels();
    const std::string model = Contents("affine.nomo");
    WriteContents("notes.nomo", "A shopping list: milk, bread.\n");
    WriteContents("empty.nomo", "");
    WriteContents("zipped.nomo", "PK\003\004 and so on");
    WriteContents("truncated.nomo", model.substr(0, model.size() - 7));
    std::string newer = model;
    newer[12] = 2;  // behind the first field, "nomograph", and a tag
    WriteContents("newer.nomo", newer);
    WriteContents("bad.nomo.txtpb", "magic: \"nomograph\"\nformat_version: 1\nnodes {\n");
  }
};

struct Case {
  const char* arguments;
  int exit_code;
  const char* message;  // in standard error
};

TEST_F(UsageTest, WrongArguments) {
  constexpr Case kCases[] = {
      {"", 2, "Usage: nomo"},
      {"sumary affine.nomo", 2, "nomo: there is no command \"sumary\" (did you mean summary?)"},
      {"--op-library x.so sumary affine.nomo", 2, "there is no command \"sumary\""},
      {"--frobnicate", 2, "nomo: there is no flag \"--frobnicate\""},
      {"-v", 2, "nomo: there is no flag \"-v\""},
      {"run affine.nomo -i random --topk 3", 2,
       "nomo run: there is no flag \"--topk\" (did you mean --top-k"},
      {"run affine.nomo --top-k five", 2, "--top-k: \"five\" is no whole number"},
      {"run affine.nomo --memory-limit 4X", 2, "--memory-limit: \"4X\" is no size"},
      {"convert affine.nomo b.onnx --inputs a --outputs b", 2, "there is no flag \"--inputs\""},
      {"summary", 2, "nomo summary: FILE is required\nSee `nomo summary --help`."},
      {"summary affine.nomo --frobnicate", 2, "there is no flag"},
      {"inspect affine.nomo op:relu another.nomo", 2,
       "nothing takes the argument \"another.nomo\""},
      {"run affine.nomo --batch 0", 2, "--batch"},
      {"run affine.nomo --batch many", 2, "--batch"},
      {"run affine.nomo --top-k -1", 2, "--top-k"},
      {"run affine.nomo -i random --seed -1", 2, "--seed"},
      {"run affine.nomo --labels labels.txt", 2, "--labels requires --top-k"},
      {"run affine.nomo --step 3", 2, "--step requires --training"},
      {"inspect affine.nomo --input x=1x3", 2, "--shape requires --program"},
      {"inspect affine.nomo --program --textconv", 2, "excludes"},
      {"convert affine.nomo", 2, "OUT is required"},
      {"ops --json --markdown", 2, "--json excludes --markdown"},
  };
  for (const Case& c : kCases) {
    const CliResult result = Nomo(c.arguments);
    EXPECT_EQ(result.exit_code, c.exit_code) << c.arguments << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(c.message)) << c.arguments;
    EXPECT_THAT(result.err, StartsWith("nomo")) << c.arguments;
    EXPECT_THAT(result.out, IsEmpty()) << c.arguments;
  }
}

TEST_F(UsageTest, FilesThatAreNoModels) {
  constexpr Case kFiles[] = {
      {"nowhere.nomo", 3, "cannot open \"nowhere.nomo\": No such file or directory"},
      {".", 3, "cannot open \".\": it is a directory"},
      {"notes.nomo", 3, "notes.nomo: this is not a Nomograph model"},
      {"empty.nomo", 3, "empty.nomo: the file is empty"},
      {"zipped.nomo", 3, "zipped.nomo: this is not a Nomograph model: it looks like"},
      {"newer.nomo", 3,
       "newer.nomo: the file has format version 2; this build reads versions up to 1"},
      {"nowhere.nomo.txtpb", 3, "cannot open \"nowhere.nomo.txtpb\": No such file or directory"},
      {"bad.nomo.txtpb", 3, "bad.nomo.txtpb: "},
      {"/dev/null", 3, "/dev/null"},
  };
  for (const std::string command :
       {"summary", "inspect", "inspect --program", "run", "verify", "check"}) {
    for (const Case& c : kFiles) {
      const CliResult result = Nomo(command + " " + c.arguments);
      EXPECT_EQ(result.exit_code, c.exit_code) << command << " " << c.arguments << "\n"
                                               << result.err;
      EXPECT_THAT(result.err, HasSubstr(c.message)) << command;
      EXPECT_THAT(result.err, StartsWith("nomo " + command.substr(0, command.find(' ')) + ": "));
      EXPECT_THAT(result.out, IsEmpty()) << command << " " << c.arguments;
    }
  }
}

TEST_F(UsageTest, DamageIsUnreadableExceptForTheCommandsThatLookForIt) {
  for (const std::string command : {"summary", "inspect", "run"}) {
    EXPECT_EQ(Nomo(command + " truncated.nomo").exit_code, 3) << command;
  }
  for (const std::string command : {"verify", "check"}) {
    EXPECT_EQ(Nomo(command + " truncated.nomo").exit_code, 1) << command;
  }
  EXPECT_THAT(Nomo("summary truncated.nomo").err, HasSubstr("truncated"));
}

TEST_F(UsageTest, HelpIsEverywhere) {
  const CliResult all = Nomo("--help");
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.err, IsEmpty());
  EXPECT_THAT(all.out, HasSubstr("Exit codes:\n  0   success\n"));
  EXPECT_THAT(all.out, HasSubstr("--op-library"));
  EXPECT_EQ(Nomo("help").out, all.out);
  for (const std::string command :
       {"check", "convert", "inspect", "ops", "run", "summary", "verify"}) {
    EXPECT_THAT(all.out, HasSubstr("\n  " + command + " ")) << command;
    const CliResult help = Nomo(command + " --help");
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Usage: nomo " + command)) << command;
    // In a pipe lines have 100 columns at most.
    for (const absl::string_view line : absl::StrSplit(help.out, '\n')) {
      EXPECT_LE(line.size(), 100u) << command << ": " << line;
    }
    EXPECT_EQ(Nomo("help " + command).out, help.out) << command;
  }
  EXPECT_EQ(Nomo("help sumary").exit_code, 2);
}

TEST_F(UsageTest, Version) {
  const CliResult version = Nomo("--version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out, "nomo 0.1.0, model format version 1\n");
}

TEST_F(UsageTest, OpLibraries) {
  const CliResult missing = Nomo("summary affine.nomo --op-library nowhere.so");
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("nomo summary: op library nowhere.so cannot be loaded"));
  EXPECT_EQ(Nomo("summary affine.nomo --op-library affine.nomo").exit_code, 3);
  for (const std::string& arguments :
       std::vector<std::string>{"--op-library " + AcmeOps() + " summary affine.nomo",
                                "summary affine.nomo --op-library " + AcmeOps()}) {
    EXPECT_EQ(Nomo(arguments).exit_code, 0) << arguments;
  }
}

TEST_F(UsageTest, StandardOutputThatIsFull) {
  const CliResult result = Nomo("summary affine.nomo", "/dev/full");
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_EQ(result.err, "nomo summary: standard output cannot be written to\n");
}

}  // namespace
}  // namespace nomograph
