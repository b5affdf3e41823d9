// Sums and functions of float32 elements that lie side by side.
#ifndef NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
#define NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_

#include <cstdint>

namespace nomograph {

// In double, and in an order of its own, the same for the same count on the same machine.
double SumOfRow(const float* row, int64_t count);

// The sum, and that of the squares, in double, likewise.
struct RowMoments {
  double sum, squares;
};
RowMoments MomentsOfRow(const float* row, int64_t count);
// y[i] = (x[i] - center) * factor + offset; y may be x.
void NormalizeRow(const float* x, float center, float factor, float offset, float* y,
                  int64_t count);

// y[i] = factor * the sum of rows[k][i] for k < num_rows, one after the other in double; y may be
// one of the rows. REQUIRES: num_rows > 0.
void SumOfRows(const float* const* rows, int num_rows, double factor, float* y, int64_t count);

// y[i] = f(x[i]), off by a few units in the last place; y may be x. NaN stays.
void ExpOfRow(const float* x, float* y, int64_t count);
void ErfOfRow(const float* x, float* y, int64_t count);

// y[i] = e^x[i] / sum of e^x[k], or its logarithm. NaN among x makes all of y NaN, as an infinity
// does, or nothing but -infinities. y may be x. REQUIRES: count > 0.
void SoftmaxOfRow(const float* x, float* y, int64_t count, bool logarithm);
// The same along the rows of a matrix [rows, columns], for each column. REQUIRES: rows > 0.
void SoftmaxOfColumns(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm);
// The gradient of softmax y, from that of y: dx[i] = y[i] (dy[i] - sum of dy[k] y[k]). dx may be dy
// or y.
void SoftmaxGradOfRow(const float* dy, const float* y, float* dx, int64_t count);

// The gradient of an activation that is 0 at 0, rises by 1 behind it and by alpha in front of it:
// dx[i] = dy[i] where x[i] > 0, else alpha dy[i], or 0 where alpha is 0. With a limit it is 0 where
// x[i] is not below that. dx may be dy or x.
struct ReluSlopes {
  float alpha = 0;
  bool limited = false;
  float limit = 0;
};
void ReluGradOfRow(const ReluSlopes& slopes, const float* dy, const float* x, float* dx,
                   int64_t count);

// In float32, so for a short while: the sums of x[i] - center and of its square; and those of dy[i]
// and of dy[i] (x[i] - center).
struct RowSums {
  float first, second;
};
RowSums CenteredSums(const float* x, float center, int64_t count);
RowSums CenteredProducts(const float* dy, const float* x, float center, int64_t count);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
