#include "nomograph/serialization/tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/file_layout.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 62;
// Those of which not every byte is a value.
constexpr DTypeSet kCheckedTypes = kBools | kInt4s;

absl::string_view BytesOf(const Tensor& tensor) {
  return absl::string_view(reinterpret_cast<const char*>(tensor.raw_data()), tensor.num_bytes());
}

absl::Status CheckRank(int rank) {
  if (rank <= kMaxRank) return absl::OkStatus();
  return InvalidArgument("expected at most ", kMaxRank, " axes, found ", rank);
}

absl::Status CheckSize(DType dtype, const Shape& shape, uint64_t found) {
  NOMO_ASSIGN_OR_RETURN(const int64_t expected, CheckedBytes(dtype, shape));
  if (found == static_cast<uint64_t>(expected)) return absl::OkStatus();
  return InvalidArgument(DTypeName(dtype), shape.ToString(), " needs ", expected, " bytes, found ",
                         found);
}

// A bool that is neither 0 nor 1 may not even be looked at in C++, and an integer of four bits has
// but 16 values.
absl::Status CheckElements(DType dtype, absl::string_view bytes) {
  if (!kCheckedTypes.Contains(dtype)) return absl::OkStatus();
  const int least = dtype == DType::kInt4 ? -8 : 0;
  const int greatest = dtype == DType::kBool ? 1 : least + 15;
  const auto value = [dtype](char c) -> int {
    return dtype == DType::kInt4 ? static_cast<int8_t>(c) : static_cast<uint8_t>(c);
  };
  const auto wrong = std::find_if(bytes.begin(), bytes.end(),
                                  [&](char c) { return value(c) < least || value(c) > greatest; });
  if (wrong == bytes.end()) return absl::OkStatus();
  return InvalidArgument("element ", wrong - bytes.begin(), " of type ", DTypeName(dtype), " is ",
                         value(*wrong), "; expected ", least, " to ", greatest);
}

absl::StatusOr<Tensor> CopyOf(DType dtype, const Shape& shape, absl::string_view bytes) {
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  if (!bytes.empty()) std::memcpy(tensor.mutable_raw_data(), bytes.data(), bytes.size());
  return tensor;
}

bool IsAligned(const void* address, int64_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

absl::StatusOr<Dim> DimFromProto(const DimProto& proto) {
  switch (proto.dim_case()) {
    case DimProto::kSize:
      if (proto.size() >= 0) return Dim(proto.size());
      return InvalidArgument("its size is ", proto.size());
    case DimProto::kSymbol:
      if (!proto.symbol().empty()) return Dim::Symbol(proto.symbol());
      return InvalidArgument("its symbol is empty");
    case DimProto::DIM_NOT_SET:
      break;
  }
  return Dim();
}

}  // namespace

absl::StatusOr<int64_t> CheckedBytes(DType dtype, const Shape& shape) {
  NOMO_ASSIGN_OR_RETURN(const int64_t count, shape.CheckedNumElements());
  if (count <= kMaxBytes / DTypeSize(dtype)) return count * DTypeSize(dtype);
  return InvalidArgument(DTypeName(dtype), shape.ToString(), " passes 2^62 bytes");
}

absl::Status CheckShape(const PartialShape& shape) {
  if (!shape.has_rank()) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(CheckRank(shape.rank()));
  Shape known;
  for (const Dim& dim : shape.dims()) {
    if (dim.known()) known.Append(dim.size());
  }
  return known.CheckedNumElements().status();
}

