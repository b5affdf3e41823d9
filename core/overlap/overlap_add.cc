#include "nomograph/core/overlap/overlap_add.h"

#include <algorithm>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/overlap/overlap_add_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/overlap/overlap_add_kernel.h"

namespace nomograph {

int64_t OverlapScratchFloats(const WindowMatrix& window) {
  const WindowSpan& c = window.columns;
  return c.stride == 1 ? 0 : (c.input + c.stride - 1) / c.stride * c.stride;
}

void AddOverlaps(const OverlapAdd& add, int64_t begin, int64_t end, float* scratch) {
  static const auto best = NOMO_BEST(AddRows);
  best(add, begin, end, scratch);
}

PlaceRange PlacesOver(const WindowSpan& rows, int64_t begin, int64_t end) {
  const int64_t reach = (rows.taps - 1) * rows.dilation;
  const int64_t first = begin + rows.pad_begin - reach, last = end - 1 + rows.pad_begin;
  PlaceRange places{first <= 0 ? 0 : (first + rows.stride - 1) / rows.stride,
                    last < 0 ? 0 : last / rows.stride + 1};
  places.end = std::min(places.end, rows.output);
  places.begin = std::min(places.begin, places.end);
  return places;
}

}  // namespace nomograph
