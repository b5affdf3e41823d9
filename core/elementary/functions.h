// Elementary functions of rows of float32, by vectors.
#ifndef NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_H_
#define NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_H_

#include <cstdint>

namespace nomograph {

// The C library's functions, but for what stands beside them. Values are off by up to four units in
// the last place; infinities, NaN and zeros are as the C library has them.
enum class Elementary {
  kAcos,
  kAcosh,
  kAsin,
  kAsinh,
  kAtan,
  kAtanh,
  kCeil,
  kCelu,  // y where y >= 0, else a * (exp(y * b) - 1)
  kCos,
  kCosh,
  kElu,  // y * b where y >= 0, else a * (exp(y) - 1)
  kErf,
  kExp,
  kExpm1,
  kFloor,
  kLog,
  kLog10,
  kLog1p,
  kLog2,
  kLogSigmoid,  // -ln(1 + exp(-y))
  kMish,        // y * tanh(ln(1 + exp(y)))
  kRound,       // of two that are equally near, the even one
  kSin,
  kSinh,
  kSoftplus,  // ln(1 + exp(y))
  kTan,
  kTrunc,
  kLast = kTrunc,  // of all
};

// The same for each of `count` elements that lie side by side; `to` may be `from`. Only functions
// that have the numbers a and b read them.
using RowFunction = void (*)(float a, float b, const float* from, float* to, int64_t count);
// Null where the machine has no vectors worth it.
RowFunction FindElementary(Elementary function);

// to[i] = base[i] to the power exponents[i], as pow() has it; `to` may be either.
void PowOfRow(const float* base, const float* exponents, float* to, int64_t count);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ELEMENTARY_FUNCTIONS_H_
