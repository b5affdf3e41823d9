// Runs the commands that the documentation shows, with small models under the names that it uses.
//
// A command is a line "    nomo ..." or "    $ nomo ..." of an indented block, or in a table a span
// of code that begins with "nomo ". It is to succeed, unless "# exit code N" stands behind it. In
// docs/ERRORS.md what follows a command is compared with what it prints on standard error.
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/tools/testing/stand_ins.h"

namespace nomograph {
namespace {

// Tests start in the folder of the runfiles.
const std::string& Runfiles() {
  static const auto* folder = new std::string(std::filesystem::current_path().string());
  return *folder;
}

struct Command {
  int line = 0;
  std::string text;
  int exit_code = 0;
  std::string shown;  // what stands behind it in the block
};

// "nomo run ...", and not "nomo run: ...", which is a message.
bool IsCommand(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  return words.size() > 1 && words[0] == "nomo" && !absl::EndsWith(words[1], ":");
}

// "nomo diff A B" and "nomo ops [NAME]" tell of a form: a word in capitals stands for something.
bool IsSynopsis(absl::string_view text) {
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (absl::StartsWith(word, "#")) break;
    const absl::string_view name = absl::StripSuffix(absl::StripPrefix(word, "["), "]");
    if (!name.empty() && absl::c_all_of(name, absl::ascii_isupper)) return true;
  }
  return absl::StrContains(text, "FILE");
}

void TakeExitCode(Command& command) {
  const std::string mark = "# exit code ";
  const size_t at = command.text.find(mark);
  if (at == std::string::npos) return;
  EXPECT_TRUE(absl::SimpleAtoi(command.text.substr(at + mark.size()), &command.exit_code))
      << command.text;
}

std::vector<Command> CommandsOf(const std::string& page) {
  const auto contents = ReadFile(absl::StrCat(Runfiles(), "/", page));
  EXPECT_TRUE(contents.ok()) << contents.status();
  std::vector<Command> commands;
  if (!contents.ok()) return commands;
  int number = 0;
  bool in_block = false;
  for (absl::string_view line : absl::StrSplit(*contents, '\n')) {
    ++number;
    if (absl::StartsWith(line, "|")) {
      const std::vector<std::string> spans = absl::StrSplit(line, '`');
      for (size_t i = 1; i < spans.size(); i += 2) {
        if (!absl::StartsWith(spans[i], "nomo ") || IsSynopsis(spans[i])) continue;
        commands.push_back({number, absl::StrReplaceAll(spans[i], {{"\\|", "|"}})});
        TakeExitCode(commands.back());
      }
    }
    in_block = absl::ConsumePrefix(&line, "    ") &&
               (in_block || absl::StartsWith(line, "nomo ") || absl::StartsWith(line, "$ "));
    if (!in_block) continue;
    if (absl::ConsumePrefix(&line, "$ ") || IsCommand(line)) {
      if (IsSynopsis(line)) continue;
      commands.push_back({number, std::string(line)});
      TakeExitCode(commands.back());
    } else if (!commands.empty()) {
      absl::StrAppend(&commands.back().shown, line, "\n");
    }
  }
  return commands;
}

class DocsTest : public testing::TestWithParam<const char*> {};

TEST_P(DocsTest, CommandsDoWhatThePageSays) {
  const std::string page = GetParam();
  const std::string folder =
      absl::StrCat(testing::TempDir(), "/docs_", absl::StrReplaceAll(page, {{"/", "_"}}));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  SaveStandIns(folder);
  std::filesystem::copy_file(
      absl::StrCat(Runfiles(), "/serialization/keras/testdata/models/sequential_lambda.h5"),
      folder + "/keras.h5");
  const std::vector<Command> commands = CommandsOf(page);
  EXPECT_GT(commands.size(), 3u);
  for (const Command& command : commands) {
    const std::string place = absl::StrCat(page, ":", command.line, ": ", command.text);
    const std::string script = absl::StrCat("cd '", folder, "' && PATH='", Runfiles(),
                                            "/tools':\"$PATH\"\n", command.text, "\n");
    ASSERT_TRUE(WriteFileAtomically(folder + "/command.sh", script).ok());
    const int status = std::system(absl::StrCat("bash '", folder, "/command.sh' >'", folder,
                                                "/out.txt' 2>'", folder, "/err.txt' </dev/null")
                                       .c_str());
    const std::string err = *ReadFile(folder + "/err.txt");
    ASSERT_TRUE(WIFEXITED(status)) << place;
    const bool exact = page == "docs/ERRORS.md";
    EXPECT_TRUE(WEXITSTATUS(status) == command.exit_code &&
                (exact ? err == command.shown : command.exit_code != 0 || err.empty()))
        << place << "\nexit code " << WEXITSTATUS(status) << "\n"
        << err;
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, DocsTest,
                         testing::Values("README.md", "tools/README.md", "docs/FEATURES.md",
                                         "docs/ERRORS.md", "docs/FAQ.md"));

// The feature table has a number for each row, and a command or a reason.
TEST(Features, EveryRowHasACommandOrAReason) {
  const auto contents = ReadFile(absl::StrCat(Runfiles(), "/docs/FEATURES.md"));
  ASSERT_TRUE(contents.ok()) << contents.status();
  int row = 0;
  for (const absl::string_view line : absl::StrSplit(*contents, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (!absl::StartsWith(line, "| ") || cells.size() < 3) continue;
    int number = 0;
    if (!absl::SimpleAtoi(cells[0].substr(2), &number)) continue;
    EXPECT_EQ(number, ++row) << line;
    EXPECT_TRUE(absl::StrContains(cells[2], "`nomo ") || absl::StrContains(cells[2], "not ") ||
                absl::StrContains(cells[2], "`bazel "))
        << line;
  }
  EXPECT_EQ(row, 56);
}

// Some 80 typical mistakes, each of which is to end with its exit code, a message, and nothing
// written.
TEST(Mistakes, AreAnsweredAsTheyShouldBe) {
  const std::string folder = testing::TempDir() + "/mistakes";
  std::filesystem::create_directories(folder);
  SaveStandIns(folder);
  const std::string nomo = Runfiles() + "/tools/nomo";
  const std::string script =
      absl::StrCat("cd '", folder, "' && '", nomo,
                   "' convert resnet50.onnx m.nomo --force >/dev/null && python3 '", Runfiles(),
                   "/tools/testing/mistakes.py' '", nomo, "' m.nomo resnet50.onnx >told.txt");
  const int status = std::system(script.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << *ReadFile(folder + "/told.txt");
}

}  // namespace
}  // namespace nomograph
