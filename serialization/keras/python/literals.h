// Constants as Python writes them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LITERALS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LITERALS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/python/code.h"

namespace nomograph::keras {

// 127.5, 1.0, 1e-07: the fewest digits that say the number.
std::string NumberLiteral(double value);
// 'text', escaped.
std::string TextLiteral(absl::string_view text);
// Any constant. Stops, with "…", when the text passes `limit` characters.
std::string Literal(const Object& object, size_t limit);
std::string Literal(const ConfigValue& value, size_t limit);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LITERALS_H_
