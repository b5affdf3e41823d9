// Whether this machine multiplies bfloat16.
#ifndef NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_
#define NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_

namespace nomograph {

// Whether oneDNN multiplies bfloat16 with instructions that this machine has for it (AVX-512 BF16,
// AMX). Elsewhere such products are computed in float32, which takes longer than without bfloat16.
bool HasBFloat16();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_
