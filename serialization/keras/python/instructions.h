// From a code object's bytes to instructions that mean the same in every Python version.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INSTRUCTIONS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INSTRUCTIONS_H_

#include "absl/status/status.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras {

// Fills `code.instructions` (and `repaired`) as that version has them, not those of code objects
// within. InvalidArgument, with the place, for what no such version writes: unknown opcodes,
// indices out of range, jumps into the middle of an instruction, cache entries that are not empty.
absl::Status DecodeInstructions(const PythonVersion& version, Code& code);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INSTRUCTIONS_H_
