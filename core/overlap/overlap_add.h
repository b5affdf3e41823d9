// Planes of float32 that are put together from blocks, which add up where they overlap (col2im):
// what is left of a transposed convolution once a matrix product has computed the blocks.
#ifndef NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_
#define NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_

#include <cstdint>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// The blocks lie where a window of the plane has its places: of `window`, outputs are the places,
// inputs the elements of the plane.
struct OverlapAdd {
  WindowMatrix window;
  // Element (i, j) of all blocks lies from parts + (i * columns.taps + j) * tap_step on, place by
  // place.
  const float* parts = nullptr;
  int64_t tap_step = 0;
  int64_t first_place = 0;  // the row of places with which they begin; those that are needed follow
  float bias = 0;           // that is added to each element of the plane
  float* plane = nullptr;
};

// Memory that AddOverlaps() works in, in floats.
int64_t OverlapScratchFloats(const WindowMatrix& window);
// Computes rows [begin, end) of the plane.
void AddOverlaps(const OverlapAdd& add, int64_t begin, int64_t end, float* scratch);

// The rows of places whose blocks reach rows [begin, end) of a plane.
struct PlaceRange {
  int64_t begin, end;
};
PlaceRange PlacesOver(const WindowSpan& rows, int64_t begin, int64_t end);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OVERLAP_OVERLAP_ADD_H_
