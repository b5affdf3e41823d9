// What the rules of normalisation share: types of elements.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_CASTS_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_CASTS_H_

#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// The value in that type; itself where it has it, and kNoValue of kNoValue.
absl::StatusOr<ValueId> CastTo(NodeImporter& node, ValueId value, DType dtype);

// The type in which means and variances of that type are computed: float32 where it is narrower,
// because squares and sums of 16 bits overflow.
DType WideFloat(DType dtype);

// The value in that type. Unimplemented where its own is not known.
absl::StatusOr<ValueId> Widened(NodeImporter& node, ValueId value);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_CASTS_H_
