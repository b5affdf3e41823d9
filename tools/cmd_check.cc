// nomo check: all that would keep a model from running here.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/check_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/check_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  bool json = false;
  CheckOptions options;
};

// A file that is damaged so that nothing can be told of the model is a finding too.
absl::StatusOr<std::vector<Finding>> Check(const Arguments& arguments) {
  const auto file = OpenWithProgress(arguments.path, /*upgrade=*/false);
  if (absl::IsDataLoss(file.status())) {
    return std::vector<Finding>{{Finding::Kind::kDamage, "", std::string(file.status().message())}};
  }
  if (!file.ok()) return WithExitCode(ExitCode::kUnreadable, file.status());
  ProgressBar progress("checking payloads");
  const absl::Status damage = VerifyPayloads(*file, progress.callback());
  return CheckModel(*file, damage, OpRegistry::Default(), arguments.options);
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Finding> findings, Check(arguments));
  if (arguments.json) {
    PrintJson(CheckJson(arguments.path, findings));
  } else {
    Print(CheckText(arguments.path, findings));
  }
  const int64_t faults = CountFaults(findings);
  if (faults == 0) return absl::OkStatus();
  return WithExitCode(
      ExitCode::kFailed,
      AtFile(arguments.path, absl::FailedPreconditionError(Counted(faults, "fault"))));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_flag("--json", arguments->json, "As JSON (tools/README.md has the schema)");
  app.add_flag("--exact", arguments->options.resolve.exact,
               "For exact mode: reference kernels only");
  app.add_flag("--compare-bodies", arguments->options.compare_bodies,
               "Run kernels and the bodies that the file has for their ops on the same numbers, "
               "and compare");
  AddRepeated(app, "--allow-io", arguments->options.resolve.allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"check",
                                   "List everything that would stop a model from running here",
                                   SetUp});

}  // namespace
}  // namespace nomograph
