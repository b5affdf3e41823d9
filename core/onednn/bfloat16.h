// Which narrow numbers oneDNN multiplies with instructions that this machine has for them.
#ifndef NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_
#define NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_

namespace nomograph {

// Whether oneDNN multiplies bfloat16 with instructions that this machine has for it (AVX-512 BF16,
// AMX). Elsewhere such products are computed in float32, which takes longer than without bfloat16.
bool HasBFloat16();

// Whether oneDNN multiplies 8-bit integers with instructions that add the products in 32 bits
// (AVX-512 VNNI). Elsewhere two of them are added in 16 bits, and the sum may saturate.
bool HasVnni();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ONEDNN_BFLOAT16_H_
