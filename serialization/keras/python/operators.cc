// Interpreter: operators and comparisons. Of known numbers they are computed as Python does, of
// tensors they become ops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/complex.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;
using B = BinaryOperator;
using C = Comparison;

// Comparisons of lists in lists.
constexpr int kMaxDepth = 32;

absl::Status Overflow() { return absl::UnimplementedError("an integer passes 64 bits"); }

absl::StatusOr<int64_t> IntPower(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return Overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return Overflow();
  }
  return result;
}

// Rounds down, as Python does. REQUIRES: b is not 0, and not (least, -1).
int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

absl::StatusOr<PyValue> IntBinary(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  const bool divides =
      op == B::kFloorDivide || op == B::kRemainder || op == B::kDivide || op == B::kOldDivide;
  if (divides && b == 0) return InvalidArgument("a division by zero");
  if (divides && b == -1 && a == std::numeric_limits<int64_t>::min()) return Overflow();
  switch (op) {
    case B::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return Overflow();
      return PyValue::Int(result);
    case B::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return Overflow();
      return PyValue::Int(result);
    case B::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return Overflow();
      return PyValue::Int(result);
    case B::kDivide:
      return PyValue::Float(static_cast<double>(a) / static_cast<double>(b));
    case B::kFloorDivide:
    case B::kOldDivide:
      return PyValue::Int(FloorDivide(a, b));
    case B::kRemainder:
      return PyValue::Int(a - b * FloorDivide(a, b));
    case B::kPower: {
      if (b < 0) {
        if (a == 0) return InvalidArgument("a division by zero");
        return PyValue::Float(std::pow(a, b));
      }
      NOMO_ASSIGN_OR_RETURN(result, IntPower(a, b));
      return PyValue::Int(result);
    }
    case B::kAnd:
      return PyValue::Int(a & b);
    case B::kOr:
      return PyValue::Int(a | b);
    case B::kXor:
      return PyValue::Int(a ^ b);
    case B::kShiftLeft:
      if (b < 0 || b > 62 || std::abs(a) > std::numeric_limits<int64_t>::max() >> b) {
        return Overflow();
      }
      return PyValue::Int(a * (int64_t{1} << b));
    case B::kShiftRight:
      if (b < 0) return InvalidArgument("a shift by ", b);
      return PyValue::Int(a >> std::min<int64_t>(b, 63));
    case B::kMatMul:
      break;
  }
  return InvalidArgument("@ of numbers");
}

absl::StatusOr<PyValue> FloatBinary(BinaryOperator op, double a, double b) {
  switch (op) {
    case B::kAdd:
      return PyValue::Float(a + b);
    case B::kSubtract:
      return PyValue::Float(a - b);
    case B::kMultiply:
      return PyValue::Float(a * b);
    case B::kDivide:
    case B::kOldDivide:
    case B::kFloorDivide:
    case B::kRemainder: {
      if (b == 0) return InvalidArgument("a division by zero");
      if (op == B::kFloorDivide) return PyValue::Float(std::floor(a / b));
      if (op != B::kRemainder) return PyValue::Float(a / b);
      const double remainder = std::fmod(a, b);
      return PyValue::Float(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b
                                                                         : remainder);
    }
    case B::kPower:
      return PyValue::Float(std::pow(a, b));
    default:
      return InvalidArgument("the operator ", OperatorText(op), " of numbers that are no integers");
  }
}

absl::string_view OpOf(BinaryOperator op) {
  switch (op) {
    case B::kAdd:
      return "math.Add";
    case B::kSubtract:
      return "math.Sub";
    case B::kMultiply:
      return "math.Mul";
    case B::kDivide:
    case B::kOldDivide:
      return "math.Div";
    case B::kFloorDivide:
      return "math.FloorDiv";
    case B::kRemainder:
      return "math.Mod";
    case B::kPower:
      return "math.Pow";
    case B::kMatMul:
      return "math.MatMul";
    default:
      return "";
  }
}

absl::string_view OpOf(Comparison comparison) {
  constexpr absl::string_view kOps[] = {"math.Less",     "math.LessOrEqual", "math.Equal",
                                        "math.NotEqual", "math.Greater",     "math.GreaterOrEqual"};
  return kOps[static_cast<int>(comparison)];
}

// The types that the op's first input takes.
DTypeSet TypesOf(absl::string_view op) {
  const OpDef* def = OpRegistry::Default().Find(op);
  if (def != nullptr) {
    for (const auto& [name, types] : def->type_vars) {
      if (name == def->inputs[0].type) return types;
    }
  }
  return kAnyType;
}

