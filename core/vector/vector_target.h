// The instruction sets for which vector code is compiled, and the best of them that this machine
// has.
//
// Highway's own choice at run time would need its library, whose start measures the clock.
#ifndef NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_
#define NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_

#include <type_traits>

namespace nomograph {

// kBaseline: what the compiler may assume.
enum class VectorTarget { kBaseline, kAvx2, kAvx512 };

// The best of the machine that is not above MaxVectorTarget().
VectorTarget BestVectorTarget();
// "baseline", "avx2", "avx512".
const char* VectorTargetName(VectorTarget target);

// Whether the machine multiplies tiles of bfloat16 and of int8 (AMX), beside kAvx512, and the
// system lets this process do so, which is asked once. Not where the variable below names a target.
bool HasTiles();

// Code for lesser machines can be tried on one that has more: NOMO_MAX_CPU_ISA=avx2 in the
// environment holds loops here and oneDNN's to AVX2, avx512 to what does without tiles. It is read
// once.
inline constexpr char kMaxTargetVariable[] = "NOMO_MAX_CPU_ISA";
// kAvx512, which means no limit, where the variable is not the name of a target.
VectorTarget MaxVectorTarget();
// Whether the variable is unset, empty or the name of a target.
bool MaxVectorTargetIsValid();

// What NOMO_FOR_TARGET calls: one of a function's versions, null where the compiler made none.
template <class F>
F ForTarget(VectorTarget target, std::type_identity_t<F> avx512, std::type_identity_t<F> avx2,
            F baseline) {
  const F found = target == VectorTarget::kAvx512 ? avx512
                  : target == VectorTarget::kAvx2 ? avx2
                                                  : baseline;
  return found != nullptr ? found : baseline;
}

}  // namespace nomograph

// What Highway's foreach_target.h is to leave out.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)

// The version of a function that was compiled for an instruction set, and that for the best one.
#define NOMO_FOR_TARGET(target, function)                                              \
  ::nomograph::ForTarget(target, HWY_CHOOSE_AVX3(function), HWY_CHOOSE_AVX2(function), \
                         &HWY_STATIC_DISPATCH(function))
#define NOMO_BEST(function) NOMO_FOR_TARGET(::nomograph::BestVectorTarget(), function)

#endif  // NOMOGRAPH_CORE_VECTOR_VECTOR_TARGET_H_
