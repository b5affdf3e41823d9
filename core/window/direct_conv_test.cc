// Direct sums of groups with few channels against sums in double.
#include "nomograph/core/window/direct_conv.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// Aligned as scratch memory is.
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

// The output's size where `pad_end` elements follow.
WindowSpan Axis(int64_t input, int64_t taps, int64_t stride, int64_t dilation, int64_t pad,
                int64_t pad_end) {
  const int64_t reach = (taps - 1) * dilation + 1;
  return {input, (input + pad + pad_end - reach) / stride + 1, taps, stride, dilation, pad};
}

struct Case {
  WindowSpan rows, columns;
  int64_t images, groups, in_channels, out_channels;
  int parts = 1;
};

const Case kCases[] = {
    {Axis(1, 1, 1, 1, 0, 0), Axis(5, 1, 1, 1, 0, 0), 1, 1, 1, 1},
    {Axis(40, 3, 2, 1, 1, 1), Axis(45, 3, 2, 1, 1, 1), 2, 1, 3, 16, 2},  // a first layer
    {Axis(31, 7, 2, 1, 3, 3), Axis(64, 7, 2, 1, 3, 3), 1, 1, 3, 6, 3},
    {Axis(56, 3, 1, 1, 1, 1), Axis(56, 3, 1, 1, 1, 1), 1, 3, 4, 4, 5},  // several strips
    {Axis(14, 3, 1, 1, 1, 1), Axis(14, 3, 1, 1, 1, 1), 2, 2, 8, 8},
    {Axis(14, 3, 2, 1, 1, 1), Axis(14, 3, 2, 1, 1, 1), 1, 5, 8, 8, 2},
    {Axis(7, 3, 1, 1, 1, 1), Axis(7, 3, 1, 1, 1, 1), 2, 3, 32, 32, 4},  // short rows
    {Axis(9, 3, 1, 1, 1, 1), Axis(4, 3, 1, 1, 1, 1), 1, 2, 2, 5},
    {Axis(8, 3, 1, 1, 1, 1), Axis(8, 3, 1, 1, 1, 1), 1, 2, 5, 6, 3},
    {Axis(9, 3, 2, 1, 1, 1), Axis(17, 3, 2, 1, 1, 1), 1, 2, 5, 6, 3},  // 9 columns
    {Axis(11, 5, 3, 1, 2, 2), Axis(100, 4, 3, 2, 5, 1), 1, 2, 3, 7, 2},
    {Axis(1, 1, 1, 1, 0, 0), Axis(70, 5, 1, 3, 12, 0), 3, 4, 2, 3, 2},    // one axis, causal
    {Axis(30, 3, 1, 1, -2, -1), Axis(33, 3, 2, 1, -1, -1), 1, 2, 4, 4},   // what is cut off
    {Axis(3, 2, 1, 1, 20, 20), Axis(25, 2, 1, 1, 1, 1), 1, 1, 2, 9, 50},  // padding alone
    {Axis(9, 3, 1, 1, 1, 1), Axis(27, 3, 1, 1, 1, 1), 1, 1, 130, 5, 2},   // a sum of two
    {Axis(1, 1, 1, 1, 0, 0), Axis(6, 11, 1, 1, 5, 5), 2, 1, 200, 13},     // of three, short rows
    {Axis(1, 1, 1, 1, 0, 0), Axis(70, 5, 1, 3, 12, 0), 1, 1, 6, 37, 3},   // a line: by channels
    {Axis(1, 1, 1, 1, 0, 0), Axis(33, 3, 1, 1, 1, 1), 3, 1, 150, 20, 5},
};

// Along one axis: the input's place, or -1.
int64_t Place(const WindowSpan& axis, int64_t output, int64_t tap) {
  const int64_t at = output * axis.stride + tap * axis.dilation - axis.pad_begin;
  return at >= 0 && at < axis.input ? at : -1;
}

struct Problem {
  explicit Problem(const Case& c)
      : conv{.rows = c.rows,
             .columns = c.columns,
             .images = c.images,
             .groups = c.groups,
             .in_channels = c.in_channels,
             .out_channels = c.out_channels,
             .steps = {}},
        plane_in(c.rows.input * c.columns.input),
        plane(c.rows.output * c.columns.output),
        taps(c.rows.taps * c.columns.taps),
        kernels(c.groups * c.out_channels),
        x(Random(c.images * c.groups * c.in_channels * plane_in, 1)),
        weights(Random(kernels * c.in_channels * taps, 2)),
        bias(Random(kernels, 3)),
        more(Random(c.images * kernels * plane, 4)) {}

