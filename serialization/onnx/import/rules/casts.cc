#include "nomograph/serialization/onnx/import/rules/casts.h"

#include "nomograph/core/types/float16.h"

namespace nomograph::onnx {

absl::StatusOr<ValueId> CastTo(NodeImporter& node, ValueId value, DType dtype) {
  if (value == kNoValue || node.type(value).dtype == dtype) return value;
  return node.Add("array.Cast", {value}, {{"to", dtype}});
}

DType WideFloat(DType dtype) { return Is16BitFloat(dtype) ? DType::kFloat32 : dtype; }

absl::StatusOr<ValueId> Widened(NodeImporter& node, ValueId value) {
  NOMO_ASSIGN_OR_RETURN(const DType dtype, node.dtype(value));
  return CastTo(node, value, WideFloat(dtype));
}

}  // namespace nomograph::onnx
