// What `nomo` exits with. The numbers are part of its interface: README.md documents them, and they
// never change.
#ifndef NOMOGRAPH_TOOLS_EXIT_CODE_H_
#define NOMOGRAPH_TOOLS_EXIT_CODE_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nomograph {

enum class ExitCode {
  kOk = 0,
  kFailed = 1,      // the model did not pass the check or the verification
  kUsage = 2,       // wrong arguments, or inputs that do not fit the model
  kUnreadable = 3,  // a file cannot be read, or is not what it should be
  kCannotRun = 4,   // this program cannot run the model: an op is missing, types do not fit, memory
                    // or time runs out, ...
  kUnwritable = 5,  // an output cannot be written
  kInternal = 70,   // a fault of this program
};

// Says with what the program exits for this status; one that has been said already stays. OK stays
// OK.
absl::Status WithExitCode(ExitCode code, absl::Status status);
template <typename T>
absl::StatusOr<T> WithExitCode(ExitCode code, absl::StatusOr<T> result) {
  if (result.ok()) return result;
  return WithExitCode(code, result.status());
}

// kOk for an OK status; kInternal for one of which nothing has been said.
ExitCode ExitCodeOf(const absl::Status& status);

// For --help.
extern const char kExitCodesHelp[];

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_EXIT_CODE_H_
