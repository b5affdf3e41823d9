#include "nomograph/tools/report/open_with_progress.h"

#include "nomograph/tools/text/progress.h"

namespace nomograph {

absl::StatusOr<ModelFile> OpenWithProgress(const std::string& path, bool upgrade) {
  ProgressBar progress("importing");
  return OpenFile(path, {.upgrade = upgrade, .progress = progress.callback()});
}

}  // namespace nomograph
