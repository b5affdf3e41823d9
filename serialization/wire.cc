#include "nomograph/serialization/wire.h"

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr int kMaxVarintBytes = 10;

}  // namespace

absl::StatusOr<WireField> WireReader::Next() {
  const uint64_t begin = position_;
  NOMO_ASSIGN_OR_RETURN(const uint64_t tag, Varint());
  if (tag > UINT32_MAX || tag >> 3 == 0) return Error("there is no such field");
  WireField field{.number = static_cast<uint32_t>(tag >> 3),
                  .type = static_cast<WireType>(tag & 7)};
  switch (field.type) {
    case WireType::kVarint: {
      NOMO_ASSIGN_OR_RETURN(field.value, Varint());
      break;
    }
    case WireType::kFixed64: {
      NOMO_ASSIGN_OR_RETURN(field.value, Fixed(8));
      break;
    }
    case WireType::kFixed32: {
      NOMO_ASSIGN_OR_RETURN(field.value, Fixed(4));
      break;
    }
    case WireType::kBytes: {
      NOMO_ASSIGN_OR_RETURN(const uint64_t size, Varint());
      const uint64_t left = message_.size() - position_;
      if (size > left) {
        return Error(
            absl::StrCat("field ", field.number, " needs ", size, " bytes, ", left, " are left"));
      }
      field.bytes = message_.substr(position_, size);
      position_ += size;
      break;
    }
    default:
      return Error(
          absl::StrCat("field ", field.number, " has wire type ", tag & 7, ", which is not used"));
  }
  field.whole = message_.substr(begin, position_ - begin);
  return field;
}

absl::StatusOr<uint64_t> WireReader::Varint() {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes; ++i) {
    if (done()) return Error("the bytes end within a varint");
    const uint8_t byte = static_cast<uint8_t>(message_[position_++]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value;
  }
  return Error("a varint has more than 10 bytes");
}

absl::StatusOr<uint64_t> WireReader::Fixed(int bytes) {
  if (message_.size() - position_ < static_cast<size_t>(bytes)) {
    return Error(absl::StrCat("the bytes end within a number of ", bytes, " bytes"));
  }
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(message_[position_++])) << (8 * i);
  }
  return value;
}

absl::Status WireReader::Error(absl::string_view what) const {
  return absl::DataLossError(absl::StrCat("byte ", position_, ": ", what));
}

int VarintSize(uint64_t value) {
  int size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void AppendTag(uint32_t number, WireType type, std::string& out) {
  AppendVarint(number << 3 | static_cast<uint32_t>(type), out);
}

void AppendFixed64(uint64_t value, std::string& out) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace nomograph
