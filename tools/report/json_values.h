// The values of models as JSON. README.md documents the forms.
#ifndef NOMOGRAPH_TOOLS_REPORT_JSON_VALUES_H_
#define NOMOGRAPH_TOOLS_REPORT_JSON_VALUES_H_

#include "nlohmann/json.hpp"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

using Json = nlohmann::ordered_json;

// A list with a number for a known size, the name of a symbol and null for an unknown size; null
// for an unknown rank.
Json ShapeJson(const PartialShape& shape);
// {"dtype": "float32", "shape": ["batch", 28]}
Json TypeJson(const TensorType& type);
// Numbers, strings and lists as they are; {"dtype": ...}, {"function": ...}, and for tensors their
// type.
Json AttrJson(const AttrValue& value);
Json AttrsJson(const Attributes& attrs);
// A node of `nomo inspect --json`.
Json NodeJson(const Graph& graph, const Node& node);
// Null for what JSON has no number for.
Json NumberJson(double value);
// The elements in row-major order: integers with all of their digits, true and false, and numbers.
Json ElementsJson(const Tensor& tensor);
// Adds `text` under `key` unless it is empty.
void PutText(Json& object, const char* key, const std::string& text);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_JSON_VALUES_H_
