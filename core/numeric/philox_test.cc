// Philox against the known answers of its authors, and the streams that are drawn from it.
#include "nomograph/core/numeric/philox.h"

#include <cmath>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

// The known answers of the authors' Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  using Counter = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StreamsDifferBySeedStreamAndStep) {
  const PhiloxStream stream(1, 2, 3);
  EXPECT_EQ(stream.Block(7), PhiloxStream(1, 2, 3).Block(7));
  EXPECT_EQ(stream.At(29), stream.Block(7)[1]);
  EXPECT_NE(stream.Block(7), stream.Block(8));
  EXPECT_NE(stream.Block(7), PhiloxStream(0, 2, 3).Block(7));
  EXPECT_NE(stream.Block(7), PhiloxStream(1, 0, 3).Block(7));
  EXPECT_NE(stream.Block(7), PhiloxStream(1, 2, 0).Block(7));
}

TEST(Philox, NormalHasMeanZeroAndVarianceOne) {
  const PhiloxStream stream(1, 2, 3);
  double sum = 0, squares = 0;
  const int kBlocks = 50000;
  for (int i = 0; i < kBlocks; ++i) {
    const auto bits = stream.Block(i);
    for (const float x : NormalFloats(bits[0], bits[1])) {
      sum += x;
      squares += x * x;
    }
  }
  EXPECT_NEAR(sum / (2 * kBlocks), 0, 0.01);
  EXPECT_NEAR(squares / (2 * kBlocks), 1, 0.02);
}

}  // namespace
}  // namespace nomograph
