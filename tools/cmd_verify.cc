// nomo verify: checksums and golden vectors.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/verify_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  bool require_golden = false, skip_exact = false;
  std::vector<std::string> allowed_io;
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

std::string ResultText(const GoldenResult& result) {
  const char* verdict = result.status.ok() ? "ok" : "FAILED";
  return absl::StrFormat("%s, off by %.2g at most", verdict, result.max_difference);
}

absl::Status Replay(const Arguments& arguments, const ModelFile& file) {
  const auto model = std::make_shared<const Model>(file.model);
  TextTable table({{"golden vector"}, {"mode"}, {"result"}});
  ErrorList faults;
  for (const bool exact : {false, true}) {
    if (exact && arguments.skip_exact) continue;
    const auto results =
        ReplayGoldenVectors(model, {.exact = exact, .allowed_io = arguments.allowed_io});
    if (!results.ok()) {
      return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, results.status()));
    }
    const char* mode = exact ? "exact" : "fast";
    for (const GoldenResult& result : *results) {
      table.AddRow({result.name, mode, ResultText(result)});
      faults.Add(result.status,
                 absl::StrCat("golden vector ", Quoted(result.name), ", ", mode, " mode"));
    }
  }
  Print(table.ToString());
  return WithExitCode(ExitCode::kFailed,
                      AtFile(file.path, faults.ToStatus("golden vectors are not met")));
}

absl::Status Execute(const Arguments& arguments) {
  const auto file = OpenWithProgress(arguments.path, /*upgrade=*/true);
  if (!file.ok()) return ReadFault(file.status());
  const absl::Status payloads = CheckPayloads(*file);
  if (!payloads.ok()) return ReadFault(AtFile(file->path, payloads));
  Print(file->form != ModelForm::kBinary
            ? absl::StrCat(Escape(file->path), ": ",
                           file->form == ModelForm::kText ? "text" : "ONNX",
                           ", which has no checksums\n")
            : absl::StrCat(Escape(file->path), ": ", ReadableBytes(file->bytes),
                           ", all checksums hold\n"));
  if (!file->model.golden_vectors.empty()) return Replay(arguments, *file);
  if (arguments.require_golden) {
    return WithExitCode(ExitCode::kFailed,
                        AtFile(file->path, InvalidArgument("the model has no golden vectors")));
  }
  Print("  no golden vectors: that it computes the right thing is not shown\n");
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_flag("--require-golden-vectors", arguments->require_golden,
               "Fail (exit code 1) a model that has none; else it passes by its checksums");
  app.add_flag("--skip-exact", arguments->skip_exact,
               "Replay in fast mode only: exact mode is slow, and needs reference kernels");
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"verify", "Check every checksum and replay the golden vectors",
                                   SetUp});

}  // namespace
}  // namespace nomograph
