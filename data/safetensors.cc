#include "nomograph/data/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kLengthBytes = 8;
constexpr absl::string_view kMetadata = "__metadata__";

constexpr std::pair<absl::string_view, DType> kTypes[] = {
    {"F64", DType::kFloat64},       {"F32", DType::kFloat32},
    {"F16", DType::kFloat16},       {"BF16", DType::kBFloat16},
    {"I64", DType::kInt64},         {"I32", DType::kInt32},
    {"I16", DType::kInt16},         {"I8", DType::kInt8},
    {"U64", DType::kUInt64},        {"U32", DType::kUInt32},
    {"U16", DType::kUInt16},        {"U8", DType::kUInt8},
    {"BOOL", DType::kBool},         {"F8_E4M3", DType::kFloat8E4M3FN},
    {"F8_E5M2", DType::kFloat8E5M2}};

// What the header says of one tensor.
struct Entry {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> offsets;  // of its first byte, and behind its last, in the data
  bool has_shape = false;
};

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const int length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Reads the header as it is parsed, without a tree of it: it takes memory for entries alone, each
// of which has some sixty bytes in the file. The depth is what the format has, so that nothing can
// be nested.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  // OK once the parser has been through.
  absl::Status status = absl::OkStatus();
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t) override {
    if (depth_ == 0) return ++depth_, true;
    if (depth_ != 1) return Fault("an object does not belong here");
    ++depth_;
    in_metadata_ = name_ == kMetadata;
    if (!in_metadata_) entries.push_back({.name = name_});
    fields_.clear();
    return true;
  }

  bool end_object() override {
    if (--depth_ == 1 && !in_metadata_) {
      const Entry& entry = entries.back();
      if (entry.dtype.empty() || !entry.has_shape || entry.offsets.size() != 2) {
        return Fault("expected dtype, shape and data_offsets, which has two numbers");
      }
    }
    return true;
  }

  bool key(string_t& key) override {
    if (depth_ == 1) {
      name_ = key;
      return names_.insert(key).second || Fault("the name occurs twice");
    }
    field_ = key;
    if (!fields_.insert(key).second) return Fault("a field occurs twice");
    if (in_metadata_ || key == "dtype" || key == "shape" || key == "data_offsets") return true;
    return Fault(absl::StrCat("there is no field ", Quoted(key)));
  }

  bool string(string_t& text) override {
    if (depth_ != 2 || in_list_) return Fault("a text does not belong here");
    if (in_metadata_) return metadata[field_] = text, true;
    if (field_ != "dtype") return Fault("only dtype is a text");
    entries.back().dtype = text;
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_list_ || in_metadata_ || field_ == "dtype") {
      return Fault("a list does not belong here");
    }
    in_list_ = true;
    if (field_ == "shape") entries.back().has_shape = true;
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (!in_list_) return Fault("a number does not belong here");
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Fault("a number is too large");
    }
    Entry& entry = entries.back();
    std::vector<int64_t>& list = field_ == "shape" ? entry.shape : entry.offsets;
    if (list.size() >= (field_ == "shape" ? kMaxRank : 2)) return Fault("a list is too long");
    list.push_back(static_cast<int64_t>(number));
    return true;
  }

  bool null() override { return Fault("null does not belong here"); }
  bool boolean(bool) override { return Fault("a truth value does not belong here"); }
  bool number_integer(number_integer_t) override { return Fault("a number is negative"); }
  bool number_float(number_float_t, const string_t&) override {
    return Fault("a number is not whole");
  }
  bool binary(binary_t&) override { return Fault("bytes do not belong here"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    status = InvalidArgument("the header is no JSON: byte ", kLengthBytes + position);
    return false;
  }

 private:
  bool Fault(absl::string_view what) {
    status = name_.empty() ? InvalidArgument("the header: ", what)
                           : InvalidArgument("tensor ", Quoted(name_), ": ", what);
    return false;
  }

  int depth_ = 0;
  bool in_list_ = false, in_metadata_ = false;
  std::string name_, field_;
  absl::flat_hash_set<std::string> names_, fields_;
};

// The type, which takes as many bytes as the entry has.
absl::StatusOr<std::pair<DType, Shape>> TypeOf(const Entry& entry) {
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](const auto& known) { return known.first == entry.dtype; });
  if (type == std::end(kTypes)) {
    return InvalidArgument("the type ", Quoted(entry.dtype), " is not supported");
  }
  const Shape shape(entry.shape);
  NOMO_ASSIGN_OR_RETURN(const int64_t elements, shape.CheckedNumElements());
  const int64_t has = entry.offsets[1] - entry.offsets[0], size = DTypeSize(type->second);
  if (has % size != 0 || has / size != elements) {
    return InvalidArgument(type->first, shape.ToString(), " does not take the ", has,
                           " bytes that are there for it");
  }
  return std::pair(type->second, shape);
}

