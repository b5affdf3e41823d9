// Shapes that broadcast, with as few axes as they need.
#ifndef NOMOGRAPH_CORE_ONEDNN_COLLAPSE_AXES_H_
#define NOMOGRAPH_CORE_ONEDNN_COLLAPSE_AXES_H_

#include <vector>

#include "nomograph/core/types/shape.h"

namespace nomograph::onednn {

// The shape with leading axes of size 1 up to `rank`.
Shape WithLeadingOnes(const Shape& shape, int rank);

// Makes neighbouring axes one where all the shapes run on evenly, the last of which is the
// output's, and all have its rank: loops are fastest with few axes. Axes of size 1 are left out but
// for one.
std::vector<Shape> CollapseAxes(const std::vector<Shape>& shapes);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_COLLAPSE_AXES_H_
