// Images on their way into the networks, and the nodes that are put ahead of these.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/examples/ocr/annotate.h"
#include "nomograph/examples/ocr/image_ops.h"
#include "nomograph/examples/ocr/pixel_model.h"
#include "nomograph/nomograph.h"

namespace nomograph::ocr {
namespace {

using testing::HasSubstr;

// Red is x, green y and blue x + y.
Tensor Slopes(int64_t height, int64_t width) {
  Tensor pixels(DType::kUInt8, {height, width, 3});
  uint8_t* out = pixels.mutable_data<uint8_t>().data();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      *out++ = static_cast<uint8_t>(x);
      *out++ = static_cast<uint8_t>(y);
      *out++ = static_cast<uint8_t>(x + y);
    }
  }
  return *ImageFromPixels(pixels);
}

TEST(ImageFromPixels, PutsChannelsFirst) {
  const Tensor pixels = Tensor::Of<uint8_t>({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(*ImageFromPixels(pixels), Tensor::Of<float>({1, 3, 1, 2}, {1, 4, 2, 5, 3, 6}));
  EXPECT_THAT(ImageFromPixels(Tensor(DType::kUInt8, {2, 2, 1})).status().message(),
              HasSubstr("found uint8[2,2,1]"));
}

// Each pixel of a slope tells where it came from. Cubic convolution with a = -0.75 bends slopes: at
// t between two pixels it is t (1 - t) (1 - 2 t) / 2 off, at most 0.0482.
TEST(Cropped, TakesPixelsFromWhereTheBoxIs) {
  const Tensor image = Slopes(120, 120);
  for (const double degrees : {0.0, 9.0, -30.0, 90.0, 180.0}) {
    SCOPED_TRACE(degrees);
    const double angle = degrees * 3.141592653589793 / 180;
    const auto crop = Cropped(image, {{60, 50}, 32, 16, angle}, 16);
    ASSERT_TRUE(crop.ok()) << crop.status();
    ASSERT_EQ(crop->shape(), Shape({1, 3, 16, 32}));
    const auto values = crop->data<float>();
    for (int64_t v = 0; v < 16; ++v) {
      for (int64_t u = 0; u < 32; ++u) {
        const double along = static_cast<double>(u) - 15.5, across = static_cast<double>(v) - 7.5;
        const double x = 60 + along * std::cos(angle) - across * std::sin(angle);
        const double y = 50 + along * std::sin(angle) + across * std::cos(angle);
        ASSERT_NEAR(values[v * 32 + u], x, 0.0482);
        ASSERT_NEAR(values[512 + v * 32 + u], y, 0.0482);
        ASSERT_NEAR(values[1024 + v * 32 + u], x + y, 0.0964);
      }
    }
  }
}

TEST(Cropped, HasTheHeightAskedForAndTheBorderOutside) {
  const Tensor image = Slopes(40, 40);
  EXPECT_EQ(Cropped(image, {{20, 20}, 30, 10, 0}, 48)->shape(), Shape({1, 3, 48, 144}));
  EXPECT_EQ(Cropped(image, {{20, 20}, 0, 0, 0}, 48)->shape(), Shape({1, 3, 48, 1}));
  const auto outside = Cropped(image, {{-50, 10.5}, 20, 10, 0}, 10);
  ASSERT_EQ(outside->shape(), Shape({1, 3, 10, 20}));
  for (int64_t u = 0; u < 20; ++u) EXPECT_NEAR(outside->data<float>()[u], 0, 1e-4);
}

TEST(Batched, FillsUpWithGrey) {
  const Tensor narrow = Tensor::Of<float>({1, 3, 1, 1}, {1, 2, 3});
  const Tensor wide = *HalfTurned(Tensor::Of<float>({1, 3, 1, 2}, {4, 5, 6, 7, 8, 9}));
  const auto batch = Batched({narrow, wide}, 3);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(*batch,
            Tensor::Of<float>({2, 3, 1, 3}, {1, 127.5, 127.5, 2, 127.5, 127.5, 3, 127.5, 127.5,  //
                                             5, 4, 127.5, 7, 6, 127.5, 9, 8, 127.5}));
}

// A network that does nothing, of an input of this type.
Model Network(TensorType type) {
  const Value input = InputValue(std::move(type), "x");
  return *BuildModel({input}, {Call("core.Identity", {input})});
}

TEST(TakingPixels, ReversesAndNormalizes) {
  const auto model = TakingPixels(Network({DType::kFloat32, {Dim::Symbol("n"), 3, Dim(), Dim()}}),
                                  {{0.5, 0.25, 0}, {0.5, 0.25, 1}});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  // Red 255, green 0, blue 51.
  const auto output = (*session)->Run(Tensor::Of<float>({1, 3, 1, 1}, {255, 0, 51}));
  ASSERT_TRUE(output.ok()) << output.status();
  const Tensor expected = Tensor::Of<float>({1, 3, 1, 1}, {-0.6F, -1, 1});
  EXPECT_TRUE(AllClose(*output, expected, 0, 1e-6).ok()) << output->ToString();
}

TEST(TakingPixels, RefusesOtherNetworks) {
  struct Case {
    TensorType type;
    const char* error;
  };
  const Case cases[] = {
      {{DType::kFloat32, {1, 10}}, "found float32[1,10]"},
      {{DType::kFloat32, {1, 1, 48, 48}}, "found float32[1,1,48,48]"},
      {{DType::kFloat64, {1, 3, 48, 48}}, "found float64[1,3,48,48]"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(TakingPixels(Network(c.type), {{0}, {1}}).status().message(), HasSubstr(c.error));
  }
  EXPECT_THAT(OpenPixelModel("/nowhere.onnx", {{0}, {1}}).status().message(),
              HasSubstr("/nowhere.onnx"));
}

TEST(DrawBox, StaysInThePicture) {
  Tensor picture(DType::kUInt8, {20, 20, 3});
  DrawBox({{10, 10}, 100, 8, 0}, picture);
  DrawBox({{-100, 500}, 100, 8, 0.5}, picture);
  // Only the long sides, two pixels wide, cross it.
  int64_t drawn = 0;
  for (const uint8_t value : picture.data<uint8_t>()) drawn += value != 0 ? 1 : 0;
  EXPECT_EQ(drawn, 20 * 2 * 2 * 3);
}

}  // namespace
}  // namespace nomograph::ocr
