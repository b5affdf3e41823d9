#include "nomograph/core/layers/conv.h"
#include "nomograph/core/layers/conv_geometry.h"

namespace nomograph {
namespace {

// Convolves each of x's channels by itself. `kernel` is [height, width, channels, multiplier], as
// Keras has it.
Value Depthwise(const Value& x, const Value& kernel, const Value& bias,
                const internal::ConvGeometry& geometry) {
  // A convolution in as many groups as there are channels, whose kernel has the same elements in
  // the same order.
  const Shape shape = kernel.shape().ToShape();
  const Value grouped =
      internal::Op("array.Reshape", {kernel},
                   {{"shape", std::vector<int64_t>{shape[0], shape[1], 1, shape[2] * shape[3]}}});
  return internal::ConvOp("nn.Conv", x, grouped, bias,
                          internal::ConvAttributes(geometry, shape[2]));
}

class DepthwiseConvLayer : public internal::OneInputLayer {
 public:
  DepthwiseConvLayer(Sizes kernel_size, DepthwiseConvOptions options)
      : OneInputLayer("DepthwiseConv2D", options.name,
                      internal::ImagesOfRank(2, options.data_format, kFloats)),
        geometry_{2,
                  kernel_size,
                  options.strides,
                  options.dilation_rate,
                  options.padding,
                  options.data_format},
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::CheckGeometry(geometry_),
                            internal::AtLeast("depth_multiplier", 1, options_.depth_multiplier),
                            internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(
        const int64_t channels,
        BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    kernel_ = Weight("depthwise_kernel",
                     internal::KernelShape(geometry_, channels, options_.depth_multiplier),
                     options_.depthwise_initializer);
    if (options_.use_bias)
      bias_ = Weight("bias", {channels * options_.depth_multiplier}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    return internal::Activate(Depthwise(x, kernel_, bias_, geometry_), options_.activation);
  }

  internal::ConvGeometry geometry_;
  DepthwiseConvOptions options_;
  Value kernel_, bias_;
};

class SeparableConvLayer : public internal::OneInputLayer {
 public:
  SeparableConvLayer(int64_t filters, Sizes kernel_size, SeparableConvOptions options)
      : OneInputLayer("SeparableConv2D", options.name,
                      internal::ImagesOfRank(2, options.data_format, kFloats)),
        filters_(filters),
        geometry_{2,
                  kernel_size,
                  options.strides,
                  options.dilation_rate,
                  options.padding,
                  options.data_format},
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::AtLeast("filters", 1, filters_),
                            internal::CheckGeometry(geometry_),
                            internal::AtLeast("depth_multiplier", 1, options_.depth_multiplier),
                            internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(
        const int64_t channels,
        BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    const int64_t multiplier = options_.depth_multiplier;
    depthwise_ = Weight("depthwise_kernel", internal::KernelShape(geometry_, channels, multiplier),
                        options_.depthwise_initializer);
    pointwise_ = Weight("pointwise_kernel", {1, 1, channels * multiplier, filters_},
                        options_.pointwise_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {filters_}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const internal::ConvGeometry point = {2, 1, 1, 1, "valid", options_.data_format};
    const Value spatial = Depthwise(x, depthwise_, Value(), geometry_);
    const Value y =
        internal::ConvOp("nn.Conv", spatial, pointwise_, bias_, internal::ConvAttributes(point));
    return internal::Activate(y, options_.activation);
  }

  int64_t filters_;
  internal::ConvGeometry geometry_;
  SeparableConvOptions options_;
  Value depthwise_, pointwise_, bias_;
};

}  // namespace

Layer DepthwiseConv2D(Sizes kernel_size, DepthwiseConvOptions options) {
  return MakeLayer<DepthwiseConvLayer>(std::move(kernel_size), std::move(options));
}
Layer SeparableConv2D(int64_t filters, Sizes kernel_size, SeparableConvOptions options) {
  return MakeLayer<SeparableConvLayer>(filters, std::move(kernel_size), std::move(options));
}

}  // namespace nomograph
