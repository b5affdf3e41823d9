#include "nomograph/core/layers/conv.h"

#include "nomograph/core/layers/conv_geometry.h"

namespace nomograph {
namespace {

class ConvLayer : public internal::OneInputLayer {
 public:
  ConvLayer(int spatial_rank, int64_t filters, Sizes kernel_size, ConvOptions options)
      : OneInputLayer(absl::StrCat("Conv", spatial_rank, "D"), options.name,
                      internal::ImagesOfRank(spatial_rank, options.data_format, kFloats)),
        filters_(filters),
        geometry_{spatial_rank,          kernel_size,     options.strides,
                  options.dilation_rate, options.padding, options.data_format},
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::AtLeast("filters", 1, filters_),
                            internal::AtLeast("groups", 1, options_.groups), CheckFilters(),
                            internal::CheckGeometry(geometry_),
                            internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status CheckFilters() const {
    if (options_.groups < 1 || filters_ % options_.groups == 0) return absl::OkStatus();
    return InvalidArgument("filters: expected a multiple of groups, ", options_.groups, ", found ",
                           filters_);
  }

  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(
        const int64_t channels,
        BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    if (channels % options_.groups != 0) {
      return InvalidArgument("expected an input with a multiple of groups, ", options_.groups,
                             ", channels, found ", input.ToString());
    }
    const Shape shape = internal::KernelShape(geometry_, channels / options_.groups, filters_);
    kernel_ = Weight("kernel", shape, options_.kernel_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {filters_}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const Attributes attrs = internal::ConvAttributes(geometry_, options_.groups);
    return internal::Activate(internal::ConvOp("nn.Conv", x, kernel_, bias_, attrs),
                              options_.activation);
  }

  int64_t filters_;
  internal::ConvGeometry geometry_;
  ConvOptions options_;
  Value kernel_, bias_;
};

template <int kRank>
struct ConvSpec {
  int64_t filters = 0;
  Sizes kernel_size;
  ConvOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("filters", filters, "the channels of the result");
    internal::VisitWindow(v, kernel_size, options);
    v("groups", options.groups, "divides the channels and the filters");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<ConvLayer>(kRank, filters, kernel_size, options); }
};
NOMO_REGISTER_LAYER(ConvSpec<1>, "Conv1D",
                    internal::Sample({{"filters", 3}, {"kernel_size", 2}, {"padding", "causal"}},
                                     {{5, 2}}));
NOMO_REGISTER_LAYER(ConvSpec<2>, "Conv2D",
                    internal::Sample({{"filters", 4},
                                      {"kernel_size", std::vector<int64_t>{3, 2}},
                                      {"groups", 2},
                                      {"kernel_initializer",
                                       LayerConfig{{"class_name", "HeNormal"},
                                                   {"config", LayerConfig{{"seed", 1}}}}}},
                                     {{5, 5, 2}}));
NOMO_REGISTER_LAYER(ConvSpec<3>, "Conv3D",
                    internal::Sample({{"filters", 2}, {"kernel_size", 2}}, {{3, 3, 3, 1}}));

}  // namespace

Layer Conv1D(int64_t filters, Sizes kernel_size, ConvOptions options) {
  return Configured(ConvSpec<1>{filters, std::move(kernel_size), std::move(options)});
}
Layer Conv2D(int64_t filters, Sizes kernel_size, ConvOptions options) {
  return Configured(ConvSpec<2>{filters, std::move(kernel_size), std::move(options)});
}
Layer Conv3D(int64_t filters, Sizes kernel_size, ConvOptions options) {
  return Configured(ConvSpec<3>{filters, std::move(kernel_size), std::move(options)});
}

}  // namespace nomograph
