// Names of modules and what is in them, as programs call them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_NAMES_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/types/dtype.h"

namespace nomograph::keras {

// The module for which a global name usually stands: "K" is keras.backend, "tf" tf, "np" np. Empty
// for other names.
absl::string_view UsualModule(absl::string_view global);

// A dotted name in one form: tensorflow.keras.backend.mean and K.mean are keras.backend.mean;
// modules within TensorFlow and Keras that only group names are left out.
std::string CanonicalName(absl::string_view dotted);

// A module of which names are known.
bool IsModule(absl::string_view canonical);

// The short notation of many names, in which rows of ops say how Python's libraries know them:
// "{a,b}.{c,d},e.f" is a.c, a.d, b.c, b.d and e.f. Commas part names, braces multiply them; braces
// do not lie in one another, and one without its other is a letter. Parameters behind the names,
// "(...)", are left out.
std::vector<std::string> ExpandNames(absl::string_view names);

// "tf.float32", "np.int64" or "float32" as an element type; kInvalid for other names.
DType DTypeOfName(absl::string_view name);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_NAMES_H_
