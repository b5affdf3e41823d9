// nomo check: all that would keep a model from running here.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/check_model.h"
#include "nomograph/inspect/check_target.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/costs.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/check_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/read_manifest.h"
#include "nomograph/tools/report/shape_flags.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::vector<std::string> paths;
  std::string target = "here";
  bool json = false;
  std::optional<int64_t> memory_limit;
  Precision precision = Precision::kFloat32;
  ShapeFlags shapes;
  CheckOptions options;
};

// "here", "on phone.json", "as ONNX opset 17"
std::string TargetText(const Arguments& arguments) {
  if (arguments.target == "here") return "here";
  if (absl::StartsWith(arguments.target, "opset:")) {
    return absl::StrCat("as ONNX opset ", arguments.target.substr(6));
  }
  return absl::StrCat("on ", Escape(arguments.target));
}

absl::StatusOr<std::vector<Finding>> CheckOther(const Arguments& arguments, const ModelFile& file) {
  absl::string_view number = arguments.target;
  if (absl::ConsumePrefix(&number, "opset:")) {
    int opset = 0;
    if (!absl::SimpleAtoi(number, &opset) || opset < onnx::kMinExportOpset ||
        opset > onnx::kMaxExportOpset) {
      return WithExitCode(
          ExitCode::kUsage,
          InvalidArgument("--target ", ShellWord(arguments.target), ": opsets from ",
                          onnx::kMinExportOpset, " to ", onnx::kMaxExportOpset, " are written"));
    }
    return CheckOpset(file.model, opset);
  }
  NOMO_ASSIGN_OR_RETURN(TargetManifest manifest,
                        WithExitCode(ExitCode::kUnreadable, ReadManifest(arguments.target)));
  if (arguments.memory_limit) manifest.memory_bytes = arguments.memory_limit;
  const Graph& graph = file.model.graph;
  NOMO_ASSIGN_OR_RETURN(
      const auto shapes,
      WithExitCode(ExitCode::kUsage, ParseShapes(graph, arguments.shapes.shapes)));
  const auto inputs = ConcreteInputs(graph, shapes, arguments.shapes.batch);
  if (!inputs.ok() && !shapes.empty()) {
    return WithExitCode(ExitCode::kUsage, AtFile(file.path, inputs.status()));
  }
  const auto costs =
      inputs.ok() ? ComputeCosts(file.model, *inputs) : absl::StatusOr<ModelCosts>(inputs.status());
  std::vector<Finding> findings =
      CheckAgainst(file.model, manifest, costs.ok() ? &*costs : nullptr);
  if (!costs.ok() && manifest.memory_bytes) {
    findings.push_back({Finding::Kind::kSupposed, "",
                        absl::StrCat("memory was not compared: ", costs.status().message())});
  }
  return findings;
}

// A file that is damaged so that nothing can be told of the model is a finding too.
absl::StatusOr<std::vector<Finding>> Check(const Arguments& arguments, const std::string& path) {
  auto file = OpenWithProgress(path, /*upgrade=*/false);
  if (absl::IsDataLoss(file.status())) {
    return std::vector<Finding>{{Finding::Kind::kDamage, "", std::string(file.status().message())}};
  }
  if (!file.ok()) return WithExitCode(ExitCode::kUnreadable, file.status());
  if (arguments.target != "here") return CheckOther(arguments, *file);
  ProgressBar progress("checking payloads");
  const absl::Status damage = VerifyPayloads(*file, progress.callback());
  std::vector<Finding> findings =
      CheckModel(*std::move(file), damage, OpRegistry::Default(), arguments.options);
  const std::string emulation = EmulationText(arguments.precision);
  if (!emulation.empty()) findings.push_back({Finding::Kind::kSlow, "", emulation});
  return findings;
}

absl::Status CheckFile(const Arguments& arguments, const std::string& path, JsonOfFiles& json) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Finding> findings, Check(arguments, path));
  const std::string target = TargetText(arguments);
  if (arguments.json) {
    json.Print(CheckJson(path, target, findings));
  } else {
    if (arguments.paths.size() > 1) Print(absl::StrCat(Escape(path), "\n"));
    Print(CheckText(path, target, findings));
    const bool missing = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
      return finding.kind == Finding::Kind::kMissingOp;
    });
    if (missing && arguments.target == "here") {
      Print(absl::StrCat("--op-library FILE.so loads ops; `nomo inspect ", ShellWord(path),
                         " --lambdas` lists what is needed\n"));
    }
  }
  const int64_t faults = CountFaults(findings);
  if (faults == 0) return absl::OkStatus();
  return WithExitCode(ExitCode::kFailed,
                      AtFile(path, absl::FailedPreconditionError(Counted(faults, "fault"))));
}

absl::Status Execute(const Arguments& arguments) {
  JsonOfFiles json(arguments.json, arguments.paths.size());
  return ForEachFile(arguments.paths,
                     [&](const std::string& path) { return CheckFile(arguments, path, json); });
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFiles(app, arguments->paths);
  app.add_option("--target", arguments->target,
                 "Where the model is to run: here (the default), what `nomo ops --json` printed on "
                 "another machine, or opset:N, for which it is to be written as ONNX")
      ->type_name("here|FILE.json|opset:N");
  app.add_option("--memory-limit", arguments->memory_limit,
                 "The memory of that machine, as 64M, in place of what FILE.json says")
      ->type_name("SIZE")
      ->transform(SizeInBytes());
  AddShapeFlags(app, arguments->shapes, "For the memory that a run takes: ");
  app.add_flag("--json", arguments->json, "As JSON, of several files a list (tools/JSON.md)");
  CLI::Option* exact = app.add_flag("--exact", arguments->options.resolve.exact,
                                    "For exact mode: reference kernels only");
  AddPrecisionFlag(app, arguments->precision, "For products in")->excludes(exact);
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
