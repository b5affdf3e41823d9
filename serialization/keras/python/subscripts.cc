// Interpreter: elements, slices and attributes of values.
#include <algorithm>
#include <limits>
#include <utility>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;
using Ints = std::vector<int64_t>;

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
constexpr int64_t kBeforeBegin = std::numeric_limits<int64_t>::min();
// Keys of a dict are found one by one.
constexpr size_t kMaxDict = 2000;
// Of a tensor that is iterated over.
constexpr int64_t kMaxRows = 1000;

absl::StatusOr<int64_t> Bound(const PyValue& value, int64_t absent) {
  if (value.is(Kind::kNone)) return absent;
  if (!value.is_integer()) return InvalidArgument("a slice from or to ", Describe(value));
  return value.number;
}

// The elements that a slice takes of `size`: Python's rules.
absl::StatusOr<std::vector<int64_t>> SliceIndices(const PyHeap& slice, int64_t size) {
  NOMO_ASSIGN_OR_RETURN(const int64_t step, Bound(slice.items[2], 1));
  if (step == 0) return InvalidArgument("a slice of step 0");
  const auto clamp = [&](int64_t i) {
    if (i < 0) i += size;
    return std::clamp<int64_t>(i, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
  };
  NOMO_ASSIGN_OR_RETURN(int64_t start, Bound(slice.items[0], kEnd));
  NOMO_ASSIGN_OR_RETURN(int64_t stop, Bound(slice.items[1], kEnd));
  start = slice.items[0].is(Kind::kNone) ? (step > 0 ? 0 : size - 1) : clamp(start);
  stop = slice.items[1].is(Kind::kNone) ? (step > 0 ? size : -1) : clamp(stop);
  std::vector<int64_t> indices;
  if (step > 0) {
    for (int64_t i = start; i < stop; i += std::min(step, size)) indices.push_back(i);
  } else {
    for (int64_t i = start; i > stop; i -= std::min(-std::max(step, -kEnd), size)) {
      indices.push_back(i);
    }
  }
  return indices;
}

}  // namespace

// What an index does to a tensor: first slices of axes, then elements by tensors of indices, then
// axes that go, then new ones.
struct TensorIndex {
  std::vector<PyValue> starts, ends;
  Ints axes, steps;
  std::vector<std::pair<int, Value>> gathers;  // by axis
  Ints squeeze;
  Ints unsqueeze;  // of the result
};

absl::StatusOr<PyValue> Interpreter::ShapeOf(const Value& x) {
  NOMO_RETURN_IF_ERROR(x.status());
  NOMO_RETURN_IF_ERROR(SpendValue());
  const PartialShape& shape = x.shape();
  const Value whole = nomograph::Call("array.Shape", {x});
  if (!shape.has_rank()) return FromTensor(whole);
  std::vector<PyValue> sizes;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i].known()) {
      sizes.push_back(PyValue::Int(shape[i].size()));
      continue;
    }
    PyValue size = arena_.Tensor(At(whole, i));
    size.heap->size_of = x;
    size.heap->size_axis = i;
    sizes.push_back(size);
  }
  PyValue made = arena_.Tensor(whole);
  made.heap->is_shape = true;
  made.heap->items = std::move(sizes);
  return made;
}

absl::StatusOr<PyValue> Interpreter::MakeShape(std::vector<PyValue> sizes) {
  NOMO_RETURN_IF_ERROR(SpendElements(sizes.size()));
  std::vector<Value> parts;
  Ints numbers;
  const auto flush = [&] {
    if (numbers.empty() && !(parts.empty() && sizes.empty())) return;
    const int64_t count = static_cast<int64_t>(numbers.size());
    parts.push_back(nomograph::Constant(Tensor::Of<int64_t>(Shape{count}, numbers)));
    numbers.clear();
  };
  for (const PyValue& size : sizes) {
    if (size.is_integer()) {
      numbers.push_back(size.number);
      continue;
    }
    flush();
    NOMO_ASSIGN_OR_RETURN(const Value scalar, ToTensor(size, DType::kInt64));
    parts.push_back(nomograph::Call("array.Reshape", {scalar}, {{"shape", Ints{1}}}));
  }
  flush();
  const Value joined =
      parts.size() == 1 ? parts[0] : nomograph::Call("array.Concat", parts, {{"axis", 0}});
  NOMO_ASSIGN_OR_RETURN(PyValue made, FromTensor(joined));
  made.heap->is_shape = true;
  made.heap->items = std::move(sizes);
  return made;
}

