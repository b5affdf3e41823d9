#include "nomograph/serialization/onnx/import/rules/matrix_softmax.h"

namespace nomograph::onnx {

absl::StatusOr<ValueId> MatrixSoftmax(NodeImporter& node, absl::string_view op, ValueId x,
                                      int64_t axis) {
  const PartialShape& shape = node.type(x).shape;
  if (axis == -1 || (shape.has_rank() && axis == shape.rank() - 1)) {
    return node.Add(op, {x}, {{"axis", -1}});
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId flat, node.Add("array.Flatten", {x}, {{"axis", axis}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId soft, node.Add(op, {flat}, {{"axis", -1}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId sizes, node.Add("array.Shape", {x}));
  return node.Add("array.Reshape", {soft, sizes});
}

}  // namespace nomograph::onnx
