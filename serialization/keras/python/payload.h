// Payloads: a function's code as a Keras file holds it.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_PAYLOAD_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_PAYLOAD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/limits.h"

namespace nomograph::keras {

// The code object in marshal data. No payload says of which Python it is: every version is tried,
// and those of which it may be are kept as far as its instructions mean the same in them.
// InvalidArgument, ResourceExhausted as ReadMarshal() and DecodeInstructions().
absl::StatusOr<std::shared_ptr<const Code>> ReadCode(absl::string_view bytes,
                                                     const PythonLimits& limits);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_PAYLOAD_H_
