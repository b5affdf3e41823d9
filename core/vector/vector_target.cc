#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

VectorTarget Find() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
  if (!avx2) return VectorTarget::kBaseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd");
  return avx512 ? VectorTarget::kAvx512 : VectorTarget::kAvx2;
#else
  return VectorTarget::kBaseline;
#endif
}

}  // namespace

VectorTarget BestVectorTarget() {
  static const VectorTarget target = Find();
  return target;
}

const char* VectorTargetName(VectorTarget target) {
  switch (target) {
    case VectorTarget::kBaseline:
      return "baseline";
    case VectorTarget::kAvx2:
      return "avx2";
    case VectorTarget::kAvx512:
      return "avx512";
  }
  return "";
}

}  // namespace nomograph
