// What reading and translating a stored Python function may cost.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LIMITS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LIMITS_H_

#include <cstdint>

namespace nomograph::keras {

struct PythonLimits {
  // Of a marshal payload: bytes, objects, and how deep objects may lie in one another.
  int64_t max_payload = 1 << 20;
  int64_t max_objects = 100'000;
  int max_nesting = 40;
  // Of text that is made of a function: characters.
  int64_t max_text = 20'000;
  // Of an interpretation: instructions, values (operations on tensors), calls inside of calls, and
  // the elements of a list, string or array that it makes.
  int64_t max_steps = 100'000;
  int64_t max_values = 20'000;
  int max_calls = 40;
  int64_t max_elements = 1 << 20;
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_LIMITS_H_