absl::StatusOr<Tensor> TensorAt(DType dtype, const Shape& shape, absl::string_view bytes,
                                const std::shared_ptr<const void>& owner) {
  if (dtype == DType::kBool) {
    for (const char byte : bytes) {
      if (byte != 0 && byte != 1) return InvalidArgument("a bool is neither 0 nor 1");
    }
  }
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  if (owner != nullptr && !bytes.empty() && address % DTypeSize(dtype) == 0) {
    return Tensor::FromBuffer(dtype, shape, bytes.data(), owner);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor copy, Tensor::Create(dtype, shape));
  if (!bytes.empty()) std::memcpy(copy.mutable_raw_data(), bytes.data(), bytes.size());
  return copy;
}

// The tensors, which lie one behind the other and fill `data`.
absl::Status ReadTensors(std::vector<Entry> entries, absl::string_view data,
                         const std::shared_ptr<const void>& owner, NamedTensors& tensors) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  int64_t at = 0;
  const auto size = static_cast<int64_t>(data.size());
  for (const Entry& entry : entries) {
    const auto read = [&]() -> absl::StatusOr<Tensor> {
      const int64_t begin = entry.offsets[0], end = entry.offsets[1];
      if (begin > end || end > size) {
        return InvalidArgument("its bytes, from ", begin, " to ", end, ", are not within the ",
                               size, " that are there");
      }
      if (begin != at) {
        return InvalidArgument("it begins at byte ", begin, ", the one ahead of it ends at ", at);
      }
      NOMO_ASSIGN_OR_RETURN(const auto type, TypeOf(entry));
      return TensorAt(type.first, type.second, data.substr(begin, end - begin), owner);
    };
    auto tensor = read();
    if (!tensor.ok()) {
      return Annotate(tensor.status(), absl::StrCat("tensor ", Quoted(entry.name)));
    }
    tensors.emplace(entry.name, *std::move(tensor));
    at = entry.offsets[1];
  }
  if (at != size) {
    return InvalidArgument("the tensors end at byte ", at, " of ", size, " bytes of data");
  }
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view name) {
  if (!IsUtf8(name)) return InvalidArgument("tensor ", Quoted(name), ": the name is no UTF-8");
  if (name == kMetadata) return InvalidArgument("no tensor can be named ", kMetadata);
  return absl::OkStatus();
}

std::string Json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes,
                                             const std::shared_ptr<const void>& owner,
                                             const SafetensorsOptions& options) {
  if (bytes.size() < kLengthBytes) {
    return InvalidArgument("expected a safetensors file, found ", bytes.size(), " bytes");
  }
  if (bytes.size() > kLengthBytes && bytes[kLengthBytes] != '{') {
    return InvalidArgument("expected a safetensors file, whose header begins with '{'");
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (length > bytes.size()) {
    return InvalidArgument("the header has ", length, " bytes, ", bytes.size(), " are left");
  }
  if (length > static_cast<uint64_t>(options.max_header_bytes)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the header has ", length, " bytes, more than the ", options.max_header_bytes, " allowed"));
  }
  const absl::string_view header = bytes.substr(0, length);
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(header.begin(), header.end(), &reader)) return reader.status;
  Safetensors file{.metadata = std::move(reader.metadata)};
  NOMO_RETURN_IF_ERROR(
      ReadTensors(std::move(reader.entries), bytes.substr(length), owner, file.tensors));
  return file;
}

absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const SafetensorsOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(path));
  auto file = ParseSafetensors(mapped->bytes(), mapped, options);
  NOMO_RETURN_IF_ERROR(Annotate(file.status(), path));
  return file;
}

absl::Status WriteSafetensors(const std::string& path, const NamedTensors& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<const std::string*, const Tensor*>> order;
  for (const auto& [name, tensor] : tensors) {
    NOMO_RETURN_IF_ERROR(CheckName(name));
    order.emplace_back(&name, &tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return DTypeSize(a.second->dtype()) > DTypeSize(b.second->dtype());
  });
  // By hand: a tree would look each name up among all others.
  std::string json = "{";
  if (!metadata.empty()) {
    absl::StrAppend(&json, Json(std::string(kMetadata)), ":", Json(metadata));
  }
  int64_t at = 0;
  for (const auto& [name, tensor] : order) {
    const auto type = std::find_if(
        std::begin(kTypes), std::end(kTypes),
        [dtype = tensor->dtype()](const auto& known) { return known.second == dtype; });
    if (type == std::end(kTypes)) {
      return InvalidArgument("tensor ", Quoted(*name), ": safetensors have no type for ",
                             DTypeName(tensor->dtype()));
    }
    const absl::Span<const int64_t> dims = tensor->shape().dims();
    const int64_t end = at + tensor->num_bytes();
    absl::StrAppend(&json, json.size() > 1 ? "," : "", Json(*name), ":{\"dtype\":\"", type->first,
                    "\",\"shape\":[", absl::StrJoin(dims, ","), "],\"data_offsets\":[", at, ",",
                    end, "]}");
    at = end;
  }
  json += '}';
  json.append((kLengthBytes - json.size() % kLengthBytes) % kLengthBytes, ' ');
  const uint64_t length = json.size();
  std::string start(reinterpret_cast<const char*>(&length), kLengthBytes);
  start += json;
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(file.Write(start));
  for (const auto& [name, tensor] : order) {
    NOMO_RETURN_IF_ERROR(file.Write(absl::MakeConstSpan(tensor->raw_data(), tensor->num_bytes())));
  }
  return file.Commit();
}

}  // namespace nomograph
