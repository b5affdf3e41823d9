// Winograd's convolution against sums in double.
#include "nomograph/core/window/winograd_conv.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// Aligned as shared and scratch memory are.
std::unique_ptr<float, decltype(&std::free)> Aligned(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64;
  return {static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free};
}

std::vector<float> Random(int64_t count, uint64_t key) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return values;
}

struct Case {
  int64_t images, in_channels, out_channels, in_rows, in_columns;
  int64_t pad_top = 1, pad_left = 1, pad_bottom = 1, pad_right = 1;
  int parts = 1;
  WindowSpan depth = {};
};

const Case kCases[] = {
    {1, 1, 1, 1, 1},
    {1, 1, 1, 4, 4},
    {1, 3, 5, 7, 9},
    {2, 4, 6, 14, 14, 1, 1, 1, 1, 3},
    {1, 5, 7, 6, 70, 0, 0, 0, 0, 2},
    {1, 2, 13, 9, 33, 2, 0, 0, 2},
    {3, 260, 9, 5, 5, 1, 1, 1, 1, 2},
    {1, 30, 40, 56, 56, 1, 1, 1, 1, 2},  // a block for each part
    {1, 7, 9, 27, 28, 1, 1, 1, 1, 2},    // of unequal size
    {3, 5, 11, 30, 59, 1, 1, 1, 1, 3},
    {1, 600, 12, 13, 27, 0, 2, 1, 0, 5},  // several blocks
    {2, 1, 1, 3, 3, 0, 0, 0, 0},
    {1, 1, 2, 1, 100, 1, 2, 1, 2, 7},  // more parts than channels
    // Three axes: each frame by itself; under three of them; with steps and gaps.
    {2, 3, 5, 7, 9, 1, 1, 1, 1, 2, {.input = 4, .output = 4}},
    {2, 6, 7, 9, 9, 1, 1, 1, 1, 2, {.input = 5, .output = 5, .taps = 3, .pad_begin = 1}},
    {1, 40, 13, 20, 21, 1, 0, 1, 2, 3, {.input = 6, .output = 4, .taps = 3}},
    {1,
     2,
     3,
     5,
     30,
     1,
     1,
     1,
     1,
     1,
     {.input = 7, .output = 4, .taps = 2, .stride = 2, .dilation = 3, .pad_begin = 2}},
};

struct Problem {
  explicit Problem(const Case& c)
      : conv{.images = c.images,
             .in_channels = c.in_channels,
             .out_channels = c.out_channels,
             .in_rows = c.in_rows,
             .in_columns = c.in_columns,
             .out_rows = c.in_rows + c.pad_top + c.pad_bottom - 2,
             .out_columns = c.in_columns + c.pad_left + c.pad_right - 2,
             .pad_top = c.pad_top,
             .pad_left = c.pad_left,
             .depth = c.depth,
             .threads = c.parts,
             .steps = {}},
        parts(c.parts),
        plane(c.depth.output * conv.out_rows * conv.out_columns),
        x(Random(c.images * c.in_channels * c.depth.input * c.in_rows * c.in_columns, 1)),
        w(Random(c.out_channels * conv.terms() * 9, 2)),
        packed(Aligned(PackedWinogradFloats(conv.terms(), c.out_channels))),
        y(c.images * c.out_channels * plane, std::nanf("")) {
    PackWinogradKernel({w.data(), conv.terms() * 9, 9, 1}, conv.terms(), c.out_channels,
                       packed.get());
    conv.packed = packed.get();
    conv.output = y.data();
  }

  // Whether all stages found finite numbers alone.
  bool Run() {
    conv.input = x.data();
    const auto shared = Aligned(WinogradSharedFloats(conv));
    const auto scratch = Aligned(WinogradScratchFloats(conv));
    const int sharers = WinogradByBlocks(conv) ? 1 : parts;
    bool finite = true;
    for (int64_t block = 0; block < WinogradBlocks(conv); ++block) {
      for (const WinogradStage stage : {WinogradStage::kTransformInput, WinogradStage::kMultiply,
                                        WinogradStage::kTransformOutput}) {
        for (int part = 0; part < sharers; ++part) {
          finite &=
              RunWinogradStage(conv, block, stage, part, sharers, shared.get(), scratch.get());
        }
      }
    }
    return finite;
  }

  // The sum at one place of the output's planes of a channel.
  double Sum(int64_t image, int64_t out, int64_t place) const {
    const int64_t frame = place / (conv.out_rows * conv.out_columns);
    const int64_t row = place / conv.out_columns % conv.out_rows, column = place % conv.out_columns;
    double sum = 0;
    for (int64_t i = 0; i < conv.terms(); ++i) {
      const WindowSpan& depth = conv.depth;
      const int64_t from = frame * depth.stride + i % depth.taps * depth.dilation - depth.pad_begin;
      if (from < 0 || from >= depth.input) continue;
      for (int64_t tap = 0; tap < 9; ++tap) {
        const int64_t r = row + tap / 3 - conv.pad_top, c = column + tap % 3 - conv.pad_left;
        if (r < 0 || r >= conv.in_rows || c < 0 || c >= conv.in_columns) continue;
        const int64_t channel = image * conv.in_channels + i / depth.taps;
        sum += static_cast<double>(w[(out * conv.terms() + i) * 9 + tap]) *
               x[((channel * depth.input + from) * conv.in_rows + r) * conv.in_columns + c];
      }
    }
    return sum;
  }

