// Convolutions of quantised numbers by the definition, for windows and channels of all kinds.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_TESTING_CONV_CASES_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_TESTING_CONV_CASES_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {

struct ConvCase {
  const char* name;
  PairConvSizes sizes;
};

inline WindowSpan Span(int64_t input, int64_t taps, int64_t stride, int64_t dilation,
                       int64_t pad_begin, int64_t pad_end) {
  const int64_t reach = (taps - 1) * dilation + 1;
  return {.input = input,
          .output = (input + pad_begin + pad_end - reach) / stride + 1,
          .taps = taps,
          .stride = stride,
          .dilation = dilation,
          .pad_begin = pad_begin};
}

inline const ConvCase kConvCases[] = {
    {"1x1", {Span(5, 1, 1, 1, 0, 0), Span(9, 1, 1, 1, 0, 0), 8, 12}},
    {"1x1, odd channels", {Span(3, 1, 1, 1, 0, 0), Span(3, 1, 1, 1, 0, 0), 7, 5}},
    {"1x1, many places", {Span(9, 1, 1, 1, 0, 0), Span(23, 1, 1, 1, 0, 0), 9, 17}},
    {"1x1, padding", {Span(3, 1, 1, 1, 1, 1), Span(5, 1, 1, 1, 0, 2), 6, 9}},
    {"1x1, a stride", {Span(7, 1, 2, 1, 0, 0), Span(8, 1, 2, 1, 0, 0), 4, 6}},
    {"3x3 without padding", {Span(5, 3, 1, 1, 0, 0), Span(11, 3, 1, 1, 0, 0), 5, 7}},
    {"3x3", {Span(6, 3, 1, 1, 1, 1), Span(19, 3, 1, 1, 1, 1), 3, 13}},
    {"3x3, many places", {Span(33, 3, 1, 1, 1, 1), Span(35, 3, 1, 1, 1, 1), 4, 7}},
    {"3x3, negative padding", {Span(9, 3, 1, 1, -1, 2), Span(12, 3, 1, 1, -2, -1), 3, 5}},
    {"3x3, a place", {Span(3, 3, 1, 1, 0, 0), Span(3, 3, 1, 1, 0, 0), 5, 3}},
    {"3x3, much padding", {Span(4, 3, 1, 1, 5, 4), Span(6, 3, 1, 1, 7, 3), 2, 3}},
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
    {"a plane of 7x7", {Span(7, 3, 1, 1, 1, 1), Span(7, 3, 1, 1, 1, 1), 40, 48}},
    {"a plane of 7x7, 1x1", {Span(7, 1, 1, 1, 0, 0), Span(7, 1, 1, 1, 0, 0), 131, 37}},
    {"channels that are no whole tiles", {Span(9, 1, 1, 1, 0, 0), Span(9, 1, 1, 1, 0, 0), 133, 35}},
    {"channels that are no whole tiles, 3x3",
     {Span(8, 3, 1, 1, 1, 1), Span(13, 3, 1, 1, 1, 1), 73, 19}},
    {"a plane of 14x14, a stride", {Span(27, 3, 2, 1, 1, 1), Span(28, 3, 2, 1, 1, 1), 30, 32}},
    {"a plane of 5x17, a dilation", {Span(5, 3, 1, 2, 2, 2), Span(17, 3, 1, 1, 1, 1), 64, 64}},
    {"a plane of 10x3", {Span(10, 3, 1, 1, 1, 1), Span(3, 3, 1, 1, 1, 1), 64, 15}},
    {"depthwise 3x3", {Span(7, 3, 1, 1, 1, 1), Span(30, 3, 1, 1, 1, 1), 5, 5, true}},
    {"depthwise 5x5, a stride", {Span(11, 5, 2, 1, 2, 2), Span(11, 5, 2, 1, 2, 2), 3, 3, true}},
    {"depthwise 3x3, a stride", {Span(9, 3, 2, 1, 1, 1), Span(70, 3, 2, 1, 1, 1), 2, 2, true}},
    {"depthwise 3x3, strides", {Span(9, 3, 1, 1, 1, 1), Span(9, 3, 2, 1, 1, 1), 2, 2, true}},
    {"depthwise 3x3, a small plane", {Span(7, 3, 1, 1, 1, 1), Span(7, 3, 1, 1, 1, 1), 3, 3, true}},
    {"depthwise 3x7, negative padding",
     {Span(9, 3, 1, 2, 0, 0), Span(15, 7, 1, 1, -2, 3), 2, 2, true}},
    {"depthwise, places that no input reaches",
     {Span(2, 2, 1, 1, 4, 3), Span(2, 2, 2, 1, 5, 4), 2, 2, true}},
    {"depthwise 3x3, wide", {Span(5, 3, 1, 1, 1, 1), Span(130, 3, 1, 1, 1, 1), 2, 2, true}},
    {"depthwise 3x3, 14x14", {Span(14, 3, 1, 1, 1, 1), Span(14, 3, 1, 1, 1, 1), 2, 2, true}},
    {"depthwise 5x5, 28x28", {Span(28, 5, 1, 1, 2, 2), Span(28, 5, 1, 1, 2, 2), 2, 2, true}},
    {"depthwise 5x5, wide, a stride",
     {Span(9, 5, 2, 1, 1, 2), Span(113, 5, 2, 1, 1, 2), 2, 2, true}},
    {"depthwise 7x7", {Span(15, 7, 1, 1, 3, 3), Span(62, 7, 1, 1, 3, 3), 2, 2, true}},
    {"depthwise 9x9, a stride", {Span(14, 9, 2, 1, 4, 4), Span(14, 9, 2, 1, 4, 4), 2, 2, true}},
    {"depthwise 1x1", {Span(5, 1, 1, 1, 0, 0), Span(9, 1, 1, 1, 0, 0), 3, 3, true}},
    {"depthwise 1x2, a stride", {Span(5, 1, 1, 1, 0, 0), Span(66, 2, 2, 1, 0, 0), 3, 3, true}},
    {"depthwise 2x4, much padding",
     {Span(3, 2, 1, 1, 1, 1), Span(20, 4, 1, 1, 60, 50), 2, 2, true}},
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

struct ConvProblem {
  std::vector<int32_t> x;  // with the zero point
  std::vector<int16_t> w;  // [out, in, taps], less zero points
  std::vector<float> scales;
  std::vector<int32_t> biases;
  std::vector<uint8_t> bytes;  // of x

  bool is_signed = false;
  int32_t low() const { return is_signed ? -128 : 0; }
  int32_t zero() const { return low() + 100; }
  PairInput input() const {
    return {.data = bytes.data(), .is_signed = is_signed, .zero_point = zero()};
  }
  PairFinish finish() const {
    return {.scales = scales.data(),
            .biases = biases.data(),
            .zero_point = low() + 131,
            .is_signed = is_signed};
  }
  PairWeights weights(const PairConvSizes& s) const;
};

inline int64_t InOfGroup(const PairConvSizes& s) { return s.depthwise ? 1 : s.in_channels; }

inline PairWeights ConvProblem::weights(const PairConvSizes& s) const {
  const int64_t taps = s.rows.taps * s.columns.taps;
  return {.data = w.data(), .out_stride = InOfGroup(s) * taps, .in_stride = taps, .tap_stride = 1};
}

// `extreme`: the greatest x and the least weight everywhere.
struct WeightRange {
  int32_t low, high;
  bool extreme = false;
};

inline ConvProblem MakeProblem(const PairConvSizes& s, bool is_signed, const WeightRange& range) {
  Numbers numbers(17);
  const int32_t low = is_signed ? -128 : 0;
  ConvProblem problem;
  problem.is_signed = is_signed;
  problem.x.resize(s.in_channels * s.rows.input * s.columns.input);
  problem.w.resize(s.out_channels * InOfGroup(s) * s.rows.taps * s.columns.taps);
  for (int32_t& x : problem.x) x = range.extreme ? low + 255 : numbers.Next(low, low + 255);
  for (int16_t& w : problem.w) {
    w = static_cast<int16_t>(range.extreme ? range.low : numbers.Next(range.low, range.high));
  }
  for (int64_t o = 0; o < s.out_channels; ++o) {
    problem.scales.push_back(static_cast<float>(numbers.Next(1, 1000)) * 1e-6f);
    problem.biases.push_back(numbers.Next(-30000, 30000));
  }
  problem.bytes.assign(problem.x.begin(), problem.x.end());
  return problem;
}

inline int32_t SumAt(const PairConvSizes& s, const ConvProblem& problem, int64_t o, int64_t row,
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
        sum += (problem.x[(channel * s.rows.input + y) * s.columns.input + x] - problem.zero()) *
               problem.w[((o * in + i) * s.rows.taps + a) * s.columns.taps + b];
      }
    }
  }
  return static_cast<int32_t>(sum);
}

// The output as numbers.
inline std::vector<int32_t> Expected(const PairConvSizes& s, const ConvProblem& problem) {
  const PairFinish finish = problem.finish();
  const double least = problem.low();
  std::vector<int32_t> y;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t r = 0; r < s.rows.output; ++r) {
      for (int64_t c = 0; c < s.columns.output; ++c) {
        const int32_t sum = SumAt(s, problem, o, r, c) + problem.biases[o];
        const float scaled = static_cast<float>(sum) * problem.scales[o];
        y.push_back(static_cast<int32_t>(std::clamp(
            std::nearbyint(static_cast<double>(scaled)) + finish.zero_point, least, least + 255)));
      }
    }
  }
  return y;
}

// Bytes as the numbers that they are.
inline std::vector<int32_t> Numbered(const std::vector<uint8_t>& bytes, bool is_signed) {
  std::vector<int32_t> numbers;
  for (const uint8_t byte : bytes) {
    numbers.push_back(is_signed ? static_cast<int8_t>(byte) : byte);
  }
  return numbers;
}

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_TESTING_CONV_CASES_H_
