// Interprets code objects over values that have no numbers yet.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INTERPRETER_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INTERPRETER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/opcodes.h"
#include "nomograph/serialization/keras/python/value.h"

namespace nomograph::keras {

// What an index does to a tensor: python/subscripts.cc.
struct TensorIndex;

class Interpreter {
 public:
  // `options` must outlive the object.
  explicit Interpreter(const TranslateOptions& options) : options_(options) {}

  const TranslateOptions& options() const { return options_; }
  PyArena& arena() { return arena_; }
  // What was found missing so far; values that depend on it are unknown.
  const std::vector<MissingItem>& missing() const { return missing_; }
  void AddMissing(MissingItem item);

  // Budgets, asked before the cost is paid: ResourceExhausted.
  absl::Status Spend(int64_t steps);
  absl::Status SpendElements(int64_t elements);  // of a list, text or array
  absl::Status SpendValue();                     // an operation on tensors

  // Calls a function, method or known name.
  absl::StatusOr<PyValue> Call(const PyValue& callable, PyArguments arguments);
  absl::StatusOr<PyValue> CallKnown(const std::string& name, PyArguments arguments);
  absl::StatusOr<PyValue> CallFunction(const PyFunction& function, PyArguments arguments);

  // The value of a global name: a define's, a built-in, a module; unknown where there is none.
  PyValue Global(const std::string& name);
  PyValue Constant(const Object& object);
  PyValue FromConfig(const ConfigValue& value);

  // python/operators.cc
  absl::StatusOr<PyValue> Binary(BinaryOperator op, const PyValue& a, const PyValue& b);
  absl::StatusOr<PyValue> Unary(UnaryOperator op, const PyValue& a);
  absl::StatusOr<PyValue> Compare(Comparison comparison, const PyValue& a, const PyValue& b);
  // Python's truth. Unimplemented for tensors whose numbers are not known.
  absl::StatusOr<bool> Truth(const PyValue& value);
  absl::StatusOr<bool> Equal(const PyValue& a, const PyValue& b);

  absl::StatusOr<PyValue> TensorBinary(BinaryOperator op, const PyValue& a, const PyValue& b);
  absl::StatusOr<PyValue> ShapeBinary(BinaryOperator op, const PyValue& a, const PyValue& b);
  absl::StatusOr<bool> EqualWithin(const PyValue& a, const PyValue& b, int depth);

  // python/subscripts.cc
  absl::StatusOr<PyValue> Subscript(const PyValue& x, const PyValue& index);
  absl::Status StoreSubscript(const PyValue& x, const PyValue& index, const PyValue& value);
  absl::StatusOr<PyValue> Attribute(const PyValue& x, const std::string& name);
  // Whether there is such an attribute, or may be one.
  bool HasAttribute(const PyValue& x, const std::string& name);
  // The elements of what can be iterated over.
  absl::StatusOr<std::vector<PyValue>> Elements(const PyValue& x);
  // The elements of a tensor's shape: numbers, and scalar tensors where they are not known.
  absl::StatusOr<PyValue> ShapeOf(const Value& x);
  // A shape made of numbers and scalar tensors.
  absl::StatusOr<PyValue> MakeShape(std::vector<PyValue> sizes);

  // python/convert.cc
  // A value as a tensor. Numbers take `like`'s dtype where it is valid, else int32 and floatx.
  absl::StatusOr<Value> ToTensor(const PyValue& value, DType like = DType::kInvalid);
  // Several as tensors of one dtype of `allowed`, as NumPy and Keras promote: numbers and NumPy's
  // arrays give way to tensors, integers to floating point.
  absl::StatusOr<std::vector<Value>> Promote(absl::Span<const PyValue> values,
                                             DTypeSet allowed = kAnyType);
  // A tensor or list as numbers, where they are known.
  absl::StatusOr<PyValue> Known(const PyValue& value);
  absl::StatusOr<std::vector<int64_t>> ToInts(const PyValue& value);
  absl::StatusOr<DType> ToDType(const PyValue& value);
  // What a function may be given as shape: the sizes, numbers (-1 included) and scalar tensors.
  absl::StatusOr<std::vector<PyValue>> ToSizes(const PyValue& value);
  // The value after a check of its own fault.
  absl::StatusOr<PyValue> FromTensor(Value value, bool weak = false);

 private:
  absl::StatusOr<PyValue*> FindKey(const PyValue& dict, const PyValue& key);  // null: none
  absl::StatusOr<PyValue> TensorSubscript(const PyValue& x, const PyValue& index);
  absl::StatusOr<int> AddIndex(const PyValue& part, int axis, TensorIndex& what);
  absl::StatusOr<PyValue> ApplyIndex(const PyValue& x, TensorIndex& what);
  absl::StatusOr<PyValue> TensorAttribute(const PyValue& x, const std::string& name);
  PyValue FromFields(const LayerConfig& fields);
  absl::StatusOr<std::vector<PyValue>> Bind(const PyFunction& function, PyArguments arguments);

  const TranslateOptions& options_;
  PyArena arena_;
  std::vector<MissingItem> missing_;
  absl::flat_hash_map<const Object*, PyValue> constants_;
  int64_t steps_ = 0, elements_ = 0, values_ = 0;
  int depth_ = 0;
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_INTERPRETER_H_
