// nomo profile: where the time of a model's runs goes.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/profile.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/profile_print.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/new_file.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/tuning_flag.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, trace_path, node_ms_path, tuning, per = "node";
  std::vector<std::string> inputs, allowed_io;
  int64_t batch = 1;
  int threads = 0, depth = 1;
  bool exact = false, json = false, all = false, force = false;
  Precision precision = Precision::kFloat32;
  ProfileOptions profile;
};

absl::Status CannotRun(const Arguments& arguments, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) return status;
  return WithExitCode(ExitCode::kCannotRun, AtFile(arguments.path, status));
}

absl::StatusOr<ModelProfile> Profile(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  NOMO_ASSIGN_OR_RETURN(
      const NamedTensors inputs,
      ReadModelInputs(file.model.graph, arguments.inputs, {.batch = arguments.batch}));
  SessionOptions session_options{.exact = arguments.exact,
                                 .precision = arguments.precision,
                                 .allowed_io = arguments.allowed_io,
                                 .threads = arguments.threads};
  if (!arguments.exact) {
    NOMO_ASSIGN_OR_RETURN(
        session_options.tuning,
        TuningFor("nomo profile", arguments.tuning, arguments.path, file.model, arguments.threads));
  }
  const auto session = Session::Create(file.model, std::move(session_options));
  if (!session.ok()) return CannotRun(arguments, session.status());
  ProfileOptions options = arguments.profile;
  ProgressBar progress("profiling");
  options.progress = progress.callback();
  auto profile = ProfileModel(**session, inputs, options);
  if (!profile.ok()) return CannotRun(arguments, profile.status());
  profile->exact = arguments.exact;
  return profile;
}

ProfileTextOptions TextOptions(const Arguments& arguments) {
  ProfileTextOptions options;
  options.grouping = arguments.per == "op"      ? ProfileGrouping::kOp
                     : arguments.per == "scope" ? ProfileGrouping::kScope
                                                : ProfileGrouping::kNode;
  options.depth = arguments.depth;
  if (arguments.all) options.max_rows = 0;
  options.percentiles = arguments.profile.percentiles;
  options.warmup = arguments.profile.warmup;
  return options;
}

absl::Status WriteFiles(const Arguments& arguments, const ModelProfile& profile) {
  if (!arguments.node_ms_path.empty()) {
    NOMO_RETURN_IF_ERROR(
        WriteNewJson(arguments.node_ms_path, NodeMillisecondsJson(profile), arguments.force));
  }
  if (arguments.trace_path.empty()) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(WriteNewJson(arguments.trace_path, TraceJson(profile), arguments.force));
  if (arguments.json) return absl::OkStatus();
  Print(absl::StrCat("wrote ", Escape(arguments.trace_path), ": ", profile.trace.size(), " events",
                     profile.trace_is_complete ? "" : ", the rest was too much",
                     "; open it in ui.perfetto.dev or chrome://tracing\n"));
  return absl::OkStatus();
}

absl::Status Execute(Arguments arguments) {
  for (const std::string& path : {arguments.trace_path, arguments.node_ms_path}) {
    if (!path.empty()) NOMO_RETURN_IF_ERROR(CheckNotThere(path, arguments.force));
  }
  if (arguments.trace_path.empty()) arguments.profile.traced_runs = 0;
  NOMO_ASSIGN_OR_RETURN(const ModelProfile profile, Profile(arguments));
  NoteEmulation("nomo profile", arguments.precision);
  if (arguments.json) {
    PrintJson(ProfileJson(arguments.path, profile, arguments.profile.percentiles));
  } else {
    Print(ProfileText(profile, TextOptions(arguments)));
  }
  return WriteFiles(arguments, profile);
}

void AddRuns(CLI::App& app, ProfileOptions& profile) {
  CLI::Option* seconds =
      app.add_option("--duration", profile.seconds, "Run for so long (default 3)");
  seconds->type_name("SECONDS")->check(NumberBetween(1e-3, 1e6));
  app.add_option("--runs", profile.runs, "Profile N runs, however long it takes")
      ->type_name("N")
      ->check(Between(1, 1'000'000))
      ->excludes(seconds);
  app.add_option("--warmup", profile.warmup, "Runs ahead of those that count (default 10)")
      ->type_name("N")
      ->check(Between(0, 1'000'000));
  app.add_option("--percentiles", profile.percentiles, "Of latencies (default 90,99)")
      ->delimiter(',')
      ->type_name("P,P,...")
      ->check(NumberBetween(1e-3, 100));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kModelInputsHelp);
  app.add_option("--batch", arguments->batch, "Random inputs have N rows (default 1)")
      ->type_name("N")
      ->check(AtLeast(1));
  AddRuns(app, arguments->profile);
  app.add_option("--per", arguments->per, "A row for each node (default), op or scope")
      ->check(CLI::IsMember({"node", "op", "scope"}))
      ->type_name("WHAT");
  app.add_option("--depth", arguments->depth, "Parts of a name that make a scope (default 1)")
      ->type_name("N")
      ->check(Between(1, 1000));
  app.add_flag("--all", arguments->all, "Every row; else the 30 slowest");
  app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  app.add_option("--trace", arguments->trace_path,
                 "Write the steps of the first runs as a Chrome trace, for Perfetto")
      ->type_name("FILE.json");
  arguments->profile.traced_runs = 10;
  app.add_option("--trace-runs", arguments->profile.traced_runs, "Runs in the trace (default 10)")
      ->type_name("N")
      ->check(Between(1, 1'000'000));
  app.add_option("--node-ms", arguments->node_ms_path,
                 "Write {node: milliseconds}, which pictures can be coloured by")
      ->type_name("FILE.json");
  app.add_flag("--force", arguments->force, "Write over files that are there");
  CLI::Option* exact = app.add_flag("--exact", arguments->exact, "Profile exact mode");
  AddPrecisionFlag(app, arguments->precision, "Multiply in")->excludes(exact);
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddTuningFlag(app, arguments->tuning)->excludes(exact);
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"profile", "Tell where the time of a model's runs goes", SetUp});

}  // namespace
}  // namespace nomograph
