// Calls of math and NumPy on numbers that are known.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_CALLS_NUMBERS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_CALLS_NUMBERS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/serialization/keras/python/value.h"

namespace nomograph::keras {

// What the call yields where it is one of math's or NumPy's and its arguments are numbers, or for
// those that take a list (np.prod), a list of numbers. Nothing otherwise.
std::optional<PyValue> ApplyToNumbers(absl::string_view name, absl::Span<const PyValue> arguments);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_CALLS_NUMBERS_H_
