// Vector loops over bytes against the definitions, at scales and numbers of all kinds.
#include "nomograph/ops/quant/byte_loops.h"

#include <array>
#include <cmath>
#include <limits>
#include <optional>
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
                   nullptr, a.data(), b.data(), count, sum.data());
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

TEST(ByteLoops, RangesPassOverNan) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> number(-3, 3);
  for (const int count : {0, 1, 3, 15, 16, 63, 64, 65, 200}) {
    for (const float move : {0.0f, 4.0f, -4.0f, kInfinity, -kInfinity}) {
      std::vector<float> x(count);
      float low = 0, high = 0;
      for (float& value : x) {
        value = number(random);
        if (value > 2) value += move;
        if (value < -2) value = std::nanf("");
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const FloatRange range = RangeOf(x.data(), count);
      EXPECT_EQ(range.low, low) << count << ", " << move;
      EXPECT_EQ(range.high, high) << count << ", " << move;
    }
  }
}

// All pairs of bytes, whatever the scales; yields for how many scales there are factors.
template <typename Q>
int CheckFactors(const std::vector<std::array<float, 3>>& scales) {
  std::mt19937 random(8);
  std::vector<Q> a(256 * 256 + 5), b(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<Q>(i / 256);
    b[i] = static_cast<Q>(i);
  }
  int found = 0;
  for (const auto& [a_scale, b_scale, y_scale] : scales) {
    const auto zeros = RandomBytes<Q>(3, random);
    const ByteSum sum{a_scale, b_scale, y_scale, zeros[0], zeros[1], zeros[2], std::is_signed_v<Q>};
    const std::optional<ByteSumFactors> factors = FindFactors(sum);
    if (!factors) continue;
    ++found;
    std::vector<Q> y(a.size() + 1, 77);
    AddBytes(sum, &*factors, a.data(), b.data(), static_cast<int64_t>(a.size()), y.data());
    for (size_t i = 0; i < a.size(); ++i) {
      const float value = (static_cast<float>(a[i] - zeros[0]) * a_scale +
                           static_cast<float>(b[i] - zeros[1]) * b_scale) /
                          y_scale;
      EXPECT_EQ(y[i], Quantized<Q>(value, zeros[2]))
          << a_scale << ", " << b_scale << ", " << y_scale;
      if (y[i] != Quantized<Q>(value, zeros[2])) return found;
    }
    EXPECT_EQ(y[a.size()], 77);
  }
  return found;
}

TEST(ByteLoops, SumsByFactorsAreThoseOfTheDefinition) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> scale(0.005f, 0.05f);
  std::vector<std::array<float, 3>> usual, all;
  for (int i = 0; i < 20; ++i) usual.push_back({scale(random), scale(random), scale(random)});
  EXPECT_GE(CheckFactors<uint8_t>(usual), 15);
  EXPECT_GE(CheckFactors<int8_t>(usual), 15);
  for (const float a_scale : kScales) {
    for (const float b_scale : kScales) {
      for (const float y_scale : {0.5f, 0.1f, 3e-39f, kInfinity}) {
        all.push_back({a_scale, b_scale, y_scale});
      }
    }
  }
  CheckFactors<uint8_t>(all);
  CheckFactors<int8_t>(all);
}

template <typename Q>
void CheckRequantizing() {
  std::mt19937 random(10);
  for (const int count : {1, 63, 64, 200}) {
    for (const float scale : {1e-6f, 0.0131f, 0.5f, 1.0f, -0.1f, 1e30f, 3.4e38f}) {
      for (const bool biased : {false, true}) {
        std::vector<int32_t> sums(count), biases(count);
        std::vector<float> scales(count, scale);
        for (int i = 0; i < count; ++i) {
          sums[i] = i % 3 == 0   ? static_cast<int32_t>(random())
                    : i % 3 == 1 ? static_cast<int32_t>(random() % 64) - 32
                                 : std::numeric_limits<int32_t>::max() - i;
          biases[i] = static_cast<int32_t>(random() % 1000);
          scales[i] *= static_cast<float>(i % 5);
        }
        const Q zero = RandomBytes<Q>(1, random)[0];
        std::vector<Q> y(count + 1, 77);
        RequantizeToBytes(sums.data(), count,
                          {.scales = scales.data(),
                           .biases = biased ? biases.data() : nullptr,
                           .zero = zero,
                           .is_signed = std::is_signed_v<Q>},
                          y.data());
        for (int i = 0; i < count; ++i) {
          if (!std::isfinite(scales[i])) continue;
          const uint32_t bias = biased ? static_cast<uint32_t>(biases[i]) : 0;
          const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + bias);
          ASSERT_EQ(y[i], Quantized<Q>(static_cast<float>(sum) * scales[i], zero))
              << sum << " * " << scales[i];
        }
        ASSERT_EQ(y[count], 77);
      }
    }
  }
}

TEST(ByteLoops, SumsAreRequantized) {
  CheckRequantizing<uint8_t>();
  CheckRequantizing<int8_t>();
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
