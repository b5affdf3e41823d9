#include "nomograph/core/attention/tiled_attention.h"

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/attention/tiled_attention_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/attention/tiled_attention_kernel.h"

namespace nomograph {
namespace {

struct Target {
  int64_t (*scratch_floats)(const TiledAttention& attention);
  void (*attend)(const TiledAttention& attention, int part, int parts, float* scratch);
};

Target BestTarget() {
  switch (BestVectorTarget()) {
#if HWY_TARGETS & HWY_AVX3
    case VectorTarget::kAvx512:
      return {N_AVX3::ScratchFloats, N_AVX3::Attend};
#endif
#if HWY_TARGETS & HWY_AVX2
    case VectorTarget::kAvx2:
      return {N_AVX2::ScratchFloats, N_AVX2::Attend};
#endif
    default:
      return {HWY_STATIC_DISPATCH(ScratchFloats), HWY_STATIC_DISPATCH(Attend)};
  }
}

const Target& Best() {
  static const Target target = BestTarget();
  return target;
}

}  // namespace

int64_t AttentionScratchFloats(const TiledAttention& attention) {
  return Best().scratch_floats(attention);
}

void AttendPart(const TiledAttention& attention, int part, int parts, float* scratch) {
  Best().attend(attention, part, parts, scratch);
}

}  // namespace nomograph
