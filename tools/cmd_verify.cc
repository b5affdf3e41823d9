// nomo verify: checksums, golden vectors, bodies of lambdas. Recording is in run/record_golden.h.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare_bodies.h"
#include "nomograph/inspect/verify_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/check_signature.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/record_golden.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::vector<std::string> paths;
  std::string path;  // of `paths`, the one at hand
  std::string key, signature;
  bool require_golden = false, require_external = false, skip_exact = false, lambdas = false;
  bool json = false, record = false;
  std::vector<std::string> allowed_io;
  RecordArguments recording;
};

// What was found, in the order in which it is told.
struct Report {
  std::optional<SignedFile> signed_file;
  std::string form;  // "binary", ...: only binary files have checksums
  int64_t bytes = 0;
  std::vector<GoldenResult> golden;
  int64_t bodies = 0;  // lambdas with a kernel and a body
  std::vector<Finding> findings;
};

// Damage is what this command is there to find; other faults are those of a file that cannot be
// read.
absl::Status ReadFault(const absl::Status& status) {
  return WithExitCode(absl::IsDataLoss(status) ? ExitCode::kFailed : ExitCode::kUnreadable, status);
}

absl::Status CheckPayloads(const ModelFile& file) {
  ProgressBar progress("checking payloads");
  return VerifyPayloads(file, progress.callback());
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// The data that ONNX keeps beside a model, where the file cannot hold them.
absl::Status AddTestData(const Arguments& arguments, ModelFile& file) {
  std::string folder = arguments.recording.test_data;
  if (folder.empty()) {
    if (file.form != ModelForm::kOnnx || !HasOnnxTestData(FolderOf(file.path))) {
      return absl::OkStatus();
    }
    folder = FolderOf(file.path);
  }
  auto sets = ReadOnnxTestData(folder, file.model.graph);
  if (!sets.ok()) return WithExitCode(ExitCode::kUnreadable, sets.status());
  for (GoldenVector& golden : *sets) {
    SetSourceOfGolden(file.model, golden.name, {GoldenSource::Kind::kExternal, "ONNX test data"});
    file.model.golden_vectors.push_back(std::move(golden));
  }
  return absl::OkStatus();
}

absl::Status Replay(const Arguments& arguments, const ModelFile& file, Report& report) {
  const auto model = std::make_shared<const Model>(file.model);
  for (const bool exact : {false, true}) {
    if (exact && arguments.skip_exact) continue;
    auto results = ReplayGoldenVectors(model, {.exact = exact, .allowed_io = arguments.allowed_io});
    if (!results.ok()) {
      return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, results.status()));
    }
    report.golden.insert(report.golden.end(), results->begin(), results->end());
  }
  return absl::OkStatus();
}

void CompareLambdas(const Arguments& arguments, const ModelFile& file, Report& report) {
  const OpRegistry& registry = OpRegistry::Default();
  report.bodies = CountComparableBodies(file.model, registry);
  report.findings =
      CompareBodies(file.model, registry, {.exact = false, .allowed_io = arguments.allowed_io});
}

bool IsExternal(const GoldenResult& result) {
  return result.source.kind == GoldenSource::Kind::kExternal;
}

// What the file fails by; OK where by nothing.
absl::Status Verdict(const Arguments& arguments, const Report& report) {
  ErrorList faults;
  for (const GoldenResult& result : report.golden) {
    faults.Add(result.status, absl::StrCat("golden vector ", Quoted(result.name), ", ",
                                           result.exact ? "exact" : "fast", " mode"));
  }
  if (const absl::Status status = faults.ToStatus("golden vectors are not met"); !status.ok()) {
    return status;
  }
  for (const Finding& finding : report.findings) {
    if (IsFault(finding.kind)) faults.Add(InvalidArgument(finding.message), finding.place);
  }
  if (const absl::Status status = faults.ToStatus("kernels differ from bodies"); !status.ok()) {
    return status;
  }
  if (arguments.require_golden && report.golden.empty()) {
    return InvalidArgument("the model has no golden vectors");
  }
  if (arguments.require_external &&
      std::none_of(report.golden.begin(), report.golden.end(), IsExternal)) {
    return InvalidArgument("no golden vector says that another program computed it");
  }
  return absl::OkStatus();
}

