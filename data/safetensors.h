// Safetensors: tensors by name in one file, as Hugging Face's library writes them. The format is
// described at https://huggingface.co/docs/safetensors: eight bytes with the length of a header,
// the header, which is JSON, and the tensors' bytes, little-endian and in row-major order.
#ifndef NOMOGRAPH_DATA_SAFETENSORS_H_
#define NOMOGRAPH_DATA_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

struct SafetensorsOptions {
  int64_t max_header_bytes = 100'000'000;  // as in the format's own library
};

struct Safetensors {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

// All tensors. Those that lie aligned to their elements share the file's memory, which is mapped;
// the others are copied. InvalidArgument, naming the tensor, for a header that is no JSON or no
// such object, that names one tensor twice, whose tensors overlap, leave gaps or go beyond the
// file, or are of a type that is not here (F4, F6_E2M3, F6_E3M2, F8_E8M0, C64), and for bools that
// are neither 0 nor 1; ResourceExhausted for one that is longer than allowed. What is allocated
// follows from the bytes that are there, not from what they claim.
absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const SafetensorsOptions& options = {});
// `owner` keeps the bytes, which the tensors may share; where it is null all are copied.
absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes,
                                             const std::shared_ptr<const void>& owner = nullptr,
                                             const SafetensorsOptions& options = {});

// Writes the tensors, those with the largest elements first, so that all lie aligned; otherwise in
// the order of their names. Equal tensors give equal bytes. InvalidArgument, naming the tensor, for
// types that the format lacks (int4, uint4, float8_e4m3fnuz, float8_e5m2fnuz) and for names that
// are no UTF-8 or "__metadata__".
absl::Status WriteSafetensors(const std::string& path, const NamedTensors& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_SAFETENSORS_H_
