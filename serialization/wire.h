// The protobuf wire format, read field by field with 64-bit lengths. Protobuf's own parser takes no
// message over 2 GiB.
#ifndef NOMOGRAPH_SERIALIZATION_WIRE_H_
#define NOMOGRAPH_SERIALIZATION_WIRE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;       // of all types but kBytes
  absl::string_view bytes;  // of kBytes
  absl::string_view whole;  // with the tag
};

class WireReader {
 public:
  explicit WireReader(absl::string_view message) : message_(message) {}

  bool done() const { return position_ == message_.size(); }
  // Bytes from the message's start.
  uint64_t position() const { return position_; }
  // DataLoss when the bytes are no field, or when fewer are left than the field needs.
  // REQUIRES: !done().
  absl::StatusOr<WireField> Next();

 private:
  absl::StatusOr<uint64_t> Varint();
  absl::StatusOr<uint64_t> Fixed(int bytes);
  absl::Status Error(absl::string_view what) const;

  absl::string_view message_;
  uint64_t position_ = 0;
};

// How many bytes `value` takes as a varint, and those bytes.
int VarintSize(uint64_t value);
void AppendVarint(uint64_t value, std::string& out);
void AppendTag(uint32_t number, WireType type, std::string& out);
void AppendFixed64(uint64_t value, std::string& out);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_WIRE_H_
