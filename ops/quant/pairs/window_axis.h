// One axis of planes that are written with their padding, elements that a stride is apart together.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_WINDOW_AXIS_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_WINDOW_AXIS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "nomograph/core/vector/packed_product.h"

namespace nomograph::quant {

struct WindowAxis {
  WindowAxis() = default;
  // `step`: taps that are multiplied at once.
  WindowAxis(const WindowSpan& span, int64_t step)
      : stride(span.stride),
        dilation(span.dilation * step),
        taps((span.taps + step - 1) / step),
        extent((span.output - 1) * span.stride + (span.taps - 1) * span.dilation + 1),
        pitch((extent + span.stride - 1) / span.stride) {
    for (int64_t t = 0; t < taps; ++t) phases.push_back(t * dilation % stride);
    std::sort(phases.begin(), phases.end());
    phases.erase(std::unique(phases.begin(), phases.end()), phases.end());
  }

  int64_t num_phases() const { return static_cast<int64_t>(phases.size()); }
  // Of a tap: the index of its phase, and how far it is within.
  int64_t phase(int64_t tap) const {
    return std::lower_bound(phases.begin(), phases.end(), tap * dilation % stride) - phases.begin();
  }
  int64_t shift(int64_t tap) const { return tap * dilation / stride; }

  int64_t stride = 1, dilation = 1, taps = 1;
  int64_t extent = 0;           // elements from the first to the last that a window reaches
  int64_t pitch = 0;            // of them, those that are a stride apart
  std::vector<int64_t> phases;  // elements between strides that a tap meets
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_WINDOW_AXIS_H_
