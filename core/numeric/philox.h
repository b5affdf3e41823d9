// Philox4x32-10, a counter-based random number generator (J. Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011): the same key and counter give the same four numbers on
// every machine, in any order and from any thread.
#ifndef NOMOGRAPH_CORE_NUMERIC_PHILOX_H_
#define NOMOGRAPH_CORE_NUMERIC_PHILOX_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace nomograph {

// Four words of 32 random bits for a key and a counter.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A stream of random numbers that may be read anywhere. Streams of different (seed, stream, step)
// are independent.
class PhiloxStream {
 public:
  PhiloxStream(uint64_t seed, uint64_t stream, uint64_t step);
  // Numbers 4 * block to 4 * block + 3 of the stream. REQUIRES: block < 2^32.
  std::array<uint32_t, 4> Block(uint64_t block) const;
  // Number `index` of the stream.
  uint32_t At(uint64_t index) const { return Block(index / 4)[index % 4]; }

 private:
  std::array<uint32_t, 2> key_;
  uint64_t step_;
  uint32_t high_;
};

// In [0, 1): the upper 24 bits, so that every value is a float32.
inline float UniformFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
// Two independent values of the standard normal distribution from two words (G. Box & M. Muller,
// 1958), with elementary functions that give the same bits everywhere.
std::array<float, 2> NormalFloats(uint32_t bits1, uint32_t bits2);

// A 64-bit hash of a name (FNV-1a with a final mix), e.g. of the node that draws random numbers.
uint64_t StableHash(absl::string_view text);
// Combines two keys into one.
uint64_t MixKeys(uint64_t a, uint64_t b);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_PHILOX_H_
