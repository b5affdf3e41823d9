// Layers that move, repeat, add or cut elements. Keras: keras.layers.Flatten, Reshape, Permute,
// RepeatVector, ZeroPadding1D, Cropping2D, UpSampling2D, ….
#ifndef NOMOGRAPH_CORE_LAYERS_RESHAPE_H_
#define NOMOGRAPH_CORE_LAYERS_RESHAPE_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "nomograph/core/layers/activation.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/sizes.h"

namespace nomograph {

struct FlattenOptions {
  // "channels_first": channels are moved behind the spatial axes, so that both formats flatten to
  // the same vector.
  std::string data_format = "channels_last";
  std::string name = {};
};
// [batch, ...] to [batch, n]; [batch] to [batch, 1].
Layer Flatten(FlattenOptions options = {});

// [batch, ...] to [batch, target_shape...], where one size may be -1 and is what is left.
Layer Reshape(std::vector<int64_t> target_shape, LayerOptions options = {});

// Axis i behind the batch becomes the input's axis dims[i]; 1 is the first axis behind the batch.
Layer Permute(std::vector<int64_t> dims, LayerOptions options = {});

// [batch, features] to [batch, n, features].
Layer RepeatVector(int64_t n, LayerOptions options = {});

class Edges;
template <>
struct FieldType<Edges>;

// How many elements are added to, or cut off from, both ends of each spatial axis.
class Edges {
 public:
  struct Pair {
    int64_t begin, end;
  };
  Edges(int64_t everywhere) : each_{{everywhere, everywhere}}, everywhere_(true) {}
  // One number for both ends of each axis: {1, 2} is 1 above and below, 2 left and right. For a
  // layer with one spatial axis, {1, 2} is 1 ahead and 2 behind.
  Edges(std::initializer_list<int64_t> numbers);
  // A pair for each axis: {{1, 2}, {0, 0}}.
  Edges(std::initializer_list<Pair> each) : each_(each) {}

  // A pair for each of `count` axes. InvalidArgument, which begins with the option's name, when
  // that does not fit.
  absl::StatusOr<std::vector<Pair>> For(absl::string_view option, int count) const;

 private:
  friend struct FieldType<Edges>;
  std::vector<Pair> each_;
  std::vector<int64_t> numbers_;
  bool everywhere_ = false;
};
NOMO_DECLARE_FIELD_TYPE(Edges);

struct EdgesOptions {
  std::string data_format = "channels_last";
  std::string name = {};
};
Layer ZeroPadding1D(Edges padding = 1, EdgesOptions options = {});
Layer ZeroPadding2D(Edges padding = 1, EdgesOptions options = {});
Layer ZeroPadding3D(Edges padding = 1, EdgesOptions options = {});
Layer Cropping1D(Edges cropping = 1, EdgesOptions options = {});
Layer Cropping2D(Edges cropping = 0, EdgesOptions options = {});
Layer Cropping3D(Edges cropping = 1, EdgesOptions options = {});

struct UpSamplingOptions {
  std::string data_format = "channels_last";
  std::string interpolation = "nearest";  // UpSampling2D knows also "bilinear"
  std::string name = {};
};
// Every element `size` times along each spatial axis.
Layer UpSampling1D(Sizes size = 2, UpSamplingOptions options = {});
Layer UpSampling2D(Sizes size = 2, UpSamplingOptions options = {});
Layer UpSampling3D(Sizes size = 2, UpSamplingOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_RESHAPE_H_
