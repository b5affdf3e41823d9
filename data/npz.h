// NPZ: a zip archive of NPY arrays (numpy.savez, numpy.savez_compressed, numpy.load).
#ifndef NOMOGRAPH_DATA_NPZ_H_
#define NOMOGRAPH_DATA_NPZ_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {

struct NpzOptions {
  // Of all arrays together, unpacked.
  int64_t max_bytes = kDefaultMaxUnpackedBytes;
  // Of the whole archive.
  GrowthLimit growth;
};

// Every array under its name without ".npy"; members may be stored or deflated. InvalidArgument,
// naming the member, for names that occur twice, members that are no arrays, and what ReadNpy()
// refuses; ResourceExhausted when the arrays claim more than `max_bytes`, or more than `growth`
// allows. A member that claims more
// than its compressed bytes can hold is refused before it is unpacked.
absl::StatusOr<NamedTensors> ReadNpz(const std::string& path, const NpzOptions& options = {});
absl::StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const NpzOptions& options = {});

// Writes the arrays in the order of their names, not compressed, as numpy.savez() does. The bytes
// depend on names and tensors alone: every member's time is the first that zip knows, 1980-01-01.
// The archive is composed in memory. InvalidArgument, naming the member, for what WriteNpy()
// refuses and for names that are no UTF-8 text.
absl::Status WriteNpz(const std::string& path, const NamedTensors& tensors);
absl::StatusOr<std::string> FormatNpz(const NamedTensors& tensors);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_NPZ_H_
