// nomo evaluate: a model's loss and metrics on data.
#include <memory>
#include <string>
#include <utility>

#include "nlohmann/json.hpp"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/open.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/top_k.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/train/learning_flags.h"
#include "nomograph/tools/usage.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  LearningFlags learning;
  int threads = 0;
  bool exact = false, json = false;
  Precision precision = Precision::kFloat32;
};

absl::StatusOr<Logs> Evaluate(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  auto outputs = OutputGoalsOf(arguments.learning, file.model);
  if (!outputs.ok()) return WithExitCode(ExitCode::kUsage, outputs.status());
  NOMO_ASSIGN_OR_RETURN(TrainingDataOptions options, DataOptionsOf(arguments.learning));
  options.shuffle = false;
  options.known_classes = LabelsOf(file.model);
  options.only_known = !options.known_classes.empty();
  NOMO_ASSIGN_OR_RETURN(const NamedTrainingData data,
                        ReadTrainingData(file.model, *outputs, arguments.learning.data, options));
  auto trainer = Trainer::Create(file.model, {.outputs = *std::move(outputs)},
                                 {.exact = arguments.exact,
                                  .precision = arguments.precision,
                                  .threads = arguments.threads,
                                  .evaluation_only = true});
  if (!trainer.ok()) {
    return WithExitCode(LearningExitCode(trainer.status()),
                        AtFile(arguments.path, trainer.status()));
  }
  NoteEmulation("nomo evaluate", arguments.precision);
  auto logs = (*trainer)->Evaluate(data.data, {.batch_size = arguments.learning.batch_size});
  if (!logs.ok()) return WithExitCode(LearningExitCode(logs.status()), logs.status());
  return logs;
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(const Logs logs, Evaluate(arguments));
  if (arguments.json) {
    Json metrics = Json::object();
    for (const auto& [name, value] : logs) metrics[name] = NumberJson(value);
    PrintJson({{"schema", "nomograph.evaluate.1"},
               {"file", arguments.path},
               {"metrics", std::move(metrics)}});
    return absl::OkStatus();
  }
  TextTable table({{"metric"}, {"value", true}});
  for (const auto& [name, value] : logs) table.AddRow({name, ShortNumber(value)});
  Print(table.ToString());
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddDataFlags(app, arguments->learning);
  AddGoalFlags(app, arguments->learning);
  CLI::Option* exact =
      app.add_flag("--exact", arguments->exact, "The same bits on every machine, slower");
  AddPrecisionFlag(app, arguments->precision, "Multiply in")->excludes(exact);
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  app.add_flag("--json", arguments->json, "Loss and metrics as JSON (tools/JSON.md)");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"evaluate", "Compute a model's loss and metrics on data",
                                   SetUp});

}  // namespace
}  // namespace nomograph
