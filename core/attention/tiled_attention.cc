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
  int64_t (*scratch_floats)(const TiledAttention& attention) = NOMO_BEST(ScratchFloats);
  void (*attend)(const TiledAttention& attention, int part, int parts,
                 float* scratch) = NOMO_BEST(Attend);
};

const Target& Best() {
  static const Target target;
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
