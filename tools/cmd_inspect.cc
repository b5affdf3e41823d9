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
#include "nomograph/tools/text/progress.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  bool json = false, stats = false, nodes = false, tensors = false, functions = false;
  bool program = false, exact = false;
  std::vector<std::string> inputs;
  int64_t batch = 1;
};

// "x=1x28x28x1", or "1x28x28x1" for the only input.
absl::StatusOr<std::map<std::string, Shape>> ParseShapes(const Graph& graph,
                                                         const std::vector<std::string>& inputs) {
  std::map<std::string, Shape> shapes;
  const NamedValues values(graph, graph.inputs);
  for (const std::string& input : inputs) {
    const NamedArgument named = values.Split(input);
    std::string name = named.name;
    if (name.empty() && graph.inputs.size() != 1) {
      return InvalidArgument("--input ", input, ": the model has ", graph.inputs.size(),
                             " inputs; write --input NAME=SHAPE");
    }
    if (name.empty()) name = graph.value(graph.inputs[0]).name;
    NOMO_ASSIGN_OR_RETURN(shapes[name], ParseShape(named.rest));
  }
  return shapes;
}

absl::Status PrintProgram(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  const Graph& graph = file.model.graph;
  NOMO_ASSIGN_OR_RETURN(const auto shapes,
                        WithExitCode(ExitCode::kUsage, ParseShapes(graph, arguments.inputs)));
  const auto inputs = ConcreteInputs(graph, shapes, arguments.batch);
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
  AddRepeated(app, "--input", arguments->inputs, "NAME=SHAPE",
              "For --program: the shape of an input, as x=1x28x28x1")
      ->needs(program);
  app.add_option("--batch", arguments->batch, "For --program: rows of the other inputs (default 1)")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->needs(program);
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
