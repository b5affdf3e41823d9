// The text form of a model (.nomo.txtpb): its ModelProto in protobuf's text format, all tensors
// inline. For review and diffs: it is complete, so that it turns back into the same file.
#ifndef NOMOGRAPH_SERIALIZATION_TEXT_FORMAT_H_
#define NOMOGRAPH_SERIALIZATION_TEXT_FORMAT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/proto/model.pb.h"

namespace nomograph {

// Whether a path names a text form: it ends with ".txtpb".
bool IsTextPath(absl::string_view path);

// A longer text cannot be read.
inline constexpr int64_t kMaxTextBytes = std::numeric_limits<int32_t>::max();

// InvalidArgument for fields of a newer version, which text has no names for; ResourceExhausted for
// a model of 1 GiB or more.
absl::StatusOr<std::string> ProtoToText(const ModelProto& model);

// A whole file or pipe of text, as ReadFile(), up to kMaxTextBytes.
absl::StatusOr<std::string> ReadText(const std::string& path);

// InvalidArgument names line and column. What `protoc --decode` prints of a .nomo file is taken
// too; the checksum of its graph part is dropped, so that the text may be edited.
absl::StatusOr<ModelProto> ProtoFromText(absl::string_view text);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_TEXT_FORMAT_H_