std::string GoldenText(const Report& report) {
  if (report.golden.empty()) {
    return "  no golden vectors: that it computes the right thing is not shown\n";
  }
  TextTable table({{"golden vector"}, {"source"}, {"mode"}, {"result"}});
  bool external = false, recorded = false;
  for (const GoldenResult& result : report.golden) {
    external |= IsExternal(result);
    recorded |= result.source.kind == GoldenSource::Kind::kRecorded;
    table.AddRow(
        {result.name, GoldenSourceText(result.source), result.exact ? "exact" : "fast",
         result.status.ok() && result.max_difference == 0
             ? "ok, no difference"
             : absl::StrFormat("%s, off by %.2g at most", result.status.ok() ? "ok" : "FAILED",
                               result.max_difference)});
  }
  std::string text = table.ToString();
  if (recorded && !external) {
    text +=
        "  recorded ones show that it computes what it did, not that this is right: no other\n"
        "  program has computed them\n";
  }
  return text;
}

std::string LambdasText(const Report& report) {
  std::set<std::string> differ, not_compared;  // by place: an op may differ in several outputs
  std::string list;
  for (const Finding& finding : report.findings) {
    (IsFault(finding.kind) ? differ : not_compared).insert(finding.place);
    absl::StrAppend(&list, "  ", Escape(finding.place), ": ", EscapeMessage(finding.message), "\n");
  }
  if (report.bodies == 0) return "lambdas: none has both a kernel here and a body in the file\n";
  return absl::StrCat("lambdas with a kernel here and a body: ", report.bodies, "; ",
                      report.bodies - static_cast<int64_t>(differ.size() + not_compared.size()),
                      " agree on random numbers, ", differ.size(), " differ, ", not_compared.size(),
                      " were not compared\n", list);
}

std::string ReportText(const Arguments& arguments, const Report& report) {
  std::string text =
      report.form == "binary"
          ? absl::StrCat(Escape(arguments.path), ": ", ReadableBytes(report.bytes),
                         ", all checksums hold\n")
          : absl::StrCat(Escape(arguments.path), ": ", report.form == "onnx" ? "ONNX" : report.form,
                         ", which has no checksums\n");
  if (report.signed_file) {
    absl::StrAppend(&text, "  signed by key ", report.signed_file->key_id.substr(0, 16),
                    "…, every byte\n");
  }
  if (!report.golden.empty() || !arguments.require_golden) text += GoldenText(report);
  if (arguments.lambdas) text += LambdasText(report);
  return text;
}

Json ReportJson(const Arguments& arguments, const Report& report, const absl::Status& verdict) {
  Json golden = Json::array(), findings = Json::array();
  for (const GoldenResult& result : report.golden) {
    Json json = {{"name", result.name},
                 {"source", GoldenSourceText(result.source)},
                 {"mode", result.exact ? "exact" : "fast"},
                 {"ok", result.status.ok()},
                 {"max_difference", NumberJson(result.max_difference)}};
    PutText(json, "message", std::string(result.status.message()));
    golden.push_back(std::move(json));
  }
  for (const Finding& finding : report.findings) {
    Json json = {{"kind", FindingName(finding.kind)}};
    PutText(json, "place", finding.place);
    json["message"] = finding.message;
    findings.push_back(std::move(json));
  }
  Json json = {{"schema", "nomograph.verify.1"},
               {"file", arguments.path},
               {"passes", verdict.ok()},
               {"checksums", report.form == "binary" ? "hold" : "none"},
               {"golden_vectors", std::move(golden)}};
  if (report.signed_file) {
    json["signature"] = {{"key", report.signed_file->key_id},
                         {"sha256", report.signed_file->sha256}};
  }
  if (arguments.lambdas) {
    json["lambdas"] = {{"compared", report.bodies}, {"findings", std::move(findings)}};
  }
  PutText(json, "message", std::string(verdict.message()));
  return json;
}

absl::Status Verify(const Arguments& arguments, JsonOfFiles& json) {
  std::optional<SignedFile> signed_file;
  if (!arguments.key.empty()) {
    NOMO_ASSIGN_OR_RETURN(signed_file,
                          CheckSignature(arguments.path, arguments.signature, arguments.key));
  }
  auto file = OpenWithProgress(arguments.path, /*upgrade=*/true);
  if (!file.ok()) return ReadFault(file.status());
  const absl::Status payloads = CheckPayloads(*file);
  if (!payloads.ok()) return ReadFault(AtFile(file->path, payloads));
  Report report{
      .signed_file = signed_file, .form = ModelFormName(file->form), .bytes = file->bytes};
  NOMO_RETURN_IF_ERROR(AddTestData(arguments, *file));
  if (!file->model.golden_vectors.empty()) {
    NOMO_RETURN_IF_ERROR(Replay(arguments, *file, report));
  }
  if (arguments.lambdas) CompareLambdas(arguments, *file, report);
  const absl::Status verdict = Verdict(arguments, report);
  arguments.json ? json.Print(ReportJson(arguments, report, verdict))
                 : Print(ReportText(arguments, report));
  return WithExitCode(ExitCode::kFailed, AtFile(file->path, verdict));
}