bool Is(const PyValue& a, const PyValue& b) {
  if (a.kind != b.kind) return false;
  if (a.is(Kind::kName)) return a.heap->text == b.heap->text;
  return a.heap == b.heap && a.number == b.number && a.real == b.real;
}

template <typename T>
bool Ordered(Comparison comparison, const T& a, const T& b) {
  switch (comparison) {
    case C::kLess:
      return a < b;
    case C::kLessOrEqual:
      return a <= b;
    case C::kGreater:
      return a > b;
    default:
      return a >= b;
  }
}

}  // namespace

// Tensors, or what becomes one beside a tensor.
absl::StatusOr<PyValue> Interpreter::TensorBinary(BinaryOperator op, const PyValue& a,
                                                  const PyValue& b) {
  NOMO_RETURN_IF_ERROR(SpendValue());
  const bool weak =
      (!a.is(Kind::kTensor) || a.heap->weak) && (!b.is(Kind::kTensor) || b.heap->weak);
  absl::string_view name = OpOf(op);
  if (op == B::kAnd || op == B::kOr || op == B::kXor) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<Value> probe, Promote({a, b}));
    const bool logic = probe[0].dtype() == DType::kBool;
    name = op == B::kAnd  ? (logic ? "math.And" : "math.BitwiseAnd")
           : op == B::kOr ? (logic ? "math.Or" : "math.BitwiseOr")
                          : (logic ? "math.Xor" : "math.BitwiseXor");
  }
  if (name.empty()) {
    return absl::UnimplementedError(absl::StrCat(OperatorText(op), " of tensors"));
  }
  DTypeSet types = TypesOf(name);
  // Python 2 divides integers without a remainder.
  if (op == B::kOldDivide) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<Value> probe, Promote({a, b}));
    if (kInts.Contains(probe[0].dtype())) name = "math.FloorDiv";
  }
  // A size is not negative: it divides as ONNX' integers do.
  if (op == B::kFloorDivide && a.is(Kind::kTensor) && a.heap->size_axis >= 0 && b.is_integer() &&
      b.number > 0) {
    name = "math.Div";
  }
  // True division yields floating point, also of integers.
  if (op == B::kDivide) types = nomograph::kFloats;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> inputs, Promote({a, b}, types));
  return FromTensor(nomograph::Call(name, inputs), weak);
}

// Element by element, where one is a shape and what is computed is known of all elements.
absl::StatusOr<PyValue> Interpreter::ShapeBinary(BinaryOperator op, const PyValue& a,
                                                 const PyValue& b) {
  const auto at = [](const PyValue& x, size_t i) {
    const bool many = x.is_sequence() || (x.is(Kind::kTensor) && x.heap->is_shape);
    return !many ? x : x.heap->items.size() == 1 ? x.heap->items[0] : x.heap->items[i];
  };
  const auto count = [](const PyValue& x) {
    const bool many = x.is_sequence() || (x.is(Kind::kTensor) && x.heap->is_shape);
    return many ? x.heap->items.size() : 1;
  };
  const size_t size = std::max(count(a), count(b));
  const bool fits = (count(a) == size || count(a) == 1) && (count(b) == size || count(b) == 1);
  std::vector<PyValue> sizes;
  for (size_t i = 0; fits && i < size; ++i) {
    NOMO_ASSIGN_OR_RETURN(const PyValue element, Binary(op, at(a, i), at(b, i)));
    if (!element.is(Kind::kInt) && !element.is(Kind::kTensor)) break;
    sizes.push_back(element);
  }
  if (sizes.size() != size) return TensorBinary(op, a, b);
  return MakeShape(std::move(sizes));
}

