
#include "nomograph/serialization/onnx/import/tensor.h"

#include <cstring>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/foreign_file.h"
#include "nomograph/serialization/tensor_proto.h"

namespace nomograph::onnx {
namespace {

struct TypeRow {
  TensorProto::DataType onnx;
  DType dtype;
};
constexpr TypeRow kTypes[] = {
    {TensorProto::FLOAT, DType::kFloat32},
    {TensorProto::DOUBLE, DType::kFloat64},
    {TensorProto::FLOAT16, DType::kFloat16},
    {TensorProto::BFLOAT16, DType::kBFloat16},
    {TensorProto::INT8, DType::kInt8},
    {TensorProto::INT16, DType::kInt16},
    {TensorProto::INT32, DType::kInt32},
    {TensorProto::INT64, DType::kInt64},
    {TensorProto::UINT8, DType::kUInt8},
    {TensorProto::UINT16, DType::kUInt16},
    {TensorProto::UINT32, DType::kUInt32},
    {TensorProto::UINT64, DType::kUInt64},
    {TensorProto::BOOL, DType::kBool},
    {TensorProto::INT4, DType::kInt4},
    {TensorProto::UINT4, DType::kUInt4},
    {TensorProto::FLOAT8E4M3FN, DType::kFloat8E4M3FN},
    {TensorProto::FLOAT8E4M3FNUZ, DType::kFloat8E4M3FNUZ},
    {TensorProto::FLOAT8E5M2, DType::kFloat8E5M2},
    {TensorProto::FLOAT8E5M2FNUZ, DType::kFloat8E5M2FNUZ},
};

// Those that onnx.proto, of IR version 10, does not have yet.
constexpr std::pair<int, absl::string_view> kNewerTypes[] = {
    {23, "FLOAT4E2M1"}, {24, "FLOAT8E8M0"}, {25, "UINT2"}, {26, "INT2"}};

int64_t PackedBytes(int64_t elements) { return elements / 2 + elements % 2; }

bool IsLittleEndian() { return std::endian::native == std::endian::little; }

absl::Status CheckCount(int64_t expected, int64_t found, absl::string_view field) {
  if (expected == found) return absl::OkStatus();
  return InvalidArgument("expected ", expected, " elements, found ", found, " in ", field);
}

// Elements of the message that have the tensor's own type.
template <typename T, typename Field>
absl::StatusOr<Tensor> Borrow(const Field& field, DType dtype, const Shape& shape,
                              absl::string_view name, const std::shared_ptr<const void>& owner) {
  NOMO_RETURN_IF_ERROR(CheckCount(shape.num_elements(), field.size(), name));
  if (field.empty()) return Tensor::Create(dtype, shape);
  return Tensor::FromBuffer(dtype, shape, field.data(), owner);
}

// int32_data holds the smaller integers too, and the bits of the 16-bit floats.
template <typename T, typename Field>
absl::StatusOr<Tensor> Narrow(const Field& field, DType dtype, const Shape& shape,
                              absl::string_view name) {
  NOMO_RETURN_IF_ERROR(CheckCount(shape.num_elements(), field.size(), name));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  for (int i = 0; i < field.size(); ++i) {
    const T value =
        dtype == DType::kBool ? static_cast<T>(field[i] != 0) : static_cast<T>(field[i]);
    std::memcpy(tensor.mutable_raw_data() + i * sizeof(T), &value, sizeof(T));
  }
  return tensor;
}

// ONNX packs two integers of four bits into a byte, the first in the low half; here each has its
// own. `byte(i)` yields byte i.
template <typename ByteAt>
absl::StatusOr<Tensor> Unpack(int64_t bytes, DType dtype, const Shape& shape, ByteAt byte) {
  const int64_t count = shape.num_elements();
  NOMO_RETURN_IF_ERROR(CheckCount(PackedBytes(count), bytes, "bytes of two"));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  std::byte* target = tensor.mutable_raw_data();
  for (int64_t i = 0; i < count; ++i) {
    const int half = (byte(i / 2) >> (i % 2 * 4)) & 15;
    target[i] = static_cast<std::byte>(dtype == DType::kInt4 ? (half ^ 8) - 8 : half);
  }
  return tensor;
}

absl::StatusOr<Tensor> ReadTyped(const TensorProto& proto, DType dtype, const Shape& shape,
                                 const std::shared_ptr<const void>& owner) {
  switch (dtype) {
    case DType::kFloat32:
      return Borrow<float>(proto.float_data(), dtype, shape, "float_data", owner);
    case DType::kFloat64:
      return Borrow<double>(proto.double_data(), dtype, shape, "double_data", owner);
    case DType::kInt32:
      return Borrow<int32_t>(proto.int32_data(), dtype, shape, "int32_data", owner);
    case DType::kInt64:
      return Borrow<int64_t>(proto.int64_data(), dtype, shape, "int64_data", owner);
    case DType::kUInt64:
      return Borrow<uint64_t>(proto.uint64_data(), dtype, shape, "uint64_data", owner);
    case DType::kUInt32:
      return Narrow<uint32_t>(proto.uint64_data(), dtype, shape, "uint64_data");
    case DType::kInt16:
    case DType::kUInt16:
    case DType::kFloat16:
    case DType::kBFloat16:
      return Narrow<uint16_t>(proto.int32_data(), dtype, shape, "int32_data");
    case DType::kInt4:
    case DType::kUInt4:
      return Unpack(proto.int32_data_size(), dtype, shape,
                    [&](int64_t i) { return proto.int32_data(static_cast<int>(i)); });
    default:
      return Narrow<uint8_t>(proto.int32_data(), dtype, shape, "int32_data");
  }
}

// A tensor over bytes that are `owner`'s, and lie in `file` unless that is null; a copy where they
// are not aligned, or bools that might be neither 0 nor 1.
absl::StatusOr<Tensor> FromBytes(absl::string_view bytes, DType dtype, const Shape& shape,
                                 const std::shared_ptr<const void>& owner, const MappedFile* file) {
  if (!IsLittleEndian()) return absl::UnimplementedError("this machine is not little-endian");
  if (kInt4s.Contains(dtype)) {
    return Unpack(static_cast<int64_t>(bytes.size()), dtype, shape,
                  [&](int64_t i) { return static_cast<uint8_t>(bytes[i]); });
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t expected, CheckedBytes(dtype, shape));
  if (static_cast<int64_t>(bytes.size()) != expected) {
    return InvalidArgument("expected ", expected, " bytes for ", DTypeName(dtype), shape.ToString(),
                           ", found ", bytes.size());
  }
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % DTypeSize(dtype) == 0;
  if (aligned && dtype != DType::kBool && !bytes.empty()) {
    return Tensor::FromBuffer(dtype, shape, bytes.data(), owner);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  std::byte* target = tensor.mutable_raw_data();
  if (file != nullptr) {
    file->Copy(bytes, target);
  } else if (!bytes.empty()) {
    std::memcpy(target, bytes.data(), bytes.size());
  }
  for (int64_t i = 0; dtype == DType::kBool && i < expected; ++i) {
    target[i] = static_cast<std::byte>(target[i] != std::byte{0});
  }
  return tensor;
}

absl::StatusOr<Shape> ShapeFromOnnx(const google::protobuf::RepeatedField<int64_t>& dims) {
  if (dims.size() > kMaxRank) {
    return InvalidArgument("expected at most ", kMaxRank, " axes, found ", dims.size());
  }
  const Shape shape(absl::MakeConstSpan(dims.data(), dims.size()));
  NOMO_RETURN_IF_ERROR(shape.CheckedNumElements().status());
  return shape;
}

// Of canonical paths.
bool IsBelow(const std::filesystem::path& file, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first ==
         folder.end();
}

absl::StatusOr<int64_t> ParseCount(const StringStringEntryProto& entry) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(entry.value(), &value) || value < 0) {
    return InvalidArgument("external data: ", entry.key(), ": expected a number of bytes, found ",
                           Quoted(entry.value()));
  }
  return value;
}

}  // namespace

