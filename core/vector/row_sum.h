// Sums of float32 elements that lie side by side, in double.
#ifndef NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
#define NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_

#include <cstdint>

namespace nomograph {

// In an order of its own, the same for the same count on the same machine.
double SumOfRow(const float* row, int64_t count);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_ROW_SUM_H_
