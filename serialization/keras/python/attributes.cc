// Interpreter: attributes of values, and what is in modules.
#include <algorithm>
#include <limits>
#include <numbers>

#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

// Chains of names are not longer.
constexpr size_t kMaxName = 300;

// Which methods a value has: the names of their rules begin so.
absl::string_view MethodsOf(const PyValue& x) {
  switch (x.kind) {
    case Kind::kTensor:
      return "tensor.";
    case Kind::kTuple:
    case Kind::kList:
      return "list.";
    case Kind::kDict:
      return "dict.";
    case Kind::kText:
      return "text.";
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return "number.";
    default:
      return "";
  }
}

std::optional<double> NumberOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  const std::string module = name.substr(0, dot), last = name.substr(dot + 1);
  if (module != "math" && module != "np" && module != "keras.ops") return std::nullopt;
  if (last == "pi") return std::numbers::pi;
  if (last == "e") return std::numbers::e;
  if (last == "inf" || last == "Inf") return std::numeric_limits<double>::infinity();
  if (last == "nan") return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

}  // namespace

absl::StatusOr<PyValue> Interpreter::TensorAttribute(const PyValue& x, const std::string& name) {
  const Value& tensor = x.heap->tensor;
  const PartialShape& shape = tensor.shape();
  if (name == "shape") {
    if (!shape.has_rank()) {
      return absl::UnimplementedError(absl::StrCat("the shape of ", Describe(x)));
    }
    std::vector<PyValue> sizes;
    for (const Dim& dim : shape.dims()) {
      sizes.push_back(dim.known() ? PyValue::Int(dim.size()) : PyValue::None());
    }
    return arena_.Tuple(std::move(sizes));
  }
  if (name == "dtype") return arena_.Name(absl::StrCat("tf.", DTypeName(tensor.dtype())));
  if (name == "ndim") return PyValue::Int(shape.rank());
  if (name == "name") return arena_.Text("tensor");
  if (name == "T") {
    return FromTensor(nomograph::Call("array.Transpose", {tensor}), x.heap->weak);
  }
  return PyValue::Null();
}

bool Interpreter::HasAttribute(const PyValue& x, const std::string& name) {
  if (x.is(Kind::kUnknown) || x.is(Kind::kName)) return true;
  // TensorFlow 2's sizes are numbers.
  if ((x.is_number() || x.is(Kind::kNone)) && name == "value") return false;
  const size_t missing = missing_.size();
  const auto value = Attribute(x, name);
  const bool has = value.ok() && missing_.size() == missing;
  missing_.resize(missing);
  return has;
}

absl::StatusOr<PyValue> Interpreter::Attribute(const PyValue& x, const std::string& name) {
  if (x.is(Kind::kUnknown)) return x;
  if (x.is(Kind::kName)) {
    const std::string full = CanonicalName(absl::StrCat(x.heap->text, ".", name));
    if (full.size() > kMaxName) return InvalidArgument("a name of more than ", kMaxName, " bytes");
    if (const auto number = NumberOf(full)) return PyValue::Float(*number);
    if (full == "np.newaxis" || full == "tf.newaxis") return PyValue::None();
    const DType dtype = DTypeOfName(x.heap->text);
    if (dtype != DType::kInvalid && x.heap->text.find('.') != std::string::npos) {
      if (name == "name") return arena_.Text(std::string(DTypeName(dtype)));
      if (name == "is_floating") return PyValue::Bool(nomograph::kFloats.Contains(dtype));
      if (name == "is_integer") return PyValue::Bool(kInts.Contains(dtype));
      return x;
    }
    return arena_.Name(full);
  }
  if (x.is(Kind::kComplex)) {
    if (name == "dtype") return arena_.Name("tf.complex64");
    if (name == "real" || name == "imag") return x.heap->items[name == "imag"];
    return Attribute(x.heap->items[0], name);
  }
  if (x.is(Kind::kTensor)) {
    NOMO_ASSIGN_OR_RETURN(const PyValue property, TensorAttribute(x, name));
    if (!property.is(Kind::kNull)) return property;
  }
  if (x.is_sequence()) {
    const int64_t size = static_cast<int64_t>(x.heap->items.size());
    if (name == "ndims" || name == "rank") return PyValue::Int(size);
    if (name == "dims") return arena_.List(x.heap->items);
    // A named tuple's element.
    const std::vector<std::string> fields = absl::StrSplit(x.heap->text, ' ', absl::SkipEmpty());
    for (size_t i = 0; i < std::min(fields.size(), x.heap->items.size()); ++i) {
      if (fields[i] == name) return x.heap->items[i];
    }
  }
  // A size of TensorFlow 1.
  if ((x.is_number() || x.is(Kind::kNone)) && name == "value") return x;
  const absl::string_view methods = MethodsOf(x);
  const std::string method = absl::StrCat(methods, name);
  if (methods.empty() || FindCall(method) == nullptr) {
    AddMissing({MissingItem::Kind::kCall, method,
                absl::StrCat(Shown(name), ": this attribute of ", Describe(x), " is not known")});
    return PyValue::Unknown();
  }
  return arena_.Make(Kind::kMethod, {x}, method);
}

}  // namespace nomograph::keras