absl::Status Execute(Arguments arguments) {
  JsonOfFiles json(arguments.json && !arguments.record, arguments.paths.size());
  const auto verify = [&](const std::string& path) {
    arguments.path = path;
    return Verify(arguments, json);
  };
  const char* of_one_file = arguments.record               ? "--record"
                            : !arguments.signature.empty() ? "--signature"
                                                           : nullptr;
  if (arguments.paths.size() > 1 && of_one_file != nullptr) {
    return WithExitCode(ExitCode::kUsage, InvalidArgument(of_one_file, " takes one FILE, found ",
                                                          arguments.paths.size()));
  }
  if (!arguments.record) return ForEachFile(arguments.paths, verify);
  arguments.path = arguments.paths[0];
  arguments.recording.path = arguments.path;
  arguments.recording.allowed_io = arguments.allowed_io;
  NOMO_ASSIGN_OR_RETURN(const std::string text, RecordGoldenInFile(arguments.recording));
  Print(text);
  return absl::OkStatus();
}

void AddRecording(CLI::App& app, Arguments& arguments) {
  RecordArguments& recording = arguments.recording;
  CLI::Option* record = app.add_flag(
      "--record", arguments.record,
      "Put a golden vector into the model: given inputs, and the outputs that exact mode computes");
  app.add_option("-o,--output", recording.output,
                 "The file to write; the model's own name replaces it")
      ->type_name("FILE")
      ->needs(record);
  AddRepeated(app, "-i,--input", recording.inputs, "NAME=VALUE", kModelInputsHelp)->needs(record);
  app.add_option("--name", recording.name, "Of the golden vector (default: golden)")
      ->type_name("NAME")
      ->needs(record);
  CLI::Option* expect =
      app.add_option("--expect", recording.expect,
                     "Take the outputs from another program's .npz, by name: that proves more");
  expect->type_name("FILE.npz")->needs(record);
  app.add_option("--from", recording.from, "Which program that was, e.g. \"PyTorch 2.1\"")
      ->type_name("TEXT")
      ->needs(record);
  app.add_option("--rtol", recording.tolerance.rtol,
                 "Outputs are to be within atol + rtol * |expected| (default 1e-4)")
      ->type_name("X")
      ->check(NumberBetween(0, 1e300))
      ->needs(record);
  app.add_option("--atol", recording.tolerance.atol, "As --rtol (default 1e-5)")
      ->type_name("X")
      ->check(NumberBetween(0, 1e300))
      ->needs(record);
  app.add_flag("--force", recording.force, "Write over another file that is there")->needs(record);
  app.add_option("--test-data", recording.test_data,
                 "Golden vectors from ONNX's test data: a folder with test_data_set_0, ... (of an "
                 "ONNX model those beside it count without being asked for)")
      ->type_name("FOLDER")
      ->excludes(expect);
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFiles(app, arguments->paths);
  app.add_flag("--require-golden-vectors", arguments->require_golden,
               "Fail (exit code 1) a model that has none; else it passes by its checksums");
  app.add_flag("--require-external", arguments->require_external,
               "Fail a model of whose golden vectors none says that another program computed it");
  app.add_flag("--skip-exact", arguments->skip_exact,
               "Replay in fast mode only: exact mode is slow, and needs reference kernels");
  app.add_flag("--lambdas", arguments->lambdas,
               "Run kernels and the bodies that the file has for their ops on random inputs of the "
               "declared types, and compare");
  app.add_flag("--json", arguments->json, "As JSON, of several files a list (tools/JSON.md)");
  CLI::Option* key = app.add_option("--key", arguments->key,
                                    "Fail a file that the owner of this public key has not signed");
  key->type_name("FILE.pub");
  app.add_option("--signature", arguments->signature, "Where its signature is (default: FILE.sig)")
      ->type_name("FILE.sig")
      ->needs(key);
  AddRecording(app, *arguments);
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"verify", "Check every checksum and replay the golden vectors",
                                   SetUp});

}  // namespace
}  // namespace nomograph
