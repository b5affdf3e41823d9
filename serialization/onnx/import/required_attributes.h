// What ONNX's operators do not go without. An op of ours may have a default where ONNX has none: a
// node without the attribute would be read as one that has it.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_REQUIRED_ATTRIBUTES_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_REQUIRED_ATTRIBUTES_H_

#include "absl/status/status.h"
#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// InvalidArgument where an attribute is missing that the node's operator requires.
absl::Status CheckRequiredAttributes(const NodeImporter& node);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_REQUIRED_ATTRIBUTES_H_
