#include "nomograph/data/idx.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/io/file.h"

namespace nomograph {
namespace {

struct CloseGzip {
  void operator()(gzFile file) const { gzclose(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

// A gzipped file, or any other as it is.
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

DType ElementType(int code) {
  switch (code) {
    case 0x08:
      return DType::kUInt8;
    case 0x09:
      return DType::kInt8;
    case 0x0b:
      return DType::kInt16;
    case 0x0c:
      return DType::kInt32;
    case 0x0d:
      return DType::kFloat32;
    case 0x0e:
      return DType::kFloat64;
  }
  return DType::kInvalid;
}

absl::StatusOr<Tensor> ReadIdxFrom(ByteSource& source, const IdxOptions& options) {
  unsigned char magic[4] = {};
  NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(reinterpret_cast<char*>(magic), 4)));
  const DType dtype = ElementType(magic[2]);
  if (magic[0] != 0 || magic[1] != 0 || dtype == DType::kInvalid) {
    return InvalidArgument(
        absl::StrFormat("it is no IDX file: its first bytes are %02x %02x %02x; expected 00 00 and "
                        "a type, 08, 09, 0b, 0c, 0d or 0e",
                        magic[0], magic[1], magic[2]));
  }
  Shape shape;
  for (int axis = 0; axis < magic[3]; ++axis) {
    unsigned char size[4] = {};
    NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(reinterpret_cast<char*>(size), 4)));
    shape.Append(int64_t{size[0]} << 24 | size[1] << 16 | size[2] << 8 | size[3]);
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t count, shape.CheckedNumElements());
  if (count > options.max_bytes / DTypeSize(dtype)) {
    return absl::ResourceExhaustedError(absl::StrCat("its array ", DTypeName(dtype),
                                                     shape.ToString(), " passes the allowed ",
                                                     options.max_bytes, " bytes"));
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, ReadElements(source, dtype, shape, std::endian::big));
  NOMO_RETURN_IF_ERROR(source.ExpectEnd());
  return tensor;
}

}  // namespace

absl::StatusOr<Tensor> ReadIdx(const std::string& path, const IdxOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  FileDescriptor fd(dup(file.fd()));
  Gzip gzip(gzdopen(fd.get(), "rb"));
  if (gzip == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat("no memory to unpack \"", path, "\""));
  fd.Release();  // gzclose() closes it
  int64_t most = options.max_bytes;
  // gzdirect() reads ahead to see whether the file is gzipped.
  const bool packed = gzdirect(gzip.get()) == 0;
  const int64_t ratio = packed ? kMaxDeflateRatio : 1;
  if (file.size() >= 0 && file.size() < most / ratio) most = file.size() * ratio;
  GzipSource source(std::move(gzip), most);
  IdxOptions limits = options;
  if (packed && file.size() >= 0) {
    limits.max_bytes = std::min(limits.max_bytes, limits.growth.MostOf(file.size()));
  }
  auto tensor = ReadIdxFrom(source, limits);
  if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat("\"", path, "\""));
  return tensor;
}

}  // namespace nomograph
