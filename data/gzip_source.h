// A file that may be gzipped, as a source of bytes.
#ifndef NOMOGRAPH_DATA_GZIP_SOURCE_H_
#define NOMOGRAPH_DATA_GZIP_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {

struct GzipFile {
  std::unique_ptr<ByteSource> source;  // unpacked
  bool packed = false;                 // else the bytes are as they are in the file
  int64_t file_bytes = -1;             // -1: not known, as of a pipe
};

// NotFound and the like as InputFile::Open(). The source says that at most `max_bytes` are left, or
// fewer where the file cannot have so many.
absl::StatusOr<GzipFile> OpenGzip(const std::string& path, int64_t max_bytes);

// Whether bytes begin as a gzipped file does (RFC 1952).
bool StartsLikeGzip(absl::string_view bytes);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_GZIP_SOURCE_H_