absl::StatusOr<PyValue> Interpreter::Binary(BinaryOperator op, const PyValue& a, const PyValue& b) {
  if (a.is(Kind::kUnknown) || b.is(Kind::kUnknown)) return PyValue::Unknown();
  if (a.is(Kind::kComplex) || b.is(Kind::kComplex)) return ComplexBinary(*this, op, a, b);
  const auto is_shape = [](const PyValue& x) { return x.is(Kind::kTensor) && x.heap->is_shape; };
  const auto is_operand = [](const PyValue& x) {
    return x.is(Kind::kTensor) || x.is_number() || x.is_sequence();
  };
  if ((a.is(Kind::kTensor) || b.is(Kind::kTensor)) && is_operand(a) && is_operand(b)) {
    const bool integers = op != B::kDivide && op != B::kPower && op != B::kMatMul;
    return integers && (is_shape(a) || is_shape(b)) ? ShapeBinary(op, a, b)
                                                    : TensorBinary(op, a, b);
  }
  if (a.is_integer() && b.is_integer()) {
    const bool logic = op == B::kAnd || op == B::kOr || op == B::kXor;
    NOMO_ASSIGN_OR_RETURN(PyValue result, IntBinary(op, a.number, b.number));
    if (logic && a.is(Kind::kBool) && b.is(Kind::kBool)) result.kind = Kind::kBool;
    return result;
  }
  if (a.is_number() && b.is_number()) return FloatBinary(op, a.AsDouble(), b.AsDouble());
  if (a.is(Kind::kText) && op == B::kRemainder) return arena_.Text("...");
  if (a.is(Kind::kText) && b.is(Kind::kText) && op == B::kAdd) {
    NOMO_RETURN_IF_ERROR(SpendElements(a.heap->text.size() + b.heap->text.size()));
    return arena_.Text(a.heap->text + b.heap->text);
  }
  if (op == B::kAdd && a.is_sequence() && a.kind == b.kind) {
    NOMO_RETURN_IF_ERROR(SpendElements(a.heap->items.size() + b.heap->items.size()));
    std::vector<PyValue> items = a.heap->items;
    items.insert(items.end(), b.heap->items.begin(), b.heap->items.end());
    return arena_.Make(a.kind, std::move(items));
  }
  if (op == B::kMultiply && (a.is_sequence() || b.is_sequence()) &&
      (a.is_integer() || b.is_integer())) {
    const PyValue& list = a.is_sequence() ? a : b;
    const int64_t times = std::max<int64_t>(0, a.is_sequence() ? b.number : a.number);
    NOMO_RETURN_IF_ERROR(
        SpendElements(SaturatingMultiply(times, static_cast<int64_t>(list.heap->items.size()))));
    std::vector<PyValue> items;
    for (int64_t i = 0; !list.heap->items.empty() && i < times; ++i) {
      items.insert(items.end(), list.heap->items.begin(), list.heap->items.end());
    }
    return arena_.Make(list.kind, std::move(items));
  }
  return InvalidArgument("the operator ", OperatorText(op), " of ", Describe(a), " and ",
                         Describe(b));
}

absl::StatusOr<PyValue> Interpreter::Unary(UnaryOperator op, const PyValue& a) {
  if (a.is(Kind::kUnknown)) return a;
  if (op == UnaryOperator::kNot) {
    NOMO_ASSIGN_OR_RETURN(const bool truth, Truth(a));
    return PyValue::Bool(!truth);
  }
  if (a.is(Kind::kTensor)) {
    if (op == UnaryOperator::kPositive) return a;
    NOMO_RETURN_IF_ERROR(SpendValue());
    const bool logic = a.heap->tensor.dtype() == DType::kBool;
    const absl::string_view name = op == UnaryOperator::kNegative ? "math.Neg"
                                   : logic                        ? "math.Not"
                                                                  : "math.BitwiseNot";
    return FromTensor(nomograph::Call(name, {a.heap->tensor}), a.heap->weak);
  }
  if (a.is(Kind::kFloat) && op != UnaryOperator::kInvert) {
    return PyValue::Float(op == UnaryOperator::kNegative ? -a.real : a.real);
  }
  if (a.is_integer()) {
    if (op == UnaryOperator::kInvert) return PyValue::Int(~a.number);
    if (op == UnaryOperator::kPositive) return PyValue::Int(a.number);
    return IntBinary(B::kSubtract, 0, a.number);
  }
  return InvalidArgument("an operator of ", Describe(a));
}

absl::StatusOr<bool> Interpreter::Truth(const PyValue& value) {
  switch (value.kind) {
    case Kind::kUnknown:
      return absl::AbortedError("a condition depends on what is missing");
    case Kind::kNull:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.number != 0;
    case Kind::kFloat:
      return value.real != 0;
    case Kind::kText:
    case Kind::kBytes:
      return !value.heap->text.empty();
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kSet:
    case Kind::kDict:
      return !value.heap->items.empty();
    case Kind::kTensor: {
      const auto known = Known(value);
      if (known.ok() && known->is_number()) return Truth(*known);
      return absl::UnimplementedError(
          absl::StrCat("a condition depends on ", Describe(value), ", which has no value yet"));
    }
    default:
      return true;
  }
}

