// Against the processor's own conversions.
#include "nomograph/core/types/float16.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nomograph {
namespace {

// Every half, and floats of all exponents with significands at and beside where halves are
// rounded.
std::vector<float> Floats() {
  std::vector<float> floats;
  for (uint32_t high = 0; high < 1u << 16; ++high) {
    for (const uint32_t low : {0x0000u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u}) {
      floats.push_back(std::bit_cast<float>(high << 16 | low));
    }
  }
  return floats;
}

TEST(Float16, ConvertsAsTheClassesDo) {
  const std::vector<float> floats = Floats();
  const auto count = static_cast<int64_t>(floats.size());
  std::vector<Half> halves(floats.size());
  std::vector<BFloat16> bfloats(floats.size());
  std::vector<float> back(floats.size());
  ConvertFloats(floats.data(), halves.data(), count);
  ConvertFloats(floats.data(), bfloats.data(), count);
  int wrong = 0;
  for (size_t i = 0; i < floats.size(); ++i) {
    wrong += halves[i].bits() != Half(floats[i]).bits();
    wrong += bfloats[i].bits() != BFloat16(floats[i]).bits();
  }
  EXPECT_EQ(wrong, 0);
  ConvertFloats(bfloats.data(), back.data(), count);
  for (size_t i = 0; i < floats.size(); ++i) {
    wrong += std::bit_cast<uint32_t>(back[i]) != uint32_t{bfloats[i].bits()} << 16;
  }
  EXPECT_EQ(wrong, 0);
}

template <typename T>
int64_t CutAndClamped(float value) {
  constexpr double kLeast = std::numeric_limits<T>::min(),
                   kGreatest = std::numeric_limits<T>::max();
  return std::isnan(value)
             ? 0
             : static_cast<int64_t>(std::clamp(std::trunc(double{value}), kLeast, kGreatest));
}

TEST(Float16, CutsAndClampsToBytes) {
  std::vector<float> floats = Floats();
  for (int i = -300 * 8; i <= 300 * 8; ++i) floats.push_back(static_cast<float>(i) / 8);
  const auto count = static_cast<int64_t>(floats.size());
  std::vector<int8_t> ints(floats.size());
  std::vector<uint8_t> bytes(floats.size());
  ConvertFloats(floats.data(), ints.data(), count);
  ConvertFloats(floats.data(), bytes.data(), count);
  int wrong = 0;
  for (size_t i = 0; i < floats.size(); ++i) {
    wrong += ints[i] != CutAndClamped<int8_t>(floats[i]);
    wrong += bytes[i] != CutAndClamped<uint8_t>(floats[i]);
  }
  EXPECT_EQ(wrong, 0);
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) uint16_t OfProcessor(float value) { return _cvtss_sh(value, 0); }
__attribute__((target("f16c"))) float OfProcessor(uint16_t half) { return _cvtsh_ss(half); }

TEST(Float16, ConvertsAsTheProcessorDoes) {
  if (!__builtin_cpu_supports("f16c")) GTEST_SKIP() << "this processor has no conversions";
  const std::vector<float> floats = Floats();
  std::vector<Half> halves(floats.size());
  ConvertFloats(floats.data(), halves.data(), static_cast<int64_t>(floats.size()));
  int wrong = 0;
  for (size_t i = 0; i < floats.size(); ++i) {
    wrong += !std::isnan(floats[i]) && halves[i].bits() != OfProcessor(floats[i]);
  }
  EXPECT_EQ(wrong, 0);
  constexpr int kHalves = 1 << 16;
  std::vector<Half> all(kHalves);
  std::vector<float> wide(kHalves);
  for (int i = 0; i < kHalves; ++i) all[i] = Half::FromBits(static_cast<uint16_t>(i));
  ConvertFloats(all.data(), wide.data(), kHalves);
  for (int i = 0; i < kHalves; ++i) {
    const float expected = OfProcessor(static_cast<uint16_t>(i));
    wrong += std::isnan(expected)
                 ? !std::isnan(wide[i])
                 : std::bit_cast<uint32_t>(wide[i]) != std::bit_cast<uint32_t>(expected);
  }
  EXPECT_EQ(wrong, 0);
}
#endif

}  // namespace
}  // namespace nomograph
