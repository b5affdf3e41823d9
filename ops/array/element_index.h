// What array.GatherElements and array.ScatterElements share: an index for every element.
#ifndef NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_
#define NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_

#include <algorithm>
#include <cstring>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {

// InvalidArgument unless indices (input 1) have the rank of data (input 0) and are no larger along
// the axes other than the attribute `axis`.
absl::Status CheckElementIndices(const InferContext& context);

// Indices along the last axis, all of which fit. The one at i, which lies at first + i among all,
// names Element(i) of data. kAlong: it is the axis of the indices, too.
template <typename I, bool kAlong>
struct IndexRow {
  const I* indices;
  int64_t first, size;
  int64_t base, axis_size, stride;

  int64_t Element(int64_t i) const {
    int64_t index = indices[i];
    index += index >> 63 & axis_size;  // negative ones count from the end
    return kAlong ? base + index : base + index * stride + i;
  }
  // One index for the whole row, as where indices of rows were expanded, names a run of elements.
  bool NamesRun() const {
    return !kAlong && std::memcmp(indices, indices + 1, (size - 1) * sizeof(I)) == 0;
  }
};

namespace internal {

template <typename I, bool kAlong, typename F>
absl::Status ForEachIndexRowOf(const KernelContext& context, int axis, int part, int parts,
                               const F& f) {
  const Shape& data = context.input_shape(0);
  const TensorView& view = context.input_view(1);
  const Shape& shape = *view.shape;
  const auto strides = data.Strides();
  const int last = data.rank() - 1;
  IndexRow<I, kAlong> row{.size = shape[last], .axis_size = data[axis], .stride = strides[axis]};
  const int64_t rows = shape.num_elements() / row.size, end = rows * (part + 1) / parts;
  for (int64_t r = rows * part / parts; r < end; ++r) {
    row.first = r * row.size;
    row.indices = reinterpret_cast<const I*>(view.data) + row.first;
    row.base = 0;
    int64_t place = r;
    for (int a = last - 1; a >= 0; --a) {
      if (a != axis) row.base += place % shape[a] * strides[a];
      place /= shape[a];
    }
    // The sign of index + size, or of size - 1 - index, tells that one does not fit.
    const auto size = static_cast<uint64_t>(row.axis_size);
    uint64_t signs = 0;
#pragma omp simd reduction(| : signs)
    for (int64_t i = 0; i < row.size; ++i) {
      const auto index = static_cast<uint64_t>(int64_t{row.indices[i]});
      signs |= (index + size) | (size - 1 - index);
    }
    if (signs >> 63 != 0) {
      for (int64_t i = 0; i < row.size; ++i) {
        int64_t index = row.indices[i];
        if (!NormalizeIndex(index, row.axis_size)) {
          return IndexError(view, row.first + i, axis, row.axis_size);
        }
      }
    }
    f(row);
  }
  return absl::OkStatus();
}

}  // namespace internal

// Calls f(IndexRow) for each row of the indices, in row-major order, or for part number `part` of
// `parts` that make up all of them. InvalidArgument for the first index that does not fit.
template <typename F>
absl::Status ForEachIndexRow(const KernelContext& context, F f, int part = 0, int parts = 1) {
  const int rank = context.input_shape(0).rank();
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), rank));
  if (context.input_shape(1).num_elements() == 0) return absl::OkStatus();
  const auto of = [&]<typename I>(I) {
    return axis == rank - 1 ? internal::ForEachIndexRowOf<I, true>(context, axis, part, parts, f)
                            : internal::ForEachIndexRowOf<I, false>(context, axis, part, parts, f);
  };
  return context.input_dtype(1) == DType::kInt32 ? of(int32_t{}) : of(int64_t{});
}

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_
