#include "nomograph/ops/array/dims.h"

#include <algorithm>

#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 62;

}  // namespace

absl::StatusOr<Dim> Product(absl::Span<const Dim> dims) {
  int64_t product = 1;
  bool zero = false;
  const Dim* unknown = nullptr;
  bool several = false;
  for (const Dim& dim : dims) {
    if (!dim.known()) {
      several = unknown != nullptr;
      unknown = &dim;
    } else if (dim.size() == 0) {
      zero = true;
    } else if (product > kMaxSize / dim.size()) {
      return InvalidArgument("shape ",
                             PartialShape(std::vector<Dim>(dims.begin(), dims.end())).ToString(),
                             " has more than 2^62 elements");
    } else {
      product *= dim.size();
    }
  }
  if (zero) return Dim(0);
  if (unknown == nullptr) return Dim(product);
  return product == 1 && !several ? *unknown : Dim();
}

absl::StatusOr<Dim> Sum(absl::Span<const Dim> dims) {
  int64_t sum = 0;
  const Dim* unknown = nullptr;
  bool several = false;
  for (const Dim& dim : dims) {
    if (!dim.known()) {
      several = unknown != nullptr;
      unknown = &dim;
    } else if (sum > kMaxSize - dim.size()) {
      return InvalidArgument("the sizes add up to more than 2^62");
    } else {
      sum += dim.size();
    }
  }
  if (unknown == nullptr) return Dim(sum);
  return sum == 0 && !several ? *unknown : Dim();
}

absl::StatusOr<PartialShape> MergeOtherAxes(const PartialShape& common, const PartialShape& shape,
                                            int axis) {
  if (!common.has_rank() || !shape.has_rank()) return Merge(common, shape);
  PartialShape same = shape;
  if (axis < same.rank() && axis < common.rank()) same[axis] = common[axis];
  return Merge(common, same);
}

}  // namespace nomograph