absl::StatusOr<std::vector<PyValue>> Interpreter::Elements(const PyValue& x) {
  switch (x.kind) {
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kSet:
      NOMO_RETURN_IF_ERROR(SpendElements(x.heap->items.size()));
      return x.heap->items;
    case Kind::kIterator: {
      std::vector<PyValue>& items = x.heap->items;
      NOMO_RETURN_IF_ERROR(SpendElements(items.size()));
      const size_t begin = std::min(std::exchange(x.heap->position, items.size()), items.size());
      return std::vector<PyValue>(items.begin() + begin, items.end());
    }
    case Kind::kDict: {
      NOMO_RETURN_IF_ERROR(SpendElements(x.heap->items.size()));
      std::vector<PyValue> keys;
      for (size_t i = 0; i < x.heap->items.size(); i += 2) keys.push_back(x.heap->items[i]);
      return keys;
    }
    case Kind::kText: {
      NOMO_RETURN_IF_ERROR(SpendElements(x.heap->text.size()));
      std::vector<PyValue> letters;
      for (const char c : x.heap->text) letters.push_back(arena_.Text(std::string(1, c)));
      return letters;
    }
    case Kind::kTensor: {
      if (x.heap->is_shape) return x.heap->items;
      const Value tensor = x.heap->tensor;
      const PartialShape& shape = tensor.shape();
      if (shape.rank() < 1 || !shape[0].known() || shape[0].size() > kMaxRows) {
        return absl::UnimplementedError(
            absl::StrCat("iterating over ", Describe(x), ": its first axis must be known"));
      }
      std::vector<PyValue> rows;
      for (int64_t i = 0; i < shape[0].size(); ++i) {
        NOMO_RETURN_IF_ERROR(SpendValue());
        NOMO_ASSIGN_OR_RETURN(const PyValue row, FromTensor(At(tensor, i), x.heap->weak));
        rows.push_back(row);
      }
      return rows;
    }
    case Kind::kUnknown:
      return absl::AbortedError("an iteration over what is missing");
    default:
      return InvalidArgument("iterating over ", Describe(x));
  }
}

absl::StatusOr<PyValue> Interpreter::Subscript(const PyValue& x, const PyValue& index) {
  if (x.is(Kind::kUnknown) || index.is(Kind::kUnknown)) return PyValue::Unknown();
  if (x.is(Kind::kComplex)) {
    NOMO_ASSIGN_OR_RETURN(const PyValue real, Subscript(x.heap->items[0], index));
    NOMO_ASSIGN_OR_RETURN(const PyValue imaginary, Subscript(x.heap->items[1], index));
    return arena_.Make(Kind::kComplex, {real, imaginary});
  }
  if (x.is(Kind::kDict)) {
    NOMO_ASSIGN_OR_RETURN(const PyValue* found, FindKey(x, index));
    if (found == nullptr) return InvalidArgument("a dict has no key ", Describe(index));
    return *found;
  }
  const bool shape = x.is(Kind::kTensor) && x.heap->is_shape;
  PyValue at = index;
  if ((x.is_sequence() || x.is(Kind::kText) || shape) && index.is(Kind::kTensor)) {
    NOMO_ASSIGN_OR_RETURN(at, Known(index));
  }
  if (x.is(Kind::kTensor) && !(shape && (at.is_integer() || at.is(Kind::kSlice)))) {
    return TensorSubscript(x, index);
  }
  if (!x.is_sequence() && !x.is(Kind::kText) && !shape) {
    return InvalidArgument("an element of ", Describe(x));
  }
  const bool text = x.is(Kind::kText);
  const int64_t size = static_cast<int64_t>(text ? x.heap->text.size() : x.heap->items.size());
  if (at.is_integer()) {
    const int64_t i = at.number < 0 ? at.number + size : at.number;
    if (i < 0 || i >= size) {
      return InvalidArgument("element ", at.number, " of ", Describe(x));
    }
    return text ? arena_.Text(x.heap->text.substr(i, 1)) : x.heap->items[i];
  }
  if (!at.is(Kind::kSlice)) return InvalidArgument("element ", Describe(index), " of a list");
  NOMO_RETURN_IF_ERROR(SpendElements(size));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, SliceIndices(*at.heap, size));
  if (text) {
    std::string part;
    for (const int64_t i : indices) part.push_back(x.heap->text[i]);
    return arena_.Text(std::move(part));
  }
  std::vector<PyValue> items;
  for (const int64_t i : indices) items.push_back(x.heap->items[i]);
  if (shape) return MakeShape(std::move(items));
  return arena_.Make(x.kind, std::move(items));
}