absl::StatusOr<DType> DTypeFromOnnx(int64_t data_type) {
  for (const TypeRow& row : kTypes) {
    if (row.onnx == data_type) return row.dtype;
  }
  for (const auto& [newer, name] : kNewerTypes) {
    if (newer == data_type) {
      return absl::UnimplementedError(absl::StrCat("element type ", name, " is not supported"));
    }
  }
  const int number = static_cast<int>(data_type);
  if (number != data_type || number == TensorProto::UNDEFINED ||
      !TensorProto::DataType_IsValid(number)) {
    return InvalidArgument("element type ", data_type, " is none of ONNX's");
  }
  return absl::UnimplementedError(absl::StrCat(
      "element type ", TensorProto::DataType_Name(static_cast<TensorProto::DataType>(number)),
      " is not supported"));
}

TensorProto::DataType DTypeToOnnx(DType dtype) {
  for (const TypeRow& row : kTypes) {
    if (row.dtype == dtype) return row.onnx;
  }
  return TensorProto::UNDEFINED;
}

absl::StatusOr<TensorType> TypeFromOnnx(const TypeProto& proto) {
  switch (proto.value_case()) {
    case TypeProto::kTensorType:
      break;
    case TypeProto::VALUE_NOT_SET:
      return TensorType{};
    case TypeProto::kSequenceType:
      return absl::UnimplementedError("sequences are not supported");
    case TypeProto::kMapType:
      return absl::UnimplementedError("maps are not supported");
    case TypeProto::kSparseTensorType:
      return absl::UnimplementedError("sparse tensors are not supported as values");
    case TypeProto::kOptionalType:
      return absl::UnimplementedError("optional types are not supported");
  }
  TensorType type;
  NOMO_ASSIGN_OR_RETURN(type.dtype, DTypeFromOnnx(proto.tensor_type().elem_type()));
  if (!proto.tensor_type().has_shape()) return type;
  const TensorShapeProto& shape = proto.tensor_type().shape();
  std::vector<Dim> dims;
  for (const auto& dim : shape.dim()) {
    if (!dim.dim_param().empty()) {
      dims.push_back(Dim::Symbol(dim.dim_param()));
    } else {
      dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? Dim(dim.dim_value()) : Dim());
    }
  }
  type.shape = PartialShape(std::move(dims));
  NOMO_RETURN_IF_ERROR(CheckShape(type.shape));
  return type;
}

