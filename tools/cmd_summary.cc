// nomo summary: what a model is made of and what it costs.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/types/status.h"
#include "nomograph/inspect/summarize.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/shape_flags.h"
#include "nomograph/tools/report/summary_print.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::vector<std::string> paths;
  std::optional<int> depth;
  ShapeFlags shapes;
  bool layers = false, scopes = false, json = false;
};

absl::Status SummarizeFile(const Arguments& arguments, const std::string& path, bool first,
                           JsonOfFiles& json) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(path, /*upgrade=*/false)));
  SummaryOptions options{.depth = arguments.depth, .batch = arguments.shapes.batch};
  NOMO_ASSIGN_OR_RETURN(
      options.shapes,
      WithExitCode(ExitCode::kUsage, ParseShapes(file.model.graph, arguments.shapes.shapes)));
  const auto summary = Summarize(file.model, options);
  if (!summary.ok()) return WithExitCode(ExitCode::kUsage, AtFile(path, summary.status()));
  if (arguments.json) {
    json.Print(SummaryJson(file, *summary));
    return absl::OkStatus();
  }
  if (!first) Print("\n");
  const bool layers = !arguments.scopes && (arguments.layers || !file.model.layers.empty());
  Print(SummaryText(file, *summary, layers));
  return absl::OkStatus();
}

absl::Status Execute(const Arguments& arguments) {
  bool first = true;
  JsonOfFiles json(arguments.json, arguments.paths.size());
  return ForEachFile(arguments.paths, [&](const std::string& path) {
    return SummarizeFile(arguments, path, std::exchange(first, false), json);
  });
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFiles(app, arguments->paths);
  CLI::Option* depth =
      app.add_option("--depth", arguments->depth,
                     "How deep scopes are opened (default: as deep as some 24 rows allow)")
          ->type_name("N")
          ->check(Between(1, 1000));
  AddShapeFlags(app, arguments->shapes, "For operations and memory: ");
  CLI::Option* layers = app.add_flag("--layers", arguments->layers,
                                     "Keras' table, which models of layers have without it");
  app.add_flag("--scopes", arguments->scopes, "A row for each scope, also for models of layers")
      ->excludes(layers);
  depth->excludes(layers);
  app.add_flag("--json", arguments->json, "As JSON, of several files a list (tools/JSON.md)");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"summary",
                                   "Show layers or scopes, parameters, operations and memory",
                                   SetUp});

}  // namespace
}  // namespace nomograph
