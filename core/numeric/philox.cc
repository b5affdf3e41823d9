#include "nomograph/core/numeric/philox.h"

#include <cmath>

#include "nomograph/core/numeric/exact_math.h"

namespace nomograph {
namespace {

// The multipliers and the Weyl constants of the paper's section 3.
constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;

// The finaliser of SplitMix64 (G. Steele et al., 2014): a bijection that spreads every bit over
// all.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

PhiloxStream::PhiloxStream(uint64_t seed, uint64_t stream, uint64_t step) : step_(step) {
  const uint64_t key = MixKeys(seed, stream);
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  high_ = static_cast<uint32_t>(Mix(seed ^ Mix(stream)));
}

std::array<uint32_t, 4> PhiloxStream::Block(uint64_t block) const {
  return Philox4x32({static_cast<uint32_t>(block), high_, static_cast<uint32_t>(step_),
                     static_cast<uint32_t>(step_ >> 32)},
                    key_);
}

std::array<float, 2> NormalFloats(uint32_t bits1, uint32_t bits2) {
  // The first is in (0, 1], so that its logarithm is finite.
  const double u1 = (static_cast<double>(bits1) + 1.0) * 0x1p-32;
  const double u2 = static_cast<double>(bits2) * 0x1p-32;
  const double radius = std::sqrt(-2.0 * exact::Log(u1));
  const double angle = 6.283185307179586 * u2;
  return {static_cast<float>(radius * exact::Cos(angle)),
          static_cast<float>(radius * exact::Sin(angle))};
}

uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return Mix(hash);
}

uint64_t MixKeys(uint64_t a, uint64_t b) { return Mix(a + 0x9E3779B97F4A7C15 * (Mix(b) | 1)); }

}  // namespace nomograph
