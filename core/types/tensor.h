// Tensor: a dense row-major array of one element type.
#ifndef NOMOGRAPH_CORE_TYPES_TENSOR_H_
#define NOMOGRAPH_CORE_TYPES_TENSOR_H_

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/types/dtype.h"
#include "nomograph/core/types/shape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

// The dtype and the partial shape of a graph's value.
struct TensorType {
  DType dtype = DType::kInvalid;
  PartialShape shape;

  // "float32[batch,28,28,1]".
  std::string ToString() const;
  bool operator==(const TensorType&) const = default;
};

// Copying a Tensor copies a reference: both see the same elements. Clone() copies the elements.
// The elements are aligned to 64 bytes unless they lie in memory that came from outside
// (FromBuffer).
class Tensor {
 public:
  // No tensor: dtype kInvalid. So is one that has been moved from.
  Tensor() = default;
  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&& other) noexcept
      : dtype_(std::exchange(other.dtype_, DType::kInvalid)),
        writable_(other.writable_),
        shape_(std::move(other.shape_)),
        data_(std::move(other.data_)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    if (this == &other) return *this;
    dtype_ = std::exchange(other.dtype_, DType::kInvalid);
    writable_ = other.writable_;
    shape_ = std::move(other.shape_);
    data_ = std::move(other.data_);
    return *this;
  }
  // Elements are zero. ResourceExhausted when there is not so much memory, as core/types/memory.h
  // counts it; InvalidArgument for an impossible shape.
  static absl::StatusOr<Tensor> Create(DType dtype, const Shape& shape);
  // As Create(), for shapes that the caller has bounded, and for kernels. This, Full(), Clone() and
  // Cast() throw OutOfMemory, a std::bad_alloc, which becomes a status where a kernel was called;
  // elsewhere a size from a file, an input or a flag wants Create(), TryFull(), TryClone() or
  // TryCast() (core/types/memory.h).
  Tensor(DType dtype, const Shape& shape);
  // Elements that lie elsewhere, e.g. in a mapped file; `owner` keeps them alive. They are never
  // written to. REQUIRES: `data` holds the shape's elements and is aligned to an element.
  static Tensor FromBuffer(DType dtype, const Shape& shape, const void* data,
                           std::shared_ptr<const void> owner);
  // In memory that may be written to; the elements are what it holds. REQUIRES: as many bytes,
  // aligned to 64.
  static Tensor FromMemory(DType dtype, const Shape& shape, std::shared_ptr<std::byte> memory);

  // Values in row-major order. REQUIRES: as many as the shape has.
  template <typename T>
  static Tensor Of(const Shape& shape, absl::Span<const T> values);
  template <typename T>
  static Tensor Of(const Shape& shape, std::initializer_list<T> values) {
    return Of<T>(shape, absl::MakeConstSpan(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor Vector(std::initializer_list<T> values) {
    return Of<T>(Shape{static_cast<int64_t>(values.size())}, values);
  }
  // The vector's own memory, without a copy. InvalidArgument unless it has as many elements as the
  // shape.
  template <typename T>
  static absl::StatusOr<Tensor> FromVector(const Shape& shape, std::vector<T> values);
  template <typename T>
  static Tensor Scalar(T value) {
    return Of<T>(Shape{}, {value});
  }
  // `value` in every element, rounded to `dtype`.
  static Tensor Full(DType dtype, const Shape& shape, double value);

  bool valid() const { return dtype_ != DType::kInvalid; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  TensorType type() const { return {dtype_, shape_}; }
  int64_t num_elements() const { return shape_.num_elements(); }
  int64_t num_bytes() const { return num_elements() * DTypeSize(dtype_); }

  // REQUIRES: T is the tensor's element type.
  template <typename T>
  absl::Span<const T> data() const {
    NOMO_CHECK(kDTypeOf<T> == dtype_);
    return absl::MakeConstSpan(reinterpret_cast<const T*>(data_.get()), num_elements());
  }
  // REQUIRES: also writable().
  template <typename T>
  absl::Span<T> mutable_data() {
    NOMO_CHECK(kDTypeOf<T> == dtype_ && writable_);
    return absl::MakeSpan(reinterpret_cast<T*>(data_.get()), num_elements());
  }
  // An element by its indices, e.g. image.at<float>(0, y, x, c). REQUIRES: as many as axes, each
  // within its axis, and T is the element type. data() is what one iterates over.
  template <typename T, typename... Index>
  const T& at(Index... index) const {
    return data<T>()[OffsetOf({static_cast<int64_t>(index)...})];
  }
  const std::byte* raw_data() const { return data_.get(); }
  std::byte* mutable_raw_data() {
    NOMO_CHECK(writable_);
    return data_.get();
  }
  bool writable() const { return writable_; }

  // Element `index` in row-major order as a double: for printing, statistics and attributes, not
  // for loops that matter.
  double AsDouble(int64_t index) const;
  // The elements of an integer (or bool) tensor. REQUIRES: dtype() is one of kInts, kInt4s or
  // kBool.
  std::vector<int64_t> ToInts() const;

  Tensor Clone() const;
  // The same elements under another shape. REQUIRES: equal num_elements().
  Tensor Reshaped(const Shape& shape) const;
  // Values rounded to another type as C++ converts (a float out of an integer's range becomes its
  // nearest end).
  Tensor Cast(DType dtype) const;
  // Elements [begin, end) of axis 0. Shares memory.
  Tensor Rows(int64_t begin, int64_t end) const;

  // The first `limit` values, "float32[3] [1, 2, 3]", and "..." where there are more; "no tensor".
  std::string ToString(int64_t limit = 12) const;
  // Equal dtype, shape and bytes.
  bool operator==(const Tensor& other) const;

 private:
  int64_t OffsetOf(std::initializer_list<int64_t> index) const;

  DType dtype_ = DType::kInvalid;
  bool writable_ = true;
  Shape shape_;
  std::shared_ptr<std::byte> data_;
};

// Tensors by name: the inputs or outputs of a model, the arrays of an archive.
using NamedTensors = std::map<std::string, Tensor, std::less<>>;

// Converts `count` elements as Tensor::Cast() does. The memory must not overlap.
void ConvertElements(DType from, const std::byte* source, DType to, std::byte* target,
                     int64_t count);

// Tensors along axis 0, one after the other. InvalidArgument unless dtype and the other axes agree.
absl::StatusOr<Tensor> ConcatRows(absl::Span<const Tensor> parts);

// Whether every element pair satisfies |actual - expected| <= atol + rtol * |expected|; equal
// infinities and NaN in both count as equal. OK, or InvalidArgument with the count, the worst
// element, its index and both values.
absl::Status AllClose(const Tensor& actual, const Tensor& expected, double rtol, double atol);

template <typename T>
absl::StatusOr<Tensor> Tensor::FromVector(const Shape& shape, std::vector<T> values) {
  static_assert(!std::is_same_v<T, bool>, "a vector of bool has no elements in memory");
  if (shape.num_elements() != static_cast<int64_t>(values.size())) {
    return InvalidArgument("shape ", shape.ToString(), " has ", shape.num_elements(),
                           " elements, found ", values.size());
  }
  const auto owner = std::make_shared<std::vector<T>>(std::move(values));
  Tensor tensor = FromBuffer(kDTypeOf<T>, shape, owner->data(), owner);
  tensor.writable_ = true;
  return tensor;
}

template <typename T>
Tensor Tensor::Of(const Shape& shape, absl::Span<const T> values) {
  NOMO_CHECK(shape.num_elements() == static_cast<int64_t>(values.size()));
  Tensor tensor(kDTypeOf<T>, shape);
  std::copy(values.begin(), values.end(), tensor.mutable_data<T>().begin());
  return tensor;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_TENSOR_H_
