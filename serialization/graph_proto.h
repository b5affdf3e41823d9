// Model <-> ModelProto.
#ifndef NOMOGRAPH_SERIALIZATION_GRAPH_PROTO_H_
#define NOMOGRAPH_SERIALIZATION_GRAPH_PROTO_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/tensor_proto.h"

namespace nomograph {

// The model's graph part. Equal models yield equal protos. InvalidArgument, with the place, for
// what no file can hold: text that is not UTF-8, or a tensor that is not there.
absl::StatusOr<ModelProto> ModelToProto(const Model& model, TensorWriter& tensors);

// InvalidArgument and DataLoss list the faults, each with its place. The model's structure is left
// to VerifyModel(). `keep_unknown_fields` may be false when it is known that there are none. Parts
// of `proto` are freed as they are read.
absl::StatusOr<Model> ModelFromProto(ModelProto proto, TensorReader& tensors,
                                     bool keep_unknown_fields);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_GRAPH_PROTO_H_
