// nomo compare: how two models, two dumps or two modes differ in what they compute.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/compare/compare.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/compare_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string a, b;
  std::vector<std::string> inputs, allowed_io;
  int64_t batch = 1;
  int threads = 0;
  bool exact_vs_fast = false, exact = false, json = false, all = false, stop_first = false;
  Precision precision = Precision::kFloat32;  // of B
  // One model is run in two ways: A in that which is right, B in that which is measured.
  bool one_model() const {
    return exact_vs_fast || (b.empty() && precision != Precision::kFloat32);
  }
  Tolerance tolerance = {.rtol = 1e-4, .atol = 1e-5};  // as golden vectors are recorded
};

// A model, or values by name, or one without.
struct Side {
  std::optional<ModelFile> file;
  NamedTensors values;
  std::optional<Tensor> unnamed;
};

absl::StatusOr<Side> ReadSide(const std::string& path) {
  Side side;
  if (absl::EndsWith(path, ".npz")) {
    NOMO_ASSIGN_OR_RETURN(side.values, WithExitCode(ExitCode::kUnreadable, ReadNpz(path)));
  } else if (absl::EndsWith(path, ".npy")) {
    NOMO_ASSIGN_OR_RETURN(side.unnamed, WithExitCode(ExitCode::kUnreadable, ReadNpy(path)));
  } else {
    NOMO_ASSIGN_OR_RETURN(
        side.file, WithExitCode(ExitCode::kUnreadable, OpenWithProgress(path, /*upgrade=*/true)));
  }
  return side;
}

// What has no name takes that of the other side's one value, or a model's one output.
absl::Status NameUnnamed(const std::string& path, Side& side, const Side& other) {
  if (!side.unnamed) return absl::OkStatus();
  std::string name = path;
  if (other.file) {
    const Graph& graph = other.file->model.graph;
    if (graph.outputs.size() == 1) name = graph.value(graph.outputs[0]).name;
  } else if (!other.values.empty()) {
    name = other.values.begin()->first;
  }
  const size_t choices = other.file      ? other.file->model.graph.outputs.size()
                         : other.unnamed ? 1
                                         : other.values.size();
  if (choices != 1) {
    return WithExitCode(
        ExitCode::kUsage,
        InvalidArgument(QuotedPath(path), " has no name, and there are ", choices,
                        " values to compare it with: expected a .npz with the name of one"));
  }
  side.values[name] = *std::move(side.unnamed);
  side.unnamed.reset();
  return absl::OkStatus();
}

absl::Status CannotRun(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) return status;
  return WithExitCode(ExitCode::kCannotRun, status);
}

absl::StatusOr<Comparison> Compare(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(Side a, ReadSide(arguments.a));
  Side b;
  if (!arguments.one_model()) {
    NOMO_ASSIGN_OR_RETURN(b, ReadSide(arguments.b));
    NOMO_RETURN_IF_ERROR(NameUnnamed(arguments.a, a, b));
    NOMO_RETURN_IF_ERROR(NameUnnamed(arguments.b, b, a));
  }
  if (!a.file && !b.file && !arguments.one_model()) {
    return CompareValues(a.values, b.values, arguments.tolerance);
  }
  if (!a.file && arguments.one_model()) {
    return WithExitCode(
        ExitCode::kUsage,
        InvalidArgument(QuotedPath(arguments.a), " is no model: ",
                        arguments.exact_vs_fast ? "--exact-vs-fast runs one in both modes"
                                                : "--precision alone runs one in both precisions"));
  }
  const Model& model = a.file ? a.file->model : b.file->model;
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs,
                        ReadModelInputs(model.graph, arguments.inputs, {.batch = arguments.batch}));
  CompareOptions options{.tolerance = arguments.tolerance};
  options.session_a = {.exact = arguments.exact || arguments.exact_vs_fast,
                       .allowed_io = arguments.allowed_io,
                       .threads = arguments.threads};
  options.session_b = options.session_a;
  if (arguments.exact_vs_fast) options.session_b.exact = false;
  options.session_b.precision = arguments.precision;
  auto comparison = arguments.one_model() ? CompareModels(model, model, inputs, options)
                    : a.file && b.file
                        ? CompareModels(a.file->model, b.file->model, inputs, options)
                        : CompareWithValues(a.file ? b.values : a.values, model, inputs, options);
  if (!comparison.ok()) return CannotRun(comparison.status());
  return comparison;
}

absl::Status Execute(const Arguments& arguments) {
  if (arguments.b.empty() != arguments.one_model()) {
    return WithExitCode(
        ExitCode::kUsage,
        InvalidArgument("give two files, or one and --exact-vs-fast or --precision=bfloat16"));
  }
  NOMO_ASSIGN_OR_RETURN(const Comparison comparison, Compare(arguments));
  NoteEmulation("nomo compare", arguments.precision);
  const bool exact = arguments.exact_vs_fast, one = arguments.one_model();
  const CompareTextOptions text{.a = exact ? "exact"
                                     : one ? "float32"
                                           : arguments.a,
                                .b = exact ? "fast"
                                     : one ? "bfloat16"
                                           : arguments.b,
                                .tolerance = arguments.tolerance,
                                .all = arguments.all,
                                .stop_first = arguments.stop_first};
  arguments.json ? PrintJson(CompareJson(comparison, text)) : Print(CompareText(comparison, text));
  if (comparison.ok()) return absl::OkStatus();
  const ValueComparison& first = comparison.values[comparison.first_apart];
  return WithExitCode(
      ExitCode::kFailed,
      absl::FailedPreconditionError(absl::StrCat(
          QuotedPath(text.a), " and ", QuotedPath(text.b), " part at ",
          first.node.empty() ? Quoted(first.a) : absl::StrCat("node ", Quoted(first.node)))));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("A", arguments->a,
                 "What is expected: a model, values by name (.npz), or one array (.npy)")
      ->required()
      ->type_name("");
  app.add_option("B", arguments->b, "What is measured against it: a model, .npz or .npy")
      ->type_name("");
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kModelInputsHelp);
  app.add_option("--batch", arguments->batch, "Random inputs have N rows (default 1)")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_flag("--exact-vs-fast", arguments->exact_vs_fast,
               "Run A alone, in fast mode, and measure that against its exact mode");
  app.add_option("--rtol", arguments->tolerance.rtol,
                 "Values within atol + rtol * |a| agree (default 1e-4)")
      ->check(NumberBetween(0, 1e300))
      ->type_name("X");
  app.add_option(
         "--atol", arguments->tolerance.atol,
         "As --rtol (default 1e-5); of a tensor whose root mean square is above 1, times that")
      ->check(NumberBetween(0, 1e300))
      ->type_name("X");
  app.add_flag("--stop-first", arguments->stop_first,
               "Show nothing behind the first value that differs");
  app.add_flag("--all", arguments->all, "A row for each value, also those that agree");
  app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  CLI::Option* exact = app.add_flag("--exact", arguments->exact, "Run both in exact mode");
  exact->excludes("--exact-vs-fast");
  AddPrecisionFlag(app, arguments->precision, "B, or A again where there is no B, multiplies in")
      ->excludes(exact)
      ->excludes("--exact-vs-fast");
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"compare",
                                   "Compare what two models, dumps or modes compute: exit code 1 "
                                   "where they differ",
                                   SetUp});

}  // namespace
}  // namespace nomograph
