#include "nomograph/core/window/direct_conv.h"

#include <algorithm>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/direct_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/direct_conv_kernel.h"

namespace nomograph {
namespace {

struct Target {
  double time;  // of a sum, by that at the machine's best
  double (*cost)(const DirectConv& conv);
  int64_t (*scratch_floats)(const DirectConv& conv);
  void (*convolve)(const DirectConv& conv, int part, int parts, float* scratch);
};

Target TargetOf(VectorTarget target) {
  const bool half = BestVectorTarget() == VectorTarget::kAvx512 && target != VectorTarget::kAvx512;
  return {half ? 2.0 : 1.0, NOMO_FOR_TARGET(target, CostOfDirect),
          NOMO_FOR_TARGET(target, DirectFloats), NOMO_FOR_TARGET(target, Convolve)};
}

// Rows of no more elements than AVX2's vectors have would leave half of AVX-512's empty.
const Target& TargetFor(const DirectConv& conv) {
  constexpr int64_t kShortRow = 8;
  static const VectorTarget best = BestVectorTarget();
  static const Target for_long = TargetOf(best);
  static const Target for_short =
      TargetOf(best == VectorTarget::kAvx512 ? VectorTarget::kAvx2 : best);
  return conv.columns.output <= kShortRow ? for_short : for_long;
}

}  // namespace

double DirectCost(const DirectConv& conv) {
  const Target& target = TargetFor(conv);
  return target.time * target.cost(conv);
}

int64_t PackedDirectFloats(const DirectConv& conv) {
  const int64_t blocks = (conv.out_channels + kDirectChannels - 1) / kDirectChannels;
  return conv.groups * blocks * kDirectChannels * conv.in_channels * conv.rows.taps *
         conv.columns.taps;
}

// Block after block of kDirectChannels output channels; in each, term after term, the elements of
// all of them, zeros where there are no more.
void PackDirect(const TapWeights& weights, const DirectConv& conv, float* packed) {
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  for (int64_t g = 0; g < conv.groups; ++g) {
    for (int64_t first = 0; first < conv.out_channels; first += kDirectChannels) {
      const int64_t count = std::min(kDirectChannels, conv.out_channels - first);
      const float* const block =
          weights.data + (g * conv.out_channels + first) * weights.out_stride;
      for (int64_t i = 0; i < conv.in_channels; ++i) {
        for (int64_t t = 0; t < taps; ++t) {
          const float* const from = block + i * weights.in_stride + t * weights.tap_stride;
          for (int64_t o = 0; o < kDirectChannels; ++o) {
            *packed++ = o < count ? from[o * weights.out_stride] : 0.0f;
          }
        }
      }
    }
  }
}

int64_t DirectScratchFloats(const DirectConv& conv) { return TargetFor(conv).scratch_floats(conv); }

void ConvolveDirect(const DirectConv& conv, int part, int parts, float* scratch) {
  TargetFor(conv).convolve(conv, part, parts, scratch);
}

}  // namespace nomograph
