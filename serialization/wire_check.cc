#include "nomograph/serialization/wire_check.h"

#include <array>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/wire.h"

namespace nomograph {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

WireType WireTypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return WireType::kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return WireType::kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return WireType::kBytes;
    default:
      return WireType::kVarint;
  }
}

// "nodes[3]" for the element of that number, "name" for a field that is not repeated.
std::string PlaceOf(const FieldDescriptor& field, int element) {
  return field.is_repeated() ? absl::StrCat(field.name(), "[", element, "]") : field.name();
}

absl::Status CheckString(absl::string_view text) {
  if (IsUtf8(text)) return absl::OkStatus();
  return InvalidArgument("the text is not UTF-8; bytes belong into a uint8 tensor");
}

// The elements of a repeated field of numbers, one after the other.
absl::Status CheckPacked(absl::string_view bytes, WireType type) {
  const size_t size = type == WireType::kFixed64 ? 8 : 4;
  if (type != WireType::kVarint) {
    if (bytes.size() % size == 0) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(bytes.size(), " bytes are no list of numbers of ", size, " bytes"));
  }
  int length = 0;
  for (const char byte : bytes) {
    length = (byte & 0x80) != 0 ? length + 1 : 0;
    if (length == 10) return absl::DataLossError("a varint has more than 10 bytes");
  }
  return length == 0 ? absl::OkStatus() : absl::DataLossError("the bytes end within a varint");
}

// Sets *unknown when it meets fields that are not known.
absl::Status CheckMessage(absl::string_view bytes, const Descriptor& type, bool* unknown);

absl::Status CheckField(const WireField& wire, const FieldDescriptor& field, bool* unknown) {
  const WireType expected = WireTypeOf(field);
  if (wire.type == WireType::kBytes && field.is_packable())
    return CheckPacked(wire.bytes, expected);
  if (wire.type != expected) {
    return absl::DataLossError(absl::StrCat("expected wire type ", static_cast<int>(expected),
                                            ", found ", static_cast<int>(wire.type)));
  }
  if (field.type() == FieldDescriptor::TYPE_MESSAGE)
    return CheckMessage(wire.bytes, *field.message_type(), unknown);
  if (field.type() == FieldDescriptor::TYPE_STRING) return CheckString(wire.bytes);
  return absl::OkStatus();
}

absl::Status CheckMessage(absl::string_view bytes, const Descriptor& type, bool* unknown) {
  std::array<int, 16> elements = {};  // of the fields with these numbers, so far
  for (WireReader reader(bytes); !reader.done();) {
    NOMO_ASSIGN_OR_RETURN(const WireField wire, reader.Next());
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(wire.number));
    if (field == nullptr) {
      *unknown = true;
      continue;
    }
    const int element = elements[wire.number % elements.size()]++;
    const absl::Status status = CheckField(wire, *field, unknown);
    if (!status.ok()) return Annotate(status, PlaceOf(*field, element));
  }
  return absl::OkStatus();
}

// Calls `check` with the message and every message in it.
absl::Status ForEachMessage(const Message& message,
                            absl::FunctionRef<absl::Status(const Message&)> check) {
  NOMO_RETURN_IF_ERROR(check(message));
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const Message& element = field->is_repeated()
                                   ? reflection.GetRepeatedMessage(message, field, i)
                                   : reflection.GetMessage(message, field);
      const absl::Status status = ForEachMessage(element, check);
      if (!status.ok()) return Annotate(status, PlaceOf(*field, i));
    }
  }
  return absl::OkStatus();
}

// The message's own strings.
absl::Status CheckOwnStrings(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    if (field->type() != FieldDescriptor::TYPE_STRING) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const absl::Status status = CheckString(
          field->is_repeated() ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                               : reflection.GetStringReference(message, field, &scratch));
      if (!status.ok()) return Annotate(status, PlaceOf(*field, i));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> CheckWire(absl::string_view bytes, const Descriptor& type) {
  bool unknown = false;
  NOMO_RETURN_IF_ERROR(CheckMessage(bytes, type, &unknown));
  return unknown;
}

absl::Status CheckStrings(const Message& message) {
  return ForEachMessage(message, CheckOwnStrings);
}

absl::Status CheckNoUnknownFields(const Message& message) {
  return ForEachMessage(message, [](const Message& m) {
    const auto& unknown = m.GetReflection()->GetUnknownFields(m);
    if (unknown.empty()) return absl::OkStatus();
    return InvalidArgument("field ", unknown.field(0).number(),
                           " is of a newer version of the format");
  });
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const int length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace nomograph
