// What ONNX's operators look like in each opset that is written: which inputs, outputs, attributes
// and element types they have. Every node that is exported is held against it, so that no rule can
// write what the opset does not have.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_OPERATOR_FORMS_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_OPERATOR_FORMS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/dtype.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// Unimplemented where ai.onnx's opset has no such form of the node's operator: what it lacks, and
// the first opset that has it. `dtype_of` yields kInvalid for what is not known.
absl::Status CheckForm(const NodeProto& node, int opset,
                       absl::FunctionRef<DType(const std::string& value)> dtype_of);

// Whether an operator of one opset means the same in the other.
bool SameForm(const std::string& op_type, int opset, int other);

// Whether the opset has the operator.
bool HasOperator(const std::string& op_type, int opset);

// Whether the operator has the attribute in that opset.
bool HasAttribute(const std::string& op_type, int opset, absl::string_view attribute);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_OPERATOR_FORMS_H_
