// Attributes: the typed arguments of a node. An op declares each of its attributes once (AttrDef);
// that declaration serves checking, defaults, saving, printing and the documentation.
#ifndef NOMOGRAPH_CORE_TYPES_ATTRIBUTES_H_
#define NOMOGRAPH_CORE_TYPES_ATTRIBUTES_H_

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// The order is that of AttrValue::Variant.
enum class AttrType {
  kBool,
  kInt,
  kFloat,
  kString,
  kDType,
  kInts,
  kFloats,
  kStrings,
  kTensor,
  kFunction
};
// "bool", "int", "float", "string", "dtype", "ints", "floats", "strings", "tensor", "function".
absl::string_view AttrTypeName(AttrType type);

// The name of a function in the model's function library.
struct FunctionRef {
  std::string name;
  bool operator==(const FunctionRef&) const = default;
};

class AttrValue {
 public:
  using Variant = std::variant<bool, int64_t, double, std::string, DType, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>, Tensor, FunctionRef>;
  // Out of line here and in Attributes: what they instantiate is a large part of compiling an op.
  AttrValue(bool v);
  template <typename T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) AttrValue(T v)
      : AttrValue(Integer{static_cast<int64_t>(v)}) {}
  AttrValue(double v);
  AttrValue(const char* v);
  AttrValue(std::string v);
  AttrValue(absl::string_view v);
  AttrValue(DType v);
  AttrValue(std::vector<int64_t> v);
  AttrValue(std::vector<double> v);
  AttrValue(std::vector<std::string> v);
  AttrValue(Tensor v);
  AttrValue(FunctionRef v);
  AttrValue(const AttrValue& other);
  AttrValue(AttrValue&& other) noexcept;
  AttrValue& operator=(const AttrValue& other);
  AttrValue& operator=(AttrValue&& other) noexcept;
  ~AttrValue();

  AttrType type() const { return static_cast<AttrType>(value_.index()); }
  const Variant& variant() const { return value_; }
  // Null when the value has another type.
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }
  // As one writes it: true, 3, 0.5, "same", float32, [1, 2], a tensor's first elements, @function.
  std::string ToString() const;
  bool operator==(const AttrValue& other) const;

 private:
  struct Integer {
    int64_t value;
  };
  explicit AttrValue(Integer v);

  Variant value_;
};

// The attributes of one node, in the order of their names.
class Attributes {
 public:
  using Map = std::map<std::string, AttrValue, std::less<>>;
  Attributes();
  Attributes(std::initializer_list<std::pair<std::string, AttrValue>> values);
  Attributes(const Attributes& other);
  Attributes(Attributes&& other) noexcept;
  Attributes& operator=(const Attributes& other);
  Attributes& operator=(Attributes&& other) noexcept;
  ~Attributes();

  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  const AttrValue* Find(absl::string_view name) const;
  void Set(absl::string_view name, AttrValue value);
  void Erase(absl::string_view name);

  // REQUIRES: the attribute is there with that type, as it is when the op's schema has been applied
  // (see ResolveAttributes).
  bool Bool(absl::string_view name) const { return Get<bool>(name); }
  int64_t Int(absl::string_view name) const { return Get<int64_t>(name); }
  double Float(absl::string_view name) const { return Get<double>(name); }
  const std::string& String(absl::string_view name) const { return Get<std::string>(name); }
  DType Type(absl::string_view name) const { return Get<DType>(name); }
  const std::vector<int64_t>& Ints(absl::string_view name) const {
    return Get<std::vector<int64_t>>(name);
  }
  const std::vector<double>& Floats(absl::string_view name) const {
    return Get<std::vector<double>>(name);
  }
  const std::vector<std::string>& Strings(absl::string_view name) const {
    return Get<std::vector<std::string>>(name);
  }
  const Tensor& TensorValue(absl::string_view name) const { return Get<Tensor>(name); }
  const FunctionRef& Function(absl::string_view name) const { return Get<FunctionRef>(name); }

  bool empty() const { return values_.empty(); }
  size_t size() const { return values_.size(); }
  Map::const_iterator begin() const { return values_.begin(); }
  Map::const_iterator end() const { return values_.end(); }
  // "axis=1, mode="reflect"".
  std::string ToString() const;
  bool operator==(const Attributes& other) const;

 private:
  template <typename T>
  const T& Get(absl::string_view name) const {
    const AttrValue* value = Find(name);
    NOMO_CHECK(value != nullptr && value->As<T>() != nullptr);
    return *value->As<T>();
  }

  Map values_;
};

// The declaration of one attribute. Without a default it is required, unless it is optional.
struct AttrDef {
  std::string name;
  AttrType type;
  std::string doc;
  std::optional<AttrValue> default_value;
  bool optional = false;
  // For kInt, kFloat and each element of kInts, kFloats: the least and the greatest value that is
  // allowed.
  std::optional<double> min, max;
  // For kString: the values that are allowed; empty allows all.
  std::vector<std::string> choices;

  // InvalidArgument when `value` has another type or is outside of the limits. Ints are taken as
  // floats where floats are declared, and one number as a list of one; `value` is then replaced by
  // its converted form.
  absl::Status Check(AttrValue& value) const;
};

// Checks `attrs` against the declarations and fills in the defaults. All faults are in one
// InvalidArgument: unknown names (with the nearest declared one), missing ones, wrong types and
// values outside of the limits.
absl::StatusOr<Attributes> ResolveAttributes(const std::vector<AttrDef>& defs,
                                             const Attributes& attrs);

// Up to `limit` of `names` that are spelled most like `name`, best first; empty when none is near.
std::vector<std::string> NearestNames(absl::string_view name, const std::vector<std::string>& names,
                                      int limit = 3);
// " (did you mean a, b?)", or "".
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& names);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_ATTRIBUTES_H_