absl::StatusOr<PyValue*> Interpreter::FindKey(const PyValue& dict, const PyValue& key) {
  std::vector<PyValue>& items = dict.heap->items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    NOMO_ASSIGN_OR_RETURN(const bool equal, Equal(items[i], key));
    if (equal) return &items[i + 1];
  }
  return nullptr;
}

absl::Status Interpreter::StoreSubscript(const PyValue& x, const PyValue& index,
                                         const PyValue& value) {
  if (x.is(Kind::kUnknown)) return absl::OkStatus();
  if (x.is(Kind::kDict)) {
    NOMO_ASSIGN_OR_RETURN(PyValue * found, FindKey(x, index));
    if (found != nullptr) {
      *found = value;
      return absl::OkStatus();
    }
    if (x.heap->items.size() >= 2 * kMaxDict) {
      return absl::ResourceExhaustedError(absl::StrCat("a dict of more than ", kMaxDict, " keys"));
    }
    x.heap->items.push_back(index);
    x.heap->items.push_back(value);
    return absl::OkStatus();
  }
  if (!x.is(Kind::kList) || !index.is_integer()) {
    return absl::UnimplementedError(absl::StrCat("a value is put into ", Describe(x)));
  }
  const int64_t size = static_cast<int64_t>(x.heap->items.size());
  const int64_t i = index.number < 0 ? index.number + size : index.number;
  if (i < 0 || i >= size) return InvalidArgument("element ", index.number, " of ", Describe(x));
  x.heap->items[i] = value;
  return absl::OkStatus();
}

absl::StatusOr<PyValue> Interpreter::TensorSubscript(const PyValue& x, const PyValue& index) {
  NOMO_RETURN_IF_ERROR(SpendValue());
  std::vector<PyValue> parts =
      index.is(Kind::kTuple) ? index.heap->items : std::vector<PyValue>{index};
  const auto counts = [](const PyValue& part) {
    return !part.is(Kind::kNone) && !part.is(Kind::kEllipsis);
  };
  const int used = static_cast<int>(std::count_if(parts.begin(), parts.end(), counts));
  const int rank = x.heap->tensor.shape().rank();
  const bool ellipsis = std::any_of(parts.begin(), parts.end(),
                                    [](const PyValue& part) { return part.is(Kind::kEllipsis); });
  if (rank < 0 && (ellipsis || used > 0)) {
    return absl::UnimplementedError(
        absl::StrCat("an element of ", Describe(x), ", whose number of axes is not known"));
  }
  if (used > rank) return InvalidArgument(used, " indices of ", Describe(x));
  // A mask of all elements, or of those along the first axis.
  if (parts.size() == 1 && parts[0].is(Kind::kTensor) &&
      parts[0].heap->tensor.dtype() == DType::kBool) {
    const Value& mask = parts[0].heap->tensor;
    Attributes attrs;
    if (mask.shape().rank() == 1) attrs.Set("axis", 0);
    if (mask.shape().rank() != 1 && mask.shape().rank() != rank) {
      return absl::UnimplementedError("a mask of several axes, but not of all");
    }
    const Value flat = mask.shape().rank() == 1
                           ? mask
                           : nomograph::Call("array.Reshape", {mask}, {{"shape", Ints{-1}}});
    return FromTensor(nomograph::Call("array.Compress", {x.heap->tensor, flat}, attrs));
  }
  TensorIndex what;
  int axis = 0, result = 0;
  for (const PyValue& part : parts) {
    if (part.is(Kind::kNone)) {
      what.unsqueeze.push_back(result++);
    } else if (part.is(Kind::kEllipsis)) {
      axis += rank - used;
      result += rank - used;
    } else {
      NOMO_ASSIGN_OR_RETURN(const int kept, AddIndex(part, axis, what));
      result += kept;
      ++axis;
    }
  }
  return ApplyIndex(x, what);
}

