// Softmax as it was before opset 13.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_MATRIX_SOFTMAX_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_MATRIX_SOFTMAX_H_

#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// `op`, which has an attribute axis, of x as a matrix: the axes from `axis` on are one.
absl::StatusOr<ValueId> MatrixSoftmax(NodeImporter& node, absl::string_view op, ValueId x,
                                      int64_t axis);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_MATRIX_SOFTMAX_H_
