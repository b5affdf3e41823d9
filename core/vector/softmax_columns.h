// Softmax of float32 down the columns of a matrix, whose rows lie together: along an axis that is
// not a tensor's last one.
#ifndef NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_H_
#define NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_H_

#include <cstdint>

namespace nomograph {

// y[i * stride + c] = e^(x[i * stride + c] - max) / sum of these over i < rows, for each column
// c < columns; y may be x. Exponentials are off by two units in the last place, below -87 they
// are 0. NaN where one is NaN or infinity, or all are -infinity. REQUIRES: rows > 0
void SoftmaxColumns(const float* x, int64_t rows, int64_t columns, int64_t stride, float* y);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_SOFTMAX_COLUMNS_H_
