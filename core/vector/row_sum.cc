#include "nomograph/core/vector/row_sum.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/row_sum_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/row_sum_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  double (*sum)(const float* row, int64_t count) = NOMO_BEST(SumElements);
  RowMoments (*moments)(const float* row, int64_t count) = NOMO_BEST(Moments);
  void (*normalize)(const float* x, float center, float factor, float offset, float* y,
                    int64_t count) = NOMO_BEST(Normalize);
  void (*sum_rows)(const float* const* rows, int num_rows, double factor, float* y,
                   int64_t count) = NOMO_BEST(SumRows);
  void (*exp)(const float* x, float* y, int64_t count) = NOMO_BEST(ExpElements);
  void (*erf)(const float* x, float* y, int64_t count) = NOMO_BEST(ErfElements);
  void (*softmax)(const float* x, float* y, int64_t count, bool logarithm) = NOMO_BEST(Softmax);
  void (*softmax_columns)(const float* x, float* y, int64_t rows, int64_t columns,
                          bool logarithm) = NOMO_BEST(SoftmaxColumns);
  void (*softmax_grad)(const float* dy, const float* y, float* dx,
                       int64_t count) = NOMO_BEST(SoftmaxGrad);
  void (*relu_grad)(const ReluSlopes& slopes, const float* dy, const float* x, float* dx,
                    int64_t count) = NOMO_BEST(ReluGrad);
  RowSums (*centered_sums)(const float* x, float center, int64_t count) = NOMO_BEST(SumCentered);
  RowSums (*centered_products)(const float* dy, const float* x, float center,
                               int64_t count) = NOMO_BEST(SumCenteredProducts);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

double SumOfRow(const float* row, int64_t count) { return Best().sum(row, count); }

RowMoments MomentsOfRow(const float* row, int64_t count) { return Best().moments(row, count); }

void NormalizeRow(const float* x, float center, float factor, float offset, float* y,
                  int64_t count) {
  Best().normalize(x, center, factor, offset, y, count);
}

void SumOfRows(const float* const* rows, int num_rows, double factor, float* y, int64_t count) {
  Best().sum_rows(rows, num_rows, factor, y, count);
}

void ExpOfRow(const float* x, float* y, int64_t count) { Best().exp(x, y, count); }
void ErfOfRow(const float* x, float* y, int64_t count) { Best().erf(x, y, count); }

void SoftmaxOfRow(const float* x, float* y, int64_t count, bool logarithm) {
  Best().softmax(x, y, count, logarithm);
}
void SoftmaxOfColumns(const float* x, float* y, int64_t rows, int64_t columns, bool logarithm) {
  Best().softmax_columns(x, y, rows, columns, logarithm);
}
void SoftmaxGradOfRow(const float* dy, const float* y, float* dx, int64_t count) {
  Best().softmax_grad(dy, y, dx, count);
}

void ReluGradOfRow(const ReluSlopes& slopes, const float* dy, const float* x, float* dx,
                   int64_t count) {
  Best().relu_grad(slopes, dy, x, dx, count);
}

RowSums CenteredSums(const float* x, float center, int64_t count) {
  return Best().centered_sums(x, center, count);
}
RowSums CenteredProducts(const float* dy, const float* x, float center, int64_t count) {
  return Best().centered_products(dy, x, center, count);
}

}  // namespace nomograph