void TypeToOnnx(const TensorType& type, TypeProto& proto) {
  if (type.dtype == DType::kInvalid) return;
  TypeProto::Tensor& tensor = *proto.mutable_tensor_type();
  tensor.set_elem_type(DTypeToOnnx(type.dtype));
  if (!type.shape.has_rank()) return;
  TensorShapeProto& shape = *tensor.mutable_shape();
  for (const Dim& dim : type.shape.dims()) {
    auto& axis = *shape.add_dim();
    if (dim.known()) {
      axis.set_dim_value(dim.size());
    } else if (!dim.symbol().empty()) {
      axis.set_dim_param(dim.symbol());
    }
  }
}

absl::StatusOr<Tensor> TensorReader::Read(const TensorProto& proto) {
  NOMO_ASSIGN_OR_RETURN(const DType dtype, DTypeFromOnnx(proto.data_type()));
  NOMO_ASSIGN_OR_RETURN(const Shape shape, ShapeFromOnnx(proto.dims()));
  if (proto.data_location() == TensorProto::EXTERNAL) return ReadExternal(proto, dtype, shape);
  if (const auto raw = raw_data_.find(&proto); raw != raw_data_.end()) {
    return FromBytes(raw->second, dtype, shape, owner_, file_);
  }
  if (proto.has_raw_data()) return FromBytes(proto.raw_data(), dtype, shape, owner_, nullptr);
  return ReadTyped(proto, dtype, shape, owner_);
}

absl::StatusOr<Tensor> TensorReader::ReadExternal(const TensorProto& proto, DType dtype,
                                                  const Shape& shape) {
  std::string location;
  int64_t offset = 0;
  NOMO_ASSIGN_OR_RETURN(int64_t length, CheckedBytes(dtype, shape));
  if (kInt4s.Contains(dtype)) length = PackedBytes(length);
  bool is_whole_file = true;  // nothing says which part of it
  for (const StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset" || entry.key() == "length") {
      NOMO_ASSIGN_OR_RETURN((entry.key() == "offset" ? offset : length), ParseCount(entry));
      is_whole_file = false;
    }
  }
  NOMO_ASSIGN_OR_RETURN(const auto file, OpenExternal(location));
  const int64_t size = static_cast<int64_t>(file->bytes().size());
  if (IsGitLfsPointer(file->bytes())) {
    return InvalidArgument("external data: ", Quoted(location),
                           " is a Git LFS pointer; fetch the file with `git lfs pull`");
  }
  if (is_whole_file ? size != length : offset > size || length > size - offset) {
    return InvalidArgument("external data: expected ", length, " bytes at ", offset, " of ",
                           Quoted(location), ", which has ", size);
  }
  return FromBytes(file->bytes().substr(offset, length), dtype, shape, file, file.get());
}

absl::StatusOr<std::shared_ptr<const MappedFile>> TensorReader::OpenExternal(
    const std::string& location) {
  namespace fs = std::filesystem;
  if (const auto found = files_.find(location); found != files_.end()) return found->second;
  const auto refuse = [&](absl::string_view why) {
    return InvalidArgument("external data: ", Quoted(location), " ", why);
  };
  if (folder_.empty()) return refuse("is outside of a model that is only in memory");
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute()) {
    return refuse("is refused: expected a path below the model's folder");
  }
  for (const fs::path& part : relative) {
    if (part == "..") return refuse("is refused: it leaves the model's folder");
  }
  std::error_code error;
  const fs::path folder = fs::canonical(folder_, error);
  if (error) return absl::NotFoundError(absl::StrCat("external data: there is no ", folder_));
  fs::path file = fs::canonical(folder / relative, error);
  if (error && !real_folder_.empty())
    file = fs::canonical(fs::path(real_folder_) / relative, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("external data: there is no ", Quoted(location), " beside the model"));
  }
  if (!IsBelow(file, folder) && (real_folder_.empty() || !IsBelow(file, real_folder_))) {
    return refuse("is refused: a link leaves the model's folder");
  }
  NOMO_ASSIGN_OR_RETURN(auto mapped, MappedFile::Open(file.string()));
  files_.emplace(location, mapped);
  return mapped;
}

