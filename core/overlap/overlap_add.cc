#include "nomograph/core/overlap/overlap_add.h"

#include <algorithm>
#include <vector>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/overlap/overlap_add_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/overlap/overlap_add_kernel.h"

namespace nomograph {
namespace {

int64_t Lines(const WindowSpan& columns) { return std::min(columns.stride, columns.input); }

// At most so many addends have so many rows: a tap of the rows meets one of `stride` rows, and no
// more than there are places.
int64_t MostAddends(const WindowMatrix& window, int64_t rows) {
  const int64_t met = std::min(rows / window.rows.stride + 1, window.rows.output);
  return window.rows.taps * window.columns.taps * met;
}

}  // namespace

OverlapPlan::OverlapPlan(const WindowMatrix& window, int64_t tap_step, int64_t first_place,
                         int64_t first_row, int64_t end_row)
    : begin(first_row),
      end(end_row),
      columns(window.columns.input),
      stride(window.columns.stride),
      lines(Lines(window.columns)) {
  const WindowSpan &rows = window.rows, &c = window.columns;
  // By line: a tap adds its places, the first of them to the line's element number `element`.
  struct Tap {
    int64_t number, element;
  };
  std::vector<std::vector<Tap>> taps(lines);
  for (int64_t t = 0; t < c.taps; ++t) {
    const int64_t column = t * c.dilation - c.pad_begin;
    const int64_t line = (column % stride + stride) % stride;
    if (line < lines) taps[line].push_back({t, (column - line) / stride});
  }
  line_begins.reserve((end - begin) * lines + 1);
  line_begins.push_back(0);
  addends.reserve(MostAddends(window, end - begin));
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t line = 0; line < lines; ++line) {
      const int64_t count = (columns - line + stride - 1) / stride;
      for (int64_t t = 0; t < rows.taps; ++t) {
        const int64_t from_place = r + rows.pad_begin - t * rows.dilation;
        const int64_t place = from_place / rows.stride;
        if (from_place < 0 || from_place % rows.stride != 0 || place >= rows.output) continue;
        for (const Tap& tap : taps[line]) {
          const int64_t first = std::max<int64_t>(0, tap.element);
          const int64_t last = std::min(count, tap.element + c.output);
          if (first >= last) continue;
          addends.push_back({(t * c.taps + tap.number) * tap_step +
                                 (place - first_place) * c.output - tap.element,
                             first, last});
        }
      }
      line_begins.push_back(static_cast<int64_t>(addends.size()));
    }
  }
}

int64_t OverlapPlan::MostBytes(const WindowMatrix& window, int64_t rows) {
  const int64_t line_begins = rows * Lines(window.columns) + 1;
  return line_begins * static_cast<int64_t>(sizeof(int64_t)) +
         MostAddends(window, rows) * static_cast<int64_t>(sizeof(Addend));
}

void AddOverlaps(const OverlapPlan& plan, const float* blocks, float bias, float* plane) {
  static const auto best = NOMO_BEST(AddRows);
  best(plan, blocks, bias, plane);
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
