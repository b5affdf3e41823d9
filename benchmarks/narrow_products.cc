// Products of a few and of many rows with matrices stored in 16, 8 and 4 bits: their time beside
// that of float32, and the bytes of the matrix that they read in a second beside those of a sum
// over as much memory.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/narrow/narrow_product.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/row_product.h"

namespace nomograph {
namespace {

// Memory at a multiple of 64 bytes; so many floats of 0 to 1.
struct Floats {
  explicit Floats(int64_t count)
      : memory(count + 16),
        data(
            reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64)) {
    for (int64_t i = 0; i < count; ++i) data[i] = static_cast<float>(i * 37 % 64) / 64;
  }
  std::vector<float> memory;
  float* data;
};

using Call = std::function<void(int thread, int threads)>;

// The calls of a team of threads take turns, so that what disturbs the machine disturbs all; the
// least time of each, in milliseconds.
std::vector<double> Measure(const std::vector<Call>& calls, int threads) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> best(calls.size(), 1e18);
  for (int round = 0; round < 12; ++round) {
    for (size_t i = 0; i < calls.size(); ++i) {
      const Clock::time_point end = Clock::now() + std::chrono::milliseconds(20);
      Clock::time_point now;
      do {
        const Clock::time_point begin = Clock::now();
#pragma omp parallel num_threads(threads) if (threads > 1)
        calls[i](omp_get_thread_num(), omp_get_num_threads());
        now = Clock::now();
        const std::chrono::duration<double, std::milli> time = now - begin;
        best[i] = std::min(best[i], time.count());
      } while (now < end);
    }
  }
  return best;
}

volatile float sink;

// Reads the floats of a thread's part: the memory's own speed.
void Read(const Floats& floats, int64_t count, int thread, int threads) {
  const float* const data = floats.data;
  const int64_t begin = count * thread / threads, end = count * (thread + 1) / threads;
  float sums[64] = {};
  for (int64_t i = begin; i + 64 <= end; i += 64) {
#pragma omp simd
    for (int64_t k = 0; k < 64; ++k) sums[k] += data[i + k];
  }
  for (const float sum : sums) sink = sum;
}

struct Narrow {
  const char* name;
  NarrowType type;
  int64_t block;  // 0: all rows
  bool zeros;
};
constexpr Narrow kNarrow[] = {{"float16", NarrowType::kFloat16, 0, false},
                              {"bfloat16", NarrowType::kBFloat16, 0, false},
                              {"int8 by column", NarrowType::kInt8, 0, false},
                              {"int4, blocks of 128", NarrowType::kInt4, 128, false},
                              {"int4, blocks of 32", NarrowType::kInt4, 32, false},
                              {"int4, blocks of 32, zeros", NarrowType::kInt4, 32, true}};

void Compare(int64_t rows, int64_t inner, int64_t columns, int threads) {
  const Floats x(rows * inner), w(inner * columns), scale(columns * (inner / 32 + 1) * 2);
  Floats y(rows * columns);
  const MatrixView view{w.data, inner, columns, columns, 1};
  std::vector<std::string> names = {"float32"};
  std::vector<int64_t> bytes = {inner * columns * 4};
  std::vector<Call> calls;
  Floats wide(rows <= kMaxProductRows ? 0 : PackedFloats(ProductSide::kRight, inner, columns));
  PackedProduct packed{.side = ProductSide::kRight,
                       .packed = wide.data,
                       .other = {x.data, rows, inner, inner, 1},
                       .size = columns,
                       .output = y.data,
                       .output_stride = columns,
                       .steps = {}};
  std::vector<Floats> scratch;
  for (int i = 0; i < threads; ++i) scratch.emplace_back(ProductScratchFloats(packed));
  RowProduct direct{
      .rows = x.data, .num_rows = rows, .matrix = view, .output = y.data, .steps = {}};
  const Floats sums(RowSumFloats(direct));
  direct.sums = sums.data;
  if (rows <= kMaxProductRows) {
    calls.push_back([&](int thread, int of) {
      MultiplyRows(direct, thread, of);
#pragma omp barrier
      if (thread == 0) FinishRows(direct);
    });
  } else {
    PackMatrix(ProductSide::kRight, view, wide.data);
    calls.push_back(
        [&](int thread, int of) { MultiplyPart(packed, thread, of, scratch[thread].data); });
  }
  std::vector<Floats> memory;
  memory.reserve(2 * std::size(kNarrow) + threads);
  std::vector<std::vector<Floats>> working(std::size(kNarrow));
  for (size_t i = 0; i < std::size(kNarrow); ++i) {
    const Narrow& narrow = kNarrow[i];
    NarrowMatrix m{.type = narrow.type,
                   .rows = inner,
                   .columns = columns,
                   .block = narrow.block == 0 ? inner : narrow.block};
    Floats& elements = memory.emplace_back(NarrowBytes(m) / 4);
    auto* const to = reinterpret_cast<std::byte*>(elements.data);
    if (m.is_integer()) {
      PackNarrow(m, ByteMatrixView{reinterpret_cast<const std::byte*>(w.data), columns, 1, 0}, to);
      m.scales = memory.emplace_back(NarrowParameters(m)).data;
      if (narrow.zeros) m.zeros = m.scales;
    } else {
      PackNarrow(m, view, to);
    }
    m.packed = to;
    const NarrowProduct product{
        .rows = x.data, .num_rows = rows, .matrix = m, .output = y.data, .steps = {}};
    for (int t = 0; t < threads; ++t) working[i].emplace_back(NarrowScratchFloats(product));
    names.push_back(narrow.name);
    bytes.push_back(NarrowBytes(m) +
                    (m.is_integer() ? 4 * NarrowParameters(m) * (narrow.zeros ? 2 : 1) : 0));
    calls.push_back([product, &working, i](int thread, int of) {
      MultiplyNarrow(product, thread, of, working[i][thread].data);
    });
  }
  std::vector<Call> reads;
  for (const int64_t size : bytes) {
    reads.push_back([&, size](int thread, int of) { Read(w, size / 4, thread, of); });
  }
  const size_t count = calls.size();
  calls.insert(calls.end(), reads.begin(), reads.end());
  const std::vector<double> times = Measure(calls, threads);
  for (size_t i = 0; i < count; ++i) {
    std::printf("| %lld x %lld x %lld | %d | %s | %.3f | %.2f | %.2f |\n",
                static_cast<long long>(rows), static_cast<long long>(inner),
                static_cast<long long>(columns), threads, names[i].c_str(), times[i],
                times[0] / times[i], times[count + i] / times[i]);
  }
}

}  // namespace
}  // namespace nomograph

// Arguments: rows, inner size and columns of each product; none: those of decoding steps.
int main(int argc, char** argv) {
  std::vector<int64_t> sizes = {1, 1024, 1024, 1, 4096, 4096, 1, 4096, 11008};
  if (argc > 1) sizes.clear();
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoll(argv[i]));
  if (sizes.size() % 3 != 0 || *std::min_element(sizes.begin(), sizes.end()) < 1) {
    std::fprintf(stderr, "usage: narrow_products [ROWS INNER COLUMNS]...\n");
    return 2;
  }
  std::printf("| product | threads | matrix | ms | of float32's speed | of the memory's speed |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < sizes.size(); i += 3) {
    for (const int threads : {1, 2}) {
      nomograph::Compare(sizes[i], sizes[i + 1], sizes[i + 2], threads);
    }
  }
}
