// What the rules of ops ask of the node that they write.
#include "absl/strings/str_cat.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {

std::optional<std::vector<int64_t>> NodeExporter::KnownInts(const char* attr, int input) const {
  if (has_input(input)) return graph_.ConstantInts(inputs_[input]);
  const AttrValue* value = attrs_.Find(attr);
  return value == nullptr ? std::vector<int64_t>() : *value->As<std::vector<int64_t>>();
}

absl::StatusOr<int> NodeExporter::rank(int i) const {
  if (has_input(i) && type(i).shape.has_rank()) return type(i).shape.rank();
  return absl::FailedPreconditionError(
      absl::StrCat("the number of axes of input ", i, " is not known"));
}

absl::Status NodeExporter::CheckTypes() const {
  for (int i = 0; i < static_cast<int>(inputs_.size()); ++i) {
    if (!has_input(i) || type(i).dtype != DType::kInvalid) continue;
    return absl::FailedPreconditionError(absl::StrCat("the type of input ", i, " is not known"));
  }
  return absl::OkStatus();
}

std::string NodeExporter::Scalar(double value, int i) {
  return graph_.Constant(Tensor::Full(type(i).dtype, Shape{}, value));
}

absl::StatusOr<AttributeProto> NodeExporter::Attr(const std::string& name,
                                                  const std::string& onnx_name) {
  return ToAttribute(onnx_name.empty() ? name : onnx_name, *attrs_.Find(name));
}

}  // namespace nomograph::onnx
