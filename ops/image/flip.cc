// FlipLeftRight, FlipUpDown, RandomFlip.
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

struct Flip {
  bool horizontal, vertical;

  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    for (int64_t r = 0; r < y.height; ++r) {
      const int64_t from_row = vertical ? y.height - 1 - r : r;
      for (int64_t c = 0; c < y.width; ++c) {
        const int64_t from_column = horizontal ? y.width - 1 - c : c;
        for (int64_t k = 0; k < y.channels; ++k) y.at(r, c, k) = x.at(from_row, from_column, k);
      }
    }
  }
};

ComputeFn FlipKernel(Flip flip) {
  return FilterImages(AllTypes{}, [flip](const Attributes&) { return flip; });
}

// Word 0 decides on the one direction, word 1 on the other.
Flip DrawFlip(const Attributes& attrs, const Words& words) {
  const std::string& mode = attrs.String("mode");
  return {.horizontal = mode != "vertical" && UniformFloat(words[0]) < 0.5f,
          .vertical = mode != "horizontal" && UniformFloat(words[1]) < 0.5f};
}

const Tensor& OneImage() {  // 2 rows of 3 pixels of 2 channels
  static const Tensor image =
      Tensor::Of<uint8_t>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  return image;
}

std::vector<Example> LeftRightExamples() {
  return {
      {.name = "one image",
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({2, 3, 2}, {4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7})}},
      {.name = "channels first",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({2, 3, 2}, {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10})}},
      {.name = "batch",
       .inputs = {Tensor::Of<float>({2, 1, 3, 1}, {1, 2, 3, 4, 5, 6})},
       .outputs = {Tensor::Of<float>({2, 1, 3, 1}, {3, 2, 1, 6, 5, 4})}},
      {.name = "no images",
       .inputs = {Tensor::Of<float>({0, 4, 4, 3}, {})},
       .outputs = {Tensor::Of<float>({0, 4, 4, 3}, {})}},
  };
}

std::vector<Example> UpDownExamples() {
  return {
      {.name = "one image",
       .inputs = {OneImage()},
       .outputs = {Tensor::Of<uint8_t>({2, 3, 2}, {6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5})}},
      {.name = "channels first, batch",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {Tensor::Of<bool>({1, 2, 2, 1}, {true, false, false, false})},
       .outputs = {Tensor::Of<bool>({1, 2, 2, 1}, {false, true, false, false})}},
  };
}

std::vector<Example> RandomExamples() {
  const Tensor batch =
      Tensor::Of<float>({4, 2, 2, 1}, {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});
  return {
      {.name = "inference", .inputs = {batch}, .outputs = {batch}},
      {.name = "training",
       .inputs = {batch},
       .outputs = {Tensor::Of<float>({4, 2, 2, 1},
                                     {0, 1, 2, 3, 2, 3, 0, 1, 1, 0, 3, 2, 1, 0, 3, 2})},
       .training = true,
       .seed = 1,
       .keyed_by_node = true},
      {.name = "training, left-right only, channels first, another step",
       .attrs = {{"mode", "horizontal"}, {"data_format", "channels_first"}},
       .inputs = {batch.Reshaped({4, 1, 2, 2})},
       .outputs = {Tensor::Of<float>({4, 1, 2, 2},
                                     {0, 1, 2, 3, 1, 0, 3, 2, 0, 1, 2, 3, 0, 1, 2, 3})},
       .training = true,
       .seed = 1,
       .step = 1,
       .keyed_by_node = true},
      {.name = "training, up-down only, own seed, one image",
       .attrs = {{"mode", "vertical"}, {"seed", 1}},
       .inputs = {batch.Rows(0, 1).Reshaped({2, 2, 1})},
       .outputs = {Tensor::Of<float>({2, 2, 1}, {2, 3, 0, 1})},
       .training = true,
       .step = 1,
       .keyed_by_node = true},
  };
}

NOMO_REGISTER_OP(WithDataFormat(ImageOp("image.FlipLeftRight", kAnyType))
                     .Doc("Each image with its columns in the opposite order.")
                     .Source("tf.image.flip_left_right")
                     .Reference(FlipKernel({.horizontal = true, .vertical = false}))
                     .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
                       return std::vector<Value>{
                           Call("image.FlipLeftRight", {g.gradient(0)}, g.attrs())};
                     })
                     .Examples(LeftRightExamples));

NOMO_REGISTER_OP(WithDataFormat(ImageOp("image.FlipUpDown", kAnyType))
                     .Doc("Each image with its rows in the opposite order.")
                     .Source("tf.image.flip_up_down")
                     .Reference(FlipKernel({.horizontal = false, .vertical = true}))
                     .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
                       return std::vector<Value>{
                           Call("image.FlipUpDown", {g.gradient(0)}, g.attrs())};
                     })
                     .Examples(UpDownExamples));

NOMO_REGISTER_OP(
    WithDataFormat(RandomImageOp("image.RandomFlip", kAnyType))
        .Attr("mode", "horizontal_and_vertical",
              "horizontal: left-right; vertical: up-down; horizontal_and_vertical: each on its own")
        .Choices({"horizontal", "vertical", "horizontal_and_vertical"})
        .Doc("In training each image is flipped with probability 1/2 in each direction that `mode` "
             "names, every image and direction on its own. In inference y = x.")
        .Source("Keras RandomFlip; tf.image.random_flip_left_right")
        .Reference(AugmentImages(AllTypes{}, DrawFlip))
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          NOMO_ASSIGN_OR_RETURN(Attributes attrs, AttributesOfSameDraws(g));
          return std::vector<Value>{Call("image.RandomFlip", {g.gradient(0)}, std::move(attrs))};
        })
        .Examples(RandomExamples));

}  // namespace
}  // namespace nomograph::image
