// Convolutions of quads, and depthwise ones of bytes, against the definition.
#include "nomograph/ops/quant/quads/quad_conv.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/ops/quant/pairs/testing/conv_cases.h"
#include "nomograph/ops/quant/quads/depthwise_bytes.h"

namespace nomograph::quant {
namespace {

std::vector<uint8_t> Computed(const PairConvSizes& s, const ConvProblem& problem) {
  std::vector<int32_t> biases(s.out_channels);
  const QuadSums sums(problem.w.data(), s.out_channels,
                      InOfGroup(s) * s.rows.taps * s.columns.taps);
  const QuadFinish finish = sums.Finish(problem.input(), problem.finish(), biases.data());
  std::vector<uint8_t> y(s.out_channels * s.rows.output * s.columns.output + 1, 77);
  if (s.depthwise) {
    const DepthwiseBytes conv(s);
    std::vector<int32_t> packed(conv.packed_elements());
    conv.Pack(problem.weights(s), packed.data());
    for (int64_t channel = 0; channel < s.out_channels; ++channel) {
      conv.Multiply(problem.input(), channel, packed.data(), finish, y.data());
    }
  } else {
    const QuadConv conv(s);
    std::vector<int32_t> packed(conv.packed_elements()), planes(conv.plane_elements(), -1);
    std::vector<uint8_t> scratch(conv.scratch_bytes(), 255);
    conv.Pack(problem.weights(s), packed.data());
    for (int64_t i = 0; i < conv.num_splits(); ++i) {
      conv.Split(problem.input(), i, scratch.data(), planes.data());
    }
    for (int64_t i = 0; i < conv.num_pieces(); ++i) {
      conv.Multiply(planes.data(), packed.data(), finish, i, scratch.data(), y.data());
    }
  }
  EXPECT_EQ(y.back(), 77);
  y.pop_back();
  return y;
}

TEST(QuadConv, AsByTheDefinition) {
  if (!HasQuads()) GTEST_SKIP() << "no VNNI";
  for (const ConvCase& c : kConvCases) {
    if (c.sizes.depthwise && !DepthwiseBytes::Serves(c.sizes)) continue;
    for (const bool is_signed : {false, true}) {
      for (const bool extreme : {false, true}) {
        SCOPED_TRACE(std::string(c.name) + (is_signed ? ", int8" : ", uint8") +
                     (extreme ? ", extreme" : ""));
        const ConvProblem problem = MakeProblem(c.sizes, is_signed, {-128, 127, extreme});
        ASSERT_EQ(Numbered(Computed(c.sizes, problem), is_signed), Expected(c.sizes, problem));
      }
    }
  }
}

TEST(QuadConv, TakesWeightsOfEightBits) {
  EXPECT_TRUE(FitQuads({-128, 127}));
  EXPECT_FALSE(FitQuads({-129, 0}));
  EXPECT_FALSE(FitQuads({0, 128}));
}

}  // namespace
}  // namespace nomograph::quant
