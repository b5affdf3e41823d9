// Files that commands write, which take the place of others only when they are told to.
#ifndef NOMOGRAPH_TOOLS_RUN_NEW_FILE_H_
#define NOMOGRAPH_TOOLS_RUN_NEW_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace nomograph {

// As CheckNotThere() (write_outputs.h), then written. Statuses carry exit codes, and name the path.
absl::Status WriteNewFile(const std::string& path, absl::string_view contents, bool force);
absl::Status WriteNewJson(const std::string& path, const nlohmann::ordered_json& json, bool force);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_NEW_FILE_H_
