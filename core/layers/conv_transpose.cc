// Conv1DTranspose, Conv2DTranspose, Conv3DTranspose.
#include <algorithm>

#include "nomograph/core/layers/conv.h"
#include "nomograph/core/layers/conv_geometry.h"

namespace nomograph {
namespace {

class ConvTransposeLayer : public internal::OneInputLayer {
 public:
  ConvTransposeLayer(int spatial_rank, int64_t filters, Sizes kernel_size,
                     ConvTransposeOptions options)
      : OneInputLayer(absl::StrCat("Conv", spatial_rank, "DTranspose"), options.name,
                      internal::ImagesOfRank(spatial_rank, options.data_format, kFloats)),
        filters_(filters),
        geometry_{spatial_rank,          kernel_size,     options.strides,
                  options.dilation_rate, options.padding, options.data_format},
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::AtLeast("filters", 1, filters_),
                            internal::OneOf("padding", {"valid", "same"}, options_.padding),
                            internal::CheckGeometry(geometry_), CheckOutputPadding(),
                            internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status CheckOutputPadding() const {
    const int rank = geometry_.spatial_rank;
    const auto strides = options_.strides.For("strides", rank);
    if (!options_.output_padding.given() || !strides.ok()) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const auto extra, options_.output_padding.For("output_padding", rank, 0));
    for (int i = 0; i < rank; ++i) {
      if (extra[i] < (*strides)[i]) continue;
      return InvalidArgument("output_padding: expected less than strides, ", (*strides)[i],
                             ", found ", extra[i]);
    }
    return absl::OkStatus();
  }

  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(
        const int64_t channels,
        BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    kernel_ = Weight("kernel", internal::KernelShape(geometry_, filters_, channels),
                     options_.kernel_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {filters_}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    Attributes attrs = internal::ConvAttributes(geometry_);
    SetPadding(attrs);
    return internal::Activate(internal::ConvOp("nn.ConvTranspose", x, kernel_, bias_, attrs),
                              options_.activation);
  }

  // Keras' output sizes, and the padding that TensorFlow derives from them.
  void SetPadding(Attributes& attrs) const {
    const int rank = geometry_.spatial_rank;
    const std::vector<int64_t> kernel = internal::KernelSize(geometry_);
    const std::vector<int64_t> strides = *options_.strides.For("strides", rank);
    const std::vector<int64_t> dilations = *options_.dilation_rate.For("dilation_rate", rank);
    const bool given = options_.output_padding.given();
    const bool same = options_.padding == "same";
    if (same && !given) return;  // the op has the same rule
    std::vector<int64_t> extra = given ? *options_.output_padding.For("output_padding", rank, 0)
                                       : std::vector<int64_t>(rank, 0);
    std::vector<int64_t> pads(2 * rank, 0);
    for (int i = 0; i < rank; ++i) {
      const int64_t extent = (kernel[i] - 1) * dilations[i] + 1;
      if (!given) extra[i] = std::max<int64_t>(strides[i] - extent, 0);
      if (!same) continue;
      // What "same" cuts off, half of the extent on each side, less what output_padding gives back.
      const int64_t cut = 2 * (extent / 2) - extra[i];
      pads[i] = std::max<int64_t>(cut, 0) / 2;
      pads[rank + i] = std::max<int64_t>(cut, 0) - pads[i];
      extra[i] = std::max<int64_t>(-cut, 0);
    }
    if (same) {
      attrs.Set("padding", "explicit");
      attrs.Set("pads", pads);
    }
    if (std::count(extra.begin(), extra.end(), 0) != rank) attrs.Set("output_padding", extra);
  }

  int64_t filters_;
  internal::ConvGeometry geometry_;
  ConvTransposeOptions options_;
  Value kernel_, bias_;
};

template <int kRank>
struct ConvTransposeSpec {
  int64_t filters = 0;
  Sizes kernel_size;
  ConvTransposeOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("filters", filters, "the channels of the result");
    internal::VisitWindow(v, kernel_size, options);
    v("output_padding", options.output_padding,
      "elements at the end of each axis; null: by padding");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<ConvTransposeLayer>(kRank, filters, kernel_size, options); }
};
NOMO_REGISTER_LAYER(ConvTransposeSpec<1>, "Conv1DTranspose",
                    internal::Sample({{"filters", 2}, {"kernel_size", 3}, {"strides", 2}},
                                     {{4, 2}}));
NOMO_REGISTER_LAYER(ConvTransposeSpec<2>, "Conv2DTranspose",
                    internal::Sample({{"filters", 2},
                                      {"kernel_size", 3},
                                      {"strides", std::vector<int64_t>{2, 3}},
                                      {"output_padding", std::vector<int64_t>{1, 0}}},
                                     {{3, 3, 2}}));
NOMO_REGISTER_LAYER(ConvTransposeSpec<3>, "Conv3DTranspose",
                    internal::Sample({{"filters", 1}, {"kernel_size", 2}}, {{2, 2, 2, 1}}));

}  // namespace

Layer Conv1DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options) {
  return Configured(ConvTransposeSpec<1>{filters, std::move(kernel_size), std::move(options)});
}
Layer Conv2DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options) {
  return Configured(ConvTransposeSpec<2>{filters, std::move(kernel_size), std::move(options)});
}
Layer Conv3DTranspose(int64_t filters, Sizes kernel_size, ConvTransposeOptions options) {
  return Configured(ConvTransposeSpec<3>{filters, std::move(kernel_size), std::move(options)});
}

}  // namespace nomograph
