// The version of the library, and the numbers of the file format, as FORMAT.md gives them.
#ifndef NOMOGRAPH_SERIALIZATION_FORMAT_H_
#define NOMOGRAPH_SERIALIZATION_FORMAT_H_

#include <cstdint>

namespace nomograph {

inline constexpr char kLibraryVersion[] = "0.1.0";  // as in MODULE.bazel

// The version that this build writes, and the newest that it reads.
inline constexpr int kFormatVersion = 1;
// Tensors of so many bytes and more are payloads of a .nomo file, which begin on multiples of the
// alignment.
inline constexpr int64_t kMinPayloadBytes = 1024;
inline constexpr int kPayloadAlignment = 64;

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_FORMAT_H_
