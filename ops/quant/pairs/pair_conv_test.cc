// Convolutions of pairs against the definition, for windows and channels of all kinds.
#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nomograph::quant {
namespace {

struct Case {
  const char* name;
  PairConvSizes sizes;
};

WindowSpan Span(int64_t input, int64_t taps, int64_t stride, int64_t dilation, int64_t pad_begin,
                int64_t pad_end) {
  const int64_t reach = (taps - 1) * dilation + 1;
  return {.input = input,
          .output = (input + pad_begin + pad_end - reach) / stride + 1,
          .taps = taps,
          .stride = stride,
          .dilation = dilation,
          .pad_begin = pad_begin};
}

const Case kCases[] = {
    {"1x1", {Span(5, 1, 1, 1, 0, 0), Span(9, 1, 1, 1, 0, 0), 8, 12}},
    {"1x1, odd channels", {Span(3, 1, 1, 1, 0, 0), Span(3, 1, 1, 1, 0, 0), 7, 5}},
    {"1x1, a stride", {Span(7, 1, 2, 1, 0, 0), Span(8, 1, 2, 1, 0, 0), 4, 6}},
    {"3x3 without padding", {Span(5, 3, 1, 1, 0, 0), Span(11, 3, 1, 1, 0, 0), 5, 7}},
    {"3x3", {Span(6, 3, 1, 1, 1, 1), Span(19, 3, 1, 1, 1, 1), 3, 13}},
    {"3x3, strides", {Span(9, 3, 2, 1, 1, 1), Span(21, 3, 3, 1, 0, 2), 5, 6}},
    {"3x3, strides, few places", {Span(5, 3, 2, 1, 0, 0), Span(5, 3, 2, 1, 0, 0), 2, 3}},
    {"2x2, strides, a place", {Span(2, 2, 2, 1, 0, 0), Span(2, 2, 2, 1, 0, 0), 4, 2}},
    {"depthwise, strides, few places",
     {Span(6, 3, 2, 1, 1, 0), Span(4, 3, 2, 1, 1, 0), 3, 3, true}},
    {"7x7, a stride", {Span(20, 7, 2, 1, 3, 3), Span(20, 7, 2, 1, 3, 3), 3, 8}},
    {"dilation", {Span(12, 3, 1, 2, 2, 2), Span(12, 3, 2, 3, 4, 1), 2, 7}},
    {"5x1", {Span(11, 5, 1, 1, 2, 2), Span(1, 1, 1, 1, 0, 0), 6, 6}},
    {"places that no input reaches", {Span(2, 2, 1, 1, 4, 3), Span(2, 2, 2, 1, 5, 4), 2, 2}},
    {"the padding less than none", {Span(8, 2, 1, 1, -2, 0), Span(9, 2, 1, 1, -3, 0), 3, 3}},
    {"many rows", {Span(90, 3, 1, 1, 1, 1), Span(70, 3, 1, 1, 1, 1), 16, 4}},
    {"depthwise 3x3", {Span(7, 3, 1, 1, 1, 1), Span(30, 3, 1, 1, 1, 1), 5, 5, true}},
    {"depthwise 5x5, a stride", {Span(11, 5, 2, 1, 2, 2), Span(11, 5, 2, 1, 2, 2), 3, 3, true}},
    {"depthwise 2x4, dilation", {Span(9, 2, 1, 2, 0, 1), Span(14, 4, 1, 3, 1, 0), 4, 4, true}},
};

class Numbers {
 public:
  explicit Numbers(uint64_t seed) : seed_(seed) {}
  // From `low` to `high`.
  int32_t Next(int32_t low, int32_t high) {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    return low + static_cast<int32_t>((seed_ >> 33) % static_cast<uint64_t>(high - low + 1));
  }

