// PNG and JPEG of every kind, damaged ones, and resizing as NumPy interpolates.
#include "nomograph/data/image.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

// This needs <cstdio>.
#include <jpeglib.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ImageTest, ReadsEveryKindOfPng) {
  for (const char* name :
       {"grey", "grey1", "grey2", "grey4", "grey16", "grey_alpha", "rgb", "rgb16", "rgba",
        "palette", "palette_alpha", "transparent_colour", "interlaced", "gamma"}) {
    const auto image = ReadImage(TestdataPath(absl::StrCat("png/", name, ".png")));
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(*image, ReadReference(absl::StrCat("png/", name, ".pixels.npy"))) << name;
  }
}

// The decoders of other versions of libjpeg may round otherwise.
TEST(ImageTest, ReadsEveryKindOfJpeg) {
  for (const char* name : {"grey", "rgb_420", "rgb_444", "progressive"}) {
    const auto image = ReadImage(TestdataPath(absl::StrCat("jpeg/", name, ".jpg")));
    ASSERT_TRUE(image.ok()) << image.status();
    const Tensor expected = ReadReference(absl::StrCat("jpeg/", name, ".pixels.npy"));
    EXPECT_EQ(AllClose(*image, expected, 0, 2), absl::OkStatus()) << name;
  }
}

TEST(ImageTest, ConvertsChannels) {
  const struct {
    const char* file;
    int channels;
    std::vector<uint8_t> first;  // pixel
  } kCases[] = {
      // The first pixels of the files: 0; 0 48; 0 48 118; 0 48 118 210.
      {"grey", 3, {0, 0, 0}},           {"grey", 4, {0, 0, 0, 255}},
      {"grey_alpha", 1, {0}},           {"grey_alpha", 3, {0, 0, 0}},
      {"grey_alpha", 4, {0, 0, 0, 48}}, {"rgb", 1, {42}},
      {"rgb", 4, {0, 48, 118, 255}},    {"rgba", 1, {42}},
      {"rgba", 3, {0, 48, 118}},
  };
  for (const auto& c : kCases) {
    const auto image =
        ReadImage(TestdataPath(absl::StrCat("png/", c.file, ".png")), {.channels = c.channels});
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_EQ(image->shape(), Shape({5, 7, c.channels}));
    EXPECT_EQ(std::vector<uint8_t>(image->data<uint8_t>().begin(),
                                   image->data<uint8_t>().begin() + c.channels),
              c.first)
        << c.file;
  }
  const auto grey = ReadImage(TestdataPath("png/rgb.png"), {.channels = 1});
  EXPECT_EQ(grey->Reshaped({5, 7}), ReadReference("png/grey_of_rgb.npy"));
}

