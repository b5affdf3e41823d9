// Arithmetic on sizes that may be unknown.
#ifndef NOMOGRAPH_OPS_ARRAY_DIMS_H_
#define NOMOGRAPH_OPS_ARRAY_DIMS_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/types/shape.h"

namespace nomograph {

// The product; unknown where a factor is, except that 0 makes it 0 and that a single symbol among
// ones stays itself. InvalidArgument when it passes 2^62.
absl::StatusOr<Dim> Product(absl::Span<const Dim> dims);

// The sum; unknown where a term is, except that a single symbol among zeros stays itself.
// InvalidArgument when it passes 2^62.
absl::StatusOr<Dim> Sum(absl::Span<const Dim> dims);

// The dims of a shape on which all axes but `axis` agree with `shape`: merges them into `common`,
// whose own size along `axis` is left as it is. InvalidArgument when they contradict each other.
absl::StatusOr<PartialShape> MergeOtherAxes(const PartialShape& common, const PartialShape& shape,
                                            int axis);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_DIMS_H_