  // Output channel `o` of an image at place `i`, from the bias on.
  double Sum(int64_t image, int64_t o, int64_t i, double sum) const {
    const int64_t first = (image * conv.groups + o / conv.out_channels) * conv.in_channels;
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t row = Place(conv.rows, i / conv.columns.output, t / conv.columns.taps);
      const int64_t column = Place(conv.columns, i % conv.columns.output, t % conv.columns.taps);
      if (row < 0 || column < 0) continue;
      for (int64_t k = 0; k < conv.in_channels; ++k) {
        sum += static_cast<double>(x[(first + k) * plane_in + row * conv.columns.input + column]) *
               weights[(o * conv.in_channels + k) * taps + t];
      }
    }
    return sum;
  }

  std::vector<float> Run(int parts) {
    const auto packed = Aligned(PackedDirectFloats(conv));
    PackDirect({.data = weights.data(),
                .out_stride = conv.in_channels * taps,
                .in_stride = taps,
                .tap_stride = 1},
               conv, packed.get());
    std::vector<float> y(conv.images * kernels * plane, std::nanf(""));
    conv.input = x.data();
    conv.packed = packed.get();
    conv.output = y.data();
    std::vector<float> scratch(DirectScratchFloats(conv), std::nanf(""));
    for (int part = 0; part < parts; ++part) ConvolveDirect(conv, part, parts, scratch.data());
    return y;
  }

  DirectConv conv;
  int64_t plane_in, plane, taps, kernels;
  std::vector<float> x, weights, bias, more;
};

TEST(DirectConv, AgreesWithTheFormula) {
  using Kind = VectorStep::Kind;
  const float inf = std::numeric_limits<float>::infinity();
  enum Follower { kNone, kRelu, kSeveral, kCount };
  for (size_t n = 0; n < std::size(kCases); ++n) {
    for (int follower = kNone; follower < kCount; ++follower) {
      SCOPED_TRACE(testing::Message() << "case " << n << ", follower " << follower);
      Problem p(kCases[n]);
      if (follower != kNone) p.conv.bias = p.bias.data();
      if (follower == kRelu) p.conv.steps = {{.kind = Kind::kClip, .a = 0, .b = inf}};
      if (follower == kSeveral) {
        p.conv.steps = {{.kind = Kind::kAdd,
                         .operand = p.more.data(),
                         .row_stride = p.plane,
                         .column_stride = 1},
                        {.kind = Kind::kMultiply, .operand = p.bias.data(), .row_stride = 1},
                        {.kind = Kind::kClip, .a = -0.5f, .b = 0.5f}};
      }
      const std::vector<float> y = p.Run(kCases[n].parts);
      for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
        const int64_t channel = i / p.plane, o = channel % p.kernels;
        const double start = follower == kNone ? 0 : p.bias[o];
        double sum = p.Sum(channel / p.kernels, o, i % p.plane, start);
        if (follower == kRelu) sum = std::max(sum, 0.0);
        if (follower == kSeveral) sum = std::clamp((sum + p.more[i]) * p.bias[o], -0.5, 0.5);
        ASSERT_NEAR(y[i], sum, 2e-6 * std::sqrt(p.conv.in_channels * p.taps)) << i;
      }
    }
  }
}

TEST(DirectConv, ManyPartsYieldTheSameBits) {
  for (const Case& c : kCases) EXPECT_EQ(Problem(c).Run(1), Problem(c).Run(7));
}

// What is not under a window has no part in its sum, be it what it may.
TEST(DirectConv, WhatIsNotFiniteStaysWhereItIs) {
  for (const float value : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Problem p({Axis(20, 3, 2, 1, 1, 1), Axis(21, 3, 2, 1, 1, 1), 1, 2, 3, 5});
    p.conv.steps = {{.kind = VectorStep::Kind::kClip, .a = -100, .b = 100}};
    p.x[50] = value;
    const std::vector<float> y = p.Run(1);
    for (size_t i = 0; i < y.size(); ++i) {
      const double sum = p.Sum(0, i / p.plane, i % p.plane, 0);
      ASSERT_EQ(std::isnan(y[i]), std::isnan(sum)) << i;
      if (std::isinf(sum)) {
        ASSERT_EQ(y[i], sum > 0 ? 100 : -100) << i;
      }
    }
  }
}

// Four output channels are summed up at once, and a vector is filled by a row.
TEST(DirectConv, CostsMoreWhereItsVectorsAreNotFull) {
  const auto cost = [](int64_t out_channels, int64_t columns) {
    return DirectCost(
        Problem({Axis(28, 3, 1, 1, 1, 1), Axis(columns, 3, 1, 1, 1, 1), 1, 1, 4, out_channels})
            .conv);
  };
  EXPECT_LT(cost(4, 64), 1.5);
  EXPECT_GT(cost(1, 64), 3 * cost(4, 64));
  EXPECT_GT(cost(4, 65), cost(4, 64));
  EXPECT_GT(cost(4, 7), 1.1 * cost(4, 64));
}

}  // namespace
}  // namespace nomograph
