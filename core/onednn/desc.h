// Descriptors of memory: how oneDNN is told of a tensor's type, sizes and order of elements.
#ifndef NOMOGRAPH_CORE_ONEDNN_DESC_H_
#define NOMOGRAPH_CORE_ONEDNN_DESC_H_

#include <cstdint>
#include <utility>

#include "absl/types/span.h"
#include "nomograph/core/types/dtype.h"
#include "nomograph/core/types/shape.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace nomograph::onednn {

// They throw dnnl::error for more than 12 axes and for types that oneDNN lacks: use them inside of
// Guard().
using Desc = dnnl::memory::desc;

// undef where oneDNN lacks the type (float64, the wide and unsigned integers but uint8, bool).
dnnl::memory::data_type DataTypeOf(DType dtype);
Desc RowMajor(DType dtype, absl::Span<const int64_t> dims);
// A row-major tensor of `shape` with its axes in another order: axis k is the tensor's axis
// axes[k]. oneDNN wants the axes of activations as N, C, spatial…, of weights as (groups,) out, in,
// spatial…, whatever their order in memory.
Desc Permuted(DType dtype, const Shape& shape, absl::Span<const int> axes);
// The primitive chooses how the elements lie.
Desc AnyFormat(DType dtype, absl::Span<const int64_t> dims);
Desc AnyFormat(const Desc& like);

dnnl::memory::dims DimsOf(const Desc& desc);
dnnl::memory::data_type DataTypeOf(const Desc& desc);
// Whether the elements lie in rows, one after the other along each axis, and not in blocks or a
// layout that only the primitive knows.
bool LiesInRows(const Desc& desc);
// The same elements with another type. REQUIRES: AnyFormat() or LiesInRows().
Desc Retyped(const Desc& desc, DType dtype);

// Some of a tensor's elements, the first of which lies `offset` bytes behind the tensor's own. By
// itself a descriptor is the section of all.
struct Section {
  Section(Desc all) : desc(std::move(all)) {}  // NOLINT(google-explicit-constructor)

  Desc desc;
  int64_t offset = 0;
};
// Those with begin <= i < begin + count for the index i along the axis. REQUIRES: LiesInRows().
Section Cut(const Section& section, int axis, int64_t begin, int64_t count);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_DESC_H_
