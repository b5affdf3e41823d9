// Sums and functions of float32 elements that lie side by side.
#ifndef NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
#define NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_

#include <cstdint>

namespace nomograph {

// In double, and in an order of its own, the same for the same count on the same machine.
double SumOfRow(const float* row, int64_t count);

// y[i] = f(x[i]), off by a few units in the last place; y may be x. NaN stays.
void ExpOfRow(const float* x, float* y, int64_t count);
void ErfOfRow(const float* x, float* y, int64_t count);

// y[i] = e^x[i] / sum of e^x[k], or its logarithm. NaN among x makes all of y NaN, as an infinity
// does, or nothing but -infinities. y may be x. REQUIRES: count > 0.
void SoftmaxOfRow(const float* x, float* y, int64_t count, bool logarithm);
// The gradient of softmax y, from that of y: dx[i] = y[i] (dy[i] - sum of dy[k] y[k]). dx may be dy
// or y.
void SoftmaxGradOfRow(const float* dy, const float* y, float* dx, int64_t count);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
