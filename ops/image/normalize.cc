// image.Normalize: y = (x * scale - mean) / deviation, channel by channel.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

// A parameter per channel.
class PerChannel {
 public:
  explicit PerChannel(const std::vector<double>& values) : values_(values) {}
  // One value serves all channels.
  double operator[](int64_t channel) const { return values_[values_.size() == 1 ? 0 : channel]; }

 private:
  const std::vector<double>& values_;
};

// Of [batch, channels] and of a vector the last axis in any case.
int ChannelAxis(int rank, const Attributes& attrs) {
  if (DataFormat(attrs) != "channels_first" || rank <= 2) return rank - 1;
  return rank == 3 ? 0 : 1;
}

absl::Status CheckChannels(absl::string_view name, const Attributes& attrs, const Dim& channels) {
  const auto count = static_cast<int64_t>(attrs.Floats(name).size());
  if (count == 1 || (count > 1 && (!channels.known() || channels.size() == count))) {
    return absl::OkStatus();
  }
  return InvalidArgument(name, ": expected one number or one for each of ", channels.ToString(),
                         " channels, found ", count);
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const Attributes& attrs = context.attrs();
  const PartialShape& shape = context.shape(0);
  Dim channels;
  if (shape.has_rank()) {
    if (shape.rank() == 0) return InvalidArgument("expected an axis of channels, found a scalar");
    channels = shape[ChannelAxis(shape.rank(), attrs)];
  }
  NOMO_RETURN_IF_ERROR(CheckChannels("mean", attrs, channels));
  NOMO_RETURN_IF_ERROR(CheckChannels("std", attrs, channels));
  return std::vector<TensorType>{{attrs.Type("dtype"), shape}};
}

// How the elements follow each other: runs of `inner` elements of one channel, of one channel after
// the other.
struct Order {
  Order(const Shape& shape, const Attributes& attrs) {
    const int axis = ChannelAxis(shape.rank(), attrs);
    channels = shape[axis];
    inner = shape.Strides()[axis];
  }
  int64_t channels, inner;
};

absl::Status Reference(KernelContext& context) {
  const Attributes& attrs = context.attrs();
  const Order order(context.input_shape(0), attrs);
  const PerChannel mean(attrs.Floats("mean")), deviation(attrs.Floats("std"));
  const double scale = attrs.Float("scale");
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename From>() {
    Dispatch(FloatTypes{}, context.output_dtype(0), [&]<typename To>() {
      const auto x = context.input<From>(0);
      const auto y = context.output<To>(0);
      for (size_t i = 0; i < y.size(); ++i) {
        const int64_t channel = static_cast<int64_t>(i) / order.inner % order.channels;
        y[i] = static_cast<To>((static_cast<double>(x[i]) * scale - mean[channel]) /
                               deviation[channel]);
      }
    });
  });
  return absl::OkStatus();
}

// y = factor * x + term, with a factor and a term for each of the elements, which repeat after a
// while.
class FastKernel : public Kernel {
 public:
  FastKernel(const Shape& shape, const Attributes& attrs) {
    const Order order(shape, attrs);
    const PerChannel mean(attrs.Floats("mean")), deviation(attrs.Floats("std"));
    // Where channels alternate, more than one round: long runs are fast.
    const int64_t rounds = order.inner == 1 ? 1 + kRun / order.channels : 1;
    run_ = order.inner == 1 ? rounds * order.channels : order.inner;
    for (int64_t i = 0; i < rounds * order.channels; ++i) {
      const int64_t channel = i % order.channels;
      factors_.push_back(static_cast<float>(attrs.Float("scale") / deviation[channel]));
      terms_.push_back(static_cast<float>(-mean[channel] / deviation[channel]));
    }
    alternate_ = order.inner == 1;
  }

  absl::Status Run(KernelContext& context) const override {
    Dispatch(FastTypes{}, context.input_dtype(0), [&]<typename From>() {
      const auto x = context.input<From>(0);
      const auto y = context.output<float>(0);
      const auto count = static_cast<int64_t>(y.size());
      for (int64_t begin = 0, n = 0; begin < count; begin += run_, ++n) {
        const int64_t length = std::min(run_, count - begin);
        if (alternate_) {
          Alternate(x.data() + begin, y.data() + begin, length);
        } else {
          OneChannel(x.data() + begin, y.data() + begin, length, n % factors_.size());
        }
      }
    });
    return absl::OkStatus();
  }
  std::string Describe() const override { return "loop"; }

