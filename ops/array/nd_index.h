// What array.GatherND and array.ScatterND share: the last axis of the indices holds places in data.
#ifndef NOMOGRAPH_OPS_ARRAY_ND_INDEX_H_
#define NOMOGRAPH_OPS_ARRAY_ND_INDEX_H_

#include "nomograph/core/op/op.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {

// The shape of the slices that indices [..., m] name in data when the first `batch` axes are
// common: that of indices without its last axis, and behind it that of data without its first batch
// + m. InvalidArgument where they do not fit.
absl::StatusOr<PartialShape> SlicesShape(const PartialShape& data, const PartialShape& indices,
                                         int64_t batch);

// Calls f(slice number, first element of data) for each place in the indices, in row-major order.
// InvalidArgument for an index that does not fit.
template <typename F>
absl::Status ForEachSlice(const KernelContext& context, int64_t batch, F f) {
  const Shape& data = context.input_shape(0);
  const TensorView& indices = context.input_view(1);
  const int64_t depth = (*indices.shape)[indices.shape->rank() - 1];
  const int64_t slices =
      Shape(indices.shape->dims().first(indices.shape->rank() - 1)).num_elements();
  const int64_t batches = Shape(data.dims().first(batch)).num_elements();
  const int64_t batch_elements = Shape(data.dims().subspan(batch)).num_elements();
  const auto strides = data.Strides();
  for (int64_t s = 0; s < slices; ++s) {
    int64_t element = s / (slices / batches) * batch_elements;
    for (int64_t d = 0; d < depth; ++d) {
      const int axis = static_cast<int>(batch + d);
      int64_t index = IndexAt(indices, s * depth + d);
      if (!NormalizeIndex(index, data[axis]))
        return IndexError(indices, s * depth + d, axis, data[axis]);
      element += index * strides[axis];
    }
    f(s, element);
  }
  return absl::OkStatus();
}

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_ND_INDEX_H_
