#include "nomograph/core/window/depthwise_conv.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/depthwise_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/depthwise_conv_kernel.h"

namespace nomograph {
namespace {

struct Target {
  int64_t (*scratch_floats)(const DepthwiseConv& conv) = NOMO_BEST(DepthwiseFloats);
  void (*convolve)(const DepthwiseConv& conv, int64_t begin, int64_t end,
                   float* scratch) = NOMO_BEST(Convolve);
};

const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

int64_t DepthwiseScratchFloats(const DepthwiseConv& conv) { return Best().scratch_floats(conv); }

void ConvolveChannels(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch) {
  Best().convolve(conv, begin, end, scratch);
}

}  // namespace nomograph
