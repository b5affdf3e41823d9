// Interpreter: Python values as tensors, and tensors as numbers where these are known.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

// How deep lists may lie in one another where they are tensors.
constexpr int kMaxDepth = 32;

// The dtype that two tensors have together: Keras 3's promotion of types.
DType PromoteTypes(DType a, DType b) {
  if (a == b || b == DType::kInvalid) return a;
  if (a == DType::kInvalid) return b;
  if (a == DType::kBool) return b;
  if (b == DType::kBool) return a;
  const bool float_a = nomograph::kFloats.Contains(a), float_b = nomograph::kFloats.Contains(b);
  if (float_a != float_b) return float_a ? a : b;
  const int64_t size_a = DTypeSize(a), size_b = DTypeSize(b);
  if (float_a) return size_a != size_b ? (size_a > size_b ? a : b) : DType::kFloat32;
  const bool signed_a = kSignedInts.Contains(a), signed_b = kSignedInts.Contains(b);
  if (signed_a == signed_b) return size_a > size_b ? a : b;
  const DType with_sign = signed_a ? a : b;
  const int64_t unsigned_size = signed_a ? size_b : size_a;
  if (DTypeSize(with_sign) > unsigned_size) return with_sign;
  return unsigned_size == 1   ? DType::kInt16
         : unsigned_size == 2 ? DType::kInt32
         : unsigned_size == 4 ? DType::kInt64
                              : DType::kFloat32;
}

// What there is among some values.
struct Mix {
  DType strong = DType::kInvalid, weak = DType::kInvalid;  // of tensors, of NumPy's arrays
  bool has_int = false, has_float = false;                 // numbers
};

absl::Status AddToMix(const PyValue& value, int depth, Mix& mix) {
  if (depth > kMaxDepth) return InvalidArgument("lists lie too deep in one another");
  if (value.is(Kind::kTensor)) {
    DType& type = value.heap->weak ? mix.weak : mix.strong;
    type = PromoteTypes(type, value.heap->tensor.dtype());
  } else if (value.is(Kind::kInt)) {
    mix.has_int = true;
  } else if (value.is(Kind::kFloat)) {
    mix.has_float = true;
  } else if (value.is_sequence()) {
    for (const PyValue& item : value.heap->items) {
      NOMO_RETURN_IF_ERROR(AddToMix(item, depth + 1, mix));
    }
  } else if (!value.is(Kind::kBool)) {
    return InvalidArgument("expected a tensor or numbers, found ", Describe(value));
  }
  return absl::OkStatus();
}

DType TypeOf(const Mix& mix, DType floatx) {
  const bool floats = mix.has_float || nomograph::kFloats.Contains(mix.weak);
  const bool ints = mix.has_int || kInts.Contains(mix.weak);
  if (mix.strong != DType::kInvalid) {
    if (nomograph::kFloats.Contains(mix.strong)) return mix.strong;
    if (floats) return floatx;
    return mix.strong == DType::kBool && ints ? DType::kInt32 : mix.strong;
  }
  if (mix.weak != DType::kInvalid) {
    if (mix.has_float && !nomograph::kFloats.Contains(mix.weak)) return floatx;
    return mix.weak == DType::kBool && mix.has_int ? DType::kInt32 : mix.weak;
  }
  return mix.has_float ? floatx : mix.has_int ? DType::kInt32 : DType::kBool;
}

DType Allowed(DType type, DTypeSet allowed, DType floatx) {
  if (allowed.Contains(type)) return type;
  const bool is_float = nomograph::kFloats.Contains(type);
  if (!is_float && allowed.Contains(floatx)) return floatx;
  if (!is_float && allowed.Contains(DType::kInt32)) return DType::kInt32;
  if (type != DType::kBool && allowed == kBools) return DType::kBool;
  return type;
}

absl::StatusOr<Value> Number(const PyValue& value, DType type) {
  const Tensor tensor = Tensor::Full(type, {}, value.AsDouble());
  if (kInts.Contains(type) && tensor.AsDouble(0) != value.AsDouble()) {
    return InvalidArgument("the number ", value.AsDouble(), " is no ", DTypeName(type));
  }
  return nomograph::Constant(tensor);
}

Value CastTo(Value value, DType type) {
  if (value.dtype() == type) return value;
  return nomograph::Call("array.Cast", {std::move(value)}, {{"to", type}});
}

