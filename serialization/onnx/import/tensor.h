// Tensors and types of ONNX files <-> our own.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_TENSOR_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_TENSOR_H_

#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// Unimplemented, naming the type, for strings and complex numbers; InvalidArgument for a number
// that is no type.
absl::StatusOr<DType> DTypeFromOnnx(int64_t data_type);
TensorProto::DataType DTypeToOnnx(DType dtype);

// Types that are no tensors' (sequences, maps, optionals) are Unimplemented. An absent shape is of
// unknown rank; sizes below zero, which some exporters write, are unknown. A type that is not known
// at all is no type in ONNX, either.
absl::StatusOr<TensorType> TypeFromOnnx(const TypeProto& proto);
void TypeToOnnx(const TensorType& type, TypeProto& proto);

// Elements that lie in a file and not in the message itself (ParseMapped()).
using RawData = absl::flat_hash_map<const TensorProto*, absl::string_view>;
// Elements at places, [count, rank] of them; all others are 0.
struct SparseTensor {
  Tensor values, indices;
  Shape shape;
};
absl::StatusOr<Tensor> ToDense(const SparseTensor& sparse);

// Reads tensors. Elements stay where they lie, in the message or in a mapped external file.
class TensorReader {
 public:
  // `owner` keeps the messages alive that Read() is given, and so do the tensors keep it. External
  // data are looked for below `folder`; where that is empty they are refused. They may also lie
  // below `real_folder`: where the model's name is a link, the folder of the file that it leads to.
  // The elements in `raw_data` lie in `file`, which the owner keeps.
  TensorReader(std::shared_ptr<const void> owner, std::string folder, std::string real_folder = "",
               const MappedFile* file = nullptr, RawData raw_data = {})
      : owner_(std::move(owner)),
        folder_(std::move(folder)),
        real_folder_(std::move(real_folder)),
        file_(file),
        raw_data_(std::move(raw_data)) {}

  // InvalidArgument for elements that do not fit the shape, and for external files that are not
  // confined to the folder (absolute paths, "..", links that leave it); NotFound for those that are
  // missing.
  absl::StatusOr<Tensor> Read(const TensorProto& proto);
  // InvalidArgument where indices are outside of the shape.
  absl::StatusOr<SparseTensor> ReadSparse(const SparseTensorProto& proto);

 private:
  absl::StatusOr<Tensor> ReadExternal(const TensorProto& proto, DType dtype, const Shape& shape);
  absl::StatusOr<std::shared_ptr<const MappedFile>> OpenExternal(const std::string& location);

  std::shared_ptr<const void> owner_;
  std::string folder_, real_folder_;
  const MappedFile* file_ = nullptr;
  RawData raw_data_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

// Writes a tensor's type, shape and elements into the message. ResourceExhausted when they alone
// pass what a message can hold, 2 GiB.
absl::Status TensorToOnnx(const Tensor& tensor, TensorProto& proto);
// The type and the shape only.
void TensorHeadToOnnx(const Tensor& tensor, TensorProto& proto);

// The elements as the field raw_data and external files hold them: little-endian, two integers of
// four bits in a byte. How many bytes, and the bytes.
int64_t RawBytes(const Tensor& tensor);
absl::Status WriteRaw(const Tensor& tensor,
                      absl::FunctionRef<absl::Status(absl::string_view bytes)> sink);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_TENSOR_H_
