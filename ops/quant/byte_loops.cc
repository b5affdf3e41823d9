#include "nomograph/ops/quant/byte_loops.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/quant/loops.h"
#include "nomograph/ops/quant/quads/quad_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/quant/byte_loops_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/quant/byte_loops_kernel.h"

namespace nomograph::quant {
namespace {

struct Target {
  decltype(&HWY_STATIC_DISPATCH(AddBytes)) add_bytes = NOMO_BEST(AddBytes);
  decltype(&HWY_STATIC_DISPATCH(RangeOf)) range_of = NOMO_BEST(RangeOf);
  decltype(&HWY_STATIC_DISPATCH(QuantizeToBytes)) quantize_to_bytes = NOMO_BEST(QuantizeToBytes);
  decltype(&HWY_STATIC_DISPATCH(RequantizeToBytes)) requantize_to_bytes =
      NOMO_BEST(RequantizeToBytes);
  decltype(&HWY_STATIC_DISPATCH(MaxOfLines)) max_of_lines = NOMO_BEST(MaxOfLines);
  decltype(&HWY_STATIC_DISPATCH(MaxOfTaps)) max_of_taps = NOMO_BEST(MaxOfTaps);
};

const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

void AddBytes(const ByteSum& sum, const ByteSumFactors* factors, const void* a, const void* b,
              int64_t count, void* y) {
  Best().add_bytes(sum, factors, a, b, count, y);
}

std::optional<ByteSumFactors> FindFactors(const ByteSum& sum) {
  const double y_scale = sum.y_scale, a = sum.a_scale / y_scale, b = sum.b_scale / y_scale;
  const double rest = -(sum.a_zero * a + sum.b_zero * b);
  // What is rounded is to fit into an int32.
  constexpr double kMost = 1 << 20;
  if (!(std::abs(a) < kMost && std::abs(b) < kMost && std::abs(rest) < kMost)) return std::nullopt;
  std::vector<uint8_t> rows(256 * 256), columns(rows.size()), expected(rows.size()),
      found(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<uint8_t>(i / 256);
    columns[i] = static_cast<uint8_t>(i);
  }
  const auto count = static_cast<int64_t>(rows.size());
  AddBytes(sum, nullptr, rows.data(), columns.data(), count, expected.data());
  // The float next to a factor is 2^-23 of it away, at most.
  constexpr double kNext = 1.0 / (1 << 23), kStep = 1.0 / (1 << 17);
  for (const int up : {0, 1, -1, 2, -2}) {
    for (const int a_next : {0, 1, -1}) {
      for (const int b_next : {0, 1, -1}) {
        const ByteSumFactors factors = {static_cast<float>(a * (1 + a_next * kNext)),
                                        static_cast<float>(b * (1 + b_next * kNext)),
                                        static_cast<float>(rest + up * kStep)};
        AddBytes(sum, &factors, rows.data(), columns.data(), count, found.data());
        if (found == expected) return factors;
      }
    }
  }
  return std::nullopt;
}

FloatRange RangeOf(const float* x, int64_t count) { return Best().range_of(x, count); }

void QuantizeToBytes(const float* x, int64_t count, float scale, int32_t zero, bool is_signed,
                     void* y) {
  Best().quantize_to_bytes(x, count, scale, zero, is_signed, y);
}

void RequantizeToBytes(const int32_t* sums, int64_t count, const ByteScales& scales, void* y) {
  Best().requantize_to_bytes(sums, count, scales, y);
}

void MaxOfLines(const uint8_t* const* lines, int64_t rows, uint8_t flip, int64_t count,
                uint8_t* to) {
  Best().max_of_lines(lines, rows, flip, count, to);
}

void MaxOfTaps(const uint8_t* line, int64_t taps, int64_t dilation, int64_t stride, int64_t count,
               uint8_t* y) {
  Best().max_of_taps(line, taps, dilation, stride, count, y);
}

ByteTable RequantizingTable(const ByteScale& x, const ByteScale& y, bool is_signed) {
  ByteTable table;
  table.is_identity = true;
  for (int i = 0; i < 256; ++i) {
    const int32_t number = is_signed ? static_cast<int8_t>(i) : i;
    const float value = static_cast<float>(number - x.zero) * x.scale / y.scale;
    table.entries[i] = is_signed ? static_cast<uint8_t>(QuantizedFast<int8_t>(value, y.zero))
                                 : QuantizedFast<uint8_t>(value, y.zero);
    table.is_identity = table.is_identity && table.entries[i] == i;
  }
  return table;
}

void LookUpBytes(const ByteTable& table, const uint8_t* x, int64_t count, uint8_t* y) {
  if (table.is_identity) {
    if (x != y) std::memcpy(y, x, count);
  } else if (HasQuads()) {
    LookUp(table.entries, x, count, y);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = table.entries[x[i]];
  }
}

}  // namespace nomograph::quant
