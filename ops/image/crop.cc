// Crop, CenterCrop, RandomCrop.
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

// Copies the part of x that begins at (top, left) and has y's size.
template <typename T>
void CopyPart(const Image<const T>& x, int64_t top, int64_t left, const Image<T>& y) {
  for (int64_t r = 0; r < y.height; ++r) {
    for (int64_t c = 0; c < y.width; ++c) {
      for (int64_t k = 0; k < y.channels; ++k) y.at(r, c, k) = x.at(top + r, left + c, k);
    }
  }
}

struct FixedCrop {
  int64_t top, left;
  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    CopyPart(x, top, left, y);
  }
};

struct CenterCrop {
  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    CopyPart(x, (x.height - y.height) / 2, (x.width - y.width) / 2, y);
  }
};

struct RandomCrop {
  Words words;
  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    CopyPart(x, UniformIndex(words[0], x.height - y.height + 1),
             UniformIndex(words[1], x.width - y.width + 1), y);
  }
};

// Cuts one axis down to `size`, from `start` on.
absl::Status CropAxis(absl::string_view name, int64_t start, int64_t size, Dim& dim) {
  if (dim.known() && (dim.size() < size || dim.size() - size < start)) {
    return InvalidArgument(name, ": expected an image of at least ", size,
                           start > 0 ? absl::StrCat(" from ", start, " on") : "", ", found ",
                           dim.size());
  }
  dim = Dim(size);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferCrop(const InferContext& context) {
  const Attributes& attrs = context.attrs();
  PartialShape shape = context.shape(0);
  NOMO_RETURN_IF_ERROR(CheckImages(shape));
  if (shape.has_rank()) {
    const ImageAxes axes(shape.rank(), DataFormat(attrs));
    const int64_t top = attrs.Has("top") ? attrs.Int("top") : 0;
    const int64_t left = attrs.Has("left") ? attrs.Int("left") : 0;
    NOMO_RETURN_IF_ERROR(CropAxis("height", top, attrs.Int("height"), shape[axes.height]));
    NOMO_RETURN_IF_ERROR(CropAxis("width", left, attrs.Int("width"), shape[axes.width]));
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

constexpr char kOutput[] = "as x, with the height and width given";

// Adds what the three have in common.
OpDef WithSize(OpDef op) {
  op.RequiredAttr("height", AttrType::kInt, "of the result, in pixels").Min(1);
  op.RequiredAttr("width", AttrType::kInt, "of the result, in pixels").Min(1);
  return WithDataFormat(op.Infer(InferCrop));
}

const Tensor& OneImage() {  // 3 rows of 4 pixels
  static const Tensor image =
      Tensor::Of<uint8_t>({3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  return image;
}

std::vector<Example> CropExamples() {
  return {
      {.name = "one image",
       .attrs = {{"top", 1}, {"left", 2}, {"height", 2}, {"width", 1}},
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({2, 1, 1}, {6, 10})}},
      {.name = "channels first, batch",
       .attrs = {{"left", 1}, {"height", 1}, {"width", 2}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 2}, {2, 3, 5, 6})}},
  };
}

std::vector<Example> CenterCropExamples() {
  return {
      {.name = "even margins",
       .attrs = {{"height", 1}, {"width", 2}},
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 1}, {5, 6})}},
      {.name = "of odd margins the smaller one is above and to the left",
       .attrs = {{"height", 2}, {"width", 1}},
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({2, 1, 1}, {1, 5})}},
      {.name = "channels first, batch",
       .attrs = {{"height", 1}, {"width", 1}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {2, 5})}},
  };
}

std::vector<Example> RandomExamples() {
  return {
      {.name = "inference",
       .attrs = {{"height", 1}, {"width", 2}},
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 1}, {5, 6})}},
      {.name = "training",
       .attrs = {{"height", 2}, {"width", 2}},
       .inputs = {Tensor::Of<int32_t>({3, 3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,  //
                                                     0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,  //
                                                     0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
       .outputs = {Tensor::Of<int32_t>({3, 2, 2, 1}, {5, 6, 9, 10, 5, 6, 9, 10, 2, 3, 6, 7})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
  };
}

absl::StatusOr<std::vector<Value>> CropGradient(const GradientContext& g) {
  using Ints = std::vector<int64_t>;
  const Attributes& attrs = g.attrs();
  const bool first = DataFormat(attrs) == "channels_first";
  const int64_t top = attrs.Int("top"), left = attrs.Int("left");
  CallOptions options;
  options.output_types = {g.input(0).type()};
  return std::vector<Value>{
      Call("array.SliceGrad", {g.gradient(0), ShapeOf(g.input(0))},
           {{"starts", Ints{top, left}},
            {"ends", Ints{top + attrs.Int("height"), left + attrs.Int("width")}},
            {"axes", first ? Ints{-2, -1} : Ints{-3, -2}}},
           options)};
}

// The numbers of the pixels, cropped by the same draws, tell where dy belongs.
absl::StatusOr<std::vector<Value>> RandomCropGradient(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, AttributesOfSameDraws(g));
  return PickedGradients(g.gradient(0), {g.input(0)}, [&](absl::Span<const Value> numbers) {
    return Call("image.RandomCrop", {numbers[0]}, attrs);
  });
}

NOMO_REGISTER_OP(
    WithSize(ImageOp("image.Crop", kAnyType, kOutput)
                 .Attr("top", 0, "the first row of the part")
                 .Min(0)
                 .Attr("left", 0, "the first column of the part")
                 .Min(0))
        .Doc("The part of each image that begins at row `top` and column `left`. It must lie "
             "within the image.")
        .Source("tf.image.crop_to_bounding_box; Keras Cropping2D")
        .Reference(FilterImages(AllTypes{},
                                [](const Attributes& attrs) {
                                  return FixedCrop{attrs.Int("top"), attrs.Int("left")};
                                }))
        .Gradient(CropGradient)
        .Examples(CropExamples));

NOMO_REGISTER_OP(WithSize(ImageOp("image.CenterCrop", kAnyType, kOutput))
                     .Doc("The middle of each image, from row floor((H - height) / 2) and column "
                          "floor((W - width) / 2) on. Images smaller than the part are an error.")
                     .Source("Keras CenterCrop")
                     .Reference(FilterImages(AllTypes{},
                                             [](const Attributes&) { return CenterCrop{}; }))
                     .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
                       CallOptions options;
                       options.output_types = {x.type()};
                       return Call("image.CenterCropPad", {dy, ShapeOf(x)}, {}, options);
                     }))
                     .Examples(CenterCropExamples));

NOMO_REGISTER_OP(
    WithSize(RandomImageOp("image.RandomCrop", kAnyType, kOutput))
        .Doc("In training a part of each image, at a place of its own that is evenly drawn from "
             "all places where the part lies within the image. In inference the middle, as "
             "image.CenterCrop has it. Images smaller than the part are an error.")
        .Source("Keras RandomCrop, which cuts all images of a batch at one place; torchvision "
                "RandomCrop")
        .Reference(AugmentImages(
            AllTypes{}, [](const Attributes&, const Words& words) { return RandomCrop{words}; },
            CenterCrop{}))
        .Gradient(RandomCropGradient)
        .Examples(RandomExamples));

}  // namespace
}  // namespace nomograph::image
