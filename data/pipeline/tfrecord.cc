#include "nomograph/data/pipeline/tfrecord.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/crc32c.h"

namespace nomograph {
namespace {

constexpr int64_t kLengthBytes = 8, kCrcBytes = 4;
constexpr int64_t kHeadBytes = kLengthBytes + kCrcBytes;
constexpr size_t kBufferBytes = size_t{1} << 20;

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

void AppendLittleEndian(uint64_t value, int64_t count, std::string& out) {
  for (int64_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

absl::StatusOr<int64_t> TfRecordReader::ReadLength() {
  can_go_on_ = false;
  const absl::string_view rest = bytes_.substr(static_cast<size_t>(offset_));
  const std::string place = absl::StrCat("record at byte ", offset_);
  if (static_cast<int64_t>(rest.size()) < kHeadBytes) {
    return InvalidArgument(place, ": the file ends ",
                           kHeadBytes - static_cast<int64_t>(rest.size()),
                           " bytes before the end of the record's length");
  }
  const absl::string_view length_bytes = rest.substr(0, kLengthBytes);
  if (MaskedCrc32c(length_bytes) != LittleEndian(rest.substr(kLengthBytes, kCrcBytes))) {
    if (offset_ == 0 && absl::StartsWith(rest, "\x1f\x8b")) {
      return InvalidArgument("the file is gzipped: unpack it first");
    }
    return absl::DataLossError(absl::StrCat(place, ": the checksum of its length does not hold",
                                            offset_ == 0 ? " (is this a TFRecord file?)" : ""));
  }
  // The checksum holds, so whoever wrote the file meant this length.
  const uint64_t length = LittleEndian(length_bytes);
  const uint64_t left = rest.size() - kHeadBytes;
  if (left < kCrcBytes || length > left - kCrcBytes) {
    return InvalidArgument(place, ": it has ", length, " bytes and a checksum, but only ", left,
                           " bytes follow in the file");
  }
  can_go_on_ = true;
  return static_cast<int64_t>(length);
}

absl::StatusOr<std::optional<absl::string_view>> TfRecordReader::Next() {
  if (offset_ == static_cast<int64_t>(bytes_.size())) return std::nullopt;
  NOMO_ASSIGN_OR_RETURN(const int64_t length, ReadLength());
  const int64_t start = offset_;
  const absl::string_view record =
      bytes_.substr(static_cast<size_t>(start + kHeadBytes), static_cast<size_t>(length));
  offset_ += kHeadBytes + length + kCrcBytes;
  if (length > max_record_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat("record at byte ", start, ": it has ", length,
                                                     " bytes; at most ", max_record_bytes_,
                                                     " are allowed"));
  }
  const absl::string_view crc = bytes_.substr(static_cast<size_t>(offset_ - kCrcBytes), kCrcBytes);
  if (MaskedCrc32c(record) != LittleEndian(crc)) {
    return absl::DataLossError(
        absl::StrCat("record at byte ", start, ": the checksum of its bytes does not hold"));
  }
  return record;
}

absl::StatusOr<bool> TfRecordReader::SkipRecord() {
  if (offset_ == static_cast<int64_t>(bytes_.size())) return false;
  NOMO_ASSIGN_OR_RETURN(const int64_t length, ReadLength());
  offset_ += kHeadBytes + length + kCrcBytes;
  return true;
}

void AppendTfRecord(absl::string_view record, std::string& out) {
  const size_t start = out.size();
  AppendLittleEndian(record.size(), kLengthBytes, out);
  AppendLittleEndian(MaskedCrc32c(absl::string_view(out).substr(start)), kCrcBytes, out);
  out.append(record.data(), record.size());
  AppendLittleEndian(MaskedCrc32c(record), kCrcBytes, out);
}

absl::StatusOr<TfRecordWriter> TfRecordWriter::Create(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  return TfRecordWriter(std::move(file));
}

absl::Status TfRecordWriter::Write(absl::string_view record) {
  AppendTfRecord(record, buffer_);
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status TfRecordWriter::Flush() {
  NOMO_RETURN_IF_ERROR(file_.Write(absl::string_view(buffer_)));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status TfRecordWriter::Finish() {
  NOMO_RETURN_IF_ERROR(Flush());
  return file_.Commit();
}

}  // namespace nomograph