  template <typename Expected>
  void Check(Expected expected) {
    ASSERT_TRUE(Run());
    double squares = 0, error = 0;
    for (int64_t plane_number = 0; plane_number < conv.images * conv.out_channels; ++plane_number) {
      const int64_t image = plane_number / conv.out_channels;
      const int64_t out = plane_number % conv.out_channels;
      for (int64_t at = 0; at < plane; ++at) {
        const int64_t place = plane_number * plane + at;
        const double sum = Sum(image, out, at);
        const double right = expected(sum, out, place);
        // In a tile's corner sums enter with factors of up to 64, and their rounding with them.
        ASSERT_NEAR(y[place], right, 64 * 5e-7 * std::sqrt(9.0 * conv.terms())) << place;
        squares += sum * sum;
        error += (y[place] - right) * (y[place] - right);
      }
    }
    // The sums grow it as the root of the number of their terms, as everywhere.
    const double limit = 1e-6 * (1 + 0.2 * std::sqrt(conv.terms()));
    EXPECT_LE(std::sqrt(error), limit * std::sqrt(squares));
  }

  WinogradConv conv;
  const int parts;
  const int64_t plane;
  std::vector<float> x;
  const std::vector<float> w;
  std::unique_ptr<float, decltype(&std::free)> packed;
  std::vector<float> y;
};

TEST(WinogradConv, AgreesWithTheFormula) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << &c - kCases);
    Problem problem(c);
    problem.Check([](double sum, int64_t, int64_t) { return sum; });
  }
}

TEST(WinogradConv, GivesThreadsBlocksOfTheirOwnWhereThereAreManyTiles) {
  const auto by_blocks = [](int64_t channels, int64_t size, int threads) {
    const WinogradConv conv{.in_channels = channels,
                            .out_channels = channels,
                            .in_rows = size + 2,
                            .in_columns = size + 2,
                            .out_rows = size,
                            .out_columns = size,
                            .threads = threads,
                            .steps = {}};
    return WinogradByBlocks(conv) && WinogradBlocks(conv) % threads == 0;
  };
  EXPECT_TRUE(by_blocks(64, 56, 2));
  EXPECT_TRUE(by_blocks(512, 112, 4));
  EXPECT_FALSE(by_blocks(64, 56, 1));
  EXPECT_FALSE(by_blocks(64, 8, 2));    // few tiles
  EXPECT_FALSE(by_blocks(512, 28, 2));  // many weights
}

TEST(WinogradConv, TakesStepsBehindTheSum) {
  using Kind = VectorStep::Kind;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << &c - kCases);
    Problem problem(c);
    const std::vector<float> bias = Random(c.out_channels, 3), scale = Random(c.out_channels, 4);
    const std::vector<float> more = Random(problem.y.size(), 5);
    problem.conv.bias = bias.data();
    problem.conv.steps = {{.kind = Kind::kAdd,
                           .operand = more.data(),
                           .row_stride = problem.plane,
                           .column_stride = 1},
                          {.kind = Kind::kAdd, .operand = scale.data(), .row_stride = 1},
                          {.kind = Kind::kClip, .a = -0.5f, .b = 2.0f}};
    problem.Check([&](double sum, int64_t out, int64_t place) {
      return std::min(std::max(sum + bias[out] + more[place] + scale[out], -0.5), 2.0);
    });
  }
}

TEST(WinogradConv, SaysWhereThereIsNoNumber) {
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    for (const int64_t at : {0, 100, 4 * 14 * 14 * 2 - 1}) {
      Problem problem(kCases[3]);
      problem.x[at] = value;
      EXPECT_FALSE(problem.Run()) << value << " at " << at;
    }
  }
}

TEST(WinogradConv, CostsLessThanTheSumOnlyWhereThereAreManyTiles) {
  const auto wins = [](int64_t channels, int64_t size) {
    const WinogradConv conv{.in_channels = channels,
                            .out_channels = channels,
                            .in_rows = size,
                            .in_columns = size,
                            .out_rows = size,
                            .out_columns = size,
                            .pad_top = 1,
                            .pad_left = 1,
                            .steps = {}};
    return WinogradCost(conv) < 1;
  };
  EXPECT_TRUE(wins(64, 56));
  EXPECT_FALSE(wins(512, 4));
  EXPECT_FALSE(wins(3, 4));
}

}  // namespace
}  // namespace nomograph
