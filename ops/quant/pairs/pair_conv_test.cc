// Convolutions of pairs, also by Winograd's algorithm, against the definition.
#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/ops/quant/pairs/depthwise_halves.h"
#include "nomograph/ops/quant/pairs/pair_winograd.h"
#include "nomograph/ops/quant/pairs/testing/conv_cases.h"

namespace nomograph::quant {
namespace {

template <typename Conv>
std::vector<uint8_t> Computed(const PairConvSizes& s, const ConvProblem& problem) {
  const Conv conv(s);
  std::vector<int32_t> packed(conv.packed_elements()), planes(conv.plane_elements(), -1),
      scratch(conv.scratch_elements(), -1);
  conv.Pack(problem.weights(s), packed.data());
  for (int64_t i = 0; i < conv.num_splits(); ++i) {
    conv.Split(problem.input(), i, scratch.data(), planes.data());
  }
  std::vector<uint8_t> y(s.out_channels * s.rows.output * s.columns.output + 1, 77);
  for (int64_t i = 0; i < conv.num_pieces(); ++i) {
    conv.Multiply(planes.data(), packed.data(), problem.finish(), i, scratch.data(), y.data());
  }
  EXPECT_EQ(y.back(), 77);
  y.pop_back();
  return y;
}

std::vector<uint8_t> ComputedDepthwise(const PairConvSizes& s, const ConvProblem& problem) {
  const DepthwiseHalves conv(s);
  std::vector<int32_t> packed(conv.packed_elements()), scratch(conv.scratch_elements(), -1);
  conv.Pack(problem.weights(s), packed.data());
  std::vector<uint8_t> y(s.out_channels * s.rows.output * s.columns.output + 1, 77);
  for (int64_t channel = 0; channel < s.out_channels; ++channel) {
    conv.Multiply(problem.input(), channel, packed.data(), problem.finish(), scratch.data(),
                  y.data());
  }
  EXPECT_EQ(y.back(), 77);
  y.pop_back();
  return y;
}

using ComputedFn = std::vector<uint8_t> (*)(const PairConvSizes& s, const ConvProblem& problem);
void CheckCase(const ConvCase& c, ComputedFn computed) {
  for (const bool is_signed : {false, true}) {
    for (const bool extreme : {false, true}) {
      SCOPED_TRACE(std::string(c.name) + (is_signed ? ", int8" : ", uint8") +
                   (extreme ? ", extreme" : ""));
      const ConvProblem problem = MakeProblem(c.sizes, is_signed, {-255, 255, extreme});
      ASSERT_EQ(Numbered(computed(c.sizes, problem), is_signed), Expected(c.sizes, problem));
    }
  }
}

TEST(PairConv, AsByTheDefinition) {
  for (const ConvCase& c : kConvCases) {
    if (!c.sizes.depthwise) CheckCase(c, &Computed<PairConv>);
  }
}

TEST(DepthwiseHalves, AsByTheDefinition) {
  int served = 0;
  for (const ConvCase& c : kConvCases) {
    if (!c.sizes.depthwise || !DepthwiseHalves::Serves(c.sizes)) continue;
    ++served;
    CheckCase(c, &ComputedDepthwise);
  }
  EXPECT_GE(served, 16);
}

TEST(PairWinograd, AsByTheDefinition) {
  int served = 0;
  for (const ConvCase& c : kConvCases) {
    if (!PairWinograd::Serves(c.sizes)) continue;
    ++served;
    CheckCase(c, &Computed<PairWinograd>);
  }
  EXPECT_GE(served, 6);
}

TEST(PairWinograd, FourTimesASumMustFitInto32Bits) {
  // 4 * 255 * 255 * 9 * 917 is less than 2^31, and with a channel more it is not.
  for (const int64_t channels : {917, 918}) {
    const PairConvSizes sizes{Span(4, 3, 1, 1, 1, 1), Span(4, 3, 1, 1, 1, 1), channels, 1};
    const ConvProblem problem = MakeProblem(sizes, false, {-255, 255, true});
    ASSERT_EQ(PairWinograd::Fits(sizes, problem.weights(sizes)), channels == 917);
    if (channels == 917) {
      EXPECT_EQ(Numbered(Computed<PairWinograd>(sizes, problem), false), Expected(sizes, problem));
    }
  }
}

}  // namespace
}  // namespace nomograph::quant
