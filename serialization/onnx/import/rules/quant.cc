// Quantised operators.
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/rules/window.h"

namespace nomograph::onnx {
namespace {

absl::Status ImportQuantize(NodeImporter& node) {
  node.Ignore({"precision"});  // of the division
  const std::string op = RuleOf(node).op;
  Attributes attrs;
  // 0 says that the type is the zero point's.
  if (const AttributeProto* type = node.Attribute("output_dtype");
      type != nullptr && type->i() != 0) {
    NOMO_RETURN_IF_ERROR(node.Copy(op, "output_dtype", attrs));
  }
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

absl::Status ImportQuantizedConv(NodeImporter& node) {
  const std::string op = RuleOf(node).op;
  Attributes attrs = {{"kernel_layout", "OIHW"}};
  NOMO_RETURN_IF_ERROR(CopyWindow(node, op, attrs));
  NOMO_RETURN_IF_ERROR(node.Copy(op, "groups", attrs, "group"));
  node.Ignore({"kernel_shape"});
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kQuantised({
    {"QuantizeLinear", "quant.QuantizeLinear", 10, ImportQuantize},
    {"DequantizeLinear", "quant.DequantizeLinear", 10, ImportQuantize},
    {"QuantizeLinear", "quant.QuantizeLinear", 1, ImportQuantize, "com.microsoft"},
    {"DequantizeLinear", "quant.DequantizeLinear", 1, ImportQuantize, "com.microsoft"},
    {"ConvInteger", "quant.ConvInteger", 10, ImportQuantizedConv},
    {"QLinearConv", "quant.QLinearConv", 10, ImportQuantizedConv},
});

}  // namespace
}  // namespace nomograph::onnx
