#include "nomograph/ops/quant/pairs/pair_loops.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/ops/quant/pairs/pair_loops_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/ops/quant/pairs/pair_loops_kernel.h"

namespace nomograph::quant {
namespace {

struct Target {
  decltype(&HWY_STATIC_DISPATCH(MultiplyPairs)) multiply_pairs = NOMO_BEST(MultiplyPairs);
  decltype(&HWY_STATIC_DISPATCH(PadHalves)) pad_halves = NOMO_BEST(PadHalves);
  decltype(&HWY_STATIC_DISPATCH(MultiplyHalves)) multiply_halves = NOMO_BEST(MultiplyHalves);
  decltype(&HWY_STATIC_DISPATCH(FinishRow)) finish_row = NOMO_BEST(FinishRow);
  decltype(&HWY_STATIC_DISPATCH(SplitRows)) split_rows = NOMO_BEST(SplitRows);
  decltype(&HWY_STATIC_DISPATCH(JoinBytes)) join_bytes = NOMO_BEST(JoinBytes);
  decltype(&HWY_STATIC_DISPATCH(TransformTiles)) transform_tiles = NOMO_BEST(TransformTiles);
  decltype(&HWY_STATIC_DISPATCH(RestoreTiles)) restore_tiles = NOMO_BEST(RestoreTiles);
};

const Target& Best() {
  static const Target target;
  return target;
}

}  // namespace

void MultiplyPairs(const PairProduct& product, const int32_t* x, int64_t count, const int32_t* w,
                   int32_t* sums, int64_t stride) {
  Best().multiply_pairs(product, x, count, w, sums, stride);
}

void PadHalves(const void* x, const PaddedHalves& padded, int16_t* to) {
  Best().pad_halves(x, padded, to);
}

void MultiplyHalves(const HalvesProduct& product, const int16_t* x, int64_t count, const int32_t* w,
                    int32_t* sums) {
  Best().multiply_halves(product, x, count, w, sums);
}

void FinishRow(const int32_t* sums, int64_t count, const RowFinish& finish, void* y) {
  Best().finish_row(sums, count, finish, y);
}

void SplitRows(const SplitLines& lines, const void* x, int64_t row_phase, int16_t* first,
               int16_t* second, int32_t* to) {
  Best().split_rows(lines, x, row_phase, first, second, to);
}

void JoinBytes(const PairedBytes& bytes, int64_t count, int32_t* to) {
  Best().join_bytes(bytes, count, to);
}

void TransformTiles(const int32_t* even, const int32_t* odd, int64_t pitch, int64_t count,
                    int32_t* to, int64_t stride) {
  Best().transform_tiles(even, odd, pitch, count, to, stride);
}

void RestoreTiles(const int32_t* sums, int64_t stride, int64_t count, int32_t* first,
                  int32_t* second) {
  Best().restore_tiles(sums, stride, count, first, second);
}

}  // namespace nomograph::quant
