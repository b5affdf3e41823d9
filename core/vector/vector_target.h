// The instruction sets for which vector code is compiled, and the best of them that this machine
// has.
//
// Highway's own choice at run time would need its library, whose start measures the clock.
#ifndef NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_
#define NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_

namespace nomograph {

// kBaseline: what the compiler may assume.
enum class VectorTarget { kBaseline, kAvx2, kAvx512 };
VectorTarget BestVectorTarget();
// "baseline", "avx2", "avx512".
const char* VectorTargetName(VectorTarget target);

}  // namespace nomograph

// What Highway's foreach_target.h is to leave out.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)

#endif  // NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_
