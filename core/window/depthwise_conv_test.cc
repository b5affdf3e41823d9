// Depthwise convolutions against sums in double.
#include "nomograph/core/window/depthwise_conv.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

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
  int64_t images = 1, inputs = 1, multiplier = 1;
};

const Case kCases[] = {
    {Axis(5, 3, 1, 1, 1, 1), Axis(7, 3, 1, 1, 1, 1), 2, 3},
    {Axis(9, 3, 2, 1, 1, 1), Axis(40, 3, 2, 1, 1, 1), 1, 2},
    {Axis(9, 3, 2, 1, 0, 1), Axis(65, 3, 2, 1, 0, 1), 1, 2},
    {Axis(14, 5, 1, 1, 2, 2), Axis(33, 5, 1, 1, 2, 2), 1, 2, 2},
    {Axis(6, 2, 3, 2, 3, 0), Axis(50, 4, 3, 2, 0, 5), 2, 1, 3},
    {Axis(1, 1, 1, 1, 0, 0), Axis(100, 7, 1, 4, 12, 12), 1, 3},
    {Axis(3, 3, 1, 1, 5, 4), Axis(2, 3, 1, 1, 5, 4), 1, 1},
    {Axis(70, 3, 1, 1, 1, 1), Axis(64, 3, 1, 1, 1, 1), 1, 1},
    // Rows shorter than a vector, of one, two, three, four vectors and between, in odd numbers.
    {Axis(7, 3, 1, 1, 1, 1), Axis(7, 3, 1, 1, 1, 1), 1, 4},
    {Axis(19, 5, 1, 1, 2, 2), Axis(4, 5, 1, 1, 2, 2), 2, 2},
    {Axis(13, 3, 1, 1, 1, 1), Axis(8, 3, 1, 1, 1, 1), 1, 3},
    {Axis(14, 5, 1, 1, 2, 2), Axis(14, 5, 1, 1, 2, 2), 1, 3},
    {Axis(11, 3, 1, 2, 2, 2), Axis(23, 3, 1, 2, 2, 2), 1, 3},
    {Axis(28, 5, 2, 1, 2, 2), Axis(28, 5, 2, 1, 2, 2), 1, 3},
    {Axis(14, 3, 2, 1, 1, 1), Axis(14, 3, 2, 1, 1, 1), 2, 3},
    {Axis(3, 3, 1, 1, 1, 1), Axis(33, 3, 1, 1, 1, 1), 1, 2},
    {Axis(5, 3, 1, 1, 1, 1), Axis(16, 3, 1, 1, 1, 1), 1, 2},
    {Axis(17, 7, 1, 1, 3, 3), Axis(17, 7, 1, 1, 3, 3), 1, 2},
    {Axis(9, 5, 2, 1, 2, 2), Axis(7, 5, 2, 1, 2, 2), 1, 2},
    // Several strips, some of which have padding alone.
    {Axis(90, 3, 1, 1, 1, 1), Axis(70, 3, 1, 1, 1, 1), 1, 2},
    {Axis(121, 5, 2, 1, 2, 2), Axis(130, 5, 2, 1, 2, 1), 1, 2, 2},
    {Axis(80, 3, 1, 7, 7, 7), Axis(97, 3, 1, 7, 7, 7), 2, 1},
    {Axis(33, 3, 3, 1, 60, 50), Axis(150, 3, 3, 1, 1, 1), 1, 2},
    {Axis(60, 3, 1, 1, -3, -2), Axis(140, 3, 2, 1, -1, -1), 1, 2},
    // Short rows of an odd number of planes, of several kernels for each, of several images.
    {Axis(7, 5, 1, 1, 2, 2), Axis(7, 5, 1, 1, 2, 2), 1, 5},
    {Axis(8, 3, 1, 1, 1, 1), Axis(8, 3, 1, 1, 1, 1), 2, 3, 3},
    {Axis(14, 5, 2, 1, 2, 2), Axis(14, 5, 2, 1, 2, 2), 1, 5},
    {Axis(16, 3, 2, 1, 0, 1), Axis(16, 3, 2, 1, 0, 1), 3, 1, 2},
    {Axis(6, 7, 1, 1, 3, 3), Axis(5, 7, 1, 1, 3, 3), 1, 3},
    {Axis(1, 3, 1, 1, 1, 1), Axis(1, 3, 1, 1, 1, 1), 1, 3},
    {Axis(2, 5, 2, 1, 2, 2), Axis(3, 5, 2, 1, 2, 2), 1, 3},
    // Windows that are not square, that have no padding, more than they reach, and less than none.
    {Axis(15, 3, 1, 1, 1, 1), Axis(31, 6, 1, 1, 2, 3), 1, 2},
    {Axis(15, 5, 2, 1, 2, 2), Axis(47, 4, 2, 1, 1, 2), 1, 2},
    {Axis(15, 3, 2, 1, 1, 1), Axis(15, 1, 2, 1, 0, 0), 1, 3},
    {Axis(12, 3, 1, 1, 0, 0), Axis(50, 3, 1, 1, 0, 0), 1, 2},
    {Axis(12, 3, 2, 1, 4, 5), Axis(33, 3, 2, 1, 7, 6), 1, 2},
    {Axis(9, 3, 1, 1, 4, 5), Axis(2, 3, 1, 1, 4, 3), 1, 3},
    {Axis(17, 5, 1, 1, -2, -3), Axis(44, 5, 1, 1, -2, -3), 1, 2},
    {Axis(17, 5, 2, 1, -2, -3), Axis(19, 5, 2, 1, -2, -3), 1, 3},
    // Two planes in a vector, of which the second would reach the first; many rows of one vector.
    {Axis(7, 3, 1, 1, 1, 2), Axis(7, 3, 1, 1, 1, 2), 1, 5},
    {Axis(9, 3, 1, 1, 1, 1), Axis(6, 3, 1, 1, 0, 1), 1, 3},
    {Axis(16, 3, 2, 1, 1, 1), Axis(16, 3, 2, 1, 1, 1), 1, 3},
    {Axis(33, 3, 1, 1, 1, 1), Axis(15, 3, 1, 1, 1, 1), 1, 3},
    {Axis(33, 5, 1, 1, 2, 2), Axis(12, 5, 1, 1, 2, 2), 1, 3},
    {Axis(29, 3, 1, 1, 1, 1), Axis(32, 3, 1, 1, 1, 1), 1, 2},
    {Axis(29, 3, 2, 1, 1, 1), Axis(64, 3, 2, 1, 0, 1), 1, 2},
    // Mobile networks' planes.
    {Axis(112, 3, 1, 1, 1, 1), Axis(112, 3, 1, 1, 1, 1), 1, 2},
    {Axis(112, 3, 2, 1, 1, 1), Axis(112, 3, 2, 1, 1, 1), 1, 2},
    {Axis(56, 5, 2, 1, 2, 2), Axis(56, 5, 2, 1, 2, 2), 1, 2},
    {Axis(57, 7, 1, 1, 3, 3), Axis(56, 7, 1, 1, 3, 3), 1, 2},
};

