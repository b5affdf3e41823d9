// The flags with which Keras models are opened, which every command that opens one has.
#ifndef NOMOGRAPH_TOOLS_KERAS_FLAGS_H_
#define NOMOGRAPH_TOOLS_KERAS_FLAGS_H_

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/import.h"

namespace nomograph {

// Declares --lambda, --lambda-file, --define and --weights-file. A process has one command, so that
// they are kept for it here.
void AddKerasFlags(CLI::App& app);

// What they say. InvalidArgument names the flag.
absl::StatusOr<keras::KerasImportOptions> KerasOptionsOfFlags();

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_KERAS_FLAGS_H_
