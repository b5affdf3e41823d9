#include "nomograph/tools/report/save_model.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/open.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

// The forms, told by what paths end with.
constexpr const char* kForms[] = {".nomo", ".txtpb", ".onnx"};

int OpsetOf(const SaveFlags& flags) { return flags.opset.value_or(onnx::ExportOptions().opset); }

absl::Status WriteOnnx(const Model& model, const SaveFlags& flags, const std::string& from) {
  std::vector<std::string> warnings;
  onnx::ExportOptions options{
      .opset = OpsetOf(flags), .replace_weights = flags.force, .warnings = &warnings};
  if (flags.external_weights) options.max_message_bytes = 0;
  const absl::Status status = onnx::Export(model, flags.path, options);
  // Past 2 GB weights go into a file that CheckDestination() knew nothing of.
  if (absl::IsAlreadyExists(status)) {
    return WithExitCode(ExitCode::kUsage, absl::AlreadyExistsError(absl::StrCat(
                                              status.message(), ": --force writes over it")));
  }
  for (const std::string& warning : warnings) {
    std::fprintf(stderr, "nomo: warning: %s\n", Escape(warning).c_str());
  }
  const bool is_fault_of_model = absl::IsUnimplemented(status) || absl::IsInvalidArgument(status) ||
                                 absl::IsFailedPrecondition(status);
  return WithExitCode(is_fault_of_model ? ExitCode::kFailed : ExitCode::kUnwritable,
                      is_fault_of_model ? AtFile(from, status) : status);
}

std::string FormText(const SaveFlags& flags) {
  switch (ModelFormOf(flags.path)) {
    case ModelForm::kOnnx:
      return absl::StrCat("ONNX opset ", OpsetOf(flags));
    case ModelForm::kText:
      return "text form";
    case ModelForm::kBinary:
    case ModelForm::kKeras:  // no path says so
      break;
  }
  return absl::StrCat("format version ", kFormatVersion);
}

int64_t SizeOf(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? -1 : static_cast<int64_t>(size);
}

// When the file was last written; the least time where it is not there.
std::filesystem::file_time_type WrittenAt(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? std::filesystem::file_time_type::min() : time;
}

}  // namespace

void AddSaveFlags(CLI::App& app, SaveFlags& flags) {
  app.add_option("--opset", flags.opset,
                 absl::StrCat("For ONNX: the version of its operators, ", onnx::kMinExportOpset,
                              " to ", onnx::kMaxExportOpset, " (default ", OpsetOf(flags), ")"))
      ->type_name("N")
      ->check(Between(onnx::kMinExportOpset, onnx::kMaxExportOpset));
  app.add_flag("--external-weights", flags.external_weights,
               "For ONNX: weights in OUT.data beside the file, as they are anyway past 2 GB");
  app.add_flag("--force", flags.force, "Write over a file that is there");
  app.add_flag("--json", flags.json, "Tell what was done as JSON (tools/JSON.md)");
}

absl::Status CheckWritable(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  std::error_code ignored;
  absl::Status status;
  if (!std::filesystem::is_directory(folder, ignored)) {
    status = absl::NotFoundError(absl::StrCat("cannot write ", QuotedPath(path),
                                              ": there is no folder ", QuotedPath(folder)));
  } else if (std::filesystem::is_directory(path, ignored)) {
    status = InvalidArgument("cannot write ", QuotedPath(path), ": it is a folder");
  } else if (access(folder.c_str(), W_OK) != 0) {
    status =
        absl::PermissionDeniedError(absl::StrCat("cannot write ", QuotedPath(path), ": folder ",
                                                 QuotedPath(folder), ": ", std::strerror(errno)));
  }
  return WithExitCode(ExitCode::kUnwritable, status);
}

absl::Status CheckDestination(const SaveFlags& flags, const std::string& from) {
  if ((flags.opset || flags.external_weights) && ModelFormOf(flags.path) != ModelForm::kOnnx) {
    return WithExitCode(
        ExitCode::kUsage,
        InvalidArgument(flags.opset ? "--opset" : "--external-weights", " is for ONNX files, ",
                        flags.path == "-"
                            ? "and standard output gets the binary form"
                            : absl::StrCat("and ", QuotedPath(flags.path), " is none")));
  }
  if (flags.path == "-") {
    if (!flags.json) return absl::OkStatus();
    return WithExitCode(ExitCode::kUsage,
                        InvalidArgument("the model and --json both want standard output"));
  }
  bool known = false;
  for (const char* form : kForms) known |= absl::EndsWith(flags.path, form);
  if (!known) {
    return WithExitCode(ExitCode::kUsage,
                        AtFile(flags.path, InvalidArgument("this form of file is not supported; "
                                                           "there are .nomo (binary), .nomo.txtpb "
                                                           "(text) and .onnx (ONNX)")));
  }
  std::error_code error;
  if (!flags.force && std::filesystem::equivalent(from, flags.path, error)) {
    return WithExitCode(
        ExitCode::kUsage,
        absl::AlreadyExistsError(absl::StrCat(
            QuotedPath(flags.path), " is the file that is read: --force writes over it")));
  }
  if (flags.external_weights) {
    NOMO_RETURN_IF_ERROR(CheckNotThere(flags.path + ".data", flags.force));
  }
  NOMO_RETURN_IF_ERROR(CheckNotThere(flags.path, flags.force));
  return CheckWritable(flags.path);
}

absl::Status SaveModel(const Model& model, const SaveFlags& flags, const std::string& from,
                       Json told) {
  if (flags.path == "-") {
    NOMO_ASSIGN_OR_RETURN(const std::string bytes,
                          WithExitCode(ExitCode::kUnwritable, SaveToString(model)));
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    return absl::OkStatus();
  }
  const std::string weights = flags.path + ".data";
  const auto before = WrittenAt(weights);
  if (ModelFormOf(flags.path) == ModelForm::kOnnx) {
    NOMO_RETURN_IF_ERROR(WriteOnnx(model, flags, from));
  } else {
    ProgressBar progress("writing");
    NOMO_RETURN_IF_ERROR(WithExitCode(ExitCode::kUnwritable,
                                      Save(model, flags.path, {.progress = progress.callback()})));
  }
  const int64_t bytes = SizeOf(flags.path);
  const bool external = ModelFormOf(flags.path) == ModelForm::kOnnx && WrittenAt(weights) != before;
  if (flags.json) {
    Json written = {{"file", flags.path}};
    if (bytes >= 0) written["bytes"] = bytes;
    written["form"] = FormText(flags);
    written["nodes"] = model.graph.nodes.size();
    written["parameters"] = CountParameters(model).total();
    if (external) written["weights_file"] = weights;
    told["written"] = std::move(written);
    PrintJson(told);
    return absl::OkStatus();
  }
  Print(absl::StrCat(
      "wrote ", Escape(flags.path), "  ", bytes < 0 ? "" : ReadableBytes(bytes) + ", ",
      FormText(flags), ", ", Counted(static_cast<int64_t>(model.graph.nodes.size()), "node"), ", ",
      WithSeparators(CountParameters(model).total()), " parameters",
      external
          ? absl::StrCat("; weights in ", Escape(weights), ", ", ReadableBytes(SizeOf(weights)))
          : "",
      "\n"));
  return absl::OkStatus();
}

}  // namespace nomograph
