// Sums of the taps' products against sums in double.
#include "nomograph/core/window/tap_conv.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

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
  int64_t images, in_channels, out_channels;
  int parts = 1;
};

const Case kCases[] = {
    {Axis(1, 1, 1, 1, 0, 0), Axis(5, 1, 1, 1, 0, 0), 1, 2, 3},
    {Axis(7, 3, 1, 2, 2, 2), Axis(9, 3, 1, 2, 2, 2), 2, 5, 7, 2},
    {Axis(28, 3, 1, 12, 12, 12), Axis(28, 3, 1, 12, 12, 12), 1, 33, 20, 3},
    {Axis(14, 3, 1, 36, 36, 36), Axis(14, 3, 1, 36, 36, 36), 2, 8, 13},
    {Axis(9, 3, 1, 5, 5, 5), Axis(17, 3, 1, 1, 1, 1), 1, 300, 6, 2},   // whole rows
    {Axis(15, 3, 2, 4, 4, 4), Axis(22, 2, 3, 6, 3, 0), 2, 4, 9, 4},    // strides
    {Axis(1, 1, 1, 1, 0, 0), Axis(50, 3, 1, 8, 16, 0), 2, 6, 11, 2},   // one axis, causal
    {Axis(4, 2, 1, 9, 8, 7), Axis(4, 2, 1, 9, 8, 7), 1, 3, 5},         // no tap covers all
    {Axis(2, 2, 1, 3, 30, 30), Axis(3, 2, 1, 3, 30, 30), 1, 3, 5, 3},  // most places see none
    {Axis(6, 3, 1, 1, 1, 1), Axis(6, 3, 1, 1, 1, 1), 1, 2, 1, 5},      // more parts than channels
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
             .in_channels = c.in_channels,
             .out_channels = c.out_channels,
             .steps = {}},
        plane_in(c.rows.input * c.columns.input),
        plane(c.rows.output * c.columns.output),
        taps(c.rows.taps * c.columns.taps),
        x(Random(c.images * c.in_channels * plane_in, 1)),
        weights(Random(c.out_channels * c.in_channels * taps, 2)),
        bias(Random(c.out_channels, 3)),
        more(Random(c.images * c.out_channels * plane, 4)) {}

  // Output channel `o` of an image at place `i`, from the bias on.
  double Sum(int64_t image, int64_t o, int64_t i, double sum) const {
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t row = Place(conv.rows, i / conv.columns.output, t / conv.columns.taps);
      const int64_t column = Place(conv.columns, i % conv.columns.output, t % conv.columns.taps);
      if (row < 0 || column < 0) continue;
      for (int64_t k = 0; k < conv.in_channels; ++k) {
        const int64_t at = (image * conv.in_channels + k) * plane_in;
        sum += static_cast<double>(x[at + row * conv.columns.input + column]) *
               weights[(o * conv.in_channels + k) * taps + t];
      }
    }
    return sum;
  }

  std::vector<float> Run(int parts) {
    const auto packed = Aligned(PackedTapFloats(conv));
    PackTaps({.data = weights.data(),
              .out_stride = conv.in_channels * taps,
              .in_stride = taps,
              .tap_stride = 1},
             conv, packed.get());
    std::vector<float> y(conv.images * conv.out_channels * plane, std::nanf(""));
    conv.input = x.data();
    conv.packed = packed.get();
    conv.output = y.data();
    const auto scratch = Aligned(TapScratchFloats(conv, parts));
    for (int part = 0; part < parts; ++part) ConvolveTaps(conv, part, parts, scratch.get());
    return y;
  }

  TapConv conv;
  int64_t plane_in, plane, taps;
  std::vector<float> x, weights, bias, more;
};

TEST(TapConv, AgreesWithTheFormula) {
  using Kind = VectorStep::Kind;
  for (size_t n = 0; n < std::size(kCases); ++n) {
    for (const bool steps : {false, true}) {
      SCOPED_TRACE(testing::Message() << "case " << n << (steps ? ", steps" : ""));
      Problem p(kCases[n]);
      if (steps) {
        p.conv.bias = p.bias.data();
        p.conv.steps = {{.kind = Kind::kAdd,
                         .operand = p.more.data(),
                         .row_stride = p.plane,
                         .column_stride = 1},
                        {.kind = Kind::kMultiply, .operand = p.bias.data(), .row_stride = 1},
                        {.kind = Kind::kClip, .a = -0.5f, .b = 0.5f}};
      }
      const std::vector<float> y = p.Run(kCases[n].parts);
      for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
        const int64_t channel = i / p.plane, o = channel % p.conv.out_channels;
        double sum = p.Sum(channel / p.conv.out_channels, o, i % p.plane, steps ? p.bias[o] : 0);
        if (steps) sum = std::clamp((sum + p.more[i]) * p.bias[o], -0.5, 0.5);
        ASSERT_NEAR(y[i], sum, 2e-6 * std::sqrt(p.conv.in_channels * p.taps)) << i;
      }
    }
  }
}

TEST(TapConv, CountsThePlacesWithinThePlane) {
  for (const Case& c : kCases) {
    int64_t places = 0;
    for (int64_t t = 0; t < c.rows.taps * c.columns.taps; ++t) {
      for (int64_t i = 0; i < c.rows.output * c.columns.output; ++i) {
        places += Place(c.rows, i / c.columns.output, t / c.columns.taps) >= 0 &&
                  Place(c.columns, i % c.columns.output, t % c.columns.taps) >= 0;
      }
    }
    EXPECT_EQ(CoveredPlaces(Problem(c).conv), places);
  }
}

// What is not under a window has no part in its sum, be it what it may.
TEST(TapConv, InfinityStaysWhereItIs) {
  Problem p({Axis(28, 3, 1, 12, 12, 12), Axis(28, 3, 1, 12, 12, 12), 1, 3, 2});
  p.x[30] = std::numeric_limits<float>::infinity();
  const std::vector<float> y = p.Run(1);
  for (size_t i = 0; i < y.size(); ++i) {
    const double sum = p.Sum(0, i / p.plane, i % p.plane, 0);
    ASSERT_EQ(std::isfinite(y[i]), std::isfinite(sum)) << i;
  }
}

}  // namespace
}  // namespace nomograph
