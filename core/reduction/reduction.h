// Reductions of float32 elements over some of a tensor's axes.
#ifndef NOMOGRAPH_CORE_REDUCTION_REDUCTION_H_
#define NOMOGRAPH_CORE_REDUCTION_REDUCTION_H_

#include <cstdint>

namespace nomograph {

// Of x [outer, reduced, kept, length] to y [outer, kept]: over the second and the last axis. All
// sizes are at least 1.
struct Reduction {
  enum class Kind {
    kSum,  // sums are made in double
    kSumOfMagnitudes,
    kSumOfSquares,
    kProduct,   // made in double, too
    kGreatest,  // NaN where an element is
    kLeast,
    kLogSumExp,  // the logarithm of the sum of e^x, also where e^x would overflow
    kLast = kLogSumExp,
  };
  Kind kind;
  int64_t outer = 1, reduced = 1, kept = 1, length = 1;
  // Of sums and products: each is multiplied by it, or its root is taken.
  double factor = 1;
  bool root = false;
};

// Computes the elements [begin, end) of y.
void Reduce(const Reduction& reduction, const float* x, float* y, int64_t begin, int64_t end);
// The same of sums and products, as they are in double; of the results [begin, end) the first goes
// to y[0]. REQUIRES: the kind is one of these.
void ReduceToDouble(const Reduction& reduction, const float* x, double* y, int64_t begin,
                    int64_t end);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_REDUCTION_REDUCTION_H_
