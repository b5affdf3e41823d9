#include "nomograph/serialization/file_layout.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/foreign_file.h"
#include "nomograph/serialization/format.h"
#include "nomograph/serialization/wire.h"

namespace nomograph {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are written as they lie in memory");

constexpr size_t kPieceBytes = size_t{16} << 20;
constexpr absl::string_view kMagic = "nomograph";
constexpr int kFormatVersionField = ModelProto::kFormatVersionFieldNumber;
constexpr int kGraphBytesField = ModelProto::kGraphBytesFieldNumber;
constexpr int kGraphXxh3Field = ModelProto::kGraphXxh3FieldNumber;
constexpr int kPaddingField = ModelProto::kPaddingFieldNumber;
constexpr int kPayloadField = ModelProto::kPayloadFieldNumber;

// The field that every file begins with.
std::string MagicField() {
  std::string field;
  AppendTag(ModelProto::kMagicFieldNumber, WireType::kBytes, field);
  AppendVarint(kMagic.size(), field);
  return field.append(kMagic.data(), kMagic.size());
}

absl::Status CheckMagic(absl::string_view file) {
  if (absl::StartsWith(file, MagicField())) return absl::OkStatus();
  if (file.empty()) return InvalidArgument("the file is empty");
  if (absl::StartsWith(MagicField(), file)) return absl::DataLossError("the file is truncated");
  const std::string kind = DescribeForeignFile(file);
  return InvalidArgument("this is not a Nomograph model",
                         kind.empty() ? "" : absl::StrCat(": ", kind));
}

absl::Status CheckVersion(const WireField& field) {
  if (field.number != kFormatVersionField || field.type != WireType::kVarint || field.value == 0) {
    return absl::DataLossError("there is no format version");
  }
  if (field.value <= kFormatVersion) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("the file has format version ", field.value,
                                               "; this build reads versions up to ",
                                               kFormatVersion));
}

// Field `number`, 8 bytes, when that is what comes next.
absl::StatusOr<WireField> NextFixed64(WireReader& reader, int number) {
  if (reader.done()) return absl::DataLossError("the file is truncated in its header");
  NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
  if (field.number != static_cast<uint32_t>(number) || field.type != WireType::kFixed64) {
    return absl::DataLossError("the header is damaged");
  }
  return field;
}

// Whether the field is padding or a payload; if so, it is put into `parts`.
bool TakePayload(const WireField& field, FileParts& parts) {
  if (field.type != WireType::kBytes) return false;
  if (field.number == kPayloadField) parts.payloads.push_back(field.bytes);
  if (field.number == kPaddingField) parts.padding.push_back(field.bytes);
  return field.number == kPayloadField || field.number == kPaddingField;
}

// The header ends with graph_bytes, which the reader stands at.
absl::Status SplitSealed(absl::string_view file, WireReader& reader, FileParts& parts) {
  NOMO_ASSIGN_OR_RETURN(const WireField size, NextFixed64(reader, kGraphBytesField));
  NOMO_ASSIGN_OR_RETURN(const WireField xxh3, NextFixed64(reader, kGraphXxh3Field));
  const uint64_t begin = reader.position();
  if (size.value > file.size() - begin) {
    return absl::DataLossError(absl::StrCat("the file is truncated: its graph part has ",
                                            size.value, " bytes, ", file.size() - begin,
                                            " are left"));
  }
  if (size.value > INT_MAX - begin) return absl::DataLossError("the graph part passes 2 GiB");
  parts.graph.assign(file.data(), begin + size.value);
  if (Checksum(absl::string_view(parts.graph).substr(begin)) != xxh3.value) {
    return absl::DataLossError("the graph part is damaged: its checksum differs");
  }
  const uint64_t payloads_begin = parts.graph.size();
  for (WireReader rest(file.substr(payloads_begin)); !rest.done();) {
    auto field = rest.Next();
    if (!field.ok()) {
      return Annotate(field.status(), absl::StrCat("the payload part, at byte ", payloads_begin,
                                                   ", is truncated or damaged"));
    }
    if (!TakePayload(*field, parts)) {
      return absl::DataLossError(absl::StrCat("the payload part, at byte ", payloads_begin,
                                              ", is damaged: field ", field->number,
                                              " cannot stand there"));
    }
  }
  return absl::OkStatus();
}

absl::Status SplitPlain(absl::string_view file, FileParts& parts) {
  for (WireReader reader(file); !reader.done();) {
    NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (TakePayload(field, parts)) continue;
    if (field.number == kGraphBytesField || field.number == kGraphXxh3Field) {
      return absl::DataLossError("the header is damaged");
    }
    if (field.whole.size() > INT_MAX - parts.graph.size())
      return absl::DataLossError("the graph part passes 2 GiB");
    parts.graph.append(field.whole.data(), field.whole.size());
  }
  return absl::OkStatus();
}

