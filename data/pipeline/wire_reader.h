// Reads the wire format of protocol buffers, field by field, for the two messages that the pipeline
// knows. Source: https://protobuf.dev/programming-guides/encoding.
#ifndef NOMOGRAPH_DATA_PIPELINE_WIRE_READER_H_
#define NOMOGRAPH_DATA_PIPELINE_WIRE_READER_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace nomograph {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class WireReader {
 public:
  // `bytes` must outlive the reader.
  explicit WireReader(absl::string_view bytes) : bytes_(bytes) {}

  // Moves to the next field. False at the end, and where there is no field: then failed().
  bool NextField() {
    if (failed_ || rest().empty()) return false;
    uint64_t tag = 0;
    if (!ReadVarint(tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return Fail();
    field_ = static_cast<int64_t>(tag >> 3);
    type_ = static_cast<WireType>(tag & 7);
    switch (type_) {
      case WireType::kVarint:
        return ReadVarint(number_) || Fail();
      case WireType::kFixed64:
        return Take(8);
      case WireType::kFixed32:
        return Take(4);
      case WireType::kBytes: {
        uint64_t size = 0;
        return (ReadVarint(size) || Fail()) && Take(size);
      }
    }
    return Fail();  // groups, which no program has written for many years
  }

  bool failed() const { return failed_; }
  bool AtEnd() const { return at_ == bytes_.size(); }
  // Where the reader is, in bytes from the beginning.
  int64_t position() const { return static_cast<int64_t>(at_); }
  int64_t field() const { return field_; }
  WireType type() const { return type_; }
  // Whether the field has this number and type.
  bool Is(int64_t field, WireType type) const { return field_ == field && type_ == type; }
  uint64_t number() const { return number_; }         // of a kVarint
  absl::string_view bytes() const { return value_; }  // of any other

  // A number of at most ten bytes and 64 bits.
  bool ReadVarint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 63 || byte <= 1;
    }
    return false;
  }

 private:
  absl::string_view rest() const { return bytes_.substr(at_); }
  bool Fail() {
    failed_ = true;
    return false;
  }
  bool Take(uint64_t size) {
    if (size > rest().size()) return Fail();
    value_ = rest().substr(0, size);
    at_ += size;
    return true;
  }

  absl::string_view bytes_;
  size_t at_ = 0;
  bool failed_ = false;
  int64_t field_ = 0;
  WireType type_ = WireType::kVarint;
  uint64_t number_ = 0;
  absl::string_view value_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_WIRE_READER_H_
