// Attributes of an ONNX node that is being written.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_ATTRIBUTES_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_ATTRIBUTES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

AttributeProto IntAttr(const std::string& name, int64_t value);
AttributeProto FloatAttr(const std::string& name, double value);
AttributeProto StringAttr(const std::string& name, const std::string& value);
AttributeProto IntsAttr(const std::string& name, absl::Span<const int64_t> values);
AttributeProto TensorAttr(const std::string& name, const Tensor& value);
AttributeProto GraphAttr(const std::string& name, GraphProto value);
// One of ours by its own type. Unimplemented for functions.
absl::StatusOr<AttributeProto> ToAttribute(const std::string& name, const AttrValue& value);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_ATTRIBUTES_H_
