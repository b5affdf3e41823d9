// Complex tensors, which are two real ones: PyValue::Kind::kComplex.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_CALLS_COMPLEX_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_CALLS_COMPLEX_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/python/interpreter.h"

namespace nomograph::keras {

PyValue MakeComplex(Interpreter& interpreter, PyValue real, PyValue imaginary);
bool HasComplex(const PyArguments& arguments);

// A call whose arguments have a complex tensor among them: its size, parts and so on, and calls
// that move elements, which move both parts. Nothing where it is none of these.
std::optional<absl::StatusOr<PyValue>> ApplyToComplex(Interpreter& interpreter,
                                                      const std::string& name,
                                                      const PyArguments& arguments);
// Sums, differences and products, and quotients by real numbers. Unimplemented for others.
absl::StatusOr<PyValue> ComplexBinary(Interpreter& interpreter, BinaryOperator op, const PyValue& a,
                                      const PyValue& b);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_CALLS_COMPLEX_H_
