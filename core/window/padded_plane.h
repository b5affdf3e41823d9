// Planes of float32 with their padding, from which convolutions read vectors, for the files that
// are compiled once for each instruction set and include this one each time.
#if defined(NOMOGRAPH_CORE_WINDOW_PADDED_PLANE_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_PADDED_PLANE_H_
#undef NOMOGRAPH_CORE_WINDOW_PADDED_PLANE_H_
#else
#define NOMOGRAPH_CORE_WINDOW_PADDED_PLANE_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "hwy/highway.h"
#include "nomograph/core/vector/packed_product.h"
#include "nomograph/core/vector/vector_steps.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// to[i] = from[i]
HWY_INLINE void CopyPart(const float* HWY_RESTRICT from, int64_t count, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, 4> d4;
  const D d;
  constexpr int64_t kFew = static_cast<int64_t>(hn::MaxLanes(d4));
  // The last vector may overlap the one before it.
  if (count >= kLanes) {
    for (int64_t i = 0; i < count; i += kLanes) {
      const int64_t at = std::min(i, count - kLanes);
      hn::StoreU(hn::LoadU(d, from + at), d, to + at);
    }
  } else if (count >= kFew) {
    for (int64_t i = 0; i < count; i += kFew) {
      const int64_t at = std::min(i, count - kFew);
      hn::StoreU(hn::LoadU(d4, from + at), d4, to + at);
    }
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

// even[i] = from[2 * i] and odd[i] = from[2 * i + 1], for as many as a vector has.
template <typename DD>
HWY_INLINE void SplitPairs(DD d, const float* HWY_RESTRICT from, float* HWY_RESTRICT even,
                           float* HWY_RESTRICT odd) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(DD()) > 1) {
    const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + hn::MaxLanes(d));
    hn::StoreU(hn::ConcatEven(d, b, a), d, even);
    hn::StoreU(hn::ConcatOdd(d, b, a), d, odd);
    return;
  }
#endif
  *even = from[0];
  *odd = from[1];
  (void)d;
}

// A plane with its padding. A row is cut into the columns 0, s, 2s, ...; 1, s + 1, ...; and so on
// for a stride of s, so that what neighbouring outputs read always lies side by side.
struct PaddedPlane {
  explicit PaddedPlane(const WindowMatrix& window) : rows(window.rows), columns(window.columns) {
    const int64_t reach = (columns.taps - 1) * columns.dilation / columns.stride;
    phase = std::max(columns.output, kLanes) + reach;
    pitch = phase * columns.stride;
  }

  // How far the elements under the taps, row by row, lie behind the first row of what is under the
  // window's first place.
  std::vector<int64_t> TapOffsets() const {
    std::vector<int64_t> offsets;
    for (int64_t r = 0; r < rows.taps; ++r) {
      for (int64_t c = 0; c < columns.taps; ++c) {
        const int64_t column = c * columns.dilation;
        offsets.push_back(r * rows.dilation * pitch + column % columns.stride * phase +
                          column / columns.stride);
      }
    }
    return offsets;
  }

  // Columns p, p + stride, … of the padded rows, as far as they are in the input and read: where
  // the first lies in a row of the input and among these columns.
  struct Part {
    int64_t from, to, count;
  };
  Part PartOf(int64_t p) const {
    const int64_t s = columns.stride;
    const int64_t first = std::max<int64_t>(0, (columns.pad_begin - p + s - 1) / s);
    const int64_t column = p + first * s - columns.pad_begin;
    return {column, p * phase + first,
            std::min(phase - first, (columns.input - column + s - 1) / s)};
  }

  // Those of all columns of which something is in the input.
  std::vector<Part> Parts() const {
    std::vector<Part> parts;
    for (int64_t p = 0; p < columns.stride; ++p) {
      const Part part = PartOf(p);
      if (part.count > 0) parts.push_back(part);
    }
    return parts;
  }

  // Rows [begin, end) of the padded plane, to the rows of `plane`, whose columns of padding are
  // zero already.
  void Fill(const std::vector<Part>& parts, const float* input, int64_t begin, int64_t end,
            float* plane) const {
    const int64_t inside = std::clamp(rows.pad_begin, begin, end);
    const int64_t behind = std::clamp(rows.input + rows.pad_begin, inside, end);
    std::memset(plane, 0, (inside - begin) * pitch * sizeof(float));
    std::memset(plane + (behind - begin) * pitch, 0, (end - behind) * pitch * sizeof(float));
    FillRows(parts, input + (inside - rows.pad_begin) * columns.input, behind - inside,
             plane + (inside - begin) * pitch);
  }

  // So many rows, all of them of the input.
  void FillRows(const std::vector<Part>& parts, const float* in, int64_t count, float* out) const {
    // copy(d, i, from, to) for all of some elements of each row, a vector at a time. Which vectors
    // these are is asked once; the last one may overlap the one before it.
    const auto each = [&](int64_t size, const float* from, float* to, auto copy) HWY_ATTR {
      const auto with = [&](auto d) HWY_ATTR {
        const int64_t lanes = static_cast<int64_t>(hn::MaxLanes(d)), last = size - lanes;
        if (last < 0) return false;
        for (int64_t row = 0; row < count; ++row, from += columns.input, to += pitch) {
          for (int64_t i = 0; i < last; i += lanes) copy(d, i, from, to);
          copy(d, last, from, to);
        }
        return true;
      };
      return with(D()) || with(hn::CappedTag<float, 4>()) || with(hn::CappedTag<float, 1>());
    };
    const auto copy_column = [&](int64_t from, int64_t to) {
      for (int64_t row = 0; row < count; ++row) {
        out[row * pitch + to] = in[row * columns.input + from];
      }
    };
    if (columns.stride == 1 && parts.size() == 1) {
      each(parts[0].count, in + parts[0].from, out + parts[0].to,
           [](auto d, int64_t i, const float* from, float* to)
               HWY_ATTR { hn::StoreU(hn::LoadU(d, from + i), d, to + i); });
      return;
    }
    int64_t pairs = 0;
    if (columns.stride == 2 && parts.size() == 2) {
      const bool in_order = parts[0].from < parts[1].from;
      const Part even = parts[in_order ? 0 : 1], odd = parts[in_order ? 1 : 0];
      if (even.from + 1 == odd.from) pairs = std::min(even.count, odd.count);
      each(pairs, in + even.from, out,
           [=](auto d, int64_t i, const float* from, float* to)
               HWY_ATTR { SplitPairs(d, from + 2 * i, to + even.to + i, to + odd.to + i); });
    }
    for (const Part& part : parts) {
      for (int64_t i = pairs; i < part.count; ++i) {
        copy_column(part.from + i * columns.stride, part.to + i);
      }
    }
  }

  // How many rows of outputs can be computed at a time where what `planes` of them read should take
  // no more than `floats`; at least `few` or all.
  int64_t StripRows(int64_t planes, int64_t floats, int64_t few) const {
    const int64_t reach = (rows.taps - 1) * rows.dilation;
    const int64_t fit = (floats / (planes * pitch) - reach - 1) / rows.stride + 1;
    return std::clamp(fit, std::min(few, rows.output), rows.output);
  }
  // How many rows of the padded plane so many rows of outputs read.
  int64_t RowsUnder(int64_t outputs) const {
    return (outputs - 1) * rows.stride + (rows.taps - 1) * rows.dilation + 1;
  }

  WindowSpan rows, columns;
  int64_t phase, pitch;
};

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_PADDED_PLANE_H_
