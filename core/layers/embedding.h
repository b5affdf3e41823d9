// Keras: keras.layers.Embedding.
#ifndef NOMOGRAPH_CORE_LAYERS_EMBEDDING_H_
#define NOMOGRAPH_CORE_LAYERS_EMBEDDING_H_

#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct EmbeddingOptions {
  Initializer embeddings_initializer = "uniform";
  bool mask_zero = false;  // 0 stands for no index: the result has a mask (see Masking())
  std::string name = {};
};

// A row of `embeddings` for each integer from 0 to input_dim - 1: [batch, ...] to [batch, ...,
// output_dim]. Weight: embeddings, float32[input_dim, output_dim].
Layer Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_EMBEDDING_H_
