#include "nomograph/data/idx.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/data/byte_source.h"
#include "nomograph/data/gzip_source.h"

namespace nomograph {
namespace {

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
  NOMO_ASSIGN_OR_RETURN(const GzipFile file, OpenGzip(path, options.max_bytes));
  IdxOptions limits = options;
  if (file.packed && file.file_bytes >= 0) {
    limits.max_bytes = std::min(limits.max_bytes, limits.growth.MostOf(file.file_bytes));
  }
  auto tensor = ReadIdxFrom(*file.source, limits);
  if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat("\"", path, "\""));
  return tensor;
}

}  // namespace nomograph
