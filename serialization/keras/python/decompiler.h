// Source text out of instructions.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/serialization/keras/python/code.h"

namespace nomograph::keras {

// The statements of a body ahead of its return, and the expression that it returns.
struct BodySource {
  std::vector<std::string> lines;
  std::string result;
  size_t size_all() const {
    size_t size = result.size();
    for (const std::string& line : lines) size += line.size() + 1;
    return size;
  }
};

// Nothing where the way of control is none that is shown as source (loops with conditions,
// exceptions), or the text would pass `limit` characters. `depth`: how deep the function lies in
// others.
std::optional<BodySource> Decompile(const Code& code, int64_t limit, int depth,
                                    const std::string& first_argument = "");

// A whole function.
struct FunctionText {
  bool is_lambda = false;
  std::string head;                // "lambda x: ", or "def f(x):"
  std::string body;                // of a lambda
  std::vector<std::string> lines;  // of a def, without its indentation
  std::string ToString() const;
};
FunctionText WriteFunction(const Code& code, const std::vector<std::string>& defaults,
                           int64_t limit, int depth);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_H_
