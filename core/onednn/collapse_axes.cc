#include "nomograph/core/onednn/collapse_axes.h"

#include "absl/algorithm/container.h"

namespace nomograph::onednn {

Shape WithLeadingOnes(const Shape& shape, int rank) {
  Shape padded;
  for (int i = shape.rank(); i < rank; ++i) padded.Append(1);
  for (int64_t dim : shape.dims()) padded.Append(dim);
  return padded;
}

std::vector<Shape> CollapseAxes(const std::vector<Shape>& shapes) {
  const Shape& output = shapes.back();
  std::vector<Shape> collapsed(shapes.size());
  for (int axis = 0; axis < output.rank(); ++axis) {
    const bool joins =
        axis > 0 && absl::c_all_of(shapes, [&](const Shape& shape) {
          return (shape[axis - 1] == output[axis - 1]) == (shape[axis] == output[axis]);
        });
    for (size_t s = 0; s < shapes.size(); ++s) {
      Shape& to = collapsed[s];
      if (joins) {
        to[to.rank() - 1] *= shapes[s][axis];
      } else {
        to.Append(shapes[s][axis]);
      }
    }
  }
  return collapsed;
}

}  // namespace nomograph::onednn
