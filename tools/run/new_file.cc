#include "nomograph/tools/run/new_file.h"

#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/run/write_outputs.h"

namespace nomograph {

absl::Status WriteNewFile(const std::string& path, absl::string_view contents, bool force) {
  if (absl::Status status = CheckNotThere(path, force); !status.ok()) return status;
  return WithExitCode(ExitCode::kUnwritable, WriteFileAtomically(path, contents));
}

absl::Status WriteNewJson(const std::string& path, const nlohmann::ordered_json& json, bool force) {
  const std::string text =
      json.dump(1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  return WriteNewFile(path, EscapeJson(text) + "\n", force);
}

}  // namespace nomograph
