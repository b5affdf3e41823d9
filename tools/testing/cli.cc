#include "nomograph/tools/testing/cli.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"

namespace nomograph {
namespace {

// Tests start in the folder of the runfiles.
const std::string& Runfiles() {
  static const auto* folder = new std::string(std::filesystem::current_path().string());
  return *folder;
}

const std::string& TempFolder() {
  static const auto* folder = [] {
    auto* path = new std::string(testing::TempDir() + "/cli");
    std::filesystem::create_directories(*path);
    return path;
  }();
  return *folder;
}

}  // namespace

CliResult Nomo(const std::string& arguments, const std::string& out, const std::string& folder) {
  const std::string to = out.starts_with("/dev/") ? out : TempPath(out);
  const std::string command =
      absl::StrCat("cd '", TempPath(folder), "' && '", NomoPath(), "' ", arguments, " >'", to,
                   "' 2>'", TempPath("stderr.txt"), "' </dev/null");
  const int status = std::system(command.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = out.starts_with("/dev/") ? "" : Contents(out),
          .err = Contents("stderr.txt")};
}

std::string RunfilesPath(const std::string& path) { return Runfiles() + "/" + path; }

std::string NomoPath() { return Runfiles() + "/tools/nomo"; }

std::string TempPath(const std::string& name) { return TempFolder() + "/" + name; }

std::string Contents(const std::string& name) {
  const auto contents = ReadFile(TempPath(name));
  EXPECT_TRUE(contents.ok()) << contents.status();
  return contents.ok() ? *contents : "";
}

void WriteContents(const std::string& name, const std::string& contents) {
  const absl::Status written = WriteFileAtomically(TempPath(name), contents);
  EXPECT_TRUE(written.ok()) << written;
}

std::string AcmeOps() { return Runfiles() + "/tools/libacme_ops.so"; }

}  // namespace nomograph
