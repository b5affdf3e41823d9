// Loops over floats and quantised integers that the compiler vectorises, for fast kernels. They
// yield exactly what quant::Quantized() of the same float yields.
#ifndef NOMOGRAPH_OPS_QUANT_LOOPS_H_
#define NOMOGRAPH_OPS_QUANT_LOOPS_H_

#include <cstdint>
#include <limits>
#include <type_traits>

namespace nomograph::quant {

// quant::Quantized() for Q of at most 16 bits.
template <typename Q>
inline Q QuantizedFast(float value, int32_t zero_point) {
  static_assert(sizeof(Q) <= 2);
  // Of a number up to 2^22 the sum with 1.5 * 2^23 has no room for a fraction, and is rounded as
  // every sum is: to nearest, ties to even. The bounds are integers, so that limits may come first.
  constexpr float kRound = 12582912.0f;
  const float low = static_cast<float>(std::numeric_limits<Q>::min() - zero_point);
  const float high = static_cast<float>(std::numeric_limits<Q>::max() - zero_point);
  value = value == value ? value : 0.0f;
  value = value > low ? value : low;
  value = value < high ? value : high;
  return static_cast<Q>(static_cast<int32_t>((value + kRound) - kRound) + zero_point);
}

// Calls f with two constants that have these values. The loops themselves are to be functions of
// plain arguments: bytes that a loop writes may, for all that the compiler knows, lie in what a
// lambda has captured, and it must not vectorise the loop.
template <typename F>
void WithConstants(bool a, bool b, F f) {
  if (a && b) return f(std::true_type{}, std::true_type{});
  if (a) return f(std::true_type{}, std::false_type{});
  if (b) return f(std::false_type{}, std::true_type{});
  f(std::false_type{}, std::false_type{});
}

// One number for a whole run of elements, or an array with one for each.
template <typename T>
struct Along {
  const T* numbers;
  bool is_array;
};

template <bool kScales, bool kBiases, typename Q>
void RequantizeLoop(const int32_t* sums, int64_t count, float x_scale, const float* w_scale,
                    const int32_t* bias, float y_scale, int32_t zero_point, Q* y) {
  const float one_scale = x_scale * *w_scale / y_scale;
  const int32_t one_bias = *bias;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t sum =
        static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(kBiases ? bias[i] : one_bias);
    const float scale = kScales ? x_scale * w_scale[i] / y_scale : one_scale;
    y[i] = QuantizedFast<Q>(static_cast<float>(static_cast<int32_t>(sum)) * scale, zero_point);
  }
}

// y[i] is quant::Requantized() of sums[i] + bias, modulo 2^32.
template <typename Q>
void RequantizeRun(const int32_t* sums, int64_t count, float x_scale, Along<float> w_scale,
                   Along<int32_t> bias, float y_scale, Q zero_point, Q* y) {
  WithConstants(w_scale.is_array, bias.is_array, [&](auto scales, auto biases) {
    RequantizeLoop<scales.value, biases.value>(sums, count, x_scale, w_scale.numbers, bias.numbers,
                                               y_scale, zero_point, y);
  });
}

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_LOOPS_H_
