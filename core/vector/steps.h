// Steps: what is done with float32 elements behind a product, a convolution or another step, before
// they are stored.
#ifndef NOMOGRAPH_CORE_VECTOR_STEPS_H_
#define NOMOGRAPH_CORE_VECTOR_STEPS_H_

#include <cstdint>
#include <initializer_list>

namespace nomograph {

// What becomes of the element y at (row, column). NaN stays NaN.
struct VectorStep {
  enum class Kind {
    // With an element z of another matrix, operand[row * row_stride + column * column_stride].
    kAdd,       // y + z
    kSubtract,  // y - z
    kMultiply,  // y * z
    kDivide,    // y / z
    kMaximum,   // NaN where either is
    kMinimum,
    kPRelu,  // y where y >= 0, else y * z
    // With the numbers a and b.
    kLinear,     // y * a + b
    kClip,       // the nearest to y of the numbers from a to b
    kLeakyRelu,  // y where y > 0, else y * a
    kAbs,
    kSquare,
    kSqrt,
    kPower,        // y to the power a, which IsEasyPower(); as pow() has it for all y
    kHardSwish,    // y * min(max(y * a + b, 0), 1)
    kHardSigmoid,  // min(max(y * a + b, 0), 1)
    kSwish,        // y / (1 + exp(-a * y))
    kSigmoid,      // 1 / (1 + exp(-y))
    kTanh,
    kGelu,              // y / 2 * (1 + erf(y / sqrt(2)))
    kGeluTanh,          // y / 2 * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 * y^3)))
    kFunction,          // what `function` makes of it with a and b: core/elementary/functions.h
    kLast = kFunction,  // of all
  };
  Kind kind;
  float a = 0, b = 0;
  void (*function)(float a, float b, const float* from, float* to, int64_t count) = nullptr;
  const float* operand = nullptr;
  int64_t row_stride = 0, column_stride = 0;  // column_stride is 0 or 1

  bool has_operand() const { return kind <= Kind::kPRelu; }
};

// Whether a few multiplications, a division or a square root make the power.
constexpr bool IsEasyPower(float exponent) {
  for (const float easy : {-4.0f, -3.0f, -2.0f, -1.0f, -0.5f, 0.5f, 1.0f, 2.0f, 3.0f, 4.0f}) {
    if (exponent == easy) return true;
  }
  return false;
}

// Takes a step on `count` elements that lie side by side, the first of them at (row, column): from
// `from` to `to`, which may be the same.
using StepFn = void (*)(const VectorStep& step, int64_t row, int64_t column, int64_t count,
                        const float* from, float* to);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_STEPS_H_
