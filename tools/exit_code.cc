#include "nomograph/tools/exit_code.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

constexpr char kPayload[] = "nomograph.tools.ExitCode";

}  // namespace

absl::Status WithExitCode(ExitCode code, absl::Status status) {
  if (!status.ok() && !status.GetPayload(kPayload).has_value()) {
    status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(code))));
  }
  return status;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  const auto payload = status.GetPayload(kPayload);
  int code = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &code)) {
    return ExitCode::kInternal;
  }
  return static_cast<ExitCode>(code);
}

const char kExitCodesHelp[] =
    "Exit codes:\n"
    "  0   success\n"
    "  1   the model did not pass: verify or check found a fault, diff or compare a\n"
    "      difference, convert something that ONNX has no form for\n"
    "  2   wrong usage: unknown flags, missing arguments, inputs that do not fit\n"
    "  3   a file cannot be read, or is not what it should be\n"
    "  4   the model cannot run here: an op is missing, types do not fit, memory or\n"
    "      time runs out\n"
    "  5   an output cannot be written\n"
    "  70  internal error\n";

}  // namespace nomograph