absl::StatusOr<SparseTensor> TensorReader::ReadSparse(const SparseTensorProto& proto) {
  SparseTensor sparse;
  NOMO_ASSIGN_OR_RETURN(sparse.values, Read(proto.values()));
  NOMO_ASSIGN_OR_RETURN(const Tensor indices, Read(proto.indices()));
  NOMO_ASSIGN_OR_RETURN(sparse.shape, ShapeFromOnnx(proto.dims()));
  const Shape& shape = sparse.shape;
  const int64_t count = sparse.values.num_elements();
  const bool linear = indices.shape().rank() == 1;
  const int columns = linear ? 1 : shape.rank();
  if (indices.dtype() != DType::kInt64 || indices.num_elements() != count * columns) {
    return InvalidArgument("sparse tensor: expected ", count, " int64 indices, found ",
                           indices.type().ToString());
  }
  if (sparse.values.shape().rank() != 1) sparse.values = sparse.values.Reshaped({count});
  NOMO_ASSIGN_OR_RETURN(sparse.indices, Tensor::Create(DType::kInt64, {count, shape.rank()}));
  const auto strides = shape.Strides();
  const absl::Span<const int64_t> given = indices.data<int64_t>();
  const absl::Span<int64_t> places = sparse.indices.mutable_data<int64_t>();
  for (int64_t i = 0; i < count * columns; ++i) {
    const int64_t limit = linear ? shape.num_elements() : shape[static_cast<int>(i % columns)];
    if (given[i] < 0 || given[i] >= limit) {
      return InvalidArgument("sparse tensor: index ", given[i], " is outside of ",
                             shape.ToString());
    }
    if (!linear) places[i] = given[i];
    for (int axis = 0; linear && axis < shape.rank(); ++axis) {
      places[i * shape.rank() + axis] = given[i] / strides[axis] % shape[axis];
    }
  }
  return sparse;
}

absl::StatusOr<Tensor> ToDense(const SparseTensor& sparse) {
  NOMO_ASSIGN_OR_RETURN(Tensor dense, Tensor::Create(sparse.values.dtype(), sparse.shape));
  const auto strides = sparse.shape.Strides();
  const int rank = sparse.shape.rank();
  const int64_t element = DTypeSize(sparse.values.dtype());
  const absl::Span<const int64_t> places = sparse.indices.data<int64_t>();
  for (int64_t i = 0; i < sparse.values.num_elements(); ++i) {
    int64_t at = 0;
    for (int axis = 0; axis < rank; ++axis) at += places[i * rank + axis] * strides[axis];
    std::memcpy(dense.mutable_raw_data() + at * element, sparse.values.raw_data() + i * element,
                element);
  }
  return dense;
}

namespace {

// The inverse of Unpack().
std::string Packed(const Tensor& tensor) {
  const int64_t count = tensor.num_elements();
  std::string bytes(PackedBytes(count), '\0');
  for (int64_t i = 0; i < count; ++i) {
    const int half = static_cast<int>(tensor.raw_data()[i]) & 15;
    bytes[i / 2] = static_cast<char>(static_cast<uint8_t>(bytes[i / 2]) | half << (i % 2 * 4));
  }
  return bytes;
}

}  // namespace

int64_t RawBytes(const Tensor& tensor) {
  return kInt4s.Contains(tensor.dtype()) ? PackedBytes(tensor.num_elements()) : tensor.num_bytes();
}

absl::Status WriteRaw(const Tensor& tensor,
                      absl::FunctionRef<absl::Status(absl::string_view bytes)> sink) {
  if (kInt4s.Contains(tensor.dtype())) return sink(Packed(tensor));
  return sink(
      {reinterpret_cast<const char*>(tensor.raw_data()), static_cast<size_t>(tensor.num_bytes())});
}

void TensorHeadToOnnx(const Tensor& tensor, TensorProto& proto) {
  for (const int64_t dim : tensor.shape().dims()) proto.add_dims(dim);
  proto.set_data_type(DTypeToOnnx(tensor.dtype()));
}

absl::Status TensorToOnnx(const Tensor& tensor, TensorProto& proto) {
  if (RawBytes(tensor) >= (int64_t{1} << 31)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a tensor of ", RawBytes(tensor), " bytes does not fit into a message"));
  }
  TensorHeadToOnnx(tensor, proto);
  proto.mutable_raw_data()->reserve(RawBytes(tensor));
  return WriteRaw(tensor, [&](absl::string_view bytes) {
    proto.mutable_raw_data()->append(bytes.data(), bytes.size());
    return absl::OkStatus();
  });
}

}  // namespace nomograph::onnx
