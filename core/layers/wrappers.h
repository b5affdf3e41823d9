// Layers around layers. Keras: keras.layers.Bidirectional, TimeDistributed.
#ifndef NOMOGRAPH_CORE_LAYERS_WRAPPERS_H_
#define NOMOGRAPH_CORE_LAYERS_WRAPPERS_H_

#include <optional>
#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct BidirectionalOptions {
  // How the two outputs become one: "concat" (along the last axis), "sum", "mul" or "ave". None:
  // both are outputs.
  std::optional<std::string> merge_mode = "concat";
  // The layer for the way back; none: like `layer`, with go_backwards the other way.
  std::optional<Layer> backward_layer = {};
  // Sequences are 0 where a mask leaves steps out, whatever the layers say. False is what Keras 1
  // and 2 had without TensorFlow: as the layers have it.
  bool zero_output_for_mask = true;
  std::string name = {};
};
// A recurrent layer (SimpleRNN, LSTM or GRU) from the first step to the last, and another one back.
// The given layers are copied: they stay as they are. With return_state the outputs are followed by
// the forward layer's states, then the backward layer's. States to begin with are given in that
// order too.
Layer Bidirectional(Layer layer, BidirectionalOptions options = {});

struct TimeDistributedOptions {
  std::string name = {};
};
// `layer` applied to each step of [batch, steps, ...], with the same weights. All sizes but those
// of the batch and the steps must be known.
Layer TimeDistributed(Layer layer, TimeDistributedOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_WRAPPERS_H_
