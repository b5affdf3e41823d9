// Where the readers of arrays take their bytes from: memory, a file, or a compressed member of one.
#ifndef NOMOGRAPH_DATA_BYTE_SOURCE_H_
#define NOMOGRAPH_DATA_BYTE_SOURCE_H_

#include <bit>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// What readers of compressed files unpack at most unless told otherwise.
inline constexpr int64_t kDefaultMaxUnpackedBytes = int64_t{4} << 30;

// Compressed data grow by a factor of ten at most as a rule, by a hundred where they are mostly
// zeros. What claims more is unpacked only while it is small, so that a file of a megabyte does not
// become gigabytes.
struct GrowthLimit {
  int64_t factor = 100;
  int64_t free_bytes = int64_t{256} << 20;  // for which there is no limit

  // What `packed_bytes` may become.
  int64_t MostOf(int64_t packed_bytes) const;
};

// Deflate, the compression of gzip, zip and PNG, never makes data smaller than by this factor (RFC
// 1951: 258 bytes from two bits). So sizes that a header claims can be checked against the
// compressed bytes before memory is allocated.
inline constexpr int64_t kMaxDeflateRatio = 1032;

// Bytes in order, front to back.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `out`. InvalidArgument, with how many bytes are missing, when the source ends first.
  absl::Status Read(absl::Span<char> out);
  // Reads up to `out.size()` bytes, fewer only at the end. How many.
  absl::StatusOr<int64_t> ReadSome(absl::Span<char> out);
  // InvalidArgument unless every byte has been read, or when a checksum over all of them does not
  // hold.
  absl::Status ExpectEnd();
  // No more than so many bytes are left: what a header claims is checked against this before memory
  // is allocated.
  int64_t max_remaining() const { return max_remaining_; }

 protected:
  explicit ByteSource(int64_t max_remaining) : max_remaining_(max_remaining) {}
  // Reads up to `out.size()` bytes, fewer only at the end.
  virtual absl::StatusOr<int64_t> ReadUpTo(absl::Span<char> out) = 0;

 private:
  int64_t max_remaining_;
  int64_t position_ = 0;
};

// Bytes in memory. They must outlive the source.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(absl::string_view bytes)
      : ByteSource(static_cast<int64_t>(bytes.size())), bytes_(bytes) {}

 private:
  absl::StatusOr<int64_t> ReadUpTo(absl::Span<char> out) override;

  absl::string_view bytes_;
};

// A file, or the first kDefaultMaxPipeBytes of a pipe.
class FileSource : public ByteSource {
 public:
  explicit FileSource(InputFile file)
      : ByteSource(file.size() < 0 ? kDefaultMaxPipeBytes : file.size()), file_(std::move(file)) {}

 private:
  absl::StatusOr<int64_t> ReadUpTo(absl::Span<char> out) override { return file_.Read(out); }

  InputFile file_;
};

// The elements of a tensor, row-major, in the given byte order. InvalidArgument, before anything is
// allocated, when the source cannot have so many; bytes other than 0 and 1 become true in a bool
// tensor.
absl::StatusOr<Tensor> ReadElements(ByteSource& source, DType dtype, const Shape& shape,
                                    std::endian order);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_BYTE_SOURCE_H_
