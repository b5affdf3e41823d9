// Python values as the interpreter has them: known ones, tensors that have no numbers yet, and
// names of modules and calls.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_VALUE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_VALUE_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "nomograph/core/build/value.h"
#include "nomograph/serialization/keras/python/code.h"

namespace nomograph::keras {

struct PyHeap;

// Copied freely. What it points at lives in the interpreter's PyArena, so that Python's cycles
// (a list in itself, a function in its own closure) cost nothing.
struct PyValue {
  enum class Kind : uint8_t {
    kNull,     // nothing: an argument that was not given, the mark beside a callable
    kUnknown,  // made of something that is missing: what is done with it is not known, either
    kNone,
    kEllipsis,
    kBool,
    kInt,
    kFloat,
    kText,
    kBytes,
    kTuple,
    kList,
    kSet,
    kDict,      // items: key, value, key, value, ...
    kSlice,     // items: start, stop, step
    kIterator,  // items, and the place in them
    kTensor,
    kName,  // of a module, a call or a type: its canonical name
    kFunction,
    kMethod,  // items: the receiver
    kCode,
    kCell,     // items: what the variable holds
    kComplex,  // items: the real and the imaginary part, tensors
  };
  Kind kind = Kind::kNull;
  int64_t number = 0;  // of kBool and kInt
  double real = 0;     // of kFloat
  PyHeap* heap = nullptr;

  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return is(Kind::kBool) || is(Kind::kInt) || is(Kind::kFloat); }
  bool is_integer() const { return is(Kind::kBool) || is(Kind::kInt); }
  bool is_sequence() const { return is(Kind::kTuple) || is(Kind::kList); }
  // REQUIRES: is_number().
  double AsDouble() const { return is(Kind::kFloat) ? real : static_cast<double>(number); }

  static PyValue Null() { return {}; }
  static PyValue Unknown() { return {.kind = Kind::kUnknown}; }
  static PyValue None() { return {.kind = Kind::kNone}; }
  static PyValue Bool(bool v) { return {.kind = Kind::kBool, .number = v}; }
  static PyValue Int(int64_t v) { return {.kind = Kind::kInt, .number = v}; }
  static PyValue Float(double v) { return {.kind = Kind::kFloat, .real = v}; }
};

// A function that the code makes.
struct PyFunction {
  const Code* code = nullptr;
  std::vector<PyValue> defaults, closure;
  PyValue keyword_defaults;  // a dict, or null
};

struct PyHeap {
  // Of kText, kBytes, kName; the name of kMethod; the names of a tuple's elements, separated by
  // spaces, where they have some.
  std::string text;
  std::vector<PyValue> items;
  size_t position = 0;  // of kIterator
  Value tensor;
  // Of kTensor: its dtype gives way to that of a tensor beside it, as NumPy's arrays do.
  bool weak = false;
  // Of a tensor that is a shape: `items` are its elements, integers and scalar tensors. Of a scalar
  // tensor that is a size: of which tensor and axis.
  bool is_shape = false;
  Value size_of;
  int size_axis = -1;
  PyFunction function;
  const Code* code = nullptr;  // of kCode
};

class PyArena {
 public:
  PyHeap* New() { return &heaps_.emplace_back(); }
  PyValue Make(PyValue::Kind kind, std::vector<PyValue> items = {}, std::string text = "") {
    PyHeap* heap = New();
    heap->items = std::move(items);
    heap->text = std::move(text);
    return {.kind = kind, .heap = heap};
  }
  PyValue Text(std::string text) { return Make(PyValue::Kind::kText, {}, std::move(text)); }
  PyValue Name(std::string name) { return Make(PyValue::Kind::kName, {}, std::move(name)); }
  PyValue Tuple(std::vector<PyValue> items) {
    return Make(PyValue::Kind::kTuple, std::move(items));
  }
  PyValue List(std::vector<PyValue> items) { return Make(PyValue::Kind::kList, std::move(items)); }
  PyValue Tensor(Value value, bool weak = false) {
    PyValue made = Make(PyValue::Kind::kTensor);
    made.heap->tensor = std::move(value);
    made.heap->weak = weak;
    return made;
  }

 private:
  std::deque<PyHeap> heaps_;
};

struct PyArguments {
  std::vector<PyValue> positional;
  std::vector<std::pair<std::string, PyValue>> keywords;
};

// What a value is, for messages: "a list", "a tensor float32[?,3]".
std::string Describe(const PyValue& value);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_VALUE_H_
