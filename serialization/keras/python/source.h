// A function's bytecode as source text, for people: it names the same operations, and need not be
// the author's text.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_SOURCE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_SOURCE_H_

#include <string>

#include "nomograph/core/layers/layer_config.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/limits.h"

namespace nomograph::keras {

// "lambda x: x / 127.5 - 1.0", or "def" and indented lines. `defaults`: a list, or null. Escaped
// but for its line ends; at most `limits.max_text` characters, cut with "…".
std::string SourceText(const Code& code, const ConfigValue& defaults, const PythonLimits& limits);
// The same without "lambda x: ".
std::string BodyText(const Code& code, const ConfigValue& defaults, const PythonLimits& limits);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_SOURCE_H_
