// Layers with several inputs. Keras: keras.layers.Add, Subtract, Multiply, Average, Maximum,
// Minimum, Concatenate, Dot. They are called with a list: Add()({a, b}).
#ifndef NOMOGRAPH_CORE_LAYERS_MERGE_H_
#define NOMOGRAPH_CORE_LAYERS_MERGE_H_

#include <string>
#include <utility>

#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_fields.h"

namespace nomograph {

// Which mask the result has: Keras has changed it, so that files of all ages need their own.
//
// "any", Keras 3.4 and later: where every input has a mask, the steps that some mask has.
// Multiply, Maximum and Minimum take no account of what an input's mask leaves out.
// "all", Keras 1 and 2: the steps that all masks have, of the inputs that have one.
// "none", Keras 3.0 to 3.3: none.
//
// Along the axis of the steps, Concatenate joins the masks. Dot has none ever.
struct MergeOptions {
  std::string mask_rule = "any";
  std::string name = {};
};
// Element by element, two inputs or more (Subtract: two) of one dtype. Sizes of 1 are repeated. An
// input of fewer axes gets axes of size 1 behind the batch.
Layer Add(MergeOptions options = {});
Layer Subtract(MergeOptions options = {});
Layer Multiply(MergeOptions options = {});
Layer Average(MergeOptions options = {});
Layer Maximum(MergeOptions options = {});
Layer Minimum(MergeOptions options = {});

struct ConcatenateOptions {
  int64_t axis = -1;
  std::string mask_rule = "any";  // as of MergeOptions
  std::string name = {};
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
  std::string name = {};
};
// For every element of the batch the sum of products along one axis of each of two inputs of rank 2
// or 3. The result has the first one's other axes, then the second one's; [batch, 1] where neither
// has any.
Layer Dot(DotAxes axes, DotOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_MERGE_H_
