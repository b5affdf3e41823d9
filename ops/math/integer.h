// Integer arithmetic that is defined for all operands: results wrap around at the ends of the
// type's range, as two's complement does, and division by zero yields zero. Floating-point operands
// follow IEEE 754.
#ifndef NOMOGRAPH_OPS_MATH_INTEGER_H_
#define NOMOGRAPH_OPS_MATH_INTEGER_H_

#include <cstdint>
#include <type_traits>

#include "nomograph/core/types/dtype.h"

namespace nomograph::math {

// An unsigned type in which T's arithmetic wraps; at least 32 bits, because smaller ones would
// become (signed) int.
template <typename T>
using Unsigned = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

// The type in which T is summed: double for floats; for integers 64 bits, unsigned, of which the
// lower ones are right in T.
template <typename T>
using WrappingSum = std::conditional_t<std::is_same_v<SumType<T>, int64_t>, uint64_t, SumType<T>>;

template <typename T>
constexpr T Add(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a + b;
  else
    return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
}

template <typename T>
constexpr T Sub(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a - b;
  else
    return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
}

template <typename T>
constexpr T Mul(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a * b;
  else
    return static_cast<T>(static_cast<Unsigned<T>>(a) * static_cast<Unsigned<T>>(b));
}

template <typename T>
constexpr T Neg(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return -a;
  else
    return Sub<T>(0, a);
}

// Rounded toward zero.
template <typename T>
constexpr T Div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a / b;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return Neg(a);  // the least integer has no counterpart
    }
    return static_cast<T>(a / b);
  }
}

// What Div() leaves: its sign is a's; zero where b is zero. Integers only.
template <typename T>
constexpr T Remainder(T a, T b) {
  return b == 0 ? T{0} : Sub(a, Mul(Div(a, b), b));
}

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_INTEGER_H_
