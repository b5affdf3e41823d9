#include "nomograph/core/narrow/narrow_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/narrow/narrow_product_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/narrow/narrow_product_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  int64_t (*panel_columns)() = NOMO_BEST(NarrowPanelColumns);
  int64_t (*scratch)(const NarrowProduct& product) = NOMO_BEST(NarrowScratch);
  void (*multiply)(const NarrowProduct& product, int part, int parts,
                   float* scratch) = NOMO_BEST(MultiplyNarrowPart);
};
const Target& Best() {
  static const Target target;
  return target;
}

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int BitsOf(NarrowType type) {
  return type == NarrowType::kInt4 ? 4 : type == NarrowType::kInt8 ? 8 : 16;
}

uint32_t BitsOfFloat(float number) {
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof(bits));
  return bits;
}

// The bits of the float16 that the number is, or kNoHalf.
constexpr uint32_t kNoHalf = ~uint32_t{0};
uint32_t ExactHalf(float number) {
  const uint32_t bits = BitsOfFloat(number);
  const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
  constexpr uint32_t kLeastNormal = 0x38800000, kPastGreatest = 0x47800000;  // 2^-14, 2^16
  constexpr uint32_t kOtherBias = 0x38000000, kInfinity = 0x7F800000;
  if (size >= kLeastNormal && size < kPastGreatest) {
    return (size & 0x1FFF) == 0 ? sign | (size - kOtherBias) >> 13 : kNoHalf;
  }
  if (size == kInfinity) return sign | 0x7C00;
  if (size >= kPastGreatest) return kNoHalf;
  const float steps = std::abs(number) * 0x1p24f;
  const auto whole = static_cast<uint32_t>(steps);
  return static_cast<float>(whole) == steps ? sign | whole : kNoHalf;
}

bool AreHalves(const float* numbers, int64_t count) {
  return std::all_of(numbers, numbers + count,
                     [](float number) { return ExactHalf(number) != kNoHalf; });
}

bool AreBFloats(const float* numbers, int64_t count) {
  constexpr int64_t kChunk = 1024;
  for (int64_t i = 0; i < count; i += kChunk) {
    uint32_t low = 0;
    for (int64_t k = i; k < std::min(count, i + kChunk); ++k) low |= BitsOfFloat(numbers[k]);
    if ((low & 0xFFFF) != 0) return false;
  }
  return true;
}

// Writes panels of words, as narrow_product_kernel.h has them: element(i, j) has the low bits of
// each term.
template <typename Element>
void PackWords(const NarrowMatrix& m, std::byte* packed, Element element) {
  const int64_t panel = Best().panel_columns();
  const int bits = BitsOf(m.type);
  const int64_t group = 32 / bits, rows = RoundUp(m.rows, kNarrowGroup);
  const uint32_t mask = (uint32_t{1} << bits) - 1;
  for (int64_t first = 0; first < m.columns; first += panel) {
    const int64_t width = std::min(panel, m.columns - first);
    for (int64_t t = 0; t < rows; t += group) {
      const int64_t terms = std::clamp(m.rows - t, int64_t{0}, group);
      for (int64_t c = 0; c < panel; ++c, packed += sizeof(uint32_t)) {
        uint32_t word = 0;
        for (int64_t j = 0; j < (c < width ? terms : 0); ++j) {
          word |= (element(t + j, first + c) & mask) << (j * bits);
        }
        std::memcpy(packed, &word, sizeof(word));
      }
    }
  }
}

// The same of panels of single terms: element(i, j) is one.
template <typename T, typename Element>
void PackTerms(const NarrowMatrix& m, std::byte* packed, Element element) {
  const int64_t panel = Best().panel_columns(), rows = RoundUp(m.rows, kNarrowGroup);
  for (int64_t first = 0; first < m.columns; first += panel) {
    const int64_t width = std::min(panel, m.columns - first);
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t c = 0; c < panel; ++c, packed += sizeof(T)) {
        const T term = t < m.rows && c < width ? element(t, first + c) : T{0};
        std::memcpy(packed, &term, sizeof(T));
      }
    }
  }
}

}  // namespace

std::optional<NarrowType> ExactNarrowType(const float* numbers, int64_t count) {
  // Of those that are both, bfloat16 becomes float32 with less ado.
  if (AreBFloats(numbers, count)) return NarrowType::kBFloat16;
  if (AreHalves(numbers, count)) return NarrowType::kFloat16;
  return std::nullopt;
}

int64_t NarrowBytes(const NarrowMatrix& matrix) {
  return RoundUp(matrix.columns, Best().panel_columns()) * RoundUp(matrix.rows, kNarrowGroup) *
         BitsOf(matrix.type) / 8;
}

void PackNarrow(const NarrowMatrix& matrix, const MatrixView& from, std::byte* packed) {
  const auto at = [&](int64_t i, int64_t j) {
    return from.data[i * from.row_stride + j * from.column_stride];
  };
  if (matrix.type == NarrowType::kFloat16) {
    return PackTerms<uint16_t>(matrix, packed, [&](int64_t i, int64_t j) {
      return static_cast<uint16_t>(ExactHalf(at(i, j)));
    });
  }
  PackWords(matrix, packed, [&](int64_t i, int64_t j) { return BitsOfFloat(at(i, j)) >> 16; });
}

void PackNarrow(const NarrowMatrix& matrix, const BFloat16View& from, std::byte* packed) {
  PackWords(matrix, packed, [&](int64_t i, int64_t j) {
    return uint32_t{from.data[i * from.row_stride + j * from.column_stride]};
  });
}

void PackNarrow(const NarrowMatrix& matrix, const ByteMatrixView& from, std::byte* packed) {
  const auto at = [&](int64_t i, int64_t j) {
    const std::byte byte = from.data[i * from.row_stride + j * from.column_stride];
    return static_cast<uint32_t>(byte) - static_cast<uint32_t>(from.minus);
  };
  if (matrix.type == NarrowType::kInt4) return PackWords(matrix, packed, at);
  PackTerms<uint8_t>(matrix, packed,
                     [&](int64_t i, int64_t j) { return static_cast<uint8_t>(at(i, j)); });
}

int64_t NarrowParameters(const NarrowMatrix& matrix) {
  return RoundUp(matrix.columns, Best().panel_columns()) * matrix.blocks();
}

void PackParameters(const NarrowMatrix& matrix, const MatrixView& from, float* packed) {
  const int64_t panel = Best().panel_columns();
  for (int64_t first = 0; first < matrix.columns; first += panel) {
    for (int64_t b = 0; b < matrix.blocks(); ++b) {
      for (int64_t c = first; c < first + panel; ++c) {
        *packed++ =
            c < matrix.columns ? from.data[b * from.row_stride + c * from.column_stride] : 0.0f;
      }
    }
  }
}

int64_t NarrowScratchFloats(const NarrowProduct& product) {
  return RoundUp(Best().scratch(product), 16);
}

void MultiplyNarrow(const NarrowProduct& product, int part, int parts, float* scratch) {
  Best().multiply(product, part, parts, scratch);
}

}  // namespace nomograph
