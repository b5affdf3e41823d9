// Opens a model for a command, with a progress bar where it takes long.
#ifndef NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_
#define NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_

#include <string>

#include "nomograph/inspect/open.h"

namespace nomograph {

// As OpenFile(), with the flags for Keras models (keras_flags.h). `upgrade` where the model is to
// be run: then warnings about a Keras model, such as that it has no weights, go to standard error.
absl::StatusOr<ModelFile> OpenWithProgress(const std::string& path, bool upgrade);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_OPEN_WITH_PROGRESS_H_