// Numbers of nested lists, in row-major order. False where one is no number.
bool Flatten(const PyValue& value, int depth, std::vector<int64_t>& sizes,
             std::vector<double>& numbers) {
  if (value.is_number()) {
    numbers.push_back(value.AsDouble());
    return depth == static_cast<int>(sizes.size());
  }
  if (!value.is_sequence() || depth > kMaxDepth) return false;
  const int64_t size = static_cast<int64_t>(value.heap->items.size());
  if (depth == static_cast<int>(sizes.size())) {
    if (!numbers.empty()) return false;
    sizes.push_back(size);
  }
  if (sizes[depth] != size) return false;
  return std::all_of(value.heap->items.begin(), value.heap->items.end(),
                     [&](const PyValue& item) { return Flatten(item, depth + 1, sizes, numbers); });
}

// Computes what follows from constants alone, within bounds.
class Evaluator {
 public:
  // Invalid where it is not constant.
  Tensor Evaluate(const Value& value, int depth = 0) {
    const Expr* expr = value.expr().get();
    if (depth > 100 || ++steps_ > 1000 || expr->kind != Expr::Kind::kCall) return {};
    if (expr->node.op == "core.Constant") return expr->node.attrs.TensorValue("value");
    const auto key = std::make_pair(expr, value.output());
    if (const auto found = done_.find(key); found != done_.end()) return found->second;
    const OpDef* op = ScopedRegistry::Current().Find(expr->node.op, expr->node.version);
    const PartialShape& shape = value.shape();
    if (op == nullptr || op->effects != Effects::kPure || !shape.fully_known() ||
        shape.ToShape().num_elements() > 10000) {
      return {};
    }
    std::vector<Tensor> inputs;
    for (const Value& input : expr->inputs) {
      inputs.push_back(input.valid() ? Evaluate(input, depth + 1) : Tensor());
      if (input.valid() && !inputs.back().valid()) return {};
    }
    RunOpOptions options;
    options.num_outputs = static_cast<int>(expr->outputs.size());
    const auto outputs = RunOp(*op, inputs, expr->node.attrs, options);
    if (outputs.ok()) done_[key] = (*outputs)[value.output()];
    return done_[key];
  }

 private:
  int steps_ = 0;
  absl::flat_hash_map<std::pair<const Expr*, int>, Tensor> done_;
};

PyValue FromTensorElements(const Tensor& tensor, int axis, int64_t& next, PyArena& arena) {
  if (axis == tensor.shape().rank()) {
    const int64_t i = next++;
    if (nomograph::kFloats.Contains(tensor.dtype())) return PyValue::Float(tensor.AsDouble(i));
    const int64_t number = static_cast<int64_t>(tensor.AsDouble(i));
    return tensor.dtype() == DType::kBool ? PyValue::Bool(number != 0) : PyValue::Int(number);
  }
  std::vector<PyValue> items;
  for (int64_t i = 0; i < tensor.shape()[axis]; ++i) {
    items.push_back(FromTensorElements(tensor, axis + 1, next, arena));
  }
  return arena.List(std::move(items));
}

}  // namespace

absl::StatusOr<PyValue> Interpreter::FromTensor(Value value, bool weak) {
  NOMO_RETURN_IF_ERROR(value.status());
  return arena_.Tensor(std::move(value), weak);
}

absl::StatusOr<Value> Interpreter::ToTensor(const PyValue& value, DType like) {
  if (value.is(Kind::kTensor)) {
    NOMO_RETURN_IF_ERROR(value.heap->tensor.status());
    return like == DType::kInvalid ? value.heap->tensor : CastTo(value.heap->tensor, like);
  }
  Mix mix;
  NOMO_RETURN_IF_ERROR(AddToMix(value, 0, mix));
  const DType type = like != DType::kInvalid ? like : TypeOf(mix, options_.floatx);
  if (value.is_number()) return Number(value, type);
  std::vector<int64_t> sizes;
  std::vector<double> numbers;
  if (Flatten(value, 0, sizes, numbers) || value.heap->items.empty()) {
    NOMO_RETURN_IF_ERROR(SpendElements(numbers.size()));
    const int64_t count = static_cast<int64_t>(numbers.size());
    const Shape shape(sizes);
    if (shape.num_elements() != count) return InvalidArgument("a list of empty lists");
    const Tensor doubles = Tensor::Of<double>(shape, numbers);
    return nomograph::Constant(doubles.Cast(type));
  }
  // Tensors among them: one after the other along a new first axis.
  std::vector<Value> parts;
  NOMO_RETURN_IF_ERROR(SpendElements(value.heap->items.size()));
  for (const PyValue& item : value.heap->items) {
    NOMO_ASSIGN_OR_RETURN(Value part, ToTensor(item, type));
    parts.push_back(
        nomograph::Call("array.Unsqueeze", {std::move(part)}, {{"axes", std::vector<int64_t>{0}}}));
  }
  if (parts.empty()) return InvalidArgument("an empty list is no tensor");
  const Value joined = nomograph::Call("array.Concat", std::move(parts), {{"axis", 0}});
  NOMO_RETURN_IF_ERROR(joined.status());
  return joined;
}

