// nomo convert: from one form of file to another.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

// The forms, told by what paths end with.
constexpr const char* kForms[] = {".nomo", ".txtpb", ".onnx"};
constexpr char kFormsText[] = ".nomo (binary), .nomo.txtpb (text) and .onnx (ONNX)";

absl::Status CheckForm(const std::string& path) {
  for (const char* form : kForms) {
    if (absl::EndsWith(path, form)) return absl::OkStatus();
  }
  return WithExitCode(
      ExitCode::kUsage,
      AtFile(path, InvalidArgument("this form of file is not supported; there are ", kFormsText)));
}

struct Arguments {
  std::string from, to;
  int opset = onnx::ExportOptions().opset;
};

// What ONNX cannot hold is the model's fault; anything else is the file's.
absl::Status WriteOnnx(const Model& model, const Arguments& arguments) {
  std::vector<std::string> warnings;
  const absl::Status status =
      onnx::Export(model, arguments.to, {.opset = arguments.opset, .warnings = &warnings});
  for (const std::string& warning : warnings) {
    std::cerr << "nomo convert: warning: " << Escape(warning) << "\n";
  }
  const bool is_fault_of_model = absl::IsUnimplemented(status) || absl::IsInvalidArgument(status) ||
                                 absl::IsFailedPrecondition(status);
  return WithExitCode(is_fault_of_model ? ExitCode::kFailed : ExitCode::kUnwritable,
                      is_fault_of_model ? AtFile(arguments.from, status) : status);
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckForm(arguments.from));
  NOMO_RETURN_IF_ERROR(CheckForm(arguments.to));
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.from, /*upgrade=*/false)));
  {
    // The new file has new checksums: they must not hide damage.
    ProgressBar progress("checking payloads");
    const absl::Status payloads = VerifyPayloads(file, progress.callback());
    if (!payloads.ok()) {
      return WithExitCode(ExitCode::kUnreadable, AtFile(arguments.from, payloads));
    }
  }
  for (const std::string& warning : file.warnings) {
    std::cerr << "nomo convert: warning: " << warning << "\n";
  }
  if (ModelFormOf(arguments.to) == ModelForm::kOnnx) return WriteOnnx(file.model, arguments);
  ProgressBar progress("writing");
  return WithExitCode(ExitCode::kUnwritable,
                      Save(file.model, arguments.to, {.progress = progress.callback()}));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  const std::string forms = absl::StrCat("; the forms are ", kFormsText);
  app.add_option("IN", arguments->from, "The file to read")->required()->type_name("");
  app.add_option("OUT", arguments->to, absl::StrCat("The file to write", forms))
      ->required()
      ->type_name("");
  app.add_option("--opset", arguments->opset,
                 absl::StrCat("For ONNX: the version of its operators, ", onnx::kMinExportOpset,
                              " to ", onnx::kMaxExportOpset))
      ->type_name("N")
      ->check(Between(onnx::kMinExportOpset, onnx::kMaxExportOpset))
      ->capture_default_str();
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"convert", "Turn a model into another form: binary, text, ONNX",
                                   SetUp});

}  // namespace
}  // namespace nomograph
