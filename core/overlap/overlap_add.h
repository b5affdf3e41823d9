// Planes of float32 that are put together from blocks, which add up where they overlap (col2im):
// what is left of a transposed convolution once a matrix product has computed the blocks.
#ifndef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_
#define NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_

#include <cstdint>

#include "nomograph/core/types/memory.h"
#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// What is added up to rows [begin, end) of a plane, the same for all planes of a window. The blocks
// lie where the window has its places: of it, outputs are the places, inputs the elements of the
// plane.
struct OverlapPlan {
  // Element (i, j) of all blocks lies from element (i * columns.taps + j) * tap_step on, place by
  // place: from row `first_place` of the places on.
  OverlapPlan(const WindowMatrix& window, int64_t tap_step, int64_t first_place, int64_t begin,
              int64_t end);

  // At most so many bytes are that of so many rows.
  static int64_t MostBytes(const WindowMatrix& window, int64_t rows);

  // To elements [begin, end) of a line are added those from number `from` + begin on.
  struct Addend {
    int64_t from, begin, end;
  };
  int64_t begin, end;       // rows
  int64_t columns, stride;  // elements f, f + stride, … of a row are its line f
  int64_t lines;            // of a row: those that have an element
  LargeVector<Addend> addends;
  LargeVector<int64_t> line_begins;  // by row and line, where its addends begin; and their end
};

// The rows, of blocks from `blocks` on, each element with `bias` added to it, in `plane`.
void AddOverlaps(const OverlapPlan& plan, const float* blocks, float bias, float* plane);

// The rows of places whose blocks reach rows [begin, end) of a plane.
struct PlaceRange {
  int64_t begin, end;
};
PlaceRange PlacesOver(const WindowSpan& rows, int64_t begin, int64_t end);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_
