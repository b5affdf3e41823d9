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
  int64_t (*shared_floats)(const WinogradConv& conv);
  int64_t (*scratch_floats)(const WinogradConv& conv);
  bool (*run_stage)(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                    int parts, float* shared, float* scratch);
};
Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return {N_AVX3::PackedFloats, N_AVX3::PackKernel,    N_AVX3::Cost,    N_AVX3::Blocks,
              N_AVX3::SharedFloats, N_AVX3::ScratchFloats, N_AVX3::RunStage};
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return {N_AVX2::PackedFloats, N_AVX2::PackKernel,    N_AVX2::Cost,    N_AVX2::Blocks,
              N_AVX2::SharedFloats, N_AVX2::ScratchFloats, N_AVX2::RunStage};
#endif
    default:
      return {HWY_STATIC_DISPATCH(PackedFloats), HWY_STATIC_DISPATCH(PackKernel),
              HWY_STATIC_DISPATCH(Cost),         HWY_STATIC_DISPATCH(Blocks),
              HWY_STATIC_DISPATCH(SharedFloats), HWY_STATIC_DISPATCH(ScratchFloats),
              HWY_STATIC_DISPATCH(RunStage)};
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
int64_t WinogradSharedFloats(const WinogradConv& conv) { return Best().shared_floats(conv); }
int64_t WinogradScratchFloats(const WinogradConv& conv) { return Best().scratch_floats(conv); }
bool RunWinogradStage(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                      int parts, float* shared, float* scratch) {
  return Best().run_stage(conv, block, stage, part, parts, shared, scratch);
}

}  // namespace nomograph
