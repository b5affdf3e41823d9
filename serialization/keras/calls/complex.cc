#include "nomograph/serialization/keras/calls/complex.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/known_call.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;
using B = BinaryOperator;

// Calls that move elements, whatever these are.
constexpr absl::string_view kMoves[] = {
    "reshape", "transpose", "permute_dimensions", "expand_dims", "squeeze",
    "reverse", "identity",  "stop_gradient",      "slice",       "tile",
    "gather",  "roll",
};

absl::string_view LastOf(absl::string_view name) { return name.substr(name.rfind('.') + 1); }

const PyValue& Part(const PyValue& value, int i) { return value.heap->items[i]; }

// A real one has no imaginary part.
PyValue PartOrZero(const PyValue& value, int i) {
  if (value.is(Kind::kComplex)) return Part(value, i);
  return i == 0 ? value : PyValue::Int(0);
}

}  // namespace

PyValue MakeComplex(Interpreter& interpreter, PyValue real, PyValue imaginary) {
  return interpreter.arena().Make(Kind::kComplex, {real, imaginary});
}

bool HasComplex(const PyArguments& arguments) {
  return std::any_of(arguments.positional.begin(), arguments.positional.end(),
                     [](const PyValue& value) { return value.is(Kind::kComplex); });
}

std::optional<absl::StatusOr<PyValue>> ApplyToComplex(Interpreter& interpreter,
                                                      const std::string& name,
                                                      const PyArguments& arguments) {
  if (arguments.positional.empty() || !arguments.positional[0].is(Kind::kComplex)) {
    return std::nullopt;
  }
  const PyValue& x = arguments.positional[0];
  const absl::string_view last = LastOf(name);
  const auto call = [&](const char* function, const PyValue& a, const PyValue& b) {
    return interpreter.CallKnown(function, {{a, b}, {}});
  };
  if (last == "real") return Part(x, 0);
  if (last == "imag") return Part(x, 1);
  if (last == "angle") return call("tf.math.atan2", Part(x, 1), Part(x, 0));
  if (last == "abs" || last == "absolute" || last == "complex_abs") {
    return call("np.hypot", Part(x, 0), Part(x, 1));
  }
  if (last == "conj" || last == "conjugate") {
    auto negative = interpreter.Unary(UnaryOperator::kNegative, Part(x, 1));
    if (!negative.ok()) return negative;
    return MakeComplex(interpreter, Part(x, 0), *negative);
  }
  // TensorFlow takes the real part.
  if (last == "cast" || last == "to_float") {
    PyArguments rest = arguments;
    rest.positional[0] = Part(x, 0);
    return interpreter.CallKnown(name, std::move(rest));
  }
  if (last == "multiply" || last == "add" || last == "subtract") {
    if (arguments.positional.size() != 2) return std::nullopt;
    const B op = last == "multiply" ? B::kMultiply : last == "add" ? B::kAdd : B::kSubtract;
    return ComplexBinary(interpreter, op, x, arguments.positional[1]);
  }
  if (std::find(std::begin(kMoves), std::end(kMoves), last) == std::end(kMoves)) {
    return std::nullopt;
  }
  PyValue parts[2];
  for (int i = 0; i < 2; ++i) {
    PyArguments rest = arguments;
    rest.positional[0] = Part(x, i);
    auto part = interpreter.CallKnown(name, std::move(rest));
    if (!part.ok()) return part;
    parts[i] = *part;
  }
  return MakeComplex(interpreter, parts[0], parts[1]);
}

absl::StatusOr<PyValue> ComplexBinary(Interpreter& interpreter, BinaryOperator op, const PyValue& a,
                                      const PyValue& b) {
  const auto binary = [&](B each, const PyValue& x, const PyValue& y) {
    return interpreter.Binary(each, x, y);
  };
  const bool real_b = !b.is(Kind::kComplex);
  if (op == B::kAdd || op == B::kSubtract || (op == B::kDivide && real_b)) {
    PyValue parts[2];
    for (int i = 0; i < 2; ++i) {
      // A real divisor divides both parts.
      const PyValue other = op == B::kDivide ? b : PartOrZero(b, i);
      NOMO_ASSIGN_OR_RETURN(parts[i], binary(op, PartOrZero(a, i), other));
    }
    return MakeComplex(interpreter, parts[0], parts[1]);
  }
  if (op != B::kMultiply) {
    return absl::UnimplementedError(
        absl::StrCat("the operator ", OperatorText(op), " of complex tensors"));
  }
  // (p + qi) (r + si) = pr - qs + (ps + qr) i
  PyValue products[4];
  for (int i = 0; i < 4; ++i) {
    NOMO_ASSIGN_OR_RETURN(products[i],
                          binary(B::kMultiply, PartOrZero(a, i / 2), PartOrZero(b, i % 2)));
  }
  NOMO_ASSIGN_OR_RETURN(const PyValue real, binary(B::kSubtract, products[0], products[3]));
  NOMO_ASSIGN_OR_RETURN(const PyValue imaginary, binary(B::kAdd, products[1], products[2]));
  return MakeComplex(interpreter, real, imaginary);
}

}  // namespace nomograph::keras
