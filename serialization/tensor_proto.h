// Tensors and their types <-> their protos. Elements are inline in the proto, or a payload of the
// file, which is neither copied nor looked at when it is read.
#ifndef NOMOGRAPH_SERIALIZATION_TENSOR_PROTO_H_
#define NOMOGRAPH_SERIALIZATION_TENSOR_PROTO_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/proto/tensor.pb.h"

namespace nomograph {

// How many bytes the shape's elements need, each in bytes of its own. InvalidArgument when a size
// is negative, or when elements or bytes pass 2^62. REQUIRES: a dtype.
absl::StatusOr<int64_t> CheckedBytes(DType dtype, const Shape& shape);

// InvalidArgument where no tensor has such a shape: more than kMaxRank axes, or known sizes whose
// product, without zeros, passes 2^62. Shape functions multiply sizes and rely on it.
absl::Status CheckShape(const PartialShape& shape);

class TensorWriter {
 public:
  // Tensors of `min_payload_bytes` and more become payloads.
  explicit TensorWriter(int64_t min_payload_bytes) : min_payload_bytes_(min_payload_bytes) {}

  // InvalidArgument when there is no tensor, or one of more than kMaxRank axes.
  absl::Status Write(const Tensor& tensor, TensorProto& proto);
  // The payloads so far. Equal bytes are one payload, so their types may be any that needed them.
  absl::Span<const Tensor> payloads() const { return payloads_; }

 private:
  uint64_t AddPayload(const Tensor& tensor, uint64_t xxh3);

  int64_t min_payload_bytes_;
  std::vector<Tensor> payloads_;
  absl::flat_hash_map<uint64_t, std::vector<uint64_t>> by_checksum_;
};

class TensorReader {
 public:
  // `owner` keeps the payloads' bytes alive, and so do the tensors keep it. `progress` is called
  // while checksums are verified, with the bytes so far and those of all payloads.
  TensorReader(absl::Span<const absl::string_view> payloads, std::shared_ptr<const void> owner,
               bool verify_checksums,
               std::function<void(int64_t done, int64_t total)> progress = nullptr);

  // InvalidArgument for an impossible type or elements that do not fit it; DataLoss for a payload
  // that is not there or, where checksums are verified, damaged. Memory is allocated only for bytes
  // that are there.
  absl::StatusOr<Tensor> Read(const TensorProto& proto);
  // DataLoss when a payload belongs to no tensor. To be called after the last Read().
  absl::Status CheckAllUsed() const;

 private:
  struct Payload {
    absl::string_view bytes;
    bool used = false;
    uint64_t xxh3 = 0;  // as tensors that use it say
    bool damaged = false;
    DTypeSet checked_as;                    // the types whose values they have been found to be
    std::shared_ptr<const Tensor> aligned;  // a copy, made where a tensor needs the bytes aligned
  };
  absl::StatusOr<Tensor> ReadPayload(DType dtype, const Shape& shape,
                                     const TensorProto::Payload& reference);
  absl::Status Use(const TensorProto::Payload& reference, Payload& payload);
  absl::StatusOr<Tensor> View(DType dtype, const Shape& shape, Payload& payload);
  bool IsDamaged(const Payload& payload);

  std::vector<Payload> payloads_;
  std::shared_ptr<const void> owner_;
  bool verify_checksums_;
  std::function<void(int64_t done, int64_t total)> progress_;
  int64_t done_ = 0, total_ = 0;  // bytes
};

// InvalidArgument where CheckShape() says so.
absl::Status TypeToProto(const TensorType& type, TensorTypeProto& proto);
// InvalidArgument for a dtype that is not known, for sizes that are negative, and where
// CheckShape() says so.
absl::StatusOr<TensorType> TypeFromProto(const TensorTypeProto& proto);
// kInvalid is a type that is not known here, or none.
absl::StatusOr<DType> DTypeFromProto(int dtype);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_TENSOR_PROTO_H_
