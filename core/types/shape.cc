#include "nomograph/core/types/shape.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 62;

// Both known and different.
bool Contradict(const Dim& a, const Dim& b) {
  return a.known() && b.known() && a.size() != b.size();
}

Dim BetterKnown(const Dim& a, const Dim& b) {
  if (a.known()) return a;
  if (b.known()) return b;
  return a.symbol().empty() ? b : a;
}

absl::StatusOr<Dim> BroadcastDim(const Dim& a, const Dim& b) {
  if (a == b) return a;
  if (a.known() && a.size() == 1) return b;
  if (b.known() && b.size() == 1) return a;
  if (Contradict(a, b)) return InvalidArgument(a.size(), " against ", b.size());
  if (a.known()) return a;  // the other is 1 or equal
  if (b.known()) return b;
  return Dim();
}

}  // namespace

int64_t Shape::num_elements() const {
  int64_t product = 1;
  for (int64_t dim : dims_) product *= dim;
  return product;
}

absl::StatusOr<int64_t> Shape::CheckedNumElements() const {
  int64_t product = 1;
  // A zero makes the tensor empty but must not hide an overflow in the sizes after it.
  int64_t nonzero_product = 1;
  for (int64_t dim : dims_) {
    if (dim < 0) return InvalidArgument("shape ", ToString(), " has a negative size");
    if (dim > 0 && nonzero_product > kMaxElements / dim) {
      return InvalidArgument("shape ", ToString(), " has more than 2^62 elements");
    }
    product *= dim;
    nonzero_product *= std::max<int64_t>(dim, 1);
  }
  return product;
}

absl::InlinedVector<int64_t, 6> Shape::Strides() const {
  absl::InlinedVector<int64_t, 6> strides(dims_.size());
  int64_t stride = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= dims_[i];
  }
  return strides;
}

std::string Shape::ToString() const { return absl::StrCat("[", absl::StrJoin(dims_, ","), "]"); }

Dim Dim::Symbol(std::string name) {
  Dim dim;
  dim.symbol_ = std::move(name);
  return dim;
}

std::string Dim::ToString() const {
  if (known()) return absl::StrCat(size_);
  return symbol_.empty() ? "?" : Escape(symbol_);
}

bool PartialShape::fully_known() const {
  return dims_ && std::all_of(dims_->begin(), dims_->end(), [](const Dim& d) { return d.known(); });
}

Shape PartialShape::ToShape() const {
  NOMO_CHECK(fully_known());
  Shape shape;
  for (const Dim& dim : *dims_) shape.Append(dim.size());
  return shape;
}

std::string PartialShape::ToString() const {
  if (!dims_) return "[...]";
  return absl::StrCat(
      "[",
      absl::StrJoin(*dims_, ",", [](std::string* out, const Dim& d) { out->append(d.ToString()); }),
      "]");
}

bool Matches(const Shape& shape, const PartialShape& expected) {
  return Compatible(shape, expected);
}

bool Compatible(const PartialShape& a, const PartialShape& b) { return Merge(a, b).ok(); }

absl::StatusOr<PartialShape> Merge(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank()) return b;
  if (!b.has_rank()) return a;
  if (a.rank() != b.rank()) {
    return InvalidArgument("shapes ", a.ToString(), " and ", b.ToString(), " differ in rank");
  }
  std::vector<Dim> dims;
  for (int i = 0; i < a.rank(); ++i) {
    if (Contradict(a[i], b[i])) {
      return InvalidArgument("shapes ", a.ToString(), " and ", b.ToString(), " differ in axis ", i);
    }
    dims.push_back(BetterKnown(a[i], b[i]));
  }
  return PartialShape(std::move(dims));
}

absl::StatusOr<PartialShape> Broadcast(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank()) return PartialShape();
  const int rank = std::max(a.rank(), b.rank());
  PartialShape result = PartialShape::OfRank(rank);
  for (int i = 1; i <= rank; ++i) {  // from the last axis on
    const Dim left = i <= a.rank() ? a[a.rank() - i] : Dim(1);
    const Dim right = i <= b.rank() ? b[b.rank() - i] : Dim(1);
    auto dim = BroadcastDim(left, right);
    if (!dim.ok()) {
      return InvalidArgument("shapes ", a.ToString(), " and ", b.ToString(),
                             " do not broadcast: axis ", -i, " has ", dim.status().message());
    }
    result[rank - i] = *std::move(dim);
  }
  return result;
}

absl::StatusOr<Shape> Broadcast(const Shape& a, const Shape& b) {
  NOMO_ASSIGN_OR_RETURN(PartialShape result, Broadcast(PartialShape(a), PartialShape(b)));
  return result.ToShape();
}

absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return InvalidArgument("axis ", axis, " is outside of [", -rank, ", ", rank, ") for rank ",
                           rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank) {
  std::vector<int> result;
  for (int64_t axis : axes) {
    NOMO_ASSIGN_OR_RETURN(int normal, NormalizeAxis(axis, rank));
    if (std::find(result.begin(), result.end(), normal) != result.end()) {
      return InvalidArgument("axis ", axis, " is named twice in [", absl::StrJoin(axes, ","), "]");
    }
    result.push_back(normal);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.ToString(); }
std::ostream& operator<<(std::ostream& out, const PartialShape& shape) {
  return out << shape.ToString();
}

}  // namespace nomograph
