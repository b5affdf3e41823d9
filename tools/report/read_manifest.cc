#include "nomograph/tools/report/read_manifest.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

using Json = nlohmann::json;

// The member, or null (of JSON) where there is none.
const Json& Member(const Json& object, const char* name) {
  static const Json* null = new Json;
  if (!object.is_object()) return *null;
  const auto found = object.find(name);
  return found == object.end() ? *null : *found;
}

absl::Status Expected(absl::string_view place, const char* field, const char* what) {
  return InvalidArgument(place, ": expected ", what, " in ", Quoted(field));
}

absl::StatusOr<std::vector<std::string>> Strings(const Json& list, absl::string_view place,
                                                 const char* field) {
  std::vector<std::string> strings;
  if (list.is_null()) return strings;
  if (!list.is_array()) return Expected(place, field, "a list of strings");
  for (const Json& item : list) {
    if (!item.is_string()) return Expected(place, field, "a list of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

absl::Status ReadTypes(const Json& json, absl::string_view place, TargetManifest::Op& op) {
  const Json& types = Member(json, "types");
  if (types.is_null()) return absl::OkStatus();
  if (!types.is_object()) return Expected(place, "types", "an object");
  for (const auto& [variable, names] : types.items()) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> dtypes, Strings(names, place, "types"));
    DTypeSet set;
    // A dtype that is not known here is none that a model has here.
    for (const std::string& name : dtypes) {
      const DType dtype = DTypeFromName(name);
      if (dtype != DType::kInvalid) set = set | DTypeSet{dtype};
    }
    op.types[variable] = set;
  }
  return absl::OkStatus();
}

absl::Status ReadInputs(const Json& json, absl::string_view place, TargetManifest::Op& op) {
  const Json& inputs = Member(json, "inputs");
  if (!inputs.is_array()) return Expected(place, "inputs", "a list");
  for (const Json& input : inputs) {
    const Json &type = Member(input, "type"), &kind = Member(input, "kind");
    if (!type.is_string()) return Expected(place, "inputs", "objects with a type");
    op.inputs.push_back(type.get<std::string>());
    op.variadic = kind.is_string() && kind.get<std::string>() == "variadic";
    // A dtype stands for itself.
    const DType dtype = DTypeFromName(op.inputs.back());
    if (dtype != DType::kInvalid) op.types.try_emplace(op.inputs.back(), DTypeSet{dtype});
  }
  return absl::OkStatus();
}

absl::Status ReadAttributes(const Json& json, absl::string_view place, TargetManifest::Op& op) {
  const Json& attributes = Member(json, "attributes");
  if (!attributes.is_array()) return Expected(place, "attributes", "a list");
  for (const Json& attribute : attributes) {
    const Json& name = Member(attribute, "name");
    if (!name.is_string()) return Expected(place, "attributes", "objects with a name");
    NOMO_ASSIGN_OR_RETURN(op.attributes[name.get<std::string>()].choices,
                          Strings(Member(attribute, "choices"), place, "choices"));
  }
  return absl::OkStatus();
}

absl::Status ReadOp(const Json& json, TargetManifest& manifest) {
  const Json& name = Member(json, "name");
  if (!name.is_string()) return InvalidArgument("an op has no name");
  const std::string place = absl::StrCat("op ", Quoted(name.get<std::string>()));
  TargetManifest::Op& op = manifest.ops[name.get<std::string>()];
  const Json& versions = Member(json, "versions");
  if (!versions.is_array()) return Expected(place, "versions", "a list of numbers");
  for (const Json& version : versions) {
    if (!version.is_number_integer()) return Expected(place, "versions", "a list of numbers");
    op.versions.insert(version.get<int>());
  }
  NOMO_RETURN_IF_ERROR(ReadTypes(json, place, op));
  NOMO_RETURN_IF_ERROR(ReadInputs(json, place, op));
  NOMO_RETURN_IF_ERROR(ReadAttributes(json, place, op));
  const auto is_set = [&](const char* field) {
    const Json& value = Member(json, field);
    return value.is_boolean() ? value.get<bool>()
                              : value.is_number_integer() && value.get<int64_t>() > 0;
  };
  op.runs = is_set("reference_kernel") || is_set("fast_kernels") || is_set("body");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TargetManifest> ReadManifest(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  // Nesting is bounded by the parser's own stack of containers; the document is read without
  // recursion into it.
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Json& schema = Member(json, "schema");
  if (!schema.is_string() || schema.get<std::string>() != "nomograph.ops.1" ||
      !Member(json, "ops").is_array()) {
    return InvalidArgument(path,
                           ": expected what `nomo ops --json` prints (\"schema\": "
                           "\"nomograph.ops.1\")");
  }
  TargetManifest manifest{.name = Escape(path)};
  for (const Json& op : Member(json, "ops")) {
    const absl::Status status = ReadOp(op, manifest);
    if (!status.ok()) return Annotate(status, path);
  }
  const Json& memory = Member(json, "memory_bytes");
  if (memory.is_number_integer()) manifest.memory_bytes = memory.get<int64_t>();
  return manifest;
}

}  // namespace nomograph
