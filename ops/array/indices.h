// Reading tensors of indices.
#ifndef NOMOGRAPH_OPS_ARRAY_INDICES_H_
#define NOMOGRAPH_OPS_ARRAY_INDICES_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph {

inline constexpr DTypeSet kIndexTypes = {DType::kInt32, DType::kInt64};

// Element `position` of an int32 or int64 tensor.
inline int64_t IndexAt(const TensorView& indices, int64_t position) {
  if (indices.dtype == DType::kInt32)
    return reinterpret_cast<const int32_t*>(indices.data)[position];
  return reinterpret_cast<const int64_t*>(indices.data)[position];
}

// Turns an index in [-size, size) into [0, size). False for others.
inline bool NormalizeIndex(int64_t& index, int64_t size) {
  if (index < 0) index += size;
  return 0 <= index && index < size;
}

// The error for element `position` of `indices`, which does not fit `axis`.
inline absl::Status IndexError(const TensorView& indices, int64_t position, int axis,
                               int64_t size) {
  return InvalidArgument("index ", IndexAt(indices, position), " (element ", position,
                         " of the indices) is outside of [", -size, ", ", size, ") for axis ", axis,
                         " of size ", size);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_INDICES_H_
