// The loops of tap_conv.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_CORE_WINDOW_TAP_CONV_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_WINDOW_TAP_CONV_KERNEL_H_
#undef NOMOGRAPH_CORE_WINDOW_TAP_CONV_KERNEL_H_
#else
#define NOMOGRAPH_CORE_WINDOW_TAP_CONV_KERNEL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/core/window/tap_conv.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// Adds `rows` rows of `columns` elements, which lie side by side, to those of `to`.
void AddRows(const float* from, int64_t rows, int64_t columns, float* to, int64_t stride) {
  const D d;
  for (int64_t r = 0; r < rows; ++r, from += columns, to += stride) {
    int64_t i = 0;
    for (; i + kLanes <= columns; i += kLanes) {
      hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
    }
    for (; i < columns; ++i) to[i] += from[i];
  }
}

// What follows the sums, on the plane of an output channel of an image.
void FinishPlane(const TapConv& conv, int64_t image, int64_t channel, int64_t size) {
  const D d;
  const int64_t row = image * conv.out_channels + channel;
  float* const plane = conv.output + row * size;
  if (conv.bias != nullptr) {
    const V bias = hn::Set(d, conv.bias[channel]);
    ForEachVector(size, plane, plane, [=](V v) HWY_ATTR { return hn::Add(v, bias); });
  }
  for (const VectorStep& step : conv.steps) {
    RunStep(step, step.column_stride != 0 ? row : channel, 0, size, plane, plane);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_CORE_WINDOW_TAP_CONV_KERNEL_H_
