// nomo inspect: all that a file holds, and how it resolves here.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/inspect_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/inspect_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/program_text.h"
#include "nomograph/tools/report/shape_flags.h"
#include "nomograph/tools/text/progress.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  bool json = false, stats = false, nodes = false, tensors = false, functions = false;
  bool program = false, exact = false;
  ShapeFlags shapes;
};

absl::Status PrintProgram(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  const Graph& graph = file.model.graph;
  NOMO_ASSIGN_OR_RETURN(
      const auto shapes,
      WithExitCode(ExitCode::kUsage, ParseShapes(graph, arguments.shapes.shapes)));
  const auto inputs = ConcreteInputs(graph, shapes, arguments.shapes.batch);
  if (!inputs.ok()) {
    return WithExitCode(ExitCode::kUsage, AtFile(file.path, inputs.status()));
  }
  const OpRegistry& registry = OpRegistry::Default();
  const absl::Status runnable = CheckRunnable(file.model, registry, {.exact = arguments.exact});
  if (!runnable.ok()) return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, runnable));
  const auto program =
      Program::Compile(file.model, graph, *inputs, registry, {.exact = arguments.exact});
  if (!program.ok()) {
    return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, program.status()));
  }
  Print(ProgramText(**program));
  return absl::OkStatus();
}

absl::Status PrintReport(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/false)));
  InspectSections sections;
  if (arguments.nodes || arguments.tensors || arguments.functions) {
    sections = {.facts = false,
                .nodes = arguments.nodes,
                .functions = arguments.functions,
                .tensors = arguments.tensors};
  }
  ModelReport report;
  {
    ProgressBar progress("reading tensors");
    report = InspectModel(file, OpRegistry::Default(),
                          {.stats = arguments.stats, .progress = progress.callback()});
  }
  if (arguments.json) {
    PrintJson(InspectJson(report, sections));
  } else {
    Print(InspectText(report, sections));
  }
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_flag("--stats", arguments->stats, "Statistics of every tensor (reads all weights)");
  app.add_flag("--nodes", arguments->nodes, "Only the nodes");
  app.add_flag("--tensors", arguments->tensors, "Only the tensors");
  app.add_flag("--functions", arguments->functions, "Only the functions");
  CLI::Option* json =
      app.add_flag("--json", arguments->json, "As JSON (tools/README.md has the schema)");
  CLI::Option* program =
      app.add_flag("--program", arguments->program,
                   "The steps that the model is compiled to on this machine, instead");
  const ShapeOptions shapes = AddShapeFlags(app, arguments->shapes, "For --program: ");
  shapes.shape->needs(program);
  shapes.batch->needs(program);
  app.add_flag("--exact", arguments->exact, "For --program: reference kernels only")
      ->needs(program);
  program->excludes(json);
  return [arguments] {
    return arguments->program ? PrintProgram(*arguments) : PrintReport(*arguments);
  };
}

const CommandRegistrar kRegistrar(
    {"inspect", "Show nodes, lambdas and how they resolve, tensors, golden vectors", SetUp});

}  // namespace
}  // namespace nomograph
