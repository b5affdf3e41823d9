// Planes from overlapping blocks against plain loops.
#include "nomograph/core/overlap/overlap_add.h"

#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// Of a plane of `size` elements, `crop` of which in front are cut off.
WindowSpan Axis(int64_t size, int64_t places, int64_t taps, int64_t stride, int64_t dilation,
                int64_t crop) {
  return {size, places, taps, stride, dilation, crop};
}

const WindowMatrix kWindows[] = {
    {Axis(1, 1, 1, 1, 1, 0), Axis(1, 1, 1, 1, 1, 0)},
    {Axis(6, 4, 3, 1, 1, 0), Axis(7, 5, 3, 1, 1, 0)},
    {Axis(4, 4, 3, 1, 1, 1), Axis(40, 40, 3, 1, 1, 1)},
    {Axis(8, 4, 4, 2, 1, 1), Axis(8, 4, 4, 2, 1, 1)},
    {Axis(64, 32, 4, 2, 1, 1), Axis(64, 32, 4, 2, 1, 1)},
    {Axis(66, 33, 2, 2, 1, 0), Axis(70, 35, 2, 2, 1, 0)},
    {Axis(10, 4, 3, 3, 1, 1), Axis(101, 34, 5, 3, 1, 2)},
    {Axis(20, 5, 6, 4, 1, 1), Axis(140, 35, 7, 4, 1, 3)},
    {Axis(1, 1, 1, 1, 1, 0), Axis(330, 40, 16, 8, 1, 0)},
    {Axis(12, 4, 3, 2, 2, 0), Axis(50, 20, 3, 2, 3, 2)},
    // Elements that no tap reaches, between the places, behind them and in front.
    {Axis(11, 3, 1, 3, 1, 0), Axis(60, 17, 2, 3, 1, 0)},
    {Axis(9, 2, 2, 2, 1, 0), Axis(90, 20, 2, 2, 1, 0)},
    {Axis(9, 3, 2, 1, 1, -3), Axis(45, 20, 3, 2, 1, -4)},
    // Rows of fewer elements than lie between the places, and taps that reach none of them.
    {Axis(2045, 3, 1, 1022, 1, 0), Axis(1, 1, 1, 1022, 1, 0)},
    {Axis(9, 3, 3, 3, 1, 0), Axis(3, 2, 4, 4, 1, 1)},
    {Axis(9, 3, 3, 3, 1, 0), Axis(1, 3, 5, 2, 1, 4)},
    {Axis(5, 3, 3, 1, 1, 0), Axis(5, 2, 9, 7, 1, 3)},
    // All places cut off but some.
    {Axis(2, 9, 3, 1, 1, 5), Axis(3, 30, 3, 1, 1, 20)},
};

TEST(OverlapAdd, AgreesWithPlainLoops) {
  for (size_t n = 0; n < std::size(kWindows); ++n) {
    const WindowSpan &rows = kWindows[n].rows, &columns = kWindows[n].columns;
    const int64_t places = rows.output * columns.output;
    std::vector<float> parts(rows.taps * columns.taps * places);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i] = static_cast<float>(MixKeys(n, i) >> 40) / (1 << 23) - 1.0f;
    }
    constexpr float kBias = 0.25f;
    std::vector<double> right(rows.input * columns.input, kBias);
    for (int64_t i = 0; i < rows.taps; ++i) {
      for (int64_t j = 0; j < columns.taps; ++j) {
        for (int64_t place = 0; place < places; ++place) {
          const int64_t r =
              place / columns.output * rows.stride + i * rows.dilation - rows.pad_begin;
          const int64_t c =
              place % columns.output * columns.stride + j * columns.dilation - columns.pad_begin;
          if (r < 0 || r >= rows.input || c < 0 || c >= columns.input) continue;
          right[r * columns.input + c] += parts[(i * columns.taps + j) * places + place];
        }
      }
    }
    // The whole plane at once, and some rows at a time from the places under them alone.
    for (const int64_t strip : {rows.input, int64_t{1}, int64_t{3}}) {
      SCOPED_TRACE(testing::Message() << "window " << n << ", rows at a time " << strip);
      constexpr int64_t kBehind = 64;  // elements that must not be written
      std::vector<float> plane(right.size() + kBehind, 7.0f);
      for (int64_t begin = 0; begin < rows.input; begin += strip) {
        const int64_t end = std::min(begin + strip, rows.input);
        const PlaceRange over = PlacesOver(rows, begin, end);
        const OverlapPlan plan(kWindows[n], places, over.begin, begin, end);
        EXPECT_LE(plan.addends.capacity() * sizeof(OverlapPlan::Addend) +
                      plan.line_begins.capacity() * sizeof(int64_t),
                  static_cast<size_t>(OverlapPlan::MostBytes(kWindows[n], end - begin)));
        const int64_t elements = (end - begin) * columns.input;
        EXPECT_LE(static_cast<int64_t>(plan.line_begins.size()), elements + 1);
        AddOverlaps(plan, parts.data() + over.begin * columns.output, kBias, plane.data());
        for (int64_t r = begin; r < end; ++r) {  // none is missing
          for (int64_t i = 0; i < rows.taps; ++i) {
            const int64_t from = r + rows.pad_begin - i * rows.dilation;
            if (from < 0 || from % rows.stride != 0 || from / rows.stride >= rows.output) continue;
            EXPECT_GE(from / rows.stride, over.begin);
            EXPECT_LT(from / rows.stride, over.end);
          }
        }
      }
      for (size_t i = 0; i < right.size(); ++i) ASSERT_NEAR(plane[i], right[i], 2e-6) << i;
      for (int64_t i = 0; i < kBehind; ++i) ASSERT_EQ(plane[right.size() + i], 7.0f) << i;
    }
  }
}

}  // namespace
}  // namespace nomograph
