#include "nomograph/core/vector/vector_target.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nomograph {
namespace {

#if defined(__x86_64__)
// Conversions of float16, by which Highway goes; not every compiler's builtin knows the name.
bool HasF16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

VectorTarget TargetOfMachine() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && HasF16c();
  if (!avx2) return VectorTarget::kBaseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd");
  return avx512 ? VectorTarget::kAvx512 : VectorTarget::kAvx2;
#else
  return VectorTarget::kBaseline;
#endif
}

// Tiles are more than a thread's state has room for until the process has asked for it
// (Documentation/arch/x86/xstate.rst of the Linux kernel); all its threads have it then.
bool SystemGrantsTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool MachineHasTiles() {
#if defined(__x86_64__)
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAll = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  return (edx & kAll) == kAll;
#else
  return false;
#endif
}

// The value of the variable; empty where it is not set.
std::string_view MaxTargetName() {
  const char* const value = std::getenv(kMaxTargetVariable);
  return value == nullptr ? "" : value;
}

std::optional<VectorTarget> TargetNamed(std::string_view name) {
  for (const VectorTarget target :
       {VectorTarget::kBaseline, VectorTarget::kAvx2, VectorTarget::kAvx512}) {
    if (name == VectorTargetName(target)) return target;
  }
  return std::nullopt;
}

}  // namespace

VectorTarget BestVectorTarget() {
  static const VectorTarget target = std::min(TargetOfMachine(), MaxVectorTarget());
  return target;
}

VectorTarget MaxVectorTarget() {
  static const VectorTarget target = TargetNamed(MaxTargetName()).value_or(VectorTarget::kAvx512);
  return target;
}

bool HasTiles() {
  static const bool has = BestVectorTarget() == VectorTarget::kAvx512 &&
                          !TargetNamed(MaxTargetName()) && MachineHasTiles() && SystemGrantsTiles();
  return has;
}

bool MaxVectorTargetIsValid() {
  const std::string_view name = MaxTargetName();
  return name.empty() || TargetNamed(name).has_value();
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
