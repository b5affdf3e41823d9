// CRC-32C (Castagnoli), the checksum of TFRecord files.
#ifndef NOMOGRAPH_DATA_PIPELINE_CRC32C_H_
#define NOMOGRAPH_DATA_PIPELINE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace nomograph {

// RFC 3720, section 12.1: the reflected polynomial 0x82f63b78, all bits inverted before and after.
uint32_t Crc32c(absl::string_view bytes);

// As TFRecord stores it, because a CRC over bytes that hold their own CRC is a poor one.
inline uint32_t MaskedCrc32c(absl::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_CRC32C_H_
