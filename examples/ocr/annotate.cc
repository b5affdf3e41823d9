#include "nomograph/examples/ocr/annotate.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nomograph::ocr {
namespace {

using Color = std::array<uint8_t, 3>;

constexpr Color kRed = {220, 30, 30}, kBlue = {30, 60, 230};

// A square of two by two pixels.
void DrawDot(Point at, const Color& color, Tensor& picture) {
  const int64_t height = picture.shape()[0], width = picture.shape()[1];
  const int64_t left = std::llround(at.x - 0.5), top = std::llround(at.y - 0.5);
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + 2, height); ++y) {
    for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + 2, width); ++x) {
      std::copy(color.begin(), color.end(),
                picture.mutable_data<uint8_t>().begin() + (y * width + x) * 3);
    }
  }
}

void DrawLine(Point from, Point to, const Color& color, Tensor& picture) {
  const double x = to.x - from.x, y = to.y - from.y;
  const auto steps = static_cast<int64_t>(std::ceil(std::hypot(x, y)));
  for (int64_t i = 0; i <= steps; ++i) {
    const double part = steps == 0 ? 0 : static_cast<double>(i) / static_cast<double>(steps);
    DrawDot({from.x + part * x, from.y + part * y}, color, picture);
  }
}

}  // namespace

void DrawBox(const Box& box, Tensor& picture) {
  const auto corners = Corners(box);
  for (int i = 0; i < 3; ++i) DrawLine(corners[i], corners[i + 1], kRed, picture);
  DrawLine(corners[3], corners[0], kBlue, picture);
}

}  // namespace nomograph::ocr
