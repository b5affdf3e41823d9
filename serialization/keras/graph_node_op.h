// TensorFlowOpLayer: a node of TensorFlow's graph that tf.keras (2.0 to 2.3) kept as a layer.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_GRAPH_NODE_OP_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_GRAPH_NODE_OP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layer_config.h"

namespace nomograph::keras {

// The name of the node's operation ("AddV2"); the layer's own where the file does not tell.
std::string GraphOpOf(const LayerConfig& config);

// What the node of `config` (its node_def, and the constants among its inputs) yields for
// `inputs`. Unimplemented for operations that are not known, by name.
absl::StatusOr<std::vector<Value>> CallGraphNode(const LayerConfig& config,
                                                 absl::Span<const Value> inputs);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_GRAPH_NODE_OP_H_
