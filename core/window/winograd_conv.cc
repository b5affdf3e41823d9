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
  int64_t (*packed_floats)(int64_t in_channels, int64_t out_channels) = NOMO_BEST(PackedFloats);
  void (*pack)(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
               float* packed, int part, int parts) = NOMO_BEST(PackKernel);
  double (*cost)(const WinogradConv& conv) = NOMO_BEST(Cost);
  int64_t (*blocks)(const WinogradConv& conv) = NOMO_BEST(Blocks);
  bool (*by_blocks)(const WinogradConv& conv) = NOMO_BEST(ByBlocks);
  int64_t (*shared_floats)(const WinogradConv& conv) = NOMO_BEST(SharedFloats);
  int64_t (*scratch_floats)(const WinogradConv& conv) = NOMO_BEST(ScratchFloats);
  bool (*run_stage)(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                    int parts, float* shared, float* scratch) = NOMO_BEST(RunStage);
};
const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

double WinogradCost(const WinogradConv& conv) { return Best().cost(conv); }

int64_t PackedWinogradFloats(int64_t in_channels, int64_t out_channels) {
  return Best().packed_floats(in_channels, out_channels);
}

void PackWinogradKernel(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
                        float* packed, int part, int parts) {
  Best().pack(kernel, in_channels, out_channels, packed, part, parts);
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