absl::StatusOr<bool> Interpreter::Equal(const PyValue& a, const PyValue& b) {
  return EqualWithin(a, b, kMaxDepth);
}

absl::StatusOr<bool> Interpreter::EqualWithin(const PyValue& a, const PyValue& b, int depth) {
  NOMO_RETURN_IF_ERROR(Spend(1));
  if (depth < 0) return InvalidArgument("lists lie too deep in one another");
  if (a.is_number() && b.is_number()) {
    return a.is_integer() && b.is_integer() ? a.number == b.number : a.AsDouble() == b.AsDouble();
  }
  if (a.is(Kind::kText) && b.is(Kind::kText)) return a.heap->text == b.heap->text;
  const auto type = [](const PyValue& x) {
    return x.is(Kind::kText) || x.is(Kind::kName) ? DTypeOfName(x.heap->text) : DType::kInvalid;
  };
  if (type(a) != DType::kInvalid && type(b) != DType::kInvalid) return type(a) == type(b);
  if (a.is_sequence() && a.kind == b.kind) {
    if (a.heap->items.size() != b.heap->items.size()) return false;
    for (size_t i = 0; i < a.heap->items.size(); ++i) {
      NOMO_ASSIGN_OR_RETURN(const bool equal,
                            EqualWithin(a.heap->items[i], b.heap->items[i], depth - 1));
      if (!equal) return false;
    }
    return true;
  }
  if (a.is(Kind::kTensor) || b.is(Kind::kTensor)) {
    NOMO_ASSIGN_OR_RETURN(const PyValue known_a, Known(a));
    NOMO_ASSIGN_OR_RETURN(const PyValue known_b, Known(b));
    if (known_a.is(Kind::kTensor) || known_b.is(Kind::kTensor)) return Is(a, b);
    return EqualWithin(known_a, known_b, depth - 1);
  }
  return Is(a, b);
}

absl::StatusOr<PyValue> Interpreter::Compare(Comparison comparison, const PyValue& a,
                                             const PyValue& b) {
  if (comparison == C::kIs || comparison == C::kIsNot) {
    return PyValue::Bool(Is(a, b) == (comparison == C::kIs));
  }
  if (a.is(Kind::kUnknown) || b.is(Kind::kUnknown)) return PyValue::Unknown();
  if (comparison == C::kIn || comparison == C::kNotIn) {
    bool found = false;
    if (a.is(Kind::kText) && b.is(Kind::kText)) {
      found = b.heap->text.find(a.heap->text) != std::string::npos;
    } else {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, Elements(b));
      for (const PyValue& element : elements) {
        NOMO_ASSIGN_OR_RETURN(const bool equal, Equal(a, element));
        found = found || equal;
      }
    }
    return PyValue::Bool(found == (comparison == C::kIn));
  }
  const bool operands =
      !a.is(Kind::kNone) && !b.is(Kind::kNone) && !a.is(Kind::kText) && !b.is(Kind::kText);
  if ((a.is(Kind::kTensor) || b.is(Kind::kTensor)) && operands) {
    const auto known_a = Known(a), known_b = Known(b);
    if (known_a.ok() && known_b.ok() && known_a->is_number() && known_b->is_number()) {
      return Compare(comparison, *known_a, *known_b);
    }
    NOMO_RETURN_IF_ERROR(SpendValue());
    const absl::string_view op = OpOf(comparison);
    NOMO_ASSIGN_OR_RETURN(const std::vector<Value> inputs, Promote({a, b}, TypesOf(op)));
    return FromTensor(nomograph::Call(op, inputs));
  }
  if (comparison == C::kEqual || comparison == C::kNotEqual) {
    NOMO_ASSIGN_OR_RETURN(const bool equal, Equal(a, b));
    return PyValue::Bool(equal == (comparison == C::kEqual));
  }
  if (a.is_integer() && b.is_integer()) {
    return PyValue::Bool(Ordered(comparison, a.number, b.number));
  }
  if (a.is_number() && b.is_number()) {
    return PyValue::Bool(Ordered(comparison, a.AsDouble(), b.AsDouble()));
  }
  if (a.is(Kind::kText) && b.is(Kind::kText)) {
    return PyValue::Bool(Ordered(comparison, a.heap->text, b.heap->text));
  }
  return InvalidArgument(Describe(a), " ", ComparisonText(comparison), " ", Describe(b));
}

}  // namespace nomograph::keras