// Notes what one part of an index does to an axis; yields how many axes come of it.
absl::StatusOr<int> Interpreter::AddIndex(const PyValue& part, int axis, TensorIndex& what) {
  const auto slice = [&](PyValue start, PyValue end, int64_t step) {
    what.starts.push_back(start);
    what.ends.push_back(end);
    what.axes.push_back(axis);
    what.steps.push_back(step);
  };
  if (part.is_integer()) {
    const int64_t end = part.number == -1 ? kEnd : part.number + 1;
    slice(PyValue::Int(part.number), PyValue::Int(end), 1);
    what.squeeze.push_back(axis);
    return 0;
  }
  if (part.is(Kind::kSlice)) {
    const std::vector<PyValue>& items = part.heap->items;
    NOMO_ASSIGN_OR_RETURN(const int64_t step, Bound(items[2], 1));
    if (step == 0) return InvalidArgument("a slice of step 0");
    const auto bound = [&](const PyValue& value, int64_t absent) -> absl::StatusOr<PyValue> {
      if (value.is(Kind::kNone)) return PyValue::Int(absent);
      if (value.is_integer() || value.is(Kind::kTensor)) return value;
      return InvalidArgument("a slice from or to ", Describe(value));
    };
    if (items[0].is(Kind::kNone) && items[1].is(Kind::kNone) && step == 1) return 1;
    NOMO_ASSIGN_OR_RETURN(const PyValue start, bound(items[0], step > 0 ? 0 : kEnd));
    NOMO_ASSIGN_OR_RETURN(const PyValue end, bound(items[1], step > 0 ? kEnd : kBeforeBegin));
    slice(start, end, step);
    return 1;
  }
  NOMO_ASSIGN_OR_RETURN(Value indices, ToTensor(part));
  if (!kInts.Contains(indices.dtype()) || !indices.shape().has_rank()) {
    return absl::UnimplementedError(absl::StrCat("an index that is ", Describe(part)));
  }
  if (indices.shape().rank() == 0) {
    indices = nomograph::Call("array.Reshape", {indices}, {{"shape", Ints{1}}});
    what.gathers.emplace_back(axis, indices);
    what.squeeze.push_back(axis);
    return 0;
  }
  what.gathers.emplace_back(axis, indices);
  return indices.shape().rank();
}

absl::StatusOr<PyValue> Interpreter::ApplyIndex(const PyValue& x, TensorIndex& what) {
  Value value = x.heap->tensor;
  if (what.gathers.size() > 1) {
    return absl::UnimplementedError("an index of several tensors");
  }
  if (!what.axes.empty()) {
    const auto numbers = [](const std::vector<PyValue>& bounds) {
      return std::all_of(bounds.begin(), bounds.end(),
                         [](const PyValue& bound) { return bound.is_integer(); });
    };
    std::vector<Value> inputs = {value};
    Attributes attrs = {{"axes", what.axes}, {"steps", what.steps}};
    for (const auto& [name, bounds] : {std::pair("starts", &what.starts), {"ends", &what.ends}}) {
      if (numbers(*bounds)) {
        Ints ints;
        for (const PyValue& bound : *bounds) ints.push_back(bound.number);
        attrs.Set(name, std::move(ints));
        inputs.push_back(Value());
      } else {
        NOMO_ASSIGN_OR_RETURN(const PyValue shape, MakeShape(*bounds));
        inputs.push_back(shape.heap->tensor);
      }
    }
    while (!inputs.back().valid()) inputs.pop_back();
    value = nomograph::Call("array.Slice", std::move(inputs), std::move(attrs));
  }
  for (const auto& [axis, indices] : what.gathers) {
    value = nomograph::Call("array.Gather", {value, indices}, {{"axis", axis}});
    for (int64_t& other : what.squeeze) {
      if (other > axis) other += indices.shape().rank() - 1;
    }
  }
  if (!what.squeeze.empty()) {
    value = nomograph::Call("array.Squeeze", {value}, {{"axes", what.squeeze}});
  }
  if (!what.unsqueeze.empty()) {
    value = nomograph::Call("array.Unsqueeze", {value}, {{"axes", what.unsqueeze}});
  }
  return FromTensor(value, x.heap->weak);
}

}  // namespace nomograph::keras
