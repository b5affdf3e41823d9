#include "nomograph/core/vector/row_product.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/row_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/row_product_kernel.h"

namespace nomograph {
namespace {

using MultiplyFn = void (*)(const RowProduct& product, int part, int parts);

MultiplyFn BestMultiply() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return N_AVX3::MultiplyRowsPart;
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return N_AVX2::MultiplyRowsPart;
#endif
    default:
      return HWY_STATIC_DISPATCH(MultiplyRowsPart);
  }
}

}  // namespace

void MultiplyRows(const RowProduct& product, int part, int parts) {
  static const MultiplyFn multiply = BestMultiply();
  multiply(product, part, parts);
}

}  // namespace nomograph
