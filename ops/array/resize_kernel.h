// The fast kernel of array.Resize.
#ifndef NOMOGRAPH_OPS_ARRAY_RESIZE_KERNEL_H_
#define NOMOGRAPH_OPS_ARRAY_RESIZE_KERNEL_H_

#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/array/resize_axis.h"

namespace nomograph {

// Resizes axis after axis, by copying elements or by sums in float32. Null for the types that this
// does not serve. `taps` are those of all axes.
std::unique_ptr<Kernel> MakeResizeKernel(const PrepareContext& context,
                                         const std::vector<ResizeTaps>& taps);

// The nearest value that T has; of integers ties go to even.
template <typename T, typename F>
T RoundedTo(F value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (std::isnan(value)) return T{0};
    const F rounded = std::nearbyint(value);
    if (rounded >= std::ldexp(F{1}, std::numeric_limits<T>::digits)) {
      return std::numeric_limits<T>::max();
    }
    if (rounded <= static_cast<F>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
    return static_cast<T>(rounded);
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_RESIZE_KERNEL_H_
