// Checks of whole messages. Protobuf's own parser says of a damaged message that it is damaged, not
// where, and its writer writes strings that its parser refuses; here every fault names its place,
// e.g. `graph: nodes[3]: name: ...`.
#ifndef NOMOGRAPH_SERIALIZATION_WIRE_CHECK_H_
#define NOMOGRAPH_SERIALIZATION_WIRE_CHECK_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace nomograph {

// Checks what protobuf's parser checks, so that it will not fail: `bytes` are fields, those that
// `type` has are of its wire types, and strings are UTF-8. DataLoss or InvalidArgument otherwise.
// The result is whether there are fields that `type`, or a message in it, does not have.
absl::StatusOr<bool> CheckWire(absl::string_view bytes, const google::protobuf::Descriptor& type);

// InvalidArgument when a string of the message is not UTF-8.
absl::Status CheckStrings(const google::protobuf::Message& message);

// InvalidArgument when the message has a field that its type does not have.
absl::Status CheckNoUnknownFields(const google::protobuf::Message& message);

bool IsUtf8(absl::string_view text);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_WIRE_CHECK_H_
