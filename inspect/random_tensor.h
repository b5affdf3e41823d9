// Tensors of random numbers, to try models with.
#ifndef NOMOGRAPH_INSPECT_RANDOM_TENSOR_H_
#define NOMOGRAPH_INSPECT_RANDOM_TENSOR_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Floating-point numbers in [0, 1), uint8 in [0, 255], other integers in [0, 9] (int4: [0, 7]),
// bools. Equal seeds and names give equal numbers on every machine. ResourceExhausted when there is
// not so much memory.
absl::StatusOr<Tensor> RandomTensor(DType dtype, const Shape& shape, uint64_t seed,
                                    absl::string_view name);

// Numbers from `low` to `high`: integers with both, floating-point numbers without `high`, unless
// rounding reaches it.
struct RandomRange {
  double low = 0, high = 1;
};
// InvalidArgument where the range is empty or the dtype cannot hold its ends; bools have none.
absl::StatusOr<Tensor> RandomTensor(DType dtype, const Shape& shape, uint64_t seed,
                                    absl::string_view name, const RandomRange& range);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_RANDOM_TENSOR_H_
