#include "nomograph/core/onednn/bfloat16.h"

#include "nomograph/core/onednn/runtime.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace nomograph {
namespace {

// Sets of instructions are sets of bits. Versions know different ones beyond these.
bool Has(dnnl_cpu_isa_t instructions) {
  onednn::Engine();  // what oneDNN is held to is settled by the first question, or primitive
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & instructions) == instructions;
}

}  // namespace

bool HasBFloat16() { return Has(dnnl_cpu_isa_avx512_core_bf16); }

bool HasVnni() { return Has(dnnl_cpu_isa_avx512_core_vnni); }

}  // namespace nomograph
