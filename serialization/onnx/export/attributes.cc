#include "nomograph/serialization/onnx/export/attributes.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {

AttributeProto IntAttr(const std::string& name, int64_t value) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::INT);
  attr.set_i(value);
  return attr;
}

AttributeProto FloatAttr(const std::string& name, double value) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::FLOAT);
  attr.set_f(static_cast<float>(value));
  return attr;
}

AttributeProto StringAttr(const std::string& name, const std::string& value) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::STRING);
  attr.set_s(value);
  return attr;
}

AttributeProto IntsAttr(const std::string& name, absl::Span<const int64_t> values) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::INTS);
  for (const int64_t value : values) attr.add_ints(value);
  return attr;
}

AttributeProto TensorAttr(const std::string& name, const Tensor& value) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::TENSOR);
  const absl::Status status = TensorToOnnx(value, *attr.mutable_t());
  NOMO_CHECK(status.ok());  // callers give small ones
  return attr;
}

AttributeProto GraphAttr(const std::string& name, GraphProto value) {
  AttributeProto attr;
  attr.set_name(name);
  attr.set_type(AttributeProto::GRAPH);
  *attr.mutable_g() = std::move(value);
  return attr;
}

absl::StatusOr<AttributeProto> ToAttribute(const std::string& name, const AttrValue& value) {
  AttributeProto attr;
  attr.set_name(name);
  switch (value.type()) {
    case AttrType::kBool:
      return IntAttr(name, *value.As<bool>());
    case AttrType::kInt:
      return IntAttr(name, *value.As<int64_t>());
    case AttrType::kFloat:
      return FloatAttr(name, *value.As<double>());
    case AttrType::kString:
      return StringAttr(name, *value.As<std::string>());
    case AttrType::kDType:
      return IntAttr(name, DTypeToOnnx(*value.As<DType>()));
    case AttrType::kInts:
      return IntsAttr(name, *value.As<std::vector<int64_t>>());
    case AttrType::kFloats:
      attr.set_type(AttributeProto::FLOATS);
      for (const double v : *value.As<std::vector<double>>()) {
        attr.add_floats(static_cast<float>(v));
      }
      return attr;
    case AttrType::kStrings:
      attr.set_type(AttributeProto::STRINGS);
      for (const std::string& v : *value.As<std::vector<std::string>>()) attr.add_strings(v);
      return attr;
    case AttrType::kTensor:
      attr.set_type(AttributeProto::TENSOR);
      NOMO_RETURN_IF_ERROR(TensorToOnnx(*value.As<Tensor>(), *attr.mutable_t()));
      return attr;
    case AttrType::kFunction:
      break;
  }
  return absl::UnimplementedError(absl::StrCat(
      "attribute ", Shown(name), " is a function, which ONNX's attributes cannot name"));
}

}  // namespace nomograph::onnx
