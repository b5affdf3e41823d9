#include "nomograph/data/byte_source.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace nomograph {
namespace {

template <typename T>
void SwapBytes(std::byte* data, int64_t count) {
  for (int64_t i = 0; i < count; ++i, data += sizeof(T)) std::reverse(data, data + sizeof(T));
}

void SwapElements(Tensor& tensor) {
  std::byte* data = tensor.mutable_raw_data();
  const int64_t count = tensor.num_elements();
  switch (DTypeSize(tensor.dtype())) {
    case 2:
      return SwapBytes<uint16_t>(data, count);
    case 4:
      return SwapBytes<uint32_t>(data, count);
    case 8:
      return SwapBytes<uint64_t>(data, count);
  }
}

}  // namespace

int64_t GrowthLimit::MostOf(int64_t packed_bytes) const {
  const bool overflows = factor > 0 && packed_bytes > std::numeric_limits<int64_t>::max() / factor;
  return overflows ? packed_bytes : std::max(free_bytes, packed_bytes * factor);
}

absl::StatusOr<int64_t> ByteSource::ReadSome(absl::Span<char> out) {
  NOMO_ASSIGN_OR_RETURN(const int64_t count, ReadUpTo(out));
  position_ += count;
  max_remaining_ = std::max<int64_t>(max_remaining_ - count, 0);
  return count;
}

absl::Status ByteSource::Read(absl::Span<char> out) {
  NOMO_ASSIGN_OR_RETURN(const int64_t count, ReadSome(out));
  const int64_t missing = static_cast<int64_t>(out.size()) - count;
  if (missing == 0) return absl::OkStatus();
  return InvalidArgument("it ends after ", position_, " bytes, ", missing, " bytes too early");
}

absl::Status ByteSource::ExpectEnd() {
  char next;
  NOMO_ASSIGN_OR_RETURN(const int64_t count, ReadUpTo(absl::MakeSpan(&next, 1)));
  if (count == 0) return absl::OkStatus();
  return InvalidArgument("the array ends at byte ", position_, ", but more bytes follow");
}

absl::StatusOr<int64_t> MemorySource::ReadUpTo(absl::Span<char> out) {
  const size_t count = std::min(out.size(), bytes_.size());
  if (count > 0) std::memcpy(out.data(), bytes_.data(), count);
  bytes_.remove_prefix(count);
  return static_cast<int64_t>(count);
}

absl::StatusOr<Tensor> ReadElements(ByteSource& source, DType dtype, const Shape& shape,
                                    std::endian order) {
  NOMO_ASSIGN_OR_RETURN(const int64_t count, shape.CheckedNumElements());
  if (count > source.max_remaining() / DTypeSize(dtype)) {
    return InvalidArgument("its header claims an array ", DTypeName(dtype), shape.ToString(),
                           ", but at most ", source.max_remaining(), " bytes follow");
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  auto* bytes = reinterpret_cast<char*>(tensor.mutable_raw_data());
  NOMO_RETURN_IF_ERROR(source.Read(absl::MakeSpan(bytes, tensor.num_bytes())));
  if (order != std::endian::native) SwapElements(tensor);
  if (dtype == DType::kBool) {
    std::transform(bytes, bytes + count, bytes,
                   [](char byte) { return static_cast<char>(byte != 0); });
  }
  return tensor;
}

}  // namespace nomograph
