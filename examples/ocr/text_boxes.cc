#include "nomograph/examples/ocr/text_boxes.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace nomograph::ocr {
namespace {

// Pixels of text that no region has yet.
class Mask {
 public:
  Mask(const ProbabilityMap& map, double threshold)
      : width_(map.width), height_(map.height), set_(map.values.size()) {
    for (size_t i = 0; i < set_.size(); ++i) set_[i] = map.values[i] > threshold;
  }

  bool Has(int64_t x, int64_t y) const {
    return x >= 0 && x < width_ && y >= 0 && y < height_ && set_[y * width_ + x];
  }
  // Whether it was there.
  bool Take(int64_t x, int64_t y) {
    const bool has = Has(x, y);
    if (has) set_[y * width_ + x] = false;
    return has;
  }

 private:
  int64_t width_, height_;
  std::vector<bool> set_;
};

// The region of the pixel (x, y), which is taken from `left`. `all` has every region's pixels.
std::vector<Point> TakeRegion(int64_t x, int64_t y, const Mask& all, Mask& left) {
  std::vector<Point> ends;
  std::vector<std::pair<int64_t, int64_t>> pending = {{x, y}};
  while (!pending.empty()) {
    std::tie(x, y) = pending.back();
    pending.pop_back();
    if (!all.Has(x - 1, y) || !all.Has(x + 1, y)) {
      ends.push_back({static_cast<double>(x), static_cast<double>(y)});
    }
    for (int64_t v = y - 1; v <= y + 1; ++v) {
      for (int64_t u = x - 1; u <= x + 1; ++u) {
        if (left.Take(u, v)) pending.push_back({u, v});
      }
    }
  }
  return ends;
}

// The whole numbers from `low` to `high` that are an axis' pixels.
std::pair<int64_t, int64_t> PixelRange(double low, double high, int64_t size) {
  return {std::max<int64_t>(0, static_cast<int64_t>(std::ceil(low))),
          std::min<int64_t>(size - 1, static_cast<int64_t>(std::floor(high)))};
}

}  // namespace

std::vector<std::vector<Point>> FindRegions(const ProbabilityMap& map, double threshold) {
  const Mask all(map, threshold);
  Mask left = all;
  std::vector<std::vector<Point>> regions;
  for (int64_t y = 0; y < map.height; ++y) {
    for (int64_t x = 0; x < map.width; ++x) {
      if (left.Take(x, y)) regions.push_back(TakeRegion(x, y, all, left));
    }
  }
  return regions;
}

double BoxScore(const ProbabilityMap& map, const Box& box) {
  const auto corners = Corners(box);
  const auto [left, right] = std::minmax({corners[0].x, corners[1].x, corners[2].x, corners[3].x});
  const auto [top, bottom] = std::minmax({corners[0].y, corners[1].y, corners[2].y, corners[3].y});
  const auto [first_x, last_x] = PixelRange(left, right, map.width);
  const auto [first_y, last_y] = PixelRange(top, bottom, map.height);
  double sum = 0;
  int64_t count = 0;
  for (int64_t y = first_y; y <= last_y; ++y) {
    for (int64_t x = first_x; x <= last_x; ++x) {
      if (!Contains(box, {static_cast<double>(x), static_cast<double>(y)})) continue;
      sum += map.at(x, y);
      ++count;
    }
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

std::vector<Box> TextBoxes(const ProbabilityMap& map, const BoxOptions& options) {
  std::vector<Box> boxes;
  for (const std::vector<Point>& region : FindRegions(map, options.threshold)) {
    const Box box = MinimumAreaBox(region);
    if (std::min(box.width, box.height) < options.min_side) continue;
    if (BoxScore(map, box) < options.min_score) continue;
    boxes.push_back(Grown(box, options.unclip_ratio * box.area() / box.perimeter()));
  }
  return boxes;
}

}  // namespace nomograph::ocr
