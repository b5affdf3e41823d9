// Opens a model for a command, with a progress bar where it takes long.
#ifndef NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_
#define NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_

#include <string>

#include "nomograph/inspect/open.h"

namespace nomograph {

// As OpenFile(). `upgrade` where the model is to be run.
absl::StatusOr<ModelFile> OpenWithProgress(const std::string& path, bool upgrade);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_
