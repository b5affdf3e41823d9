// Keras: keras.layers.Masking.
#ifndef NOMOGRAPH_CORE_LAYERS_MASKING_H_
#define NOMOGRAPH_CORE_LAYERS_MASKING_H_

#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct MaskingOptions {
  double mask_value = 0;
  std::string name = {};
};
// Masks the steps of [batch, steps, features] of which every element is mask_value: they become 0,
// and layers behind that take masks leave them out: LSTM, GRU, SimpleRNN, Bidirectional, Attention,
// MultiHeadAttention, GlobalAveragePooling1D. Layers that neither take a mask nor hand it on end
// it, as in Keras; MaskOf() tells where it goes.
Layer Masking(MaskingOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_MASKING_H_
