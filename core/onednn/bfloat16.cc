#include "nomograph/core/onednn/bfloat16.h"

#include "oneapi/dnnl/dnnl.hpp"

namespace nomograph {

bool HasBFloat16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

}  // namespace nomograph
