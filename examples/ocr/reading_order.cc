#include "nomograph/examples/ocr/reading_order.h"

#include <algorithm>

namespace nomograph::ocr {
namespace {

bool SameRow(const Box& above, const Box& below) {
  return below.center.y - above.center.y < std::min(above.height, below.height) / 2;
}

}  // namespace

std::vector<Box> InReadingOrder(std::vector<Box> boxes) {
  std::sort(boxes.begin(), boxes.end(),
            [](const Box& a, const Box& b) { return a.center.y < b.center.y; });
  for (auto row = boxes.begin(); row != boxes.end();) {
    const auto end =
        std::find_if(row, boxes.end(), [&](const Box& box) { return !SameRow(*row, box); });
    std::sort(row, end, [](const Box& a, const Box& b) { return a.center.x < b.center.x; });
    row = end;
  }
  return boxes;
}

}  // namespace nomograph::ocr
