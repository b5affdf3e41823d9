#include "nomograph/data/npy.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/npy_header.h"

namespace nomograph {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
// Far more than any header of numbers needs; NumPy itself stops at 10,000 unless told otherwise.
constexpr int64_t kMaxHeaderBytes = 1 << 20;

absl::Status ReadMagic(ByteSource& source, int& major) {
  char start[8] = {};
  NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(start)));
  if (absl::string_view(start, kMagic.size()) != kMagic) {
    return InvalidArgument("it is no NPY file: its first bytes are not \"\\x93NUMPY\"");
  }
  major = static_cast<unsigned char>(start[6]);
  const int minor = static_cast<unsigned char>(start[7]);
  if (major >= 1 && major <= 3 && minor == 0) return absl::OkStatus();
  return InvalidArgument("its NPY format version is ", major, ".", minor,
                         "; expected 1.0, 2.0 or 3.0");
}

absl::StatusOr<NpyHeader> ReadHeader(ByteSource& source) {
  int major = 0;
  NOMO_RETURN_IF_ERROR(ReadMagic(source, major));
  unsigned char length_bytes[4] = {};
  const size_t width = major == 1 ? 2 : 4;
  NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(reinterpret_cast<char*>(length_bytes), width)));
  int64_t length = 0;
  for (size_t i = width; i > 0; --i) length = length << 8 | length_bytes[i - 1];
  if (length > std::min(source.max_remaining(), kMaxHeaderBytes)) {
    return InvalidArgument("it claims a header of ", length, " bytes; expected at most ",
                           std::min(source.max_remaining(), kMaxHeaderBytes));
  }
  std::string text(length, '\0');
  NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(text)));
  return ParseNpyHeader(text);
}

// Writes the elements of `source`, which lies in memory with these strides, in row-major order to
// `out`.
template <typename T>
void Gather(const Shape& shape, const std::vector<int64_t>& strides, int axis, const T* source,
            T*& out) {
  if (axis == shape.rank()) {
    *out++ = *source;
    return;
  }
  for (int64_t i = 0; i < shape[axis]; ++i)
    Gather(shape, strides, axis + 1, source + i * strides[axis], out);
}

template <typename T>
void GatherColumnMajor(const Tensor& source, Tensor& result) {
  std::vector<int64_t> strides;
  int64_t stride = 1;
  for (int64_t size : result.shape().dims()) {
    strides.push_back(stride);
    stride *= size;
  }
  auto* out = reinterpret_cast<T*>(result.mutable_raw_data());
  Gather(result.shape(), strides, 0, reinterpret_cast<const T*>(source.raw_data()), out);
}

// The row-major tensor of `shape` whose elements `source` has in column-major order.
absl::StatusOr<Tensor> FromColumnMajor(const Tensor& source, const Shape& shape) {
  if (shape.rank() < 2 || shape.num_elements() == 0) return source.Reshaped(shape);
  NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(source.dtype(), shape));
  switch (DTypeSize(source.dtype())) {
    case 1:
      GatherColumnMajor<uint8_t>(source, result);
      break;
    case 2:
      GatherColumnMajor<uint16_t>(source, result);
      break;
    case 4:
      GatherColumnMajor<uint32_t>(source, result);
      break;
    case 8:
      GatherColumnMajor<uint64_t>(source, result);
      break;
  }
  return result;
}

}  // namespace

absl::StatusOr<Tensor> ReadNpyFrom(ByteSource& source) {
  NOMO_ASSIGN_OR_RETURN(const NpyHeader header, ReadHeader(source));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor,
                        ReadElements(source, header.dtype, header.shape, header.order));
  NOMO_RETURN_IF_ERROR(source.ExpectEnd());
  if (header.fortran_order) return FromColumnMajor(tensor, header.shape);
  return tensor;
}

absl::StatusOr<Tensor> ViewNpy(absl::string_view bytes, std::shared_ptr<const void> owner) {
  MemorySource source(bytes);
  NOMO_ASSIGN_OR_RETURN(const NpyHeader header, ReadHeader(source));
  NOMO_ASSIGN_OR_RETURN(const int64_t count, header.shape.CheckedNumElements());
  const int64_t item = DTypeSize(header.dtype);
  const absl::string_view elements = bytes.substr(bytes.size() - source.max_remaining());
  const bool aligned = reinterpret_cast<uintptr_t>(elements.data()) % item == 0;
  const bool as_it_is = header.order == std::endian::native && header.dtype != DType::kBool &&
                        (!header.fortran_order || header.shape.rank() < 2);
  // What claims other sizes than it has is told of by the reader.
  const bool whole =
      count <= source.max_remaining() / item && count * item == source.max_remaining();
  if (!aligned || !as_it_is || !whole) return ParseNpy(bytes);
  return Tensor::FromBuffer(header.dtype, header.shape, elements.data(), std::move(owner));
}

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  MemorySource source(bytes);
  return ReadNpyFrom(source);
}

absl::StatusOr<Tensor> ReadNpy(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  FileSource source(std::move(file));
  auto tensor = ReadNpyFrom(source);
  if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat("\"", path, "\""));
  return tensor;
}

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor) {
  NOMO_ASSIGN_OR_RETURN(std::string bytes, FormatNpyHeader(tensor));
  bytes.append(reinterpret_cast<const char*>(tensor.raw_data()), tensor.num_bytes());
  return bytes;
}

absl::Status WriteNpy(const std::string& path, const Tensor& tensor) {
  const auto header = FormatNpyHeader(tensor);
  if (!header.ok()) return Annotate(header.status(), absl::StrCat("cannot write \"", path, "\""));
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(file.Write(*header));
  NOMO_RETURN_IF_ERROR(file.Write(absl::MakeConstSpan(tensor.raw_data(), tensor.num_bytes())));
  return file.Commit();
}

}  // namespace nomograph
