// For tests of the command line: runs the program as a user does.
#ifndef NOMOGRAPH_TOOLS_TESTING_CLI_H_
#define NOMOGRAPH_TOOLS_TESTING_CLI_H_

#include <string>

#include "absl/status/status.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

struct CliResult {
  int exit_code = -1;
  std::string out, err;
};

// Runs `nomo ARGUMENTS` through the shell, in the folder of TempPath(), or in a folder in that.
// What it prints goes to the file `out`.
CliResult Nomo(const std::string& arguments, const std::string& out = "stdout.txt",
               const std::string& folder = ".");

// A file of `data`, by its path in the repository.
std::string RunfilesPath(const std::string& path);
// The program.
std::string NomoPath();

// A file of this process, and its bytes.
std::string TempPath(const std::string& name);
std::string Contents(const std::string& name);
void WriteContents(const std::string& name, const std::string& contents);

// The op library of acme_ops.cc.
std::string AcmeOps();

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TESTING_CLI_H_
