// Elements stacked along a new first axis.
#ifndef NOMOGRAPH_DATA_PIPELINE_STACK_H_
#define NOMOGRAPH_DATA_PIPELINE_STACK_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/data/pipeline/element.h"

namespace nomograph {

// InvalidArgument, naming the element and the component, unless dtypes and shapes agree.
// REQUIRES: there is an element.
absl::StatusOr<Element> Stack(absl::Span<const Element> elements);

// Elements of different shapes: each is padded at the ends of its axes with its component's value,
// to the sizes that `shapes` knows, and to the longest elsewhere. InvalidArgument where an element
// is longer than that, or another number of axes is found.
// REQUIRES: there is an element; as many shapes and values as components.
absl::StatusOr<Element> StackPadded(absl::Span<const Element> elements,
                                    absl::Span<const PartialShape> shapes,
                                    absl::Span<const double> values);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_STACK_H_
