// nomo view: one HTML page with which people look into a model, or into what two differ in.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/compare/compare.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/page/page.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/new_file.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, other, output, weights = "statistics", profile, dump;
  std::vector<std::string> numbers, inputs;
  int64_t batch = 1;
  bool program = false, force = false;
};

// "models/resnet50.onnx": "resnet50.html", in the folder that one is in.
std::string DefaultOutput(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return absl::StrCat(dot == 0 ? name : name.substr(0, dot), ".html");
}

absl::Status AddNumbers(const std::string& title, const std::string& unit, const std::string& path,
                        const Graph& graph, PageOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::string json,
                        WithExitCode(ExitCode::kUnreadable, ReadFile(path)));
  auto numbers = ParsePageNumbers(title, unit, json, graph);
  if (!numbers.ok()) return WithExitCode(ExitCode::kUsage, AtFile(path, numbers.status()));
  options.numbers.push_back(*std::move(numbers));
  return absl::OkStatus();
}

// The values of --dump beside what the model computes from the same inputs: those of the command
// line, or where there are none those in the dump.
absl::Status MeasureErrors(const Arguments& arguments, const Model& model, PageOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const NamedTensors expected,
                        WithExitCode(ExitCode::kUnreadable, ReadNpz(arguments.dump)));
  NamedTensors inputs;
  if (arguments.inputs.empty()) {
    for (const ValueId id : model.graph.inputs) {
      const std::string& name = model.graph.value(id).name;
      const auto found = expected.find(name);
      if (found == expected.end()) {
        return WithExitCode(
            ExitCode::kUsage,
            AtFile(arguments.dump, InvalidArgument("input ", Quoted(name),
                                                   " is not among its values: give it with -i ",
                                                   "NAME=VALUE, or dump it too")));
      }
      inputs.emplace(name, found->second);
    }
  } else {
    NOMO_ASSIGN_OR_RETURN(inputs, ReadModelInputs(model.graph, arguments.inputs, {}));
  }
  const auto comparison = CompareWithValues(expected, model, inputs);
  if (!comparison.ok()) return WithExitCode(ExitCode::kCannotRun, comparison.status());
  PageNumbers errors = ErrorsOfNodes(*comparison);
  if (errors.of_node.empty()) {
    return WithExitCode(
        ExitCode::kUsage,
        AtFile(arguments.dump, InvalidArgument("none of its values is one that a node of the model "
                                               "yields")));
  }
  options.numbers.push_back(std::move(errors));
  return absl::OkStatus();
}

// --profile and --numbers.
absl::Status ReadNumbers(const Arguments& arguments, const Graph& graph, PageOptions& options) {
  if (!arguments.profile.empty()) {
    NOMO_RETURN_IF_ERROR(AddNumbers("time", "ms", arguments.profile, graph, options));
  }
  for (const std::string& argument : arguments.numbers) {
    const size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return WithExitCode(ExitCode::kUsage,
                          InvalidArgument("--numbers ", Quoted(argument),
                                          ": expected TITLE=FILE.json, as error=error.json"));
    }
    NOMO_RETURN_IF_ERROR(
        AddNumbers(argument.substr(0, equals), "", argument.substr(equals + 1), graph, options));
  }
  return absl::OkStatus();
}

// --program: null where it was not asked for.
absl::StatusOr<std::unique_ptr<const Program>> Compile(const Arguments& arguments,
                                                       const ModelFile& file) {
  if (!arguments.program) return nullptr;
  const auto inputs = ConcreteInputs(file.model.graph, {}, arguments.batch);
  if (!inputs.ok()) return WithExitCode(ExitCode::kUsage, AtFile(file.path, inputs.status()));
  auto program = Program::Compile(file.model, file.model.graph, *inputs, OpRegistry::Default(), {});
  if (!program.ok()) {
    return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, program.status()));
  }
  return program;
}

absl::Status View(Arguments arguments) {
  if (arguments.output.empty()) arguments.output = DefaultOutput(arguments.path);
  // What is to run has to be up to date; else the file is shown as it is.
  const bool runs = arguments.program || !arguments.dump.empty();
  const bool to_stdout = arguments.output == "-";
  if (!to_stdout) NOMO_RETURN_IF_ERROR(CheckNotThere(arguments.output, arguments.force));
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/runs)));
  std::optional<ModelFile> other;
  if (!arguments.other.empty()) {
    NOMO_ASSIGN_OR_RETURN(other, WithExitCode(ExitCode::kUnreadable,
                                              OpenWithProgress(arguments.other, /*upgrade=*/runs)));
  }
  const ModelFile& shown = other ? *other : file;
  PageOptions options{.statistics = arguments.weights != "none",
                      .previews = arguments.weights == "preview"};
  NOMO_RETURN_IF_ERROR(ReadNumbers(arguments, shown.model.graph, options));
  if (!arguments.dump.empty()) {
    NOMO_RETURN_IF_ERROR(MeasureErrors(arguments, shown.model, options));
  }
  NOMO_ASSIGN_OR_RETURN(const auto program, Compile(arguments, shown));
  options.program = program.get();

  const OpRegistry& registry = OpRegistry::Default();
  absl::StatusOr<std::string> html;
  {
    ProgressBar progress("reading weights");
    options.progress = progress.callback();
    html =
        other ? PageDiffHtml(file, *other, registry, options) : PageHtml(file, registry, options);
  }
  if (!html.ok()) return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, html.status()));
  if (to_stdout) {
    std::fwrite(html->data(), 1, html->size(), stdout);
    return absl::OkStatus();
  }
  NOMO_RETURN_IF_ERROR(WriteNewFile(arguments.output, *html, arguments.force));
  Print(absl::StrCat("wrote ", Escape(arguments.output), " (",
                     ReadableBytes(static_cast<int64_t>(html->size())),
                     "); open it in a browser\n"));
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_option("FILE2", arguments->other,
                 "A second model: both are shown as one graph, with what differs")
      ->type_name("");
  app.add_option("-o,--output", arguments->output,
                 "The page (default: FILE's name with .html, here); - for standard output")
      ->type_name("PAGE.html");
  app.add_option("--weights", arguments->weights,
                 "What the page tells of weights: statistics and histograms (the default), a "
                 "preview of 64 x 64 means too, or none. The weights themselves are never in it")
      ->check(CLI::IsMember({"statistics", "preview", "none"}));
  app.add_option("--profile", arguments->profile,
                 "Colour by time: {node: milliseconds}, as `nomo profile --node-ms` writes it")
      ->type_name("FILE.json");
  auto* dump = app.add_option("--dump", arguments->dump,
                              "Colour by error: values that were expected, as `nomo dump` of "
                              "another model or another program writes them")
                   ->type_name("FILE.npz");
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE",
              "For --dump: inputs that are not among its values")
      ->needs(dump);
  AddRepeated(app, "--numbers", arguments->numbers, "TITLE=FILE.json",
              "Colour by any {node: number}, as error=error.json");
  CLI::Option* program =
      app.add_flag("--program", arguments->program,
                   "Compile the model, and show what runs here: kernels, and what is fused");
  app.add_option("--batch", arguments->batch, "For --program: rows of the inputs (default 1)")
      ->type_name("N")
      ->check(AtLeast(0))
      ->needs(program);
  app.add_flag("--force", arguments->force, "Write over a file that is there");
  return [arguments] { return View(*arguments); };
}

const CommandRegistrar kRegistrar({"view",
                                   "Write one offline page to look into a model with a browser",
                                   SetUp});

}  // namespace
}  // namespace nomograph