  // Types that float holds exactly.
  using FastTypes = TypeList<float, Half, BFloat16, int8_t, uint8_t, int16_t, uint16_t>;

 private:
  static constexpr int64_t kRun = 256;

  template <typename From>
  void Alternate(const From* x, float* y, int64_t count) const {
    const float* factors = factors_.data();
    const float* terms = terms_.data();
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(x[i]) * factors[i] + terms[i];
  }

  template <typename From>
  void OneChannel(const From* x, float* y, int64_t count, size_t channel) const {
    const float factor = factors_[channel], term = terms_[channel];
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(x[i]) * factor + term;
  }

  int64_t run_;
  bool alternate_;
  std::vector<float> factors_, terms_;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareFast(const PrepareContext& context) {
  const TensorSpec& x = context.inputs[0];
  if (!DTypesOf(FastKernel::FastTypes{}).Contains(x.dtype) ||
      context.outputs[0].dtype != DType::kFloat32 || x.shape.num_elements() == 0) {
    return nullptr;
  }
  return std::make_unique<FastKernel>(x.shape, context.attrs);
}

std::vector<Example> Examples() {
  return {
      {.name = "as ImageNet's images",
       .attrs = {{"mean", std::vector<double>{0.485, 0.456, 0.406}},
                 {"std", std::vector<double>{0.229, 0.224, 0.225}},
                 {"scale", 1.0 / 255}},
       .inputs = {Tensor::Of<uint8_t>({1, 2, 3}, {0, 51, 102, 255, 204, 153})},
       .outputs = {Tensor::Of<float>({1, 2, 3}, {-2.11790393f, -1.14285714f, -0.0266666667f,
                                                 2.2489083f, 1.53571429f, 0.862222222f})}},
      {.name = "channels first, batch",
       .attrs = {{"mean", std::vector<double>{0.485, 0.456, 0.406}},
                 {"std", std::vector<double>{0.229, 0.224, 0.225}},
                 {"scale", 1.0 / 255},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<uint8_t>({1, 3, 1, 2}, {0, 255, 51, 204, 102, 153})},
       .outputs = {Tensor::Of<float>({1, 3, 1, 2}, {-2.11790393f, 2.2489083f, -1.14285714f,
                                                    1.53571429f, -0.0266666667f, 0.862222222f})}},
      {.name = "features that are no images, one standard deviation, float64",
       .attrs = {{"mean", std::vector<double>{1, -2}}, {"std", 4}, {"dtype", DType::kFloat64}},
       .inputs = {Tensor::Of<int64_t>({2, 2}, {1, 2, 3, -4})},
       .outputs = {Tensor::Of<double>({2, 2}, {0, 1, 0.5, -0.5})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  Attributes attrs = g.attrs();
  attrs.Set("mean", std::vector<double>{0});
  attrs.Set("dtype", g.input(0).dtype());
  return std::vector<Value>{Call("image.Normalize", {g.gradient(0)}, attrs)};
}

NOMO_REGISTER_OP(
    WithDataFormat(
        OpDef("image.Normalize")
            .TypeVar("T", kNumbers)
            .TypeVar("R", kFloats)
            .Input("x", "T",
                   "an image, a batch of images, or any other shape with an axis of channels")
            .Output("y", "R", "the shape of x"))
        .RequiredAttr("mean", AttrType::kFloats, "of each channel, or one for all, after scaling")
        .RequiredAttr("std", AttrType::kFloats,
                      "the standard deviation of each channel, or one for all, after scaling")
        .Min(1e-30)
        .Attr("scale", 1.0, "a factor for x, e.g. 1/255 for bytes")
        .Attr("dtype", DType::kFloat32, "the type of y")
        .Doc("y = (x * scale - mean[channel]) / deviation[channel], in floating point of type "
             "`dtype`.")
        .Source("torchvision Normalize; Keras Normalization")
        .Infer(Infer)
        .Reference(Reference)
        .Fast(PrepareFast)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
