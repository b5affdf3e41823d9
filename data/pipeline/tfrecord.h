// TFRecord: a file of records of bytes, each with its length and two checksums.
//
// A record is its length (uint64), the length's masked CRC, its bytes, and their masked CRC (uint32
// each), all little-endian; a CRC is CRC-32C, masked as ((crc >> 15) | (crc << 17)) + 0xa282ead8.
// Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
#ifndef NOMOGRAPH_DATA_PIPELINE_TFRECORD_H_
#define NOMOGRAPH_DATA_PIPELINE_TFRECORD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {

inline constexpr int64_t kDefaultMaxRecordBytes = int64_t{256} << 20;

class TfRecordReader {
 public:
  // Of a file that lies in memory: records are parts of `bytes`, which must outlive the reader.
  explicit TfRecordReader(absl::string_view bytes,
                          int64_t max_record_bytes = kDefaultMaxRecordBytes)
      : bytes_(bytes), max_record_bytes_(max_record_bytes) {}
  // Of a file that is unpacked as it is read: a record stays until the next one.
  explicit TfRecordReader(std::unique_ptr<ByteSource> source,
                          int64_t max_record_bytes = kDefaultMaxRecordBytes)
      : source_(std::move(source)), max_record_bytes_(max_record_bytes) {}

  // The next record, nullopt at the end. Errors name the byte at which the record begins (in the
  // unpacked file): InvalidArgument for a file that ends within a record, DataLoss for a wrong
  // checksum, ResourceExhausted for a record of more than `max_record_bytes`.
  absl::StatusOr<std::optional<absl::string_view>> Next();
  // Passes over a record without looking at its bytes, only at its length. False at the end.
  absl::StatusOr<bool> SkipRecord();

  // Whether the last error leaves it known where the next record begins: then Next() goes on there.
  bool can_go_on() const { return can_go_on_; }
  // Where the next record begins.
  int64_t offset() const { return offset_; }

 private:
  // The length of the record at `offset_`; nullopt at the end.
  absl::StatusOr<std::optional<uint64_t>> ReadLength();
  // The next bytes, fewer only at the end.
  absl::StatusOr<absl::string_view> Take(uint64_t count);
  // Passes over the bytes and the checksum of a record of this length.
  absl::Status PassRecord(uint64_t length);
  // Goes on behind a record, if all that it has was there: `bytes` were.
  absl::Status Passed(uint64_t length, uint64_t bytes);
  std::string Place() const;

  absl::string_view bytes_;  // what follows, where there is no source
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;  // what Take() yields of the source
  int64_t max_record_bytes_;
  int64_t offset_ = 0;
  bool can_go_on_ = true;
};

// Whether a file that begins so is a gzipped one of records: a record may begin like that, too.
bool IsGzippedTfRecord(absl::string_view bytes);

// Writes a file of records, which takes its place under its path with Finish() (see AtomicFile).
class TfRecordWriter {
 public:
  static absl::StatusOr<TfRecordWriter> Create(const std::string& path);
  absl::Status Write(absl::string_view record);
  absl::Status Finish();

 private:
  explicit TfRecordWriter(AtomicFile file) : file_(std::move(file)) {}
  absl::Status Flush();

  AtomicFile file_;
  std::string buffer_;
};

// A record as the file has it.
void AppendTfRecord(absl::string_view record, std::string& out);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_TFRECORD_H_
