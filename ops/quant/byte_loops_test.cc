// Vector loops over bytes against the definitions, at scales and numbers of all kinds.
#include "nomograph/ops/quant/byte_loops.h"

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Ties are frequent with the first ones; the last ones leave no way but to divide.
const float kScales[] = {0.5f, 1, 2,      0.0078125f, 0.1f,      0.0131f,
                         1.7f, 0, 3e-39f, 1e38f,      kInfinity, std::nanf("")};

template <typename Q>
std::vector<Q> RandomBytes(int count, std::mt19937& random) {
  std::vector<Q> bytes(count);
  for (Q& byte : bytes) byte = static_cast<Q>(random());
  return bytes;
}

template <typename Q>
void CheckArithmetic() {
  std::mt19937 random(5);
  for (const int count : {1, 15, 131}) {
    for (const float a_scale : kScales) {
      for (const float b_scale : kScales) {
        for (const float y_scale : kScales) {
          const auto a = RandomBytes<Q>(count, random), b = RandomBytes<Q>(count, random),
                     zeros = RandomBytes<Q>(3, random);
          std::vector<Q> sum(count + 1, 77), quantized(count + 1, 77);
          AddBytes({.a_scale = a_scale,
                    .b_scale = b_scale,
                    .y_scale = y_scale,
                    .a_zero = zeros[0],
                    .b_zero = zeros[1],
                    .y_zero = zeros[2],
                    .is_signed = std::is_signed_v<Q>},
                   a.data(), b.data(), count, sum.data());
          std::vector<float> x(count);
          for (int i = 0; i < count; ++i) {
            x[i] = static_cast<float>(a[i] - zeros[0]) * a_scale +
                   static_cast<float>(b[i] - zeros[1]) * b_scale;
          }
          QuantizeToBytes(x.data(), count, y_scale, zeros[2], std::is_signed_v<Q>,
                          quantized.data());
          for (int i = 0; i < count; ++i) {
            const Q expected = Quantized<Q>(x[i] / y_scale, zeros[2]);
            ASSERT_EQ(sum[i], expected) << x[i] << " / " << y_scale;
            ASSERT_EQ(quantized[i], expected) << x[i] << " / " << y_scale;
          }
          ASSERT_EQ(sum[count], 77);
          ASSERT_EQ(quantized[count], 77);
        }
      }
    }
  }
}

TEST(ByteLoops, RoundAsTheDefinitionDoes) {
  CheckArithmetic<uint8_t>();
  CheckArithmetic<int8_t>();
}

template <typename Q>
void CheckTables() {
  std::mt19937 random(6);
  for (const float x_scale : kScales) {
    for (const float y_scale : kScales) {
      const auto zeros = RandomBytes<Q>(2, random);
      const ByteTable table =
          RequantizingTable({x_scale, zeros[0]}, {y_scale, zeros[1]}, std::is_signed_v<Q>);
      auto x = RandomBytes<Q>(200, random);
      x.push_back(77);
      std::vector<Q> y = x;
      auto* const bytes = reinterpret_cast<uint8_t*>(y.data());
      LookUpBytes(table, bytes, 200, bytes);
      for (int i = 0; i < 200; ++i) {
        const float number = static_cast<float>(x[i] - zeros[0]) * x_scale;
        ASSERT_EQ(y[i], Quantized<Q>(number / y_scale, zeros[1])) << number << " / " << y_scale;
      }
      ASSERT_EQ(y[200], 77);
    }
  }
  EXPECT_TRUE(RequantizingTable({0.3f, 9}, {0.3f, 9}, std::is_signed_v<Q>).is_identity);
  EXPECT_FALSE(RequantizingTable({0.3f, 9}, {0.3f, 8}, std::is_signed_v<Q>).is_identity);
}

TEST(ByteLoops, TablesRequantize) {
  CheckTables<uint8_t>();
  CheckTables<int8_t>();
}

TEST(ByteLoops, Maxima) {
  std::mt19937 random(7);
  constexpr int kReach = 700;
  const auto bytes = RandomBytes<uint8_t>(4 * kReach, random);
  for (const int count : {1, 7, 9, 17, 56, 64, 150}) {
    for (const uint8_t flip : {0, 0x80}) {
      const uint8_t* lines[] = {bytes.data(), bytes.data() + kReach, bytes.data() + 2 * kReach};
      std::vector<uint8_t> y(count + 1, 77);
      MaxOfLines(lines, 3, flip, count, y.data());
      for (int i = 0; i < count; ++i) {
        const int expected = std::max({lines[0][i] ^ flip, lines[1][i] ^ flip, lines[2][i] ^ flip});
        ASSERT_EQ(y[i], expected) << count;
      }
      ASSERT_EQ(y[count], 77);
    }
    for (const int stride : {1, 2}) {
      for (const int dilation : {1, 3}) {
        std::vector<uint8_t> y(count + 1, 77);
        MaxOfTaps(bytes.data(), 4, dilation, stride, count, y.data());
        for (int i = 0; i < count; ++i) {
          uint8_t expected = 0;
          for (int t = 0; t < 4; ++t) {
            expected = std::max(expected, bytes[i * stride + t * dilation]);
          }
          ASSERT_EQ(y[i], expected) << count << ", stride " << stride;
        }
        ASSERT_EQ(y[count], 77);
      }
    }
  }
}

}  // namespace
}  // namespace nomograph::quant