absl::StatusOr<std::vector<Value>> Interpreter::Promote(absl::Span<const PyValue> values,
                                                        DTypeSet allowed) {
  Mix mix;
  for (const PyValue& value : values) NOMO_RETURN_IF_ERROR(AddToMix(value, 0, mix));
  const DType type = Allowed(TypeOf(mix, options_.floatx), allowed, options_.floatx);
  std::vector<Value> tensors;
  for (const PyValue& value : values) {
    NOMO_ASSIGN_OR_RETURN(Value tensor, ToTensor(value, type));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

absl::StatusOr<PyValue> Interpreter::Known(const PyValue& value) {
  if (!value.is(Kind::kTensor)) return value;
  if (value.heap->is_shape) return arena_.List(value.heap->items);
  const Tensor tensor = Evaluator().Evaluate(value.heap->tensor);
  if (!tensor.valid()) {
    return absl::UnimplementedError(absl::StrCat("the numbers in ", Describe(value),
                                                 " are needed, and are not known before it runs"));
  }
  NOMO_RETURN_IF_ERROR(SpendElements(tensor.num_elements()));
  int64_t next = 0;
  return FromTensorElements(tensor, 0, next, arena_);
}

absl::StatusOr<std::vector<int64_t>> Interpreter::ToInts(const PyValue& value) {
  NOMO_ASSIGN_OR_RETURN(const PyValue known, Known(value));
  if (known.is_integer()) return std::vector<int64_t>{known.number};
  if (!known.is_sequence()) return InvalidArgument("expected integers, found ", Describe(value));
  std::vector<int64_t> ints;
  for (const PyValue& item : known.heap->items) {
    NOMO_ASSIGN_OR_RETURN(const PyValue number, Known(item));
    if (!number.is_integer()) return InvalidArgument("expected integers, found ", Describe(item));
    ints.push_back(number.number);
  }
  return ints;
}

absl::StatusOr<DType> Interpreter::ToDType(const PyValue& value) {
  DType type = DType::kInvalid;
  if (value.is(Kind::kText)) type = DTypeOfName(value.heap->text);
  if (value.is(Kind::kName)) {
    const std::string& name = value.heap->text;
    type = name == "builtins.float"  ? options_.floatx
           : name == "builtins.int"  ? DType::kInt32
           : name == "builtins.bool" ? DType::kBool
                                     : DTypeOfName(name);
  }
  if (type != DType::kInvalid) return type;
  return InvalidArgument("expected a dtype, found ", Describe(value));
}

absl::StatusOr<std::vector<PyValue>> Interpreter::ToSizes(const PyValue& value) {
  std::vector<PyValue> sizes;
  if (value.is_integer()) return std::vector<PyValue>{PyValue::Int(value.number)};
  if (value.is(Kind::kTensor)) {
    if (value.heap->is_shape) return value.heap->items;
    const Value tensor = value.heap->tensor;
    if (const auto known = Known(value); known.ok()) {
      return known->is_sequence() ? known->heap->items : std::vector<PyValue>{*known};
    }
    const PartialShape& shape = tensor.shape();
    if (shape.rank() == 0) return std::vector<PyValue>{value};
    if (shape.rank() != 1 || !shape[0].known() || shape[0].size() > kMaxRank) {
      return InvalidArgument("expected sizes, found ", Describe(value));
    }
    for (int64_t i = 0; i < shape[0].size(); ++i) {
      sizes.push_back(arena_.Tensor(CastTo(At(tensor, i), DType::kInt64)));
    }
    return sizes;
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, Elements(value));
  for (const PyValue& element : elements) {
    if (element.is(Kind::kNone)) {
      sizes.push_back(PyValue::Int(-1));
    } else if (element.is_integer()) {
      sizes.push_back(PyValue::Int(element.number));
    } else if (element.is(Kind::kFloat) && element.real == std::floor(element.real) &&
               std::abs(element.real) < 1e15) {
      sizes.push_back(PyValue::Int(static_cast<int64_t>(element.real)));
    } else if (element.is(Kind::kTensor)) {
      const auto known = Known(element);
      const bool number = known.ok() && known->is_integer();
      sizes.push_back(number ? PyValue::Int(known->number) : element);
    } else {
      return InvalidArgument("expected sizes, found ", Describe(element));
    }
  }
  return sizes;
}

}  // namespace nomograph::keras
