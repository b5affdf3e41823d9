// RgbToGrayscale.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

struct Grayscale {
  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    for (int64_t r = 0; r < y.height; ++r) {
      for (int64_t c = 0; c < y.width; ++c) {
        const auto channel = [&](int k) { return static_cast<double>(x.at(r, c, k)); };
        y.at(r, c, 0) = Rounded<T>(0.2989 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2));
      }
    }
  }
};

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape shape = context.shape(0);
  NOMO_RETURN_IF_ERROR(CheckImages(shape));
  if (shape.has_rank()) {
    Dim& channels = shape[ImageAxes(shape.rank(), DataFormat(context.attrs())).channels];
    if (channels.known() && channels.size() != 3) {
      return InvalidArgument("expected images of 3 channels, found ", channels.size(), " in shape ",
                             context.shape(0).ToString());
    }
    channels = Dim(1);
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

std::vector<Example> Examples() {
  return {
      {.name = "primary colours",
       .inputs = {Tensor::Of<float>({1, 4, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1})},
       .outputs = {Tensor::Of<float>({1, 4, 1}, {0.2989f, 0.587f, 0.114f, 0.9999f})}},
      {.name = "uint8 is rounded",
       .inputs = {Tensor::Of<uint8_t>({1, 2, 1, 3}, {255, 255, 255, 10, 200, 30})},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 1, 1}, {255, 124})}},  // 254.9745, 123.809
      {.name = "channels first",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {Tensor::Of<double>({3, 1, 2}, {1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<double>({1, 1, 2}, {2.6299, 3.6298})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const bool first = DataFormat(g.attrs()) == "channels_first";
  const Tensor weights = Tensor::Vector<double>({0.2989, 0.587, 0.114});
  const Value factors = Constant(weights.Reshaped(first ? Shape{3, 1, 1} : Shape{3}));
  return std::vector<Value>{g.gradient(0) * CastLike(factors, g.gradient(0))};
}

NOMO_REGISTER_OP(WithDataFormat(ImageOp("image.RgbToGrayscale", kNumbers, "as x, with one channel"))
                     .Infer(Infer)
                     .Doc("y = 0.2989 red + 0.587 green + 0.114 blue, the luma of ITU-R BT.601. "
                          "Integers are rounded to the nearest, ties to even.")
                     .Source("tf.image.rgb_to_grayscale")
                     .Reference(FilterImages(NumberTypes{},
                                             [](const Attributes&) { return Grayscale{}; }))
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
