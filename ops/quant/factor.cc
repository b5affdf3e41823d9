#include "nomograph/ops/quant/factor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

constexpr int64_t kWorthThreads = 1 << 15;  // elements

// Rows of elements that lie one after the other, here and in the copy.
struct Rows {
  int64_t count, size;
  bool along_depth;  // a row is a slab's depth, for there is nothing behind it
};

Rows RowsOf(const Factor& factor, const Slab& slab) {
  const int64_t inner = factor.inner();
  if (inner == 1) return {factor.outer(), slab.size, true};
  return {factor.outer() * slab.size, inner, false};
}

template <typename From, typename To>
void CopySlabOf(const Factor& factor, const From* elements, const From* zeros, int32_t offset,
                const Slab& slab, int threads, To* to) {
  const Rows rows = RowsOf(factor, slab);
  const int64_t depth = factor.depth();
  ParallelFor(rows.count * rows.size >= kWorthThreads ? threads : 1, rows.count, [&](int64_t r) {
    const int64_t o = rows.along_depth ? r : r / slab.size;
    const int64_t d = slab.begin + (rows.along_depth ? 0 : r % slab.size);
    const From* from = elements + (o * depth + d) * (rows.along_depth ? 1 : rows.size);
    const From* zero = zeros == nullptr ? nullptr : zeros + factor.ZeroIndex(o, 0);
    To* out = to + r * rows.size;
    if (zero != nullptr && factor.inner_step != 0 && !rows.along_depth) {
#pragma omp simd
      for (int64_t i = 0; i < rows.size; ++i) out[i] = static_cast<To>(from[i] - zero[i] - offset);
    } else {
      const int32_t less = offset + (zero == nullptr ? 0 : *zero);
#pragma omp simd
      for (int64_t i = 0; i < rows.size; ++i) out[i] = static_cast<To>(from[i] - less);
    }
  });
}

}  // namespace

int64_t Factor::outer() const {
  int64_t product = 1;
  for (int i = 0; i < depth_axis; ++i) product *= shape[i];
  return product;
}

int64_t Factor::inner() const {
  int64_t product = 1;
  for (int i = depth_axis + 1; i < shape.rank(); ++i) product *= shape[i];
  return product;
}

Shape Factor::BlockShape(int64_t depth) const {
  Shape block = shape;
  block[depth_axis] = depth;
  return block;
}

template <typename To>
void CopySlab(const Factor& factor, DType dtype, const std::byte* elements, const std::byte* zeros,
              int32_t offset, const Slab& slab, int threads, To* to) {
  Dispatch(ByteTypes{}, dtype, [&]<typename From>() {
    CopySlabOf(factor, reinterpret_cast<const From*>(elements),
               reinterpret_cast<const From*>(zeros), offset, slab, threads, to);
  });
}
template void CopySlab(const Factor&, DType, const std::byte*, const std::byte*, int32_t,
                       const Slab&, int, float*);
template void CopySlab(const Factor&, DType, const std::byte*, const std::byte*, int32_t,
                       const Slab&, int, int16_t*);
template void CopySlab(const Factor&, DType, const std::byte*, const std::byte*, int32_t,
                       const Slab&, int, int8_t*);
template void CopySlab(const Factor&, DType, const std::byte*, const std::byte*, int32_t,
                       const Slab&, int, uint8_t*);

int64_t MagnitudeBound(DType dtype, bool has_zeros, const Tensor& zeros) {
  const int64_t low = dtype == DType::kInt8 ? -128 : 0, high = low + 255;
  if (has_zeros && !zeros.valid()) return 255;
  int64_t bound = 0;
  for (const int64_t zero : has_zeros ? zeros.ToInts() : std::vector<int64_t>{0}) {
    bound = std::max({bound, zero - low, high - zero});
  }
  return bound;
}

int64_t ChannelSum(const Factor& factor, absl::Span<const int16_t> values, const Slab& slab) {
  const int64_t outer = factor.outer(), inner = factor.inner(), depth = factor.depth();
  const int64_t outer_step = !factor.outer_is_channel ? 0 : factor.inner_is_channel ? inner : 1;
  const int64_t inner_step = factor.inner_is_channel ? 1 : 0;
  std::vector<int64_t> sums(outer * inner);  // as many as there may be channels
  // Of some elements at a time, so that a sum in 32 bits holds them.
  constexpr int64_t kTogether = int64_t{1} << 20;
  std::vector<int32_t> line(inner);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t begin = slab.begin; begin < slab.begin + slab.size; begin += kTogether) {
      const int64_t end = std::min(begin + kTogether, slab.begin + slab.size);
      std::fill(line.begin(), line.end(), 0);
      for (int64_t d = begin; d < end; ++d) {
        const int16_t* const from = values.data() + (o * depth + d) * inner;
#pragma omp simd
        for (int64_t i = 0; i < inner; ++i) line[i] += from[i] < 0 ? -from[i] : from[i];
      }
      for (int64_t i = 0; i < inner; ++i) sums[o * outer_step + i * inner_step] += line[i];
    }
  }
  return sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end());
}

int64_t ChannelSum(const Factor& factor, int64_t magnitude, const Slab& slab) {
  return magnitude * slab.size * (factor.outer_is_channel ? 1 : factor.outer()) *
         (factor.inner_is_channel ? 1 : factor.inner());
}

}  // namespace nomograph::quant
