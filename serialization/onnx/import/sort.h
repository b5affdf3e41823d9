// The order of an ONNX graph's nodes.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_SORT_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_SORT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// The places of the nodes so that producers come ahead of users, those inside of subgraphs among
// the users, and otherwise in the file's order. ONNX demands such an order, but not every exporter
// keeps it. InvalidArgument names the nodes of a cycle.
absl::StatusOr<std::vector<int>> SortNodes(
    const google::protobuf::RepeatedPtrField<NodeProto>& nodes);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_SORT_H_
