// nomo inspect: all that a file holds, and how it resolves here.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/inspect_model.h"
#include "nomograph/inspect/selected_tensors.h"
#include "nomograph/inspect/selector.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/inspect_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/program_text.h"
#include "nomograph/tools/report/selection_print.h"
#include "nomograph/tools/report/shape_flags.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/tuning_flag.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, selector, output, tuning;
  InspectSections only = InspectSections::None();
  bool json = false, stats = false, textconv = false, program = false, exact = false;
  bool force = false;
  int threads = 0;
  Precision precision = Precision::kFloat32;
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
  CompileOptions options{
      .exact = arguments.exact, .precision = arguments.precision, .threads = arguments.threads};
  if (!arguments.exact) {
    NOMO_ASSIGN_OR_RETURN(options.tuning, TuningFor("nomo inspect", arguments.tuning, file.path,
                                                    file.model, arguments.threads));
  }
  const auto program = Program::Compile(file.model, graph, *inputs, registry, options);
  if (!program.ok()) {
    return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, program.status()));
  }
  if (arguments.json) {
    PrintJson(ProgramJson(**program));
  } else {
    Print(ProgramText(**program));
    const std::string emulation = EmulationText(arguments.precision);
    if (!emulation.empty()) Print(absl::StrCat("\n", emulation, "\n"));
  }
  return absl::OkStatus();
}

absl::Status WriteTensors(const Arguments& arguments, const Selection& selection) {
  NOMO_ASSIGN_OR_RETURN(const NamedTensors tensors,
                        WithExitCode(ExitCode::kUsage, SelectedTensors(selection)));
  NOMO_RETURN_IF_ERROR(WriteTensorsTo(arguments.output, tensors, arguments.force));
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.num_bytes();
  Print(absl::StrCat("wrote ", Escape(arguments.output), "  ",
                     Counted(static_cast<int64_t>(tensors.size()), "tensor"), ", ",
                     ReadableBytes(bytes), "\n"));
  return absl::OkStatus();
}

absl::Status PrintSelection(const Arguments& arguments, const ModelFile& file) {
  const auto selection = Select(file.model, arguments.selector);
  if (!selection.ok()) {
    return WithExitCode(ExitCode::kUsage, AtFile(arguments.path, selection.status()));
  }
  if (!arguments.output.empty()) return WriteTensors(arguments, *selection);
  const SelectionPrint options{.all = arguments.only.all, .stats = arguments.stats};
  if (arguments.json) {
    PrintJson(SelectionJson(file, *selection, options));
  } else {
    Print(SelectionText(file.model, *selection, options));
  }
  return absl::OkStatus();
}

absl::Status PrintReport(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/false)));
  if (!arguments.selector.empty()) return PrintSelection(arguments, file);
  if (arguments.textconv) {
    Print(TextConv(file.model));
    return absl::OkStatus();
  }
  InspectSections sections = arguments.only.none() ? InspectSections{} : arguments.only;
  sections.all = arguments.only.all;
  // Only what tells of it reads all tensors.
  const bool stats = arguments.stats && sections.tensors;
  ModelReport report;
  {
    ProgressBar progress("reading tensors");
    InspectOptions options{.stats = stats, .progress = progress.callback()};
    if (!sections.facts) options.max_hashed_bytes = -1;
    report = InspectModel(file, OpRegistry::Default(), options);
  }
  if (arguments.json) {
    PrintInspectJson(report, sections);
  } else {
    Print(InspectText(report, sections));
  }
  return absl::OkStatus();
}

void AddParts(CLI::App& app, InspectSections& only) {
  app.add_flag("--io", only.io, "Only the inputs and outputs");
  app.add_flag("--nodes", only.nodes, "Only the nodes");
  app.add_flag("--lambdas", only.lambdas, "Only the lambdas, and what each of them would run here");
  app.add_flag("--functions", only.functions, "Only the functions");
  app.add_flag("--tensors", only.tensors, "Only the tensors");
  app.add_flag("--golden", only.golden, "Only the golden vectors");
  app.add_flag("--metadata", only.metadata, "Only the metadata");
  app.add_flag("--all", only.all,
               "Constants as nodes of their own, and attributes that have their defaults");
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  CLI::Option* selector =
      app.add_option("SEL", arguments->selector,
                     "Nodes and values: a name, '/layer1/**', 'op:conv* attr:groups>1', A+1, A..B "
                     "(tools/README.md)")
          ->type_name("");
  AddParts(app, arguments->only);
  app.add_flag("--stats", arguments->stats,
               "Statistics and histograms of tensors (reads all weights)");
  CLI::Option* output = app.add_option("-o,--output", arguments->output,
                                       "Write the values of the weights and constants in SEL");
  output->type_name("FILE.npy|.npz|.safetensors")->needs(selector);
  app.add_flag("--force", arguments->force, "Write over a file that is there")->needs(output);
  CLI::Option* json = app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  CLI::Option* textconv =
      app.add_flag("--textconv", arguments->textconv,
                   "A line for each node and tensor, for git diff: git config diff.nomo.textconv "
                   "'nomo inspect --textconv'");
  textconv->excludes(json)->excludes(selector);
  CLI::Option* program =
      app.add_flag("--program", arguments->program,
                   "The steps that the model is compiled to on this machine, instead");
  program->excludes(selector)->excludes(textconv);
  const ShapeOptions shapes = AddShapeFlags(app, arguments->shapes, "For --program: ");
  shapes.shape->needs(program);
  shapes.batch->needs(program);
  CLI::Option* exact =
      app.add_flag("--exact", arguments->exact, "For --program: reference kernels only");
  exact->needs(program);
  AddPrecisionFlag(app, arguments->precision, "For --program: multiply in")
      ->needs(program)
      ->excludes(exact);
  app.add_option("--threads", arguments->threads, "For --program: of so many threads")
      ->type_name("N")
      ->check(Between(1, 1024))
      ->needs(program);
  AddTuningFlag(app, arguments->tuning)->needs(program)->excludes(exact);
  return [arguments] {
    return arguments->program ? PrintProgram(*arguments) : PrintReport(*arguments);
  };
}

const CommandRegistrar kRegistrar(
    {"inspect", "Show nodes, values, lambdas and how they resolve, tensors, golden vectors",
     SetUp});

}  // namespace
}  // namespace nomograph
