#include "nomograph/tools/run/new_file.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {

absl::Status CheckNewFile(const std::string& path, bool force) {
  struct stat info;
  // What is no file, such as /dev/stdout, is nothing that could be lost.
  if (force || stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return absl::OkStatus();
  return WithExitCode(ExitCode::kUsage,
                      absl::AlreadyExistsError(absl::StrCat(
                          QuotedPath(path), " is there already; --force writes over it")));
}

absl::Status WriteNewFile(const std::string& path, absl::string_view contents, bool force) {
  if (absl::Status status = CheckNewFile(path, force); !status.ok()) return status;
  return WithExitCode(ExitCode::kUnwritable, WriteFileAtomically(path, contents));
}

absl::Status WriteNewJson(const std::string& path, const nlohmann::ordered_json& json, bool force) {
  const std::string text =
      json.dump(1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  return WriteNewFile(path, EscapeJson(text) + "\n", force);
}

}  // namespace nomograph
