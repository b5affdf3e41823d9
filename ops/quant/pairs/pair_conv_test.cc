// Convolutions of pairs against the definition.
#include "nomograph/ops/quant/pairs/pair_conv.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/ops/quant/pairs/testing/conv_cases.h"

namespace nomograph::quant {
namespace {

std::vector<uint8_t> Computed(const PairConvSizes& s, const ConvProblem& problem) {
  const PairConv conv(s);
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

TEST(PairConv, AsByTheDefinition) {
  for (const ConvCase& c : kConvCases) {
    for (const bool is_signed : {false, true}) {
      SCOPED_TRACE(std::string(c.name) + (is_signed ? ", int8" : ", uint8"));
      const ConvProblem problem = MakeProblem(c.sizes, is_signed, {-255, 255});
      ASSERT_EQ(Numbered(Computed(c.sizes, problem), is_signed), Expected(c.sizes, problem));
    }
  }
}

}  // namespace
}  // namespace nomograph::quant