absl::Status TensorWriter::Write(const Tensor& tensor, TensorProto& proto) {
  if (!tensor.valid()) return InvalidArgument("there is no tensor");
  NOMO_RETURN_IF_ERROR(CheckRank(tensor.shape().rank()));
  proto.set_dtype(static_cast<DataType>(tensor.dtype()));
  for (const int64_t dim : tensor.shape().dims()) proto.add_dims(dim);
  const absl::string_view bytes = BytesOf(tensor);
  if (tensor.num_bytes() < min_payload_bytes_) {
    proto.set_inline_data(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  const uint64_t xxh3 = Checksum(bytes);
  proto.mutable_payload()->set_index(AddPayload(tensor, xxh3));
  proto.mutable_payload()->set_bytes(bytes.size());
  proto.mutable_payload()->set_xxh3(xxh3);
  return absl::OkStatus();
}

uint64_t TensorWriter::AddPayload(const Tensor& tensor, uint64_t xxh3) {
  std::vector<uint64_t>& candidates = by_checksum_[xxh3];
  for (const uint64_t index : candidates) {
    if (BytesOf(payloads_[index]) == BytesOf(tensor)) return index;
  }
  candidates.push_back(payloads_.size());
  payloads_.push_back(tensor);
  return candidates.back();
}

TensorReader::TensorReader(absl::Span<const absl::string_view> payloads,
                           std::shared_ptr<const void> owner, bool verify_checksums,
                           std::function<void(int64_t, int64_t)> progress)
    : owner_(std::move(owner)),
      verify_checksums_(verify_checksums),
      progress_(std::move(progress)) {
  payloads_.resize(payloads.size());
  for (size_t i = 0; i < payloads.size(); ++i) {
    payloads_[i].bytes = payloads[i];
    total_ += static_cast<int64_t>(payloads[i].size());
  }
}

absl::StatusOr<Tensor> TensorReader::Read(const TensorProto& proto) {
  NOMO_ASSIGN_OR_RETURN(const DType dtype, DTypeFromProto(proto.dtype()));
  if (dtype == DType::kInvalid) return InvalidArgument("the tensor has no dtype");
  NOMO_RETURN_IF_ERROR(CheckRank(proto.dims_size()));
  const Shape shape(absl::MakeConstSpan(proto.dims().data(), proto.dims_size()));
  switch (proto.elements_case()) {
    case TensorProto::kInlineData:
      NOMO_RETURN_IF_ERROR(CheckSize(dtype, shape, proto.inline_data().size()));
      NOMO_RETURN_IF_ERROR(CheckElements(dtype, proto.inline_data()));
      return CopyOf(dtype, shape, proto.inline_data());
    case TensorProto::kPayload:
      return ReadPayload(dtype, shape, proto.payload());
    case TensorProto::ELEMENTS_NOT_SET:
      break;
  }
  return InvalidArgument("the tensor has no elements");
}

absl::StatusOr<Tensor> TensorReader::ReadPayload(DType dtype, const Shape& shape,
                                                 const TensorProto::Payload& reference) {
  if (reference.index() >= payloads_.size()) {
    return absl::DataLossError(absl::StrCat("payload ", reference.index(),
                                            " is missing: the file has ", payloads_.size(),
                                            " payloads"));
  }
  Payload& payload = payloads_[reference.index()];
  const absl::Status status = [&]() -> absl::Status {
    NOMO_RETURN_IF_ERROR(CheckSize(dtype, shape, reference.bytes()));
    NOMO_RETURN_IF_ERROR(Use(reference, payload));
    if (!payload.checked_as.Contains(dtype)) {
      NOMO_RETURN_IF_ERROR(CheckElements(dtype, payload.bytes));
      payload.checked_as = payload.checked_as | DTypeSet{dtype};
    }
    return absl::OkStatus();
  }();
  if (!status.ok()) return Annotate(status, absl::StrCat("payload ", reference.index()));
  return View(dtype, shape, payload);
}

absl::Status TensorReader::Use(const TensorProto::Payload& reference, Payload& payload) {
  if (reference.bytes() != payload.bytes.size()) {
    return absl::DataLossError(
        absl::StrCat("expected ", reference.bytes(), " bytes, found ", payload.bytes.size()));
  }
  if (!payload.used) {
    payload.used = true;
    payload.xxh3 = reference.xxh3();
    payload.damaged = verify_checksums_ && IsDamaged(payload);
  } else if (reference.xxh3() != payload.xxh3) {
    return absl::DataLossError("two tensors that use it disagree on its checksum");
  }
  if (payload.damaged) return absl::DataLossError("the bytes are damaged: their checksum differs");
  return absl::OkStatus();
}

absl::StatusOr<Tensor> TensorReader::View(DType dtype, const Shape& shape, Payload& payload) {
  if (IsAligned(payload.bytes.data(), DTypeSize(dtype))) {
    return Tensor::FromBuffer(dtype, shape, payload.bytes.data(), owner_);
  }
  if (payload.aligned == nullptr) {
    const Shape bytes = {static_cast<int64_t>(payload.bytes.size())};
    NOMO_ASSIGN_OR_RETURN(Tensor copy, CopyOf(DType::kUInt8, bytes, payload.bytes));
    payload.aligned = std::make_shared<Tensor>(std::move(copy));
  }
  return Tensor::FromBuffer(dtype, shape, payload.aligned->raw_data(), payload.aligned);
}

bool TensorReader::IsDamaged(const Payload& payload) {
  const uint64_t found = Checksum(payload.bytes, [this](int64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(done_, total_);
  });
  return found != payload.xxh3;
}

absl::Status TensorReader::CheckAllUsed() const {
  for (size_t i = 0; i < payloads_.size(); ++i) {
    if (!payloads_[i].used)
      return absl::DataLossError(absl::StrCat("payload ", i, " belongs to no tensor"));
  }
  return absl::OkStatus();
}

absl::Status TypeToProto(const TensorType& type, TensorTypeProto& proto) {
  NOMO_RETURN_IF_ERROR(CheckShape(type.shape));
  proto.set_dtype(static_cast<DataType>(type.dtype));
  if (!type.shape.has_rank()) return absl::OkStatus();
  ShapeProto& shape = *proto.mutable_shape();
  for (const Dim& dim : type.shape.dims()) {
    DimProto& out = *shape.add_dims();
    if (dim.known()) {
      out.set_size(dim.size());
    } else if (!dim.symbol().empty()) {
      out.set_symbol(dim.symbol());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorType> TypeFromProto(const TensorTypeProto& proto) {
  TensorType type;
  NOMO_ASSIGN_OR_RETURN(type.dtype, DTypeFromProto(proto.dtype()));
  if (!proto.has_shape()) return type;
  NOMO_RETURN_IF_ERROR(CheckRank(proto.shape().dims_size()));
  type.shape = PartialShape::OfRank(0);
  for (int axis = 0; axis < proto.shape().dims_size(); ++axis) {
    auto dim = DimFromProto(proto.shape().dims(axis));
    if (!dim.ok()) return Annotate(dim.status(), absl::StrCat("axis ", axis));
    type.shape.Append(*std::move(dim));
  }
  NOMO_RETURN_IF_ERROR(CheckShape(type.shape));
  return type;
}

absl::StatusOr<DType> DTypeFromProto(int dtype) {
  if (dtype >= 0 && dtype < kNumDTypes) return static_cast<DType>(dtype);
  return InvalidArgument("there is no dtype ", dtype);
}

}  // namespace nomograph
