#include "nomograph/tools/report/json_values.h"

#include <cmath>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace nomograph {
namespace {

struct ToJson {
  Json operator()(bool v) const { return v; }
  Json operator()(int64_t v) const { return v; }
  Json operator()(double v) const { return NumberJson(v); }
  Json operator()(const std::string& v) const { return v; }
  Json operator()(DType v) const { return {{"dtype", std::string(DTypeName(v))}}; }
  Json operator()(const std::vector<int64_t>& v) const { return v; }
  Json operator()(const std::vector<double>& v) const {
    Json list = Json::array();
    for (const double x : v) list.push_back(NumberJson(x));
    return list;
  }
  Json operator()(const std::vector<std::string>& v) const { return v; }
  Json operator()(const Tensor& v) const { return TypeJson(v.type()); }
  Json operator()(const FunctionRef& v) const { return {{"function", v.name}}; }
};

}  // namespace

Json ShapeJson(const PartialShape& shape) {
  if (!shape.has_rank()) return nullptr;
  Json dims = Json::array();
  for (const Dim& dim : shape.dims()) {
    if (dim.known()) {
      dims.push_back(dim.size());
    } else {
      dims.push_back(dim.symbol().empty() ? Json() : Json(dim.symbol()));
    }
  }
  return dims;
}

Json TypeJson(const TensorType& type) {
  const bool known = type.dtype != DType::kInvalid;
  return {{"dtype", known ? Json(std::string(DTypeName(type.dtype))) : Json()},
          {"shape", ShapeJson(type.shape)}};
}

Json AttrJson(const AttrValue& value) { return std::visit(ToJson{}, value.variant()); }

Json AttrsJson(const Attributes& attrs) {
  // At once: an ordered object looks keys up one by one.
  std::map<std::string, Json> object;
  for (const auto& [name, value] : attrs) object.emplace(name, AttrJson(value));
  return object;
}

Json NumberJson(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json ElementsJson(const Tensor& tensor) {
  Json values = Json::array();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    switch (tensor.dtype()) {
      case DType::kBool:
        values.push_back(tensor.data<bool>()[i]);
        break;
      case DType::kInt64:
        values.push_back(tensor.data<int64_t>()[i]);
        break;
      case DType::kUInt64:
        values.push_back(tensor.data<uint64_t>()[i]);
        break;
      default:  // as doubles the other integers are exact
        if ((kInts | kInt4s).Contains(tensor.dtype())) {
          values.push_back(static_cast<int64_t>(tensor.AsDouble(i)));
        } else {
          values.push_back(NumberJson(tensor.AsDouble(i)));
        }
    }
  }
  return values;
}

void PutText(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

}  // namespace nomograph
