// Numbers for tests, the same for equal keys on every machine.
#ifndef NOMOGRAPH_CORE_NUMERIC_TESTING_NUMBERS_H_
#define NOMOGRAPH_CORE_NUMERIC_TESTING_NUMBERS_H_

#include <cstdint>

#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// float32 from -scale up to scale, as if drawn at random, so that sums do not cancel.
inline Tensor Numbers(const Shape& shape, uint64_t key, float scale = 1) {
  Tensor tensor(DType::kFloat32, shape);
  uint64_t i = 0;
  for (float& value : tensor.mutable_data<float>()) {
    value = scale * (static_cast<float>(MixKeys(key, i++) >> 40) / (1 << 23) - 1.0f);
  }
  return tensor;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_TESTING_NUMBERS_H_
