// Documentation of the ONNX operators that are read, from the importer's rules and the ops' own
// declarations.
#ifndef NOMOGRAPH_TOOLS_REPORT_ONNX_OPERATORS_H_
#define NOMOGRAPH_TOOLS_REPORT_ONNX_OPERATORS_H_

#include <string>

#include "nomograph/core/op/registry.h"

namespace nomograph {

// A Markdown table: operator, opsets, the op that it becomes, the types of its first input, what
// runs it, and whether it is written again. serialization/onnx/OPERATORS.md holds it.
std::string OnnxOperatorsMarkdown(const OpRegistry& registry);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_ONNX_OPERATORS_H_
