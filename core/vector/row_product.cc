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
  int64_t (*sum_floats)(const RowProduct& product) = NOMO_BEST(SumFloats);
  void (*multiply)(const RowProduct& product, int part, int parts) = NOMO_BEST(MultiplyRowsPart);
  void (*finish)(const RowProduct& product) = NOMO_BEST(FinishAllRows);
};

const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

int64_t RowSumFloats(const RowProduct& product) { return Best().sum_floats(product); }

void MultiplyRows(const RowProduct& product, int part, int parts) {
  Best().multiply(product, part, parts);
}

void FinishRows(const RowProduct& product) { Best().finish(product); }

}  // namespace nomograph
