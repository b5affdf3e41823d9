// nomo tune: measures in which forms a model's nodes run fastest on this machine.
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/tune.h"
#include "nomograph/inspect/tuning_file.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/tune_print.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, output;
  std::vector<std::string> inputs, allowed_io;
  int64_t batch = 1;
  bool json = false, all = false, force = false;
  TuneOptions tune;
};

// What was measured before, for other shapes: it is kept where it still holds. An error where there
// is something else in the file's place.
absl::StatusOr<TuningFile> Earlier(const Arguments& arguments) {
  std::error_code error;
  if (arguments.output == "-" || !std::filesystem::exists(arguments.output, error)) {
    return TuningFile();
  }
  auto file = ReadTuning(arguments.output);
  if (file.ok()) return file;
  NOMO_RETURN_IF_ERROR(CheckNotThere(arguments.output, arguments.force));
  return TuningFile();
}

absl::StatusOr<TuneReport> Tune(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  NOMO_ASSIGN_OR_RETURN(
      const NamedTensors inputs,
      ReadModelInputs(file.model.graph, arguments.inputs, {.batch = arguments.batch}));
  ProgressBar progress("tuning");
  TuneOptions options = arguments.tune;
  options.session.allowed_io = arguments.allowed_io;
  options.progress = progress.callback();
  const auto model = std::make_shared<const Model>(std::move(file.model));
  auto report = TuneModel(model, inputs, options);
  if (report.ok() || absl::IsInternal(report.status())) return report;
  return WithExitCode(ExitCode::kCannotRun, AtFile(arguments.path, report.status()));
}

absl::Status Execute(Arguments arguments) {
  if (arguments.output.empty()) {
    if (arguments.path == "-") {
      return WithExitCode(ExitCode::kUsage,
                          InvalidArgument("-o says where the tuning of standard input goes"));
    }
    arguments.output = TuningPath(arguments.path);
  }
  NOMO_ASSIGN_OR_RETURN(const TuningFile earlier, Earlier(arguments));
  NOMO_ASSIGN_OR_RETURN(const TuneReport report, Tune(arguments));
  TuningFile file = report.file;
  int64_t kept = 0;
  if (earlier.key == file.key) {
    for (const auto& form : earlier.forms) kept += file.forms.insert(form).second ? 1 : 0;
  }
  NoteEmulation("nomo tune", arguments.tune.session.precision);
  if (arguments.output == "-") {
    Print(TuningText(file));
    return absl::OkStatus();
  }
  NOMO_RETURN_IF_ERROR(WithExitCode(ExitCode::kUnwritable, WriteTuning(arguments.output, file)));
  if (arguments.json) {
    PrintJson(TuneJson(arguments.path, arguments.output, report));
    return absl::OkStatus();
  }
  Print(absl::StrCat(TuneText(report, arguments.all), "wrote ", Escape(arguments.output), "  ",
                     Counted(static_cast<int64_t>(file.forms.size()), "kind"), " of nodes",
                     kept > 0 ? absl::StrCat(", ", kept, " of them from before") : "", "\n"));
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kModelInputsHelp);
  app.add_option("--batch", arguments->batch, "Random inputs have N rows (default 1)")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_option("-o,--output", arguments->output,
                 "Where what is measured goes (default: MODEL.tuning, where run, profile and "
                 "inspect look for it); - is standard output")
      ->type_name("FILE");
  app.add_option("--duration", arguments->tune.seconds, "Measure for so long (default 30)")
      ->type_name("SECONDS")
      ->check(NumberBetween(1e-3, 1e6));
  app.add_option("--min-gain", arguments->tune.min_gain,
                 "The part of its time that another form must save a node (default 0.05)")
      ->type_name("PART")
      ->check(NumberBetween(0, 0.99));
  app.add_option("--threads", arguments->tune.session.threads,
                 "Use N threads (default: as many as processors); what is measured holds for as "
                 "many")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddPrecisionFlag(app, arguments->tune.session.precision, "Multiply in");
  app.add_flag("--all", arguments->all, "List the nodes of which the estimate stands, too");
  app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  app.add_flag("--force", arguments->force, "Write over a file that is no tuning");
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"tune", "Measure which kernels run a model's nodes fastest here",
                                   SetUp});

}  // namespace
}  // namespace nomograph
