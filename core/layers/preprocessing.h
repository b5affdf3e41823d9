// Layers for what goes into a model, images above all. Keras: keras.layers.Rescaling,
// Normalization, Resizing, CenterCrop, RandomFlip, RandomRotation, RandomZoom, RandomTranslation,
// RandomBrightness, RandomContrast, RandomCrop.
//
// Images are [batch, height, width, channels], or [batch, channels, height, width] where
// data_format is "channels_first". The random layers hand on their input in inference; in training
// each image gets its own draw, which follows from the seed (the run's unless one is given), the
// node and the step.
#ifndef NOMOGRAPH_CORE_LAYERS_PREPROCESSING_H_
#define NOMOGRAPH_CORE_LAYERS_PREPROCESSING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/layers/activation.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_fields.h"

namespace nomograph {

// One number for all, or one for each place along the last axis, such as an image's channels.
struct ChannelNumbers {
  ChannelNumbers(double number) : values{number} {}
  ChannelNumbers(std::vector<double> numbers) : values(std::move(numbers)) {}
  std::vector<double> values;
};
NOMO_DECLARE_FIELD_TYPE(ChannelNumbers);
struct RescalingOptions {
  ChannelNumbers offset = 0;
  std::string name = {};
};
// x * scale + offset, of any shape and dtype; the result is floating-point, float32 unless x is of
// another such type.
Layer Rescaling(ChannelNumbers scale, RescalingOptions options = {});

struct NormalizationOptions {
  std::optional<int64_t> axis =
      -1;  // along which each place has its own mean and variance; none: one for all
  std::vector<double> mean = {},
                      variance = {};  // one for each place along the axis, or one for all
  bool invert = false;                // the way back: x * sqrt(variance) + mean
  std::string name = {};
};
// (x - mean) / sqrt(variance), in floating point as with Rescaling.
Layer Normalization(NormalizationOptions options);

struct ResizingOptions {
  std::string interpolation = "bilinear";  // or "nearest"
  std::string data_format = "channels_last";
  std::string name = {};
};
// Images of that size. Pixels are squares whose centres are compared (half-pixel centres).
Layer Resizing(int64_t height, int64_t width, ResizingOptions options = {});

struct CropOptions {
  std::string data_format = "channels_last";
  std::string name = {};
};
// The middle of each image. Images that are smaller than that are an error.
Layer CenterCrop(int64_t height, int64_t width, CropOptions options = {});

struct RandomCropOptions {
  std::optional<int64_t> seed = {};
  std::string data_format = "channels_last";
  std::string name = {};
};
// A part of each image; in inference its middle.
Layer RandomCrop(int64_t height, int64_t width, RandomCropOptions options = {});

struct RandomFlipOptions {
  std::optional<int64_t> seed = {};
  std::string data_format = "channels_last";
  std::string name = {};
};
// Flips each image with probability 1/2: "horizontal" (left and right), "vertical", or each on its
// own.
Layer RandomFlip(std::string mode = "horizontal_and_vertical", RandomFlipOptions options = {});

// A range: from -f to f, or from `low` to `high`.
struct Factor {
  Factor(double f = 0) : values{f} {}
  Factor(double low, double high) : values{low, high} {}
  std::vector<double> values;
};
NOMO_DECLARE_FIELD_TYPE(Factor);

// How the random layers that move images sample them.
struct RandomRotationOptions {
  std::string fill_mode = "reflect";       // or "constant", "nearest", "wrap"
  std::string interpolation = "bilinear";  // or "nearest"
  std::optional<int64_t> seed = {};
  double fill_value = 0;  // for "constant"
  std::string data_format = "channels_last";
  std::string name = {};
};
// Turns each image by a part of a full turn, counter-clockwise: 0.1 is up to 36 degrees either way.
Layer RandomRotation(Factor factor, RandomRotationOptions options = {});

struct RandomZoomOptions {
  std::optional<Factor> width_factor = {};  // none: the height's, so that the aspect ratio stays
  std::string fill_mode = "reflect";
  std::string interpolation = "bilinear";
  std::optional<int64_t> seed = {};
  double fill_value = 0;
  std::string data_format = "channels_last";
  std::string name = {};
};
// Shows a part of each image, or it and what is around it, in the same frame: of 1 + factor times
// its height. -0.2 is 20 % nearer; not less than -1.
Layer RandomZoom(Factor height_factor, RandomZoomOptions options = {});

// Moves each image by parts of its height (0.1: a tenth of it downwards) and of its width (to the
// right).
using RandomTranslationOptions = RandomRotationOptions;
Layer RandomTranslation(Factor height_factor, Factor width_factor,
                        RandomTranslationOptions options = {});

struct RandomColorOptions {
  std::vector<double> value_range = {0, 255};  // of the pixels; results stay within
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Adds a part of the value range to each image: 0.2 is up to a fifth of it either way.
Layer RandomBrightness(Factor factor, RandomColorOptions options = {});

struct RandomContrastOptions {
  std::vector<double> value_range = {0, 255};
  std::optional<int64_t> seed = {};
  std::string data_format = "channels_last";
  std::string name = {};
};
// Multiplies each image's distance from its channels' means by 1 - factor to 1 + factor, or 1 - low
// to 1 + high.
Layer RandomContrast(Factor factor, RandomContrastOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_PREPROCESSING_H_
