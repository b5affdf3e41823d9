#include "nomograph/tools/run/tuning_flag.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/tuning_file.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/text/note.h"

namespace nomograph {
namespace {

constexpr char kNone[] = "none";

}  // namespace

CLI::Option* AddTuningFlag(CLI::App& app, std::string& value) {
  return app
      .add_option("--tuning", value,
                  "What nomo tune has measured (default: MODEL.tuning, where it is there), or none")
      ->type_name("FILE|none");
}

absl::StatusOr<std::shared_ptr<const Tuning>> TuningFor(const std::string& command,
                                                        const std::string& value,
                                                        const std::string& model_path,
                                                        const Model& model, int threads) {
  if (value == kNone || (value.empty() && model_path == "-")) return nullptr;
  const std::string path = value.empty() ? TuningPath(model_path) : value;
  std::error_code error;
  if (value.empty() && !std::filesystem::exists(path, error)) return nullptr;
  const auto file = ReadTuning(path);
  if (!file.ok()) {
    if (!value.empty()) return WithExitCode(ExitCode::kUnreadable, file.status());
    PrintNote(command, absl::StrCat("the tuning is ignored: ", file.status().message()));
    return nullptr;
  }
  const std::string why = WhyIgnored(file->key, TuningKeyOf(model, threads));
  if (!why.empty()) {
    PrintNote(command, absl::StrCat("the tuning ", QuotedPath(path), " is ignored: ", why));
    return nullptr;
  }
  return file->ToTuning();
}

}  // namespace nomograph
