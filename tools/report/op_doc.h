// Documentation of ops, from their declarations.
#ifndef NOMOGRAPH_TOOLS_REPORT_OP_DOC_H_
#define NOMOGRAPH_TOOLS_REPORT_OP_DOC_H_

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/core/op/registry.h"

namespace nomograph {

// A line for each op, by domain.
std::string OpListText(const std::vector<const OpDef*>& ops);
std::string OpListMarkdown(const std::vector<const OpDef*>& ops);
nlohmann::ordered_json OpListJson(const OpRegistry& registry, const std::vector<const OpDef*>& ops);

// All that is known of one op, with an example.
std::string OpText(const OpRegistry& registry, const OpDef& op);
std::string OpMarkdown(const OpRegistry& registry, const OpDef& op);
nlohmann::ordered_json OpJson(const OpRegistry& registry, const OpDef& op);

// "y = image.Rescale(x; scale, offset=0)": [x] is optional, x... any number.
std::string OpSignature(const OpDef& op);
// The first sentence of the doc.
std::string OpOneLine(const OpDef& op);
// "required", "optional" or "= 0.5", then the limits: "in [0, 1]", "one of "same", "valid"".
std::string AttrRule(const AttrDef& attr);
// The op's versions that are registered, ascending.
std::vector<int> OpVersions(const OpRegistry& registry, const OpDef& op);
// "ONNX Clip (opset 11)", for each of the op's names in other formats, Python's libraries apart.
std::vector<std::string> OpKnownAs(const OpDef& op);
// The functions of Python's libraries that are read as the op: "keras.ops.silu", sorted.
std::vector<std::string> OpPythonNames(const OpDef& op);
// The same for readers, by function: "acos of tf, tf.math; arccos of keras.ops, np".
std::string OpPythonText(const OpDef& op);
// "reference kernel, 2 fast kernels, body"
std::string OpImplementations(const OpDef& op);
// "math.Abs" -> "math"
std::string OpDomain(const OpDef& op);
// A small one that is easy to read; null when the op has none.
std::optional<Example> PickExample(const OpDef& op);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_OP_DOC_H_
