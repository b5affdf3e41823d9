#include "nomograph/data/gzip_source.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

struct CloseGzip {
  void operator()(gzFile file) const { gzclose(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

class GzipSource : public ByteSource {
 public:
  GzipSource(Gzip file, int64_t max_remaining)
      : ByteSource(max_remaining), file_(std::move(file)) {}

 private:
  absl::StatusOr<int64_t> ReadUpTo(absl::Span<char> out) override;

  Gzip file_;
};

absl::StatusOr<int64_t> GzipSource::ReadUpTo(absl::Span<char> out) {
  constexpr size_t kMaxRead = size_t{1} << 30;  // zlib counts in int
  int64_t total = 0;
  while (!out.empty()) {
    const int count =
        gzread(file_.get(), out.data(), static_cast<unsigned>(std::min(out.size(), kMaxRead)));
    int error = Z_OK;
    const char* message = gzerror(file_.get(), &error);
    if (error != Z_OK && error != Z_STREAM_END)
      return InvalidArgument("it cannot be unpacked: ", message);
    if (count <= 0) break;
    total += count;
    out.remove_prefix(count);
  }
  return total;
}

}  // namespace

absl::StatusOr<GzipFile> OpenGzip(const std::string& path, int64_t max_bytes) {
  NOMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  FileDescriptor fd(dup(file.fd()));
  Gzip gzip(gzdopen(fd.get(), "rb"));
  if (gzip == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat("no memory to unpack ", QuotedPath(path)));
  fd.Release();  // gzclose() closes it
  GzipFile result;
  // gzdirect() reads ahead to see whether the file is gzipped.
  result.packed = gzdirect(gzip.get()) == 0;
  result.file_bytes = file.size();
  const int64_t ratio = result.packed ? kMaxDeflateRatio : 1;
  if (file.size() >= 0 && file.size() < max_bytes / ratio) max_bytes = file.size() * ratio;
  result.source = std::make_unique<GzipSource>(std::move(gzip), max_bytes);
  return result;
}

bool StartsLikeGzip(absl::string_view bytes) { return absl::StartsWith(bytes, "\x1f\x8b"); }

}  // namespace nomograph
