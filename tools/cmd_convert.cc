// nomo convert: from one form of file to another.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/status.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/model_file.h"
#include "nomograph/tools/text/progress.h"

namespace nomograph {
namespace {

// The forms, told by what paths end with.
constexpr const char* kForms[] = {".nomo", ".txtpb"};
constexpr char kFormsText[] = ".nomo (binary) and .nomo.txtpb (text)";

absl::Status CheckForm(const std::string& path) {
  for (const char* form : kForms) {
    if (absl::EndsWith(path, form)) return absl::OkStatus();
  }
  return WithExitCode(
      ExitCode::kUsage,
      AtFile(path, InvalidArgument("this form of file is not supported; there are ", kFormsText)));
}

absl::Status Execute(const std::string& from, const std::string& to) {
  NOMO_RETURN_IF_ERROR(CheckForm(from));
  NOMO_RETURN_IF_ERROR(CheckForm(to));
  NOMO_ASSIGN_OR_RETURN(const ModelFile file,
                        WithExitCode(ExitCode::kUnreadable, OpenModelFile(from)));
  {
    // The new file has new checksums: they must not hide damage.
    ProgressBar progress("checking payloads");
    const absl::Status payloads = VerifyPayloads(file, progress.callback());
    if (!payloads.ok()) return WithExitCode(ExitCode::kUnreadable, AtFile(from, payloads));
  }
  ProgressBar progress("writing");
  return WithExitCode(ExitCode::kUnwritable,
                      Save(file.model, to, {.progress = progress.callback()}));
}

Action SetUp(CLI::App& app) {
  const auto from = std::make_shared<std::string>(), to = std::make_shared<std::string>();
  const std::string forms = absl::StrCat("; the forms are ", kFormsText);
  app.add_option("IN", *from, "The file to read")->required()->type_name("");
  app.add_option("OUT", *to, absl::StrCat("The file to write", forms))->required()->type_name("");
  return [from, to] { return Execute(*from, *to); };
}

const CommandRegistrar kRegistrar({"convert", "Turn a binary model into text, or text into binary",
                                   SetUp});

}  // namespace
}  // namespace nomograph
