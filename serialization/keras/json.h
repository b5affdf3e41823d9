// Reads JSON as Python writes it: NaN and Infinity are numbers.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_JSON_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"

namespace nomograph::keras {

struct JsonLimits {
  int max_depth = 200;             // of lists and objects in one another
  int64_t max_values = 4'000'000;  // of all kinds together, names of fields included
};

// Whole numbers beyond 64 bits become floating-point ones; half of a surrogate pair becomes the
// replacement character. InvalidArgument, with the byte, for what is no JSON, a field that occurs
// twice in its object, and what passes the limits.
absl::StatusOr<ConfigValue> ParseJson(absl::string_view text, const JsonLimits& limits = {});

// A field of an object: null, or no text, where it is missing or of another type.
template <typename T>
const T* FieldOf(const LayerConfig& config, absl::string_view name) {
  const ConfigValue* value = config.Find(name);
  return value == nullptr ? nullptr : value->As<T>();
}
std::string TextField(const LayerConfig& config, absl::string_view name);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_JSON_H_
