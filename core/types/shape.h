// Shapes: concrete ones, which tensors have, and partial ones, which values of a graph have before
// it is compiled.
#ifndef NOMOGRAPH_CORE_TYPES_SHAPE_H_
#define NOMOGRAPH_CORE_TYPES_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace nomograph {

// No tensor has more axes. The bound keeps a few nodes of a hostile file from naming shapes that
// fill the memory.
inline constexpr int kMaxRank = 64;

// The sizes of a tensor's axes, outermost first. Sizes are never negative; a scalar has rank 0.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(absl::Span<const int64_t> dims) : dims_(dims.begin(), dims.end()) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  absl::Span<const int64_t> dims() const { return dims_; }
  void Append(int64_t dim) { dims_.push_back(dim); }

  // The product of the sizes. REQUIRES: the product fits, which CheckedNumElements() shows for
  // sizes from outside.
  int64_t num_elements() const;
  // InvalidArgument when a size is negative or the product passes 2^62.
  absl::StatusOr<int64_t> CheckedNumElements() const;
  // Row-major strides in elements.
  absl::InlinedVector<int64_t, 6> Strides() const;
  // "[2,3]"; "[]" for a scalar.
  std::string ToString() const;

  bool operator==(const Shape&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Shape& s) {
    return H::combine(std::move(h), s.dims_);
  }

 private:
  absl::InlinedVector<int64_t, 6> dims_;
};

// One axis of a PartialShape: a size, a named symbol such as "batch" (equal names are equal sizes),
// or unknown.
class Dim {
 public:
  Dim() = default;  // unknown
  Dim(int64_t size) : size_(size) {}
  static Dim Symbol(std::string name);

  bool known() const { return size_ >= 0; }
  int64_t size() const { return size_; }                 // -1 when not known
  const std::string& symbol() const { return symbol_; }  // empty unless named
  // "28", "batch" or "?".
  std::string ToString() const;
  bool operator==(const Dim&) const = default;

 private:
  int64_t size_ = -1;
  std::string symbol_;
};

// A shape of which some sizes, or even the rank, may be unknown.
class PartialShape {
 public:
  PartialShape() = default;  // unknown rank
  PartialShape(std::initializer_list<Dim> dims) : dims_(std::in_place, dims.begin(), dims.end()) {}
  explicit PartialShape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  PartialShape(const Shape& shape)
      : dims_(std::in_place, shape.dims().begin(), shape.dims().end()) {}
  static PartialShape OfRank(int rank) { return PartialShape(std::vector<Dim>(rank)); }

  bool has_rank() const { return dims_.has_value(); }
  int rank() const { return dims_ ? static_cast<int>(dims_->size()) : -1; }
  // REQUIRES: has_rank().
  const Dim& operator[](int axis) const { return (*dims_)[axis]; }
  Dim& operator[](int axis) { return (*dims_)[axis]; }
  const std::vector<Dim>& dims() const { return *dims_; }
  void Append(Dim dim) { dims_->push_back(std::move(dim)); }

  bool fully_known() const;
  // REQUIRES: fully_known().
  Shape ToShape() const;
  // "[batch,28,28,1]", "[...]" when the rank is unknown.
  std::string ToString() const;
  bool operator==(const PartialShape&) const = default;

 private:
  std::optional<std::vector<Dim>> dims_;
};

// Whether a tensor of `shape` may stand where `expected` is declared. Symbols take any size.
bool Matches(const Shape& shape, const PartialShape& expected);
// Whether one tensor could have both shapes.
bool Compatible(const PartialShape& a, const PartialShape& b);
// What both say together, the better known of each axis. InvalidArgument when they contradict each
// other.
absl::StatusOr<PartialShape> Merge(const PartialShape& a, const PartialShape& b);

// NumPy broadcasting. The sizes are compared from the last axis on; an axis of size 1 is repeated.
// InvalidArgument names the axis and both sizes.
absl::StatusOr<PartialShape> Broadcast(const PartialShape& a, const PartialShape& b);
absl::StatusOr<Shape> Broadcast(const Shape& a, const Shape& b);

// Turns an axis in [-rank, rank) into [0, rank). InvalidArgument otherwise.
absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank);
// The same for several; repeated axes are an error. The result is sorted.
absl::StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank);

// How gtest and logs print them.
std::ostream& operator<<(std::ostream& out, const Shape& shape);
std::ostream& operator<<(std::ostream& out, const PartialShape& shape);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_SHAPE_H_
