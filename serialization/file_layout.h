// How the bytes of a .nomo file are laid out: header, graph part, payload part. FORMAT.md has it in
// full. What the graph part says is graph_proto.h's business.
#ifndef NOMOGRAPH_SERIALIZATION_FILE_LAYOUT_H_
#define NOMOGRAPH_SERIALIZATION_FILE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/proto/model.pb.h"

namespace nomograph {

// A file's parts.
struct FileParts {
  // A ModelProto without padding and payloads. A copy, so that what is checked is what is parsed.
  std::string graph;
  std::vector<absl::string_view> payloads, padding;
};

// Splits a file, in time that does not depend on the sizes of the payloads. InvalidArgument for a
// file of another kind (it says which where that is known), Unimplemented for a newer version of
// the format, DataLoss for a damaged or truncated file.
absl::StatusOr<FileParts> SplitFile(absl::string_view file);

// DataLoss when padding is not zero.
absl::Status CheckPadding(const FileParts& parts);

// A file's bytes ahead of the payload part. ResourceExhausted when the graph part has 2 GiB or
// more. REQUIRES: `model` has no padding and no payloads, and its strings are UTF-8.
absl::StatusOr<std::string> HeaderAndGraphPart(ModelProto model);

// The bytes that stand at `position` of a file ahead of a payload's own: padding, tag and length.
std::string PayloadPrefix(uint64_t position, uint64_t payload_bytes);

// Hands the file's bytes to `write`, in order and in pieces of up to 16 MiB; payloads come straight
// from the tensors' memory. The second argument is the size of the whole file.
absl::Status WriteFileLayout(absl::string_view header_and_graph_part,
                             absl::Span<const Tensor> payloads,
                             absl::FunctionRef<absl::Status(absl::string_view, uint64_t)> write);

// XXH3, 64 bits, seed 0.
uint64_t Checksum(absl::string_view bytes);
// The same, reporting the size of each piece of up to 16 MiB that it has read.
uint64_t Checksum(absl::string_view bytes, absl::FunctionRef<void(int64_t)> progress);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_FILE_LAYOUT_H_
