#include "nomograph/serialization/unknown_fields.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "nomograph/core/types/status.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// Whether a struct with `unknown_fields` of its own stands for the message.
bool HasOwnStruct(const Descriptor* type) {
  const Descriptor* const types[] = {GraphProto::descriptor(),    ValueProto::descriptor(),
                                     NodeProto::descriptor(),     WeightProto::descriptor(),
                                     FunctionProto::descriptor(), VariableProto::descriptor(),
                                     LayerProto::descriptor(),    GoldenVectorProto::descriptor()};
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

// The fields with messages that belong to the message's struct.
std::vector<const FieldDescriptor*> OwnMessages(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::erase_if(fields, [](const FieldDescriptor* field) {
    return field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
           HasOwnStruct(field->message_type());
  });
  return fields;
}

// The field that tells elements apart, a string in field 1; null where only their place does.
const FieldDescriptor* KeyOf(const Descriptor& type) {
  const FieldDescriptor* field = type.FindFieldByNumber(1);
  return field != nullptr && field->type() == FieldDescriptor::TYPE_STRING && !field->is_repeated()
             ? field
             : nullptr;
}

std::string Key(const Message& element, const FieldDescriptor* key) {
  return element.GetReflection()->GetString(element, key);
}

// Copies unknown fields from `in` to the empty message `out`; false when there are none.
bool Take(const Message& in, Message& out);

bool TakeRepeated(const Message& in, const FieldDescriptor* field, Message& out) {
  const Reflection& reflection = *in.GetReflection();
  const FieldDescriptor* key = KeyOf(*field->message_type());
  int used = 0;  // elements of `out` that hold something or stand ahead of one that does
  for (int i = 0; i < reflection.FieldSize(in, field); ++i) {
    const Message& element = reflection.GetRepeatedMessage(in, field, i);
    Message& taken = *reflection.AddMessage(&out, field);
    if (Take(element, taken)) {
      if (key != nullptr) taken.GetReflection()->SetString(&taken, key, Key(element, key));
      used = reflection.FieldSize(out, field);
    } else if (key != nullptr) {
      reflection.RemoveLast(&out, field);
    }
  }
  while (reflection.FieldSize(out, field) > used) reflection.RemoveLast(&out, field);
  return used > 0;
}

bool Take(const Message& in, Message& out) {
  const Reflection& reflection = *in.GetReflection();
  reflection.MutableUnknownFields(&out)->MergeFrom(reflection.GetUnknownFields(in));
  bool any = !reflection.GetUnknownFields(in).empty();
  for (const FieldDescriptor* field : OwnMessages(in)) {
    if (field->is_repeated()) {
      any |= TakeRepeated(in, field, out);
    } else if (Take(reflection.GetMessage(in, field), *reflection.MutableMessage(&out, field))) {
      any = true;
    } else {
      reflection.ClearField(&out, field);
    }
  }
  return any;
}

void Put(const Message& taken, Message& message);

void PutRepeated(const Message& taken, const FieldDescriptor* field, Message& message) {
  const Reflection& reflection = *taken.GetReflection();
  const FieldDescriptor* key = KeyOf(*field->message_type());
  const int count = reflection.FieldSize(message, field);
  absl::flat_hash_map<std::string, int> by_key;
  for (int i = 0; key != nullptr && i < count; ++i) {
    by_key.emplace(Key(reflection.GetRepeatedMessage(message, field, i), key), i);
  }
  for (int i = 0; i < reflection.FieldSize(taken, field); ++i) {
    const Message& element = reflection.GetRepeatedMessage(taken, field, i);
    int target = i;
    if (key != nullptr) {
      const auto found = by_key.find(Key(element, key));
      target = found == by_key.end() ? count : found->second;
    }
    if (target < count) Put(element, *reflection.MutableRepeatedMessage(&message, field, target));
  }
}

void Put(const Message& taken, Message& message) {
  const Reflection& reflection = *taken.GetReflection();
  reflection.MutableUnknownFields(&message)->MergeFrom(reflection.GetUnknownFields(taken));
  for (const FieldDescriptor* field : OwnMessages(taken)) {
    if (field->is_repeated()) {
      PutRepeated(taken, field, message);
    } else if (reflection.HasField(message, field)) {
      Put(reflection.GetMessage(taken, field), *reflection.MutableMessage(&message, field));
    }
  }
}

}  // namespace

std::string TakeUnknownFields(const Message& message) {
  const std::unique_ptr<Message> taken(message.New());
  return Take(message, *taken) ? taken->SerializeAsString() : "";
}

absl::Status PutUnknownFields(absl::string_view unknown_fields, Message& message) {
  if (unknown_fields.empty()) return absl::OkStatus();
  const std::unique_ptr<Message> taken(message.New());
  const auto checked = CheckWire(unknown_fields, *message.GetDescriptor());
  if (!checked.ok()) return Annotate(checked.status(), "unknown_fields");
  if (!taken->ParseFromArray(unknown_fields.data(), static_cast<int>(unknown_fields.size()))) {
    return InvalidArgument("unknown_fields: they are no ", message.GetDescriptor()->name());
  }
  Put(*taken, message);
  return absl::OkStatus();
}

}  // namespace nomograph
