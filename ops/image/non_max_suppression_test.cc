// Many boxes against plain loops: which are taken does not depend on how they are looked up.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Case {
  std::string name;
  int64_t boxes;
  // From 0 to `spread` lie the first corners; sides are up to `size`, `times` of that for some.
  float spread, size, times;
  float groups;   // so far apart lie groups of boxes, as those of classes do; 0: there is one
  int64_t every;  // of so many boxes one has a coordinate that is no number; 0: none
  double iou;
};

const Case kCases[] = {
    {"few", 7, 10, 5, 1, 0, 0, 0.3},
    {"crowded", 600, 10, 8, 1, 0, 0, 0.5},
    {"scattered", 3000, 1000, 12, 1, 0, 0, 0.4},
    {"classes far apart", 3000, 50, 30, 1, 400, 0, 0.5},
    {"some as large as all", 2000, 300, 5, 60, 0, 0, 0.2},
    {"points", 300, 20, 0, 1, 0, 0, 0.5},
    {"all at one place", 300, 0, 3, 1, 0, 0, 0.6},
    {"not all are numbers", 800, 100, 20, 1, 0, 9, 0.1},
    {"any overlap", 1500, 400, 25, 1, 0, 0, 0},
};

float Number(uint64_t key, int64_t i) {
  return static_cast<float>(MixKeys(key, i) >> 40) / (1 << 24);
}

std::vector<float> Boxes(const Case& c) {
  std::vector<float> boxes;
  for (int64_t i = 0; i < c.boxes; ++i) {
    const float apart = c.groups * static_cast<float>(i % 16);
    const float size = i % 50 == 0 ? c.size * c.times : c.size;
    const float y = Number(1, i) * c.spread + apart, x = Number(2, i) * c.spread + apart;
    // Corners in any order.
    const float height = Number(3, i) * size, width = Number(4, i) * size;
    std::vector<float> box = {y, x, y + height, x + width};
    if (i % 3 == 0) std::swap(box[0], box[2]);
    if (c.every > 0 && i % c.every == 0) {
      const float odd[] = {kInf, -kInf, std::nanf("")};
      box[i / c.every % 4] = odd[i / c.every % 3];
    }
    boxes.insert(boxes.end(), box.begin(), box.end());
  }
  return boxes;
}

bool Overlap(const float* a, const float* b, double threshold) {
  const auto side = [](const float* box, int axis) {
    return std::pair<double, double>(std::min(box[axis], box[axis + 2]),
                                     std::max(box[axis], box[axis + 2]));
  };
  double intersection = 1, area_a = 1, area_b = 1;
  for (const int axis : {0, 1}) {
    const auto [from_a, to_a] = side(a, axis);
    const auto [from_b, to_b] = side(b, axis);
    const double common = std::min(to_a, to_b) - std::max(from_a, from_b);
    if (!(common > 0)) return false;
    intersection *= common;
    area_a *= to_a - from_a;
    area_b *= to_b - from_b;
  }
  return intersection / (area_a + area_b - intersection) > threshold;
}

TEST(NonMaxSuppression, AgreesWithPlainLoops) {
  for (const Case& c : kCases) {
    for (const int64_t most : {int64_t{20}, c.boxes}) {
      SCOPED_TRACE(testing::Message() << c.name << ", at most " << most);
      const std::vector<float> boxes = Boxes(c);
      std::vector<float> scores(c.boxes);
      std::vector<int64_t> order(c.boxes), right;
      for (int64_t i = 0; i < c.boxes; ++i) {
        scores[i] = std::floor(Number(5, i) * 500);  // some are equal
        order[i] = i;
      }
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
      for (const int64_t i : order) {
        const bool stays = std::none_of(right.begin(), right.end(), [&](int64_t better) {
          return Overlap(boxes.data() + 4 * better, boxes.data() + 4 * i, c.iou);
        });
        if (stays && static_cast<int64_t>(right.size()) < most) right.push_back(i);
      }
      const auto found = RunOp(
          *OpRegistry::Default().Find("image.NonMaxSuppression"),
          {Tensor::Of<float>({1, c.boxes, 4}, boxes), Tensor::Of<float>({1, 1, c.boxes}, scores)},
          {{"max_output_boxes_per_class", most}, {"iou_threshold", c.iou}});
      ASSERT_TRUE(found.ok()) << found.status();
      std::vector<int64_t> taken;
      const auto rows = (*found)[0].data<int64_t>();
      for (size_t i = 2; i < rows.size(); i += 3) taken.push_back(rows[i]);
      EXPECT_EQ(taken, right);
    }
  }
}

}  // namespace
}  // namespace nomograph
