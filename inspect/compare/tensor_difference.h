// How far two tensors are apart.
#ifndef NOMOGRAPH_INSPECT_COMPARE_TENSOR_DIFFERENCE_H_
#define NOMOGRAPH_INSPECT_COMPARE_TENSOR_DIFFERENCE_H_

#include <cstdint>
#include <string>

#include "nomograph/core/types/tensor.h"

namespace nomograph {

// |found - expected| <= atol + rtol * |expected|, element by element, as AllClose() has it.
struct Tolerance {
  double rtol = 1e-5, atol = 1e-5;
  // "1e-05 + 1e-05|e|"
  std::string ToString() const;
};

struct TensorDifference {
  int64_t elements = 0;
  int64_t differing = 0;  // elements that are not equal; NaN equals NaN
  int64_t beyond = 0;     // those out of tolerance
  // The greatest |found - expected|; infinite where one of two is not finite and they are not
  // equal. `worst` is that element, in row-major order; -1 where none differs.
  double max_abs = 0;
  int64_t worst = -1;
  double worst_found = 0, worst_expected = 0;
  // Euclidean norms over the pairs of which both are finite.
  double norm_difference = 0, norm_found = 0, norm_expected = 0;
  double cosine = 1;  // of the angle between the two; 1 where both are zero, 0 where one is

  bool within() const { return beyond == 0; }
  // norm_difference / norm_expected; 0 where nothing differs, infinite where nothing was expected
  // or a difference is infinite.
  double relative() const;
};

// REQUIRES: equal shapes of valid tensors; dtypes may differ, the numbers are compared as doubles.
TensorDifference MeasureDifference(const Tensor& found, const Tensor& expected,
                                   const Tolerance& tolerance);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_TENSOR_DIFFERENCE_H_
