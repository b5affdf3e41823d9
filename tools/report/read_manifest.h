// Reads what `nomo ops --json` printed on another machine.
#ifndef NOMOGRAPH_TOOLS_REPORT_READ_MANIFEST_H_
#define NOMOGRAPH_TOOLS_REPORT_READ_MANIFEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/inspect/check_target.h"

namespace nomograph {

// InvalidArgument names the op and the field of what is not as documented; fields that are not
// known here are left alone. Else as ReadFile().
absl::StatusOr<TargetManifest> ReadManifest(const std::string& path);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_READ_MANIFEST_H_
