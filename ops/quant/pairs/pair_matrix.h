// Products with a constant matrix of 8-bit integers, exactly and without instructions for them: as
// convolutions of pairs (pairs/pair_conv.h), whose places are the matrix' columns here, and whose
// kernels the rows that it is multiplied by.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_MATRIX_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_MATRIX_H_

#include <memory>

#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/quant/integer_product.h"

namespace nomograph::quant {

// Null where w is no constant matrix, and where the processor has something better.
absl::StatusOr<std::unique_ptr<Kernel>> PreparePairMatrix(const PrepareContext& context,
                                                          const ProductSpec& spec,
                                                          const FinishFn& finish);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_PAIR_MATRIX_H_
