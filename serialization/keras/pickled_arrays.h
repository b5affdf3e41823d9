// Arrays in Python's pickle format, as numpy.savez writes a dictionary of arrays: Keras' weights in
// model.weights.npz. A pickle is a program that may call anything; here the few instructions that
// arrays are written with build data, and a name that they call is one of four, or an error.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PICKLED_ARRAYS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PICKLED_ARRAYS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph::keras {

// Whether an .npy file holds Python objects.
bool HoldsObjects(absl::string_view npy);

// The dictionary of arrays that an .npy file of one object holds, by key. Nothing is allocated that
// the file does not have bytes for. InvalidArgument, with the byte, for anything else, and for
// calls of other functions than NumPy's own that make arrays.
absl::StatusOr<NamedTensors> ReadPickledArrays(absl::string_view npy);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PICKLED_ARRAYS_H_
