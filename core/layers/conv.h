// Convolutions. Keras: keras.layers.Conv1D, Conv2D, Conv3D, DepthwiseConv1D, DepthwiseConv2D,
// SeparableConv1D, SeparableConv2D, Conv1DTranspose, Conv2DTranspose, Conv3DTranspose.
//
// Inputs are [batch, spatial..., channels], or [batch, channels, spatial...] where data_format is
// "channels_first"; they are floating-point and their channels are known. `padding` is "valid"
// (none) or "same" (as much as it takes for ceil(size / stride) outputs). Kernels have Keras'
// shapes whatever the data_format is.
#ifndef NOMOGRAPH_CORE_LAYERS_CONV_H_
#define NOMOGRAPH_CORE_LAYERS_CONV_H_

#include <string>

#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/sizes.h"

namespace nomograph {

struct ConvOptions {
  Sizes strides = 1;
  std::string padding = "valid";  // Conv1D knows also "causal": all of the padding is ahead
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  int64_t groups = 1;           // divides the channels and the filters
  std::string activation = {};  // see Activation()
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::string name = {};
};

// Weights: kernel [kernel_size..., channels / groups, filters], bias [filters].
Layer Conv1D(int64_t filters, Sizes kernel_size, ConvOptions options = {});
Layer Conv2D(int64_t filters, Sizes kernel_size, ConvOptions options = {});
Layer Conv3D(int64_t filters, Sizes kernel_size, ConvOptions options = {});

struct DepthwiseConvOptions {
  Sizes strides = 1;
  std::string padding = "valid";
  int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  std::string activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::string name = {};
};

// Convolves every channel by itself with depth_multiplier filters.
// Weights: depthwise_kernel [kernel_size..., channels, depth_multiplier], bias [channels *
// depth_multiplier].
Layer DepthwiseConv1D(Sizes kernel_size, DepthwiseConvOptions options = {});
Layer DepthwiseConv2D(Sizes kernel_size, DepthwiseConvOptions options = {});

struct SeparableConvOptions {
  Sizes strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  int64_t depth_multiplier = 1;
  std::string activation = {};
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer pointwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::string name = {};
};

// A depthwise convolution, then one with a single tap. Weights: depthwise_kernel [kernel_size...,
// channels, depth_multiplier], pointwise_kernel [1..., channels * depth_multiplier, filters], bias
// [filters].
Layer SeparableConv1D(int64_t filters, Sizes kernel_size, SeparableConvOptions options = {});
Layer SeparableConv2D(int64_t filters, Sizes kernel_size, SeparableConvOptions options = {});

struct ConvTransposeOptions {
  Sizes strides = 1;
  std::string padding = "valid";
  // Elements at the end of each axis, fewer than its stride. Not given: "same" yields size * stride
  // elements, "valid" size * stride + max(kernel - stride, 0).
  Sizes output_padding;
  std::string data_format = "channels_last";
  Sizes dilation_rate = 1;
  std::string activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  std::string name = {};
};

// Weights: kernel [kernel_size..., filters, channels], bias [filters].
Layer Conv1DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options = {});
Layer Conv2DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options = {});
Layer Conv3DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_CONV_H_
