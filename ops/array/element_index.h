// What array.GatherElements and array.ScatterElements share: an index for every element.
#ifndef NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_
#define NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_

#include <cstring>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {

// InvalidArgument unless indices (input 1) have the rank of data (input 0) and are no larger along
// the axes other than the attribute `axis`.
absl::Status CheckElementIndices(const InferContext& context);

namespace internal {

template <typename I, typename F>
absl::Status ForEachElementRunOf(const KernelContext& context, const F& f) {
  const Shape& data = context.input_shape(0);
  const TensorView& indices = context.input_view(1);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), data.rank()));
  const auto strides = data.Strides();
  const int last = data.rank() - 1;
  std::vector<int64_t> place(data.rank(), 0);  // of a row of `indices`; that along its axis is 0
  const int64_t count = indices.shape->num_elements(), row = (*indices.shape)[last];
  const int64_t step = axis == last ? 0 : 1;  // that the place in the row adds
  for (int64_t first = 0; first < count; first += row) {
    int64_t base = 0;
    for (int a = 0; a < last; ++a) base += a == axis ? 0 : place[a] * strides[a];
    const I* const of_row = reinterpret_cast<const I*>(indices.data) + first;
    // One index for the whole row, as where indices of rows were expanded, is a run.
    const bool one = step == 1 && std::memcmp(of_row, of_row + 1, (row - 1) * sizeof(I)) == 0;
    const int64_t run = one ? row : 1;
    for (int64_t i = 0; i < row; i += run) {
      int64_t index = of_row[i];
      if (!NormalizeIndex(index, data[axis])) {
        return IndexError(indices, first + i, axis, data[axis]);
      }
      f(first + i, base + index * strides[axis] + i * step, run);
    }
    for (int a = last - 1; a >= 0 && ++place[a] == (*indices.shape)[a]; --a) place[a] = 0;
  }
  return absl::OkStatus();
}

}  // namespace internal

// Calls f(position, element, count) for runs of elements of the indices: the position of the first,
// the element of data that it names, and how many follow it in both, itself among them; all in
// row-major order. InvalidArgument for an index that does not fit.
template <typename F>
absl::Status ForEachElementRun(const KernelContext& context, F f) {
  if (context.input_dtype(1) == DType::kInt32) {
    return internal::ForEachElementRunOf<int32_t>(context, f);
  }
  return internal::ForEachElementRunOf<int64_t>(context, f);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_ELEMENT_INDEX_H_
