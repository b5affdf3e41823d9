// Pooling. Keras: keras.layers.MaxPooling1D, AveragePooling2D, GlobalMaxPooling3D, ….
//
// Inputs are [batch, spatial..., channels], or [batch, channels, spatial...] where data_format is
// "channels_first".
#ifndef NOMOGRAPH_CORE_LAYERS_POOLING_H_
#define NOMOGRAPH_CORE_LAYERS_POOLING_H_

#include <string>

#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/sizes.h"

namespace nomograph {

struct PoolingOptions {
  Sizes strides;  // pool_size unless given
  std::string padding =
      "valid";  // or "same", which yields ceil(size / stride); padding is never averaged
  std::string data_format = "channels_last";
  std::string name = {};
};

Layer MaxPooling1D(Sizes pool_size = 2, PoolingOptions options = {});
Layer MaxPooling2D(Sizes pool_size = 2, PoolingOptions options = {});
Layer MaxPooling3D(Sizes pool_size = 2, PoolingOptions options = {});
Layer AveragePooling1D(Sizes pool_size = 2, PoolingOptions options = {});
Layer AveragePooling2D(Sizes pool_size = 2, PoolingOptions options = {});
Layer AveragePooling3D(Sizes pool_size = 2, PoolingOptions options = {});

struct GlobalPoolingOptions {
  std::string data_format = "channels_last";
  bool keepdims = false;  // the spatial axes stay, of size 1
  std::string name = {};
};

// [batch, channels]: over all places.
Layer GlobalMaxPooling1D(GlobalPoolingOptions options = {});
Layer GlobalMaxPooling2D(GlobalPoolingOptions options = {});
Layer GlobalMaxPooling3D(GlobalPoolingOptions options = {});
Layer GlobalAveragePooling1D(GlobalPoolingOptions options = {});
Layer GlobalAveragePooling2D(GlobalPoolingOptions options = {});
Layer GlobalAveragePooling3D(GlobalPoolingOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_POOLING_H_
