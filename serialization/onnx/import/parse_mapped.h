// Parses ONNX files without copying their weights.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_PARSE_MAPPED_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_PARSE_MAPPED_H_

#include "absl/strings/string_view.h"
#include "nomograph/serialization/onnx/import/tensor.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// Parses `bytes` but for the large raw_data of the main graph's initializers, which stay where they
// are: `raw_data` then has them, and the messages do not. False when the bytes are no ModelProto.
bool ParseMapped(absl::string_view bytes, ModelProto& model, RawData& raw_data);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_PARSE_MAPPED_H_