// Along one axis: the input's place, or -1.
int64_t Place(const WindowSpan& axis, int64_t output, int64_t tap) {
  const int64_t at = output * axis.stride + tap * axis.dilation - axis.pad_begin;
  return at >= 0 && at < axis.input ? at : -1;
}

TEST(DepthwiseConv, AgreesWithTheFormula) {
  using Kind = VectorStep::Kind;
  for (size_t n = 0; n < std::size(kCases); ++n) {
    const Case& c = kCases[n];
    const int64_t kernels = c.inputs * c.multiplier, channels = c.images * kernels;
    const int64_t plane = c.rows.output * c.columns.output;
    // What lies around the input must not be read, what lies around the output not written.
    constexpr int64_t kAround = 200;
    std::vector<float> x = Random(c.images * c.inputs * c.rows.input * c.columns.input, 1);
    x.insert(x.begin(), kAround, std::nanf(""));
    x.insert(x.end(), kAround, std::nanf(""));
    const std::vector<float> taps = Random(kernels * c.rows.taps * c.columns.taps, 2);
    const std::vector<float> bias = Random(kernels, 3), more = Random(channels * plane, 4);
    const std::vector<std::vector<VectorStep>> followers = {
        {},
        {{.kind = Kind::kClip, .a = 0, .b = std::numeric_limits<float>::infinity()}},
        {{.kind = Kind::kAdd, .operand = more.data(), .row_stride = plane, .column_stride = 1},
         {.kind = Kind::kAdd, .operand = bias.data(), .row_stride = 1},
         {.kind = Kind::kClip, .a = -0.5f, .b = 0.5f}},
    };
    for (size_t f = 0; f < followers.size(); ++f) {
      SCOPED_TRACE(testing::Message() << "case " << n << ", follower " << f);
      std::vector<float> around(channels * plane + 2 * kAround, std::nanf(""));
      float* const y = around.data() + kAround;
      const DepthwiseConv conv{.rows = c.rows,
                               .columns = c.columns,
                               .channels = channels,
                               .multiplier = c.multiplier,
                               .kernels = kernels,
                               .input = x.data() + kAround,
                               .packed = taps.data(),
                               .bias = f == 1 ? nullptr : bias.data(),
                               .output = y,
                               .steps = followers[f]};
      std::vector<float> scratch(DepthwiseScratchFloats(conv), std::nanf(""));
      ConvolveChannels(conv, channels / 2, channels, scratch.data());
      ConvolveChannels(conv, 0, channels / 2, scratch.data());
      for (int64_t i = 0; i < kAround; ++i) {
        ASSERT_TRUE(std::isnan(around[i])) << i;
        ASSERT_TRUE(std::isnan(y[channels * plane + i])) << i;
      }
      for (int64_t channel = 0; channel < channels; ++channel) {
        const int64_t kernel = channel % kernels;
        const float* in =
            x.data() + kAround + channel / c.multiplier * c.rows.input * c.columns.input;
        const float* w = taps.data() + kernel * c.rows.taps * c.columns.taps;
        for (int64_t i = 0; i < plane; ++i) {
          double sum = f == 1 ? 0 : bias[kernel];
          for (int64_t r = 0; r < c.rows.taps; ++r) {
            for (int64_t k = 0; k < c.columns.taps; ++k) {
              const int64_t row = Place(c.rows, i / c.columns.output, r);
              const int64_t column = Place(c.columns, i % c.columns.output, k);
              if (row < 0 || column < 0) continue;
              sum += static_cast<double>(in[row * c.columns.input + column]) *
                     w[r * c.columns.taps + k];
            }
          }
          if (f == 1) sum = std::max(sum, 0.0);
          if (f == 2) sum = std::clamp(sum + more[channel * plane + i] + bias[kernel], -0.5, 0.5);
          ASSERT_NEAR(y[channel * plane + i], sum, 1e-5) << channel << ", " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
