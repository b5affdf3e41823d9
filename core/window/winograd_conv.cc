#include "nomograph/core/window/winograd_conv.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/winograd_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/winograd_conv_kernel.h"

namespace nomograph {
namespace {

// The functions for one instruction set.
struct Target {
  int64_t (*packed_floats)(int64_t in_channels, int64_t out_channels);
  void (*pack)(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
               float* packed);
  double (*cost)(const WinogradConv& conv);
  int64_t (*blocks)(const WinogradConv& conv);
  bool (*by_blocks)(const WinogradConv& conv);
  int64_t (*shared_floats)(const WinogradConv& conv);
  int64_t (*scratch_floats)(const WinogradConv& conv);
  bool (*run_stage)(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                    int parts, float* shared, float* scratch);
};
#define NOMO_TARGET(set)                                                                          \
  Target {                                                                                        \
    set::PackedFloats, set::PackKernel, set::Cost, set::Blocks, set::ByBlocks, set::SharedFloats, \
        set::ScratchFloats, set::RunStage                                                         \
  }

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return NOMO_TARGET(N_AVX3);
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return NOMO_TARGET(N_AVX2);
#endif
    default:
      return {HWY_STATIC_DISPATCH(PackedFloats),  HWY_STATIC_DISPATCH(PackKernel),
              HWY_STATIC_DISPATCH(Cost),          HWY_STATIC_DISPATCH(Blocks),
              HWY_STATIC_DISPATCH(ByBlocks),      HWY_STATIC_DISPATCH(SharedFloats),
              HWY_STATIC_DISPATCH(ScratchFloats), HWY_STATIC_DISPATCH(RunStage)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

double WinogradCost(const WinogradConv& conv) { return Best().cost(conv); }

int64_t PackedWinogradFloats(int64_t in_channels, int64_t out_channels) {
  return Best().packed_floats(in_channels, out_channels);
}

void PackWinogradKernel(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
                        float* packed) {
  Best().pack(kernel, in_channels, out_channels, packed);
}

int64_t WinogradBlocks(const WinogradConv& conv) { return Best().blocks(conv); }
bool WinogradByBlocks(const WinogradConv& conv) { return Best().by_blocks(conv); }
int64_t WinogradSharedFloats(const WinogradConv& conv) { return Best().shared_floats(conv); }
int64_t WinogradScratchFloats(const WinogradConv& conv) { return Best().scratch_floats(conv); }
bool RunWinogradStage(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                      int parts, float* shared, float* scratch) {
  return Best().run_stage(conv, block, stage, part, parts, shared, scratch);
}

}  // namespace nomograph
