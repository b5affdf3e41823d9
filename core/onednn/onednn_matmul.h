// The matrix product of oneDNN, for the kernels of several ops.
#ifndef NOMOGRAPH_CORE_ONEDNN_ONEDNN_MATMUL_H_
#define NOMOGRAPH_CORE_ONEDNN_ONEDNN_MATMUL_H_

#include <vector>

#include "nomograph/core/onednn/onednn_kernel.h"

namespace nomograph::onednn {

// A product of matrices, or of batches of them that broadcast.
struct MatrixProduct {
  Section src, weights, dst;
};
// Leaves what `b` is to compute where it is a part: some matrices of a batch, some rows, or some
// columns. False where there are too few of all.
bool TakePart(Builder& b, MatrixProduct& product);

// Adds output 0 = input 0 * input 1. `attr` is b.Attr() and what the caller adds to it; `more` are
// further arguments.
//
// A constant input 1 is packed where that helps. Where oneDNN would leave it in plain rows, these
// may be made a little longer: rows whose length is a power of two fall into the same lines of the
// cache, which makes products of few rows up to twice as slow.
void AddMatrixProduct(Builder& b, const MatrixProduct& product, const dnnl::primitive_attr& attr,
                      std::vector<Builder::Argument> more = {});

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_ONEDNN_MATMUL_H_
