#include "nomograph/core/numeric/winograd_conv.h"

#include "nomograph/core/numeric/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/numeric/winograd_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/numeric/winograd_conv_kernel.h"

namespace nomograph {
namespace {

constexpr int kPoints = 6, kTaps = 3;

// The functions for one instruction set.
struct Target {
  int64_t (*panel_rows)();
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
      return {N_AVX3::PanelRows,    N_AVX3::Cost,          N_AVX3::Blocks,
              N_AVX3::SharedFloats, N_AVX3::ScratchFloats, N_AVX3::RunStage};
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return {N_AVX2::PanelRows,    N_AVX2::Cost,          N_AVX2::Blocks,
              N_AVX2::SharedFloats, N_AVX2::ScratchFloats, N_AVX2::RunStage};
#endif
    default:
      return {HWY_STATIC_DISPATCH(PanelRows),     HWY_STATIC_DISPATCH(Cost),
              HWY_STATIC_DISPATCH(Blocks),        HWY_STATIC_DISPATCH(SharedFloats),
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
  const int64_t panel = Best().panel_rows();
  return kPoints * kPoints * in_channels * ((out_channels + panel - 1) / panel * panel);
}

void PackWinogradKernel(const WinogradKernel& kernel, int64_t in_channels, int64_t out_channels,
                        float* packed) {
  constexpr double kG[kPoints][kTaps] = {{1.0 / 4, 0, 0},
                                         {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                         {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                         {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                         {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                         {0, 0, 1}};
  const int64_t panel = Best().panel_rows();
  const int64_t rows = (out_channels + panel - 1) / panel * panel;
  for (int64_t o = 0; o < rows; ++o) {
    for (int64_t i = 0; i < in_channels; ++i) {
      double by_rows[kPoints][kTaps] = {};
      for (int row = 0; row < kTaps && o < out_channels; ++row) {
        for (int column = 0; column < kTaps; ++column) {
          const double w = kernel.data[o * kernel.out_stride + i * kernel.in_stride +
                                       (row * kTaps + column) * kernel.tap_stride];
          for (int p = 0; p < kPoints; ++p) by_rows[p][column] += kG[p][row] * w;
        }
      }
      for (int p = 0; p < kPoints; ++p) {
        for (int q = 0; q < kPoints; ++q) {
          double sum = 0;
          for (int column = 0; column < kTaps; ++column) sum += kG[q][column] * by_rows[p][column];
          // Panel after panel of the matrix of each point, as packed_product.h has them.
          const int64_t point = p * kPoints + q;
          packed[(point * rows + o / panel * panel) * in_channels + i * panel + o % panel] =
              static_cast<float>(sum);
        }
      }
    }
  }
}

int64_t WinogradBlocks(const WinogradConv& conv) { return Best().blocks(conv); }
int64_t WinogradSharedFloats(const WinogradConv& conv) { return Best().shared_floats(conv); }
int64_t WinogradScratchFloats(const WinogradConv& conv) { return Best().scratch_floats(conv); }
bool RunWinogradStage(const WinogradConv& conv, int64_t block, WinogradStage stage, int part,
                      int parts, float* shared, float* scratch) {
  return Best().run_stage(conv, block, stage, part, parts, shared, scratch);
}

}  // namespace nomograph
