// Transposed matrices against one element at a time.
#include "nomograph/ops/array/transposition.h"

#include <vector>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

// `between`: bytes behind each row of what is read, and each column of what is written.
void Check(int64_t size, int64_t rows, int64_t columns, int64_t between) {
  const Transposition m = {rows, columns, columns * size + between, rows * size + between};
  constexpr std::byte kUntouched{0xa5};
  std::vector<std::byte> from(rows * m.from_step), to(columns * m.to_step, kUntouched);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 37 + i / 251);
  std::vector<std::byte> expected = to;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t k = 0; k < size; ++k) {
        expected[c * m.to_step + r * size + k] = from[r * m.from_step + c * size + k];
      }
    }
  }
  Transpose(size, m, from.data(), to.data());
  EXPECT_TRUE(to == expected) << size << " bytes, " << rows << " x " << columns << ", " << between;
}

TEST(Transpose, AgreesWithOneElementAtATime) {
  constexpr int64_t kSizes[] = {1,  2,  3,  4,  5,  7,  8,  9,   15, 16,
                                17, 31, 32, 33, 63, 64, 65, 100, 130};
  for (const int64_t size : {1, 2, 4, 8}) {
    for (const int64_t rows : kSizes) {
      for (const int64_t columns : kSizes) {
        // Steps that are no multiples of an element are those of joined ones.
        for (const int64_t between : {0, 1, 64}) Check(size, rows, columns, between);
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
