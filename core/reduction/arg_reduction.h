// The places of the greatest or least float32 elements along an axis.
#ifndef NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_H_
#define NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_H_

#include <cstdint>

namespace nomograph {

// Of x [outer, count, inner] to y [outer, inner]: where along the second axis the chosen element
// lies. NaN is chosen rather than any number. Sizes are at least 1, and count is less than 2^31.
struct ArgReduction {
  bool greatest = true;  // or the least
  bool last = false;     // of equal elements, not the first
  int64_t outer = 1, count = 1, inner = 1;
};

// Computes the results [begin, end), of which the first goes to y[0].
void ArgReduce(const ArgReduction& reduction, const float* x, int64_t* y, int64_t begin,
               int64_t end);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_REDUCTION_ARG_REDUCTION_H_