absl::string_view BytesOf(const Tensor& tensor) {
  return absl::string_view(reinterpret_cast<const char*>(tensor.raw_data()), tensor.num_bytes());
}

}  // namespace

absl::StatusOr<FileParts> SplitFile(absl::string_view file) {
  NOMO_RETURN_IF_ERROR(CheckMagic(file));
  WireReader reader(file);
  NOMO_RETURN_IF_ERROR(reader.Next().status());
  if (reader.done()) return absl::DataLossError("the file is truncated");
  NOMO_ASSIGN_OR_RETURN(const WireField version, reader.Next());
  NOMO_RETURN_IF_ERROR(CheckVersion(version));
  FileParts parts;
  WireReader ahead = reader;
  NOMO_ASSIGN_OR_RETURN(const WireField next, ahead.done() ? WireField() : ahead.Next());
  if (next.number == kGraphBytesField) {
    NOMO_RETURN_IF_ERROR(SplitSealed(file, reader, parts));
  } else {
    NOMO_RETURN_IF_ERROR(SplitPlain(file, parts));
  }
  return parts;
}

absl::Status CheckPadding(const FileParts& parts) {
  for (size_t i = 0; i < parts.padding.size(); ++i) {
    if (parts.padding[i].find_first_not_of('\0') != absl::string_view::npos) {
      return absl::DataLossError(
          absl::StrCat("padding ", i, " is damaged: its bytes are not zero"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> HeaderAndGraphPart(ModelProto graph) {
  graph.clear_magic();
  graph.clear_format_version();
  graph.clear_graph_bytes();
  graph.clear_graph_xxh3();
  // Some room for the header.
  if (graph.ByteSizeLong() > INT_MAX - 64) {
    return absl::ResourceExhaustedError(
        "the model without its weights passes protobuf's limit of 2 GiB");
  }
  const std::string graph_part = graph.SerializeAsString();
  std::string bytes = MagicField();
  AppendTag(kFormatVersionField, WireType::kVarint, bytes);
  AppendVarint(kFormatVersion, bytes);
  AppendTag(kGraphBytesField, WireType::kFixed64, bytes);
  AppendFixed64(graph_part.size(), bytes);
  AppendTag(kGraphXxh3Field, WireType::kFixed64, bytes);
  AppendFixed64(Checksum(graph_part), bytes);
  return bytes + graph_part;
}

std::string PayloadPrefix(uint64_t position, uint64_t payload_bytes) {
  // Tag and length of the padding, then tag and length of the payload.
  const uint64_t unpadded = position + 2 + 1 + VarintSize(payload_bytes);
  const uint64_t padding = (kPayloadAlignment - unpadded % kPayloadAlignment) % kPayloadAlignment;
  std::string prefix;
  AppendTag(kPaddingField, WireType::kBytes, prefix);
  AppendVarint(padding, prefix);
  prefix.append(padding, '\0');
  AppendTag(kPayloadField, WireType::kBytes, prefix);
  AppendVarint(payload_bytes, prefix);
  return prefix;
}

absl::Status WriteFileLayout(absl::string_view header_and_graph_part,
                             absl::Span<const Tensor> payloads,
                             absl::FunctionRef<absl::Status(absl::string_view, uint64_t)> write) {
  std::vector<std::string> prefixes;
  uint64_t size = header_and_graph_part.size();
  for (const Tensor& payload : payloads) {
    prefixes.push_back(PayloadPrefix(size, payload.num_bytes()));
    size += prefixes.back().size() + payload.num_bytes();
  }
  const auto write_pieces = [&](absl::string_view bytes) -> absl::Status {
    for (size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
      NOMO_RETURN_IF_ERROR(write(bytes.substr(begin, kPieceBytes), size));
    }
    return absl::OkStatus();
  };
  NOMO_RETURN_IF_ERROR(write_pieces(header_and_graph_part));
  for (size_t i = 0; i < payloads.size(); ++i) {
    NOMO_RETURN_IF_ERROR(write_pieces(prefixes[i]));
    NOMO_RETURN_IF_ERROR(write_pieces(BytesOf(payloads[i])));
  }
  return absl::OkStatus();
}

uint64_t Checksum(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t Checksum(absl::string_view bytes, absl::FunctionRef<void(int64_t)> progress) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       XXH3_freeState);
  NOMO_CHECK(state != nullptr && XXH3_64bits_reset(state.get()) == XXH_OK);
  for (size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
    const absl::string_view piece = bytes.substr(begin, kPieceBytes);
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
    progress(static_cast<int64_t>(piece.size()));
  }
  return XXH3_64bits_digest(state.get());
}

}  // namespace nomograph
