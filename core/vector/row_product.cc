#include "nomograph/core/vector/row_product.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/vector/row_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/vector/row_product_kernel.h"

namespace nomograph {
namespace {

struct Target {
  int64_t (*sum_floats)(const RowProduct& product);
  void (*multiply)(const RowProduct& product, int part, int parts);
  void (*finish)(const RowProduct& product);
};

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return {N_AVX3::SumFloats, N_AVX3::MultiplyRowsPart, N_AVX3::FinishAllRows};
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return {N_AVX2::SumFloats, N_AVX2::MultiplyRowsPart, N_AVX2::FinishAllRows};
#endif
    default:
      return {HWY_STATIC_DISPATCH(SumFloats), HWY_STATIC_DISPATCH(MultiplyRowsPart),
              HWY_STATIC_DISPATCH(FinishAllRows)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

int64_t RowSumFloats(const RowProduct& product) { return Best().sum_floats(product); }

void MultiplyRows(const RowProduct& product, int part, int parts) {
  Best().multiply(product, part, parts);
}

void FinishRows(const RowProduct& product) { Best().finish(product); }

}  // namespace nomograph
