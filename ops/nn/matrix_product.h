#ifndef NOMOGRAPH_OPS_NN_MATRIX_PRODUCT_H_
#define NOMOGRAPH_OPS_NN_MATRIX_PRODUCT_H_

#include "nomograph/core/onednn_kernel.h"

namespace nomograph::nn {

// Adds output 0 = input 0 * input 1, matrices or batches of them that these descriptors describe.
// `attr` is b.Attr() and what the caller adds to it; `more` are further arguments.
//
// A constant input 1 is packed. Where oneDNN would leave it in plain rows, these are made a little
// longer: rows whose length is a power of two fall into the same lines of the cache, which makes
// products of few rows up to twice as slow. Yields whether there is a packed copy, so that the
// kernel does not read the input any more.
bool AddMatrixProduct(onednn::Builder& b, const onednn::Desc& src, const onednn::Desc& weights,
                      const onednn::Desc& dst, const dnnl::primitive_attr& attr,
                      std::vector<onednn::Builder::Argument> more = {});

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_MATRIX_PRODUCT_H_
