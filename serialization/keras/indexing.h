// x[...] as configurations write it: numbers, slices, new axes and an ellipsis.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_INDEXING_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_INDEXING_H_

#include "absl/status/statusor.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layer_config.h"

namespace nomograph::keras {

// `index` is one element or a list of them: a number, null (a new axis), {"start", "stop", "step"},
// the same below {"class_name": "slice", "config": …}, or "..." in either of Keras' forms.
// InvalidArgument for anything else, and for more elements than `x` has axes.
absl::StatusOr<Value> ValueAt(const Value& x, const ConfigValue& index);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_INDEXING_H_
