// Matrices transposed in squares that fit into registers, whatever their elements are.
#ifndef NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_H_
#define NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_H_

#include <cstddef>
#include <cstdint>

namespace nomograph {

// A matrix whose elements lie side by side in each row. Those of a column will.
struct Transposition {
  int64_t rows, columns;
  int64_t from_step;  // bytes from a row to the next one, in what is read
  int64_t to_step;    // bytes from a column to the next one, in what is written
};

// Whether Transpose() knows elements of so many bytes: 1, 2, 4 and 8.
constexpr bool IsTransposable(int64_t element_bytes) {
  return element_bytes == 1 || element_bytes == 2 || element_bytes == 4 || element_bytes == 8;
}

// Writes element (r, c) of `from` to column c, place r. The two do not overlap, and no more is read
// or written than the elements. REQUIRES: IsTransposable(element_bytes).
void Transpose(int64_t element_bytes, const Transposition& matrix, const std::byte* from,
               std::byte* to);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_TRANSPOSITION_H_
