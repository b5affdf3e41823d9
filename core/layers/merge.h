// Layers with several inputs. Keras: keras.layers.Add, Subtract, Multiply, Average, Maximum,
// Minimum, Concatenate, Dot. They are called with a list: Add()({a, b}).
#ifndef NOMOGRAPH_CORE_LAYERS_MERGE_H_
#define NOMOGRAPH_CORE_LAYERS_MERGE_H_

#include <string>
#include <utility>

#include "nomograph/core/layers/activation.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_fields.h"

namespace nomograph {

// Element by element, two inputs or more (Subtract: two) of one dtype. Sizes of 1 are repeated. An
// input of fewer axes gets axes of size 1 behind the batch.
Layer Add(LayerOptions options = {});
Layer Subtract(LayerOptions options = {});
Layer Multiply(LayerOptions options = {});
Layer Average(LayerOptions options = {});
Layer Maximum(LayerOptions options = {});
Layer Minimum(LayerOptions options = {});

struct ConcatenateOptions {
  int64_t axis = -1;
  std::string name;
};
// One after the other along the axis; the other axes agree.
Layer Concatenate(ConcatenateOptions options = {});

// One axis for both inputs, or one for each; 0 is the batch, and not allowed.
struct DotAxes {
  DotAxes(int64_t both) : first(both), second(both) {}
  DotAxes(int64_t first_axis, int64_t second_axis) : first(first_axis), second(second_axis) {}
  int64_t first, second;
};
NOMO_DECLARE_FIELD_TYPE(DotAxes);
struct DotOptions {
  bool normalize =
      false;  // to length 1 along the axes first, so that the result is the cosine proximity
  std::string name;
};
// For every element of the batch the sum of products along one axis of each of two inputs of rank 2
// or 3. The result has the first one's other axes, then the second one's; [batch, 1] where neither
// has any.
Layer Dot(DotAxes axes, DotOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_MERGE_H_