TEST(ImageTest, RefusesWithTheCause) {
  const struct {
    const char* file;
    absl::StatusCode code;
    const char* error;
  } kCases[] = {
      {"png/refused_huge.png", absl::StatusCode::kResourceExhausted,
       "32768 x 32768 pixels, more than the allowed"},
      {"png/refused_empty.png", absl::StatusCode::kInvalidArgument,
       "claims 4096 x 4096 pixels, more than its"},
      {"jpeg/refused_cmyk.jpg", absl::StatusCode::kInvalidArgument, "CMYK"},
      {"csv/table.csv", absl::StatusCode::kInvalidArgument, "neither a PNG nor a JPEG"},
      {"png/missing.png", absl::StatusCode::kNotFound, "No such file"},
      {"png", absl::StatusCode::kInvalidArgument, "directory"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ReadImage(TestdataPath(c.file)).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(status.message(), AllOf(HasSubstr(TestdataPath(c.file)), HasSubstr(c.error)));
  }
  for (const char* file : {"png/rgb.png", "jpeg/rgb_420.jpg"}) {
    const absl::Status status = ReadImage(TestdataPath(file), {.max_pixels = 34}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  }
  EXPECT_THAT(ReadImage(TestdataPath("png/rgb.png"), {.channels = 2}).status().message(),
              HasSubstr("found 2"));
}

// A grey JPEG of 8 x 8 pixels, with the settings that `adjust` makes.
std::string EncodeJpeg(const std::function<void(jpeg_compress_struct&)>& adjust) {
  jpeg_error_mgr errors;
  jpeg_compress_struct info = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = info.image_height = 8;
  info.input_components = 1;
  info.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  adjust(info);
  jpeg_start_compress(&info, TRUE);
  unsigned char pixels[8] = {0, 30, 60, 90, 120, 150, 180, 210};
  JSAMPROW row = pixels;
  while (info.next_scanline < 8) jpeg_write_scanlines(&info, &row, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string result(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return result;
}

TEST(ImageTest, RefusesRareKindsOfJpeg) {
  EXPECT_TRUE(ParseImage(EncodeJpeg([](jpeg_compress_struct&) {})).ok());
  const std::string arithmetic =
      EncodeJpeg([](jpeg_compress_struct& info) { info.arith_code = TRUE; });
  EXPECT_THAT(ParseImage(arithmetic).status().message(), HasSubstr("arithmetic-coded"));

  // One scan for the mean, and for each of the other 63 coefficients one for the upper bits and
  // three for the lowest.
  std::vector<jpeg_scan_info> scans = {{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) {
    for (const auto& [from, to] : {std::pair(0, 3), {3, 2}, {2, 1}, {1, 0}})
      scans.push_back({1, {0}, k, k, from, to});
  }
  const std::string many = EncodeJpeg([&scans](jpeg_compress_struct& info) {
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  });
  EXPECT_THAT(ParseImage(many).status().message(), HasSubstr("more than 200 scans"));
}

TEST(ImageTest, RefusesTruncatedImages) {
  for (const char* file :
       {"png/rgb.png", "png/interlaced.png", "jpeg/rgb_420.jpg", "jpeg/progressive.jpg"}) {
    const std::string bytes = ReadTestdata(file);
    for (size_t size : {bytes.size() / 2, bytes.size() - 3}) {
      EXPECT_FALSE(ParseImage(bytes.substr(0, size)).ok()) << file << " cut to " << size;
    }
  }
}

TEST(ImageTest, WritesPngThatReadsTheSame) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/image_test.png");
  for (const char* name : {"grey", "grey_alpha", "rgb", "rgba"}) {
    const Tensor image = ReadReference(absl::StrCat("png/", name, ".pixels.npy"));
    ASSERT_EQ(WritePng(path, image), absl::OkStatus());
    EXPECT_EQ(*ReadImage(path), image) << name;
  }
  const Tensor grey = ReadReference("png/grey.pixels.npy");
  EXPECT_EQ(*ParseImage(*FormatPng(grey.Reshaped({5, 7}))), grey);
}

TEST(ImageTest, RefusesToWriteOtherTensors) {
  for (const Tensor& tensor :
       {Tensor(DType::kFloat32, {2, 2, 3}), Tensor(DType::kUInt8, {2, 2, 5}),
        Tensor(DType::kUInt8, {0, 2, 3}), Tensor(DType::kUInt8, {4}), Tensor()}) {
    EXPECT_THAT(FormatPng(tensor).status().message(), HasSubstr(tensor.type().ToString()));
  }
}

TEST(ImageTest, ResizesAsNumpyInterpolates) {
  const Tensor image = ReadReference("png/rgb.pixels.npy");
  for (const auto& [height, width] : {std::pair(5, 7), {10, 14}, {3, 4}, {1, 1}, {9, 2}}) {
    const auto resized = ResizeImage(image, height, width);
    ASSERT_TRUE(resized.ok()) << resized.status();
    const Tensor expected = ReadReference(absl::StrCat("resize/", height, "x", width, ".npy"));
    // The reference is not rounded.
    EXPECT_EQ(AllClose(resized->Cast(DType::kFloat64), expected, 0, 0.5 + 1e-9), absl::OkStatus());
  }
}

TEST(ImageTest, RefusesToResizeOtherTensors) {
  EXPECT_FALSE(ResizeImage(Tensor(DType::kFloat32, {2, 2, 3}), 4, 4).ok());
  EXPECT_FALSE(ResizeImage(Tensor(DType::kUInt8, {2, 2}), 4, 4).ok());
  EXPECT_FALSE(ResizeImage(Tensor(DType::kUInt8, {0, 2, 3}), 4, 4).ok());
  EXPECT_FALSE(ResizeImage(Tensor(DType::kUInt8, {2, 2, 3}), 0, 4).ok());
  EXPECT_FALSE(ResizeImage(Tensor(DType::kUInt8, {2, 2, 3}), int64_t{1} << 40, 4).ok());
}

}  // namespace
}  // namespace nomograph
