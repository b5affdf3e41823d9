// DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D.
#include "nomograph/core/layers/conv.h"
#include "nomograph/core/layers/conv_geometry.h"

namespace nomograph {
namespace {

// Convolves each of x's channels by itself. `kernel` is [spatial..., channels, multiplier], as
// Keras has it.
Value Depthwise(const Value& x, const Value& kernel, const Value& bias,
                const internal::ConvGeometry& geometry) {
  // A convolution in as many groups as there are channels, whose kernel has the same elements in
  // the same order.
  const Shape shape = kernel.shape().ToShape();
  const int rank = geometry.spatial_rank;
  std::vector<int64_t> sizes(shape.dims().begin(), shape.dims().begin() + rank);
  sizes.push_back(1);
  sizes.push_back(shape[rank] * shape[rank + 1]);
  const Value grouped = internal::Op("array.Reshape", {kernel}, {{"shape", sizes}});
  return internal::ConvOp("nn.Conv", x, grouped, bias,
                          internal::ConvAttributes(geometry, shape[rank]));
}

class DepthwiseConvLayer : public internal::OneInputLayer {
 public:
  DepthwiseConvLayer(int spatial_rank, Sizes kernel_size, DepthwiseConvOptions options)
      : OneInputLayer(absl::StrCat("DepthwiseConv", spatial_rank, "D"), options.name,
                      internal::ImagesOfRank(spatial_rank, options.data_format, kFloats)),
        geometry_{spatial_rank,          kernel_size,     options.strides,
                  options.dilation_rate, options.padding, options.data_format},
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
  SeparableConvLayer(int spatial_rank, int64_t filters, Sizes kernel_size,
                     SeparableConvOptions options)
      : OneInputLayer(absl::StrCat("SeparableConv", spatial_rank, "D"), options.name,
                      internal::ImagesOfRank(spatial_rank, options.data_format, kFloats)),
        filters_(filters),
        geometry_{spatial_rank,          kernel_size,     options.strides,
                  options.dilation_rate, options.padding, options.data_format},
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
    pointwise_ =
        Weight("pointwise_kernel", internal::KernelShape(Point(), channels * multiplier, filters_),
               options_.pointwise_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {filters_}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const Value spatial = Depthwise(x, depthwise_, Value(), geometry_);
    const Value y =
        internal::ConvOp("nn.Conv", spatial, pointwise_, bias_, internal::ConvAttributes(Point()));
    return internal::Activate(y, options_.activation);
  }

  // Of the second convolution.
  internal::ConvGeometry Point() const {
    return {geometry_.spatial_rank, 1, 1, 1, "valid", options_.data_format};
  }

  int64_t filters_;
  internal::ConvGeometry geometry_;
  SeparableConvOptions options_;
  Value depthwise_, pointwise_, bias_;
};

template <int kRank>
struct DepthwiseConvSpec {
  Sizes kernel_size;
  DepthwiseConvOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    internal::VisitWindow(v, kernel_size, options);
    v("depth_multiplier", options.depth_multiplier, "the filters of each channel");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("depthwise", options.depthwise_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<DepthwiseConvLayer>(kRank, kernel_size, options); }
};
NOMO_REGISTER_LAYER(DepthwiseConvSpec<1>, "DepthwiseConv1D",
                    internal::Sample({{"kernel_size", 2}, {"depth_multiplier", 2}}, {{5, 2}}));
NOMO_REGISTER_LAYER(DepthwiseConvSpec<2>, "DepthwiseConv2D",
                    internal::Sample({{"kernel_size", 3}, {"padding", "same"}}, {{5, 5, 2}}));

template <int kRank>
struct SeparableConvSpec {
  int64_t filters = 0;
  Sizes kernel_size;
  SeparableConvOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("filters", filters, "the channels of the result");
    internal::VisitWindow(v, kernel_size, options);
    v("depth_multiplier", options.depth_multiplier, "the filters of each channel");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("depthwise", options.depthwise_initializer);
    v.Weight("pointwise", options.pointwise_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<SeparableConvLayer>(kRank, filters, kernel_size, options); }
};
NOMO_REGISTER_LAYER(SeparableConvSpec<1>, "SeparableConv1D",
                    internal::Sample({{"filters", 3}, {"kernel_size", 2}}, {{5, 2}}));
NOMO_REGISTER_LAYER(SeparableConvSpec<2>, "SeparableConv2D",
                    internal::Sample({{"filters", 3}, {"kernel_size", 2}, {"depth_multiplier", 2}},
                                     {{5, 5, 2}}));

}  // namespace

Layer DepthwiseConv1D(Sizes kernel_size, DepthwiseConvOptions options) {
  return Configured(DepthwiseConvSpec<1>{std::move(kernel_size), std::move(options)});
}
Layer DepthwiseConv2D(Sizes kernel_size, DepthwiseConvOptions options) {
  return Configured(DepthwiseConvSpec<2>{std::move(kernel_size), std::move(options)});
}
Layer SeparableConv1D(int64_t filters, Sizes kernel_size, SeparableConvOptions options) {
  return Configured(SeparableConvSpec<1>{filters, std::move(kernel_size), std::move(options)});
}
Layer SeparableConv2D(int64_t filters, Sizes kernel_size, SeparableConvOptions options) {
  return Configured(SeparableConvSpec<2>{filters, std::move(kernel_size), std::move(options)});
}

}  // namespace nomograph
