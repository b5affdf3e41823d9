// Reads marshal data of CPython 2.7 and 3.3 to 3.14, as far as code objects hold it. The format is
// that of CPython's Python/marshal.c, versions 2 to 5; nothing is executed, and what a payload
// claims is believed only as far as its bytes go.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_MARSHAL_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_MARSHAL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/limits.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras {

struct MarshalData {
  ObjectRef object;
  // The code objects in it, outer ones behind those that they hold.
  std::vector<std::shared_ptr<Code>> codes;
};

// The one object in `bytes`, code objects as this layout has them. InvalidArgument names the byte
// at which the data break off, contradict themselves or are of an unknown type;
// ResourceExhausted where a limit is passed.
absl::StatusOr<MarshalData> ReadMarshal(absl::string_view bytes, CodeLayout layout,
                                        const PythonLimits& limits);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_MARSHAL_H_