 private:
  uint64_t seed_;
};

struct Problem {
  std::vector<int32_t> x;  // with the zero point
  std::vector<int16_t> w;  // [out, in, taps], less zero points
  std::vector<float> scales;
  std::vector<int32_t> biases;
};

int64_t InOfGroup(const PairConvSizes& s) { return s.depthwise ? 1 : s.in_channels; }

Problem MakeProblem(const PairConvSizes& s, bool is_signed, Numbers& numbers) {
  const int32_t low = is_signed ? -128 : 0;
  Problem problem;
  problem.x.resize(s.in_channels * s.rows.input * s.columns.input);
  problem.w.resize(s.out_channels * InOfGroup(s) * s.rows.taps * s.columns.taps);
  for (int32_t& x : problem.x) x = numbers.Next(low, low + 255);
  for (int16_t& w : problem.w) w = static_cast<int16_t>(numbers.Next(-255, 255));
  for (int64_t o = 0; o < s.out_channels; ++o) {
    problem.scales.push_back(static_cast<float>(numbers.Next(1, 1000)) * 1e-6f);
    problem.biases.push_back(numbers.Next(-30000, 30000));
  }
  return problem;
}

int32_t SumAt(const PairConvSizes& s, const Problem& problem, int32_t zero, int64_t o, int64_t row,
              int64_t column) {
  int64_t sum = 0;
  const int64_t in = InOfGroup(s);
  for (int64_t i = 0; i < in; ++i) {
    const int64_t channel = s.depthwise ? o : i;
    for (int64_t a = 0; a < s.rows.taps; ++a) {
      for (int64_t b = 0; b < s.columns.taps; ++b) {
        const int64_t y = row * s.rows.stride + a * s.rows.dilation - s.rows.pad_begin;
        const int64_t x = column * s.columns.stride + b * s.columns.dilation - s.columns.pad_begin;
        if (y < 0 || y >= s.rows.input || x < 0 || x >= s.columns.input) continue;
        sum += (problem.x[(channel * s.rows.input + y) * s.columns.input + x] - zero) *
               problem.w[((o * in + i) * s.rows.taps + a) * s.columns.taps + b];
      }
    }
  }
  return static_cast<int32_t>(sum);
}

void Check(const PairConvSizes& s, bool is_signed) {
  Numbers numbers(17);
  const Problem problem = MakeProblem(s, is_signed, numbers);
  const int32_t low = is_signed ? -128 : 0, zero = low + 100, y_zero = low + 131;
  const double least = low;
  std::vector<uint8_t> bytes(problem.x.begin(), problem.x.end());
  const PairConv conv(s);
  std::vector<int32_t> packed(conv.packed_elements()), planes(conv.plane_elements(), -1),
      scratch(conv.scratch_elements(), -1);
  const int64_t taps = s.rows.taps * s.columns.taps;
  conv.Pack({.data = problem.w.data(),
             .out_stride = InOfGroup(s) * taps,
             .in_stride = taps,
             .tap_stride = 1},
            packed.data());
  for (int64_t i = 0; i < conv.num_splits(); ++i) {
    conv.Split({.data = bytes.data(), .is_signed = is_signed, .zero_point = zero}, i,
               scratch.data(), planes.data());
  }
  const int64_t size = s.out_channels * s.rows.output * s.columns.output;
  std::vector<uint8_t> y(size + 1, 77);
  for (int64_t i = 0; i < conv.num_pieces(); ++i) {
    conv.Multiply(planes.data(), packed.data(),
                  {.scales = problem.scales.data(),
                   .biases = problem.biases.data(),
                   .zero_point = y_zero,
                   .is_signed = is_signed},
                  i, scratch.data(), y.data());
  }
  EXPECT_EQ(y[size], 77);
  int64_t at = 0;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t r = 0; r < s.rows.output; ++r) {
      for (int64_t c = 0; c < s.columns.output; ++c, ++at) {
        const int32_t sum = SumAt(s, problem, zero, o, r, c) + problem.biases[o];
        const float scaled = static_cast<float>(sum) * problem.scales[o];
        const double expected =
            std::clamp(std::nearbyint(static_cast<double>(scaled)) + y_zero, least, least + 255);
        const int32_t found = is_signed ? static_cast<int8_t>(y[at]) : y[at];
        ASSERT_EQ(found, expected) << "channel " << o << ", place " << r << ", " << c;
      }
    }
  }
}

TEST(PairConv, AsByTheDefinition) {
  for (const Case& c : kCases) {
    for (const bool is_signed : {false, true}) {
      SCOPED_TRACE(std::string(c.name) + (is_signed ? ", int8" : ", uint8"));
      Check(c.sizes, is_signed);
    }
  }
}

}  // namespace
}  // namespace nomograph::quant
