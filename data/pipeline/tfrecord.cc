#include "nomograph/data/pipeline/tfrecord.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/gzip_source.h"
#include "nomograph/data/pipeline/crc32c.h"

namespace nomograph {
namespace {

constexpr uint64_t kLengthBytes = 8, kCrcBytes = 4;
constexpr uint64_t kHeadBytes = kLengthBytes + kCrcBytes;
constexpr uint64_t kBufferBytes = uint64_t{1} << 20;

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

void AppendLittleEndian(uint64_t value, uint64_t count, std::string& out) {
  for (uint64_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
}

bool HeadHolds(absl::string_view head) {
  return MaskedCrc32c(head.substr(0, kLengthBytes)) ==
         LittleEndian(head.substr(kLengthBytes, kCrcBytes));
}

}  // namespace

absl::StatusOr<absl::string_view> TfRecordReader::Take(uint64_t count) {
  if (source_ == nullptr) {
    const absl::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  buffer_.clear();
  // In pieces: the file may not have what a record claims.
  while (buffer_.size() < count) {
    const size_t begin = buffer_.size();
    buffer_.resize(begin + std::min(count - begin, kBufferBytes));
    NOMO_ASSIGN_OR_RETURN(const int64_t read,
                          source_->ReadSome(absl::MakeSpan(buffer_).subspan(begin)));
    const size_t end = begin + static_cast<size_t>(read);
    if (end == buffer_.size()) continue;
    buffer_.resize(end);
    break;
  }
  return absl::string_view(buffer_);
}

absl::Status TfRecordReader::PassRecord(uint64_t length) {
  // A record and its checksum, one after the other: the sum might overflow.
  uint64_t passed = 0;
  for (uint64_t left : {length, kCrcBytes}) {
    while (left > 0) {
      const uint64_t piece = source_ == nullptr ? left : std::min(left, kBufferBytes);
      NOMO_ASSIGN_OR_RETURN(const absl::string_view taken, Take(piece));
      passed += taken.size();
      if (taken.size() < piece) return Passed(length, passed);
      left -= piece;
    }
  }
  return Passed(length, passed);
}

std::string TfRecordReader::Place() const {
  return absl::StrCat("record at ", source_ == nullptr ? "" : "unpacked ", "byte ", offset_);
}

absl::StatusOr<std::optional<uint64_t>> TfRecordReader::ReadLength() {
  can_go_on_ = false;
  NOMO_ASSIGN_OR_RETURN(const absl::string_view head, Take(kHeadBytes));
  if (head.empty()) return std::nullopt;
  if (head.size() < kHeadBytes) {
    return InvalidArgument(Place(), ": the file ends ", kHeadBytes - head.size(),
                           " bytes before the end of the record's length");
  }
  if (!HeadHolds(head)) {
    const bool gzipped = source_ == nullptr && StartsLikeGzip(head);
    return absl::DataLossError(absl::StrCat(Place(), ": the checksum of its length does not hold",
                                            offset_ > 0 ? ""
                                            : gzipped   ? " (the file is gzipped)"
                                                        : " (is this a TFRecord file?)"));
  }
  // The checksum holds, so whoever wrote the file meant this length.
  return LittleEndian(head.substr(0, kLengthBytes));
}

absl::Status TfRecordReader::Passed(uint64_t length, uint64_t bytes) {
  if (bytes < kCrcBytes || bytes - kCrcBytes < length) {
    return InvalidArgument(Place(), ": it has ", length, " bytes and a checksum, but only ", bytes,
                           " bytes follow in the file");
  }
  offset_ += static_cast<int64_t>(kHeadBytes + bytes);
  can_go_on_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<absl::string_view>> TfRecordReader::Next() {
  NOMO_ASSIGN_OR_RETURN(const std::optional<uint64_t> length, ReadLength());
  if (!length) return std::nullopt;
  const std::string place = Place();
  if (*length > static_cast<uint64_t>(max_record_bytes_)) {
    NOMO_RETURN_IF_ERROR(PassRecord(*length));
    return absl::ResourceExhaustedError(absl::StrCat(
        place, ": it has ", *length, " bytes; at most ", max_record_bytes_, " are allowed"));
  }
  NOMO_ASSIGN_OR_RETURN(const absl::string_view bytes, Take(*length + kCrcBytes));
  NOMO_RETURN_IF_ERROR(Passed(*length, bytes.size()));
  const absl::string_view record = bytes.substr(0, *length);
  if (MaskedCrc32c(record) != LittleEndian(bytes.substr(*length))) {
    return absl::DataLossError(absl::StrCat(place, ": the checksum of its bytes does not hold"));
  }
  return record;
}

absl::StatusOr<bool> TfRecordReader::SkipRecord() {
  NOMO_ASSIGN_OR_RETURN(const std::optional<uint64_t> length, ReadLength());
  if (!length) return false;
  NOMO_RETURN_IF_ERROR(PassRecord(*length));
  return true;
}

bool IsGzippedTfRecord(absl::string_view bytes) {
  return StartsLikeGzip(bytes) && (bytes.size() < kHeadBytes || !HeadHolds(bytes));
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
