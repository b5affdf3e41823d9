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
  int64_t (*scratch_floats)(const DepthwiseConv& conv);
  void (*convolve)(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch);
};

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return {N_AVX3::DepthwiseFloats, N_AVX3::Convolve};
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return {N_AVX2::DepthwiseFloats, N_AVX2::Convolve};
#endif
    default:
      return {HWY_STATIC_DISPATCH(DepthwiseFloats), HWY_STATIC_DISPATCH(Convolve)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

int64_t DepthwiseScratchFloats(const DepthwiseConv& conv) { return Best().scratch_floats(conv); }

void ConvolveChannels(const DepthwiseConv& conv, int64_t begin, int64_t end, float* scratch) {
  Best().convolve(conv, begin, end, scratch);
}

}  // namespace nomograph
