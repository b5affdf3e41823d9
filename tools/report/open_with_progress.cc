#include "nomograph/tools/report/open_with_progress.h"

#include <iostream>
#include <utility>

#include "nomograph/core/types/status.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/keras_flags.h"
#include "nomograph/tools/text/progress.h"

namespace nomograph {

absl::StatusOr<ModelFile> OpenWithProgress(const std::string& path, bool upgrade) {
  NOMO_ASSIGN_OR_RETURN(keras::KerasImportOptions keras,
                        WithExitCode(ExitCode::kUsage, KerasOptionsOfFlags()));
  auto file = [&] {
    ProgressBar progress("importing");
    return OpenFile(
        path, {.upgrade = upgrade, .progress = progress.callback(), .keras = std::move(keras)});
  }();
  if (!file.ok() || !upgrade || !file->keras) return file;
  for (const std::string& warning : file->warnings)
    std::cerr << "nomo: warning: " << warning << "\n";
  return file;
}

}  // namespace nomograph
