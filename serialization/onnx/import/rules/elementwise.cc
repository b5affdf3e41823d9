// Operators that work element by element.
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

// Until opset 6 operands did not broadcast unless `broadcast` said so, and b stood at `axis` of a.
absl::Status ImportBinary1(NodeImporter& node) {
  node.Ignore({"consumed_inputs"});
  NOMO_ASSIGN_OR_RETURN(const int64_t broadcast, node.Int("broadcast", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  std::vector<ValueId> operands = node.inputs();
  if (broadcast != 0 && axis >= 0 && operands.size() == 2) {
    NOMO_ASSIGN_OR_RETURN(const int a, node.rank(operands[0]));
    NOMO_ASSIGN_OR_RETURN(const int b, node.rank(operands[1]));
    std::vector<int64_t> behind;
    for (int64_t i = axis + b; i < a; ++i) behind.push_back(i - axis);
    if (!behind.empty()) {
      NOMO_ASSIGN_OR_RETURN(operands[1],
                            node.Add("array.Unsqueeze", {operands[1]}, {{"axes", behind}}));
    }
  }
  const std::string op = RuleOf(node).op;
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, operands));
  return node.Return({y});
}

// A slope for each channel stands at axis 1 of x.
absl::Status ImportPRelu1(NodeImporter& node) {
  node.Ignore({"consumed_inputs"});
  ValueId slope = node.input(1);
  NOMO_ASSIGN_OR_RETURN(const int rank, node.rank(node.input(0)));
  NOMO_ASSIGN_OR_RETURN(const int slope_rank, node.rank(slope));
  if (slope_rank == 1 && rank > 2) {
    std::vector<int64_t> behind;
    for (int64_t i = 1; i < rank - 1; ++i) behind.push_back(i);
    NOMO_ASSIGN_OR_RETURN(slope, node.Add("array.Unsqueeze", {slope}, {{"axes", behind}}));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.PRelu", {node.input(0), slope}));
  return node.Return({y});
}

const OperatorRegistrar kBinary1({
    {"Add", "math.Add", 1, ImportBinary1},
    {"And", "math.And", 1, ImportBinary1},
    {"Div", "math.Div", 1, ImportBinary1},
    {"Equal", "math.Equal", 1, ImportBinary1},
    {"Greater", "math.Greater", 1, ImportBinary1},
    {"Less", "math.Less", 1, ImportBinary1},
    {"Mul", "math.Mul", 1, ImportBinary1},
    {"Or", "math.Or", 1, ImportBinary1},
    {"Pow", "math.Pow", 1, ImportBinary1},
    {"PRelu", "nn.PRelu", 1, ImportPRelu1},
    {"Sub", "math.Sub", 1, ImportBinary1},
    {"Xor", "math.Xor", 1, ImportBinary1},
});

// The attributes have the type float's lowest and greatest value where they are absent.
absl::Status ImportClip6(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("math.Clip", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("math.Clip", {node.input(0)}, attrs));
  return node.Return({y});
}

const OperatorRegistrar kClip({"Clip", "math.Clip", 1, ImportClip6});

absl::Status ImportIsInf(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("math.IsInf", "detect_positive", attrs));
  NOMO_RETURN_IF_ERROR(node.Copy("math.IsInf", "detect_negative", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("math.IsInf", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kIsInf({"IsInf", "math.IsInf", 10, ImportIsInf});

// The exponent may have another type, the result has the base's.
absl::Status ImportPow(NodeImporter& node) {
  const auto base_type = node.dtype(node.input(0)), exponent_type = node.dtype(node.input(1));
  if (!base_type.ok() || !exponent_type.ok()) return ImportSame(node);
  const DType base = *base_type, exponent = *exponent_type;
  if (base == exponent) return ImportSame(node);
  const bool wide = !kFloats.Contains(base) || exponent == DType::kFloat64;
  const DType common = !kFloats.Contains(base) && !kFloats.Contains(exponent) ? DType::kInt64
                       : wide                                                 ? DType::kFloat64
                                                                              : base;
  std::vector<ValueId> operands = node.inputs();
  for (ValueId& operand : operands) {
    if (node.type(operand).dtype == common) continue;
    NOMO_ASSIGN_OR_RETURN(operand, node.Add("array.Cast", {operand}, {{"to", common}}));
  }
  NOMO_ASSIGN_OR_RETURN(ValueId y, node.Add("math.Pow", operands));
  if (common != base) {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("array.Cast", {y}, {{"to", base}}));
  }
  return node.Return({y});
}

const OperatorRegistrar kPow({"Pow", "math.Pow", 7, ImportPow});

absl::Status ImportCast(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("array.Cast", "to", attrs));
  NOMO_RETURN_IF_ERROR(node.Copy("array.Cast", "saturate", attrs));
  node.Ignore({"round_mode"});  // of float8e8m0, which Copy() or the input's type refuses
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Cast", {node.input(0)}, attrs));
  return node.Return({y});
}

// Until opset 5 `to` was the name of a type.
absl::Status ImportCast1(NodeImporter& node) {
  const AttributeProto* to = node.Attribute("to");
  if (to == nullptr || !to->has_s()) return ImportCast(node);
  TensorProto::DataType type;
  if (!TensorProto::DataType_Parse(to->s(), &type)) {
    return InvalidArgument("attribute to: expected the name of an element type, found ",
                           Quoted(to->s()));
  }
  const auto dtype = DTypeFromOnnx(type);
  NOMO_RETURN_IF_ERROR(Annotate(dtype.status(), "attribute to"));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Cast", {node.input(0)}, {{"to", *dtype}}));
  return node.Return({y});
}

const OperatorRegistrar kCast({
    {"Cast", "array.Cast", 1, ImportCast1},
    {"Cast", "array.Cast", 6, ImportCast},
});

absl::Status ImportCastLike(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const DType to, node.dtype(node.input(1)));
  Attributes attrs = {{"to", to}};
  NOMO_RETURN_IF_ERROR(node.Copy("array.Cast", "saturate", attrs));
  node.Ignore({"round_mode"});  // of float8e8m0, which Copy() or the input's type refuses
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Cast", {node.input(0)}, attrs));
  return node.Return({y});
}

const OperatorRegistrar kCastLike({"CastLike", "array.Cast", 15, ImportCastLike});

// x * sigmoid(alpha * x)
absl::Status ImportQuickGelu(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", 1.702));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.Swish", {node.input(0)}, {{"alpha", alpha}}));
  return node.Return({y});
}

const OperatorRegistrar kQuickGelu({.op_type = "QuickGelu",
                                    .op = "nn.Swish",
                                    .import = ImportQuickGelu,
                                    .domain = "com.microsoft"});

absl::Status ImportBiasedGelu(NodeImporter& node, const char* approximate) {
  ValueId x = node.input(0);
  if (node.has_input(1)) {
    NOMO_ASSIGN_OR_RETURN(x, node.Add("math.Add", {x, node.input(1)}));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.Gelu", {x}, {{"approximate", approximate}}));
  return node.Return({y});
}
absl::Status ImportFastGelu(NodeImporter& node) { return ImportBiasedGelu(node, "tanh"); }
absl::Status ImportBiasGelu(NodeImporter& node) { return ImportBiasedGelu(node, "none"); }

const OperatorRegistrar kBiasedGelu({
    {"FastGelu", "nn.Gelu", 1, ImportFastGelu, "com.microsoft"},
    {"BiasGelu", "nn.Gelu", 1, ImportBiasGelu, "com.microsoft"},
});

}  // namespace
}  // namespace nomograph::onnx
