// Fields that a newer version of the format has added survive loading and saving. The structs of
// graph.h and model.h keep them in their `unknown_fields`: a message of the struct's own type which
// holds nothing but those fields, its own and those of the messages in it (its attributes, tensors,
// types). Elements of repeated fields are told by their name or, where they have none, by place.
#ifndef NOMOGRAPH_SERIALIZATION_UNKNOWN_FIELDS_H_
#define NOMOGRAPH_SERIALIZATION_UNKNOWN_FIELDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace nomograph {

// Empty when there are none. Messages that have a struct of their own (a graph's nodes) are left
// out.
std::string TakeUnknownFields(const google::protobuf::Message& message);

// Puts them back. Those of elements that are gone are dropped. InvalidArgument when
// `unknown_fields` is no such message.
absl::Status PutUnknownFields(absl::string_view unknown_fields, google::protobuf::Message& message);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_UNKNOWN_FIELDS_H_
