// TFRecord: a file of records of bytes, each with its length and two checksums.
//
// A record is its length (uint64), the length's masked CRC, its bytes, and their masked CRC (uint32
// each), all little-endian; a CRC is CRC-32C, masked as ((crc >> 15) | (crc << 17)) + 0xa282ead8.
// Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
#ifndef NOMOGRAPH_DATA_PIPELINE_TFRECORD_H_
#define NOMOGRAPH_DATA_PIPELINE_TFRECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/io/file.h"

namespace nomograph {

inline constexpr int64_t kDefaultMaxRecordBytes = int64_t{256} << 20;

// Reads the records of a file that lies in memory, without copying them.
class TfRecordReader {
 public:
  // `bytes` must outlive the reader and the records.
  explicit TfRecordReader(absl::string_view bytes,
                          int64_t max_record_bytes = kDefaultMaxRecordBytes)
      : bytes_(bytes), max_record_bytes_(max_record_bytes) {}

  // The next record, nullopt at the end. Errors name the byte at which the record begins:
  // InvalidArgument for a file that ends within a record, DataLoss for a wrong checksum,
  // ResourceExhausted for a record of more than `max_record_bytes`.
  absl::StatusOr<std::optional<absl::string_view>> Next();
  // Passes over a record without looking at its bytes, only at its length. False at the end.
  absl::StatusOr<bool> SkipRecord();

  // Whether the last error leaves it known where the next record begins: then Next() goes on there.
  bool can_go_on() const { return can_go_on_; }
  // Where the next record begins.
  int64_t offset() const { return offset_; }

 private:
  absl::StatusOr<int64_t> ReadLength();

  absl::string_view bytes_;
  int64_t max_record_bytes_;
  int64_t offset_ = 0;
  bool can_go_on_ = true;
};

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
