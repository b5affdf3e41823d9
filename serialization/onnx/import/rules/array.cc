// Operators that move elements about.
#include "nomograph/serialization/onnx/import/graph_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// Until opset 3 the axis was 1 where it is absent.
absl::Status ImportConcat1(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Concat", node.inputs(), {{"axis", axis}}));
  return node.Return({y});
}

const OperatorRegistrar kConcat({"Concat", "array.Concat", 1, ImportConcat1});

// A scalar or list of one as what an op of ours wants, a scalar.
absl::StatusOr<ValueId> AsScalar(NodeImporter& node, ValueId value) {
  const PartialShape& shape = node.type(value).shape;
  if (shape.has_rank() && shape.rank() == 0) return value;
  return node.Add("array.Reshape", {value}, {{"shape", std::vector<int64_t>()}});
}

// A computed shape as an attribute: 0 for a symbol that x has at the same place, -1 for one size
// that is not known. None where that does not say it.
std::optional<std::vector<int64_t>> FixedShape(const NodeImporter& node) {
  const auto sizes = node.sizes(node.input(1));
  if (!sizes) return std::nullopt;
  const PartialShape& x = node.type(node.input(0)).shape;
  std::vector<int64_t> shape;
  int unknown = 0;
  for (size_t i = 0; i < sizes->size(); ++i) {
    const SizeValue& size = (*sizes)[i];
    const bool copied = !size.symbol.empty() && x.has_rank() && static_cast<int>(i) < x.rank() &&
                        x[i].symbol() == size.symbol;
    if (size.number && *size.number < -1) return std::nullopt;  // a fault, found when it runs
    shape.push_back(size.number ? *size.number : copied ? 0 : -1);
    unknown += shape.back() == -1;
  }
  return unknown <= 1 ? std::make_optional(shape) : std::nullopt;
}

// A shape that is known up to one size is better an attribute: then a symbolic batch stays one.
absl::Status ImportReshape(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("array.Reshape", "allowzero", attrs));
  std::vector<ValueId> inputs = node.inputs();
  const bool computed = inputs.size() == 2 && node.constant(inputs[1]) == nullptr;
  if (computed && !attrs.Has("allowzero")) {
    if (auto shape = FixedShape(node)) {
      attrs.Set("shape", *std::move(shape));
      inputs.pop_back();
    }
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Reshape", std::move(inputs), attrs));
  return node.Return({y});
}

const OperatorRegistrar kReshape({"Reshape", "array.Reshape", 5, ImportReshape});

// Exporters that write no initializers, PaddlePaddle's among them, have weights as Constants. A
// single number is more often part of a formula, and stays one.
bool IsWeight(const NodeImporter& node, const Tensor& value) {
  return node.graph().is_main() && node.has_output(0) && kFloats.Contains(value.dtype()) &&
         value.num_elements() > 1;
}

absl::Status ImportConstant(NodeImporter& node) {
  Tensor value;
  if (const AttributeProto* tensor = node.Attribute("value")) {
    NOMO_ASSIGN_OR_RETURN(value, node.graph().state().tensors.Read(tensor->t()));
  } else if (const AttributeProto* sparse = node.Attribute("sparse_value")) {
    NOMO_ASSIGN_OR_RETURN(const ValueId y,
                          node.graph().AddSparse(node.name(), sparse->sparse_tensor()));
    return node.Return({y});
  } else if (node.has_attribute("value_float")) {
    NOMO_ASSIGN_OR_RETURN(const double x, node.Float("value_float", 0));
    value = Tensor::Scalar<float>(static_cast<float>(x));
  } else if (const AttributeProto* floats = node.Attribute("value_floats")) {
    value = Tensor::Of<float>({floats->floats_size()},
                              absl::MakeConstSpan(floats->floats().data(), floats->floats_size()));
  } else if (node.has_attribute("value_int")) {
    NOMO_ASSIGN_OR_RETURN(const int64_t x, node.Int("value_int", 0));
    value = Tensor::Scalar<int64_t>(x);
  } else if (node.has_attribute("value_ints")) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> x, node.Ints("value_ints"));
    value = Tensor::Of<int64_t>({static_cast<int64_t>(x.size())}, absl::MakeConstSpan(x));
  } else {
    return absl::UnimplementedError("expected a value of numbers; strings are not supported");
  }
  if (IsWeight(node, value)) {
    const std::string& name = node.proto().output(0);
    return node.graph().Name(node.graph().AddConstant(name, std::move(value)), name);
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("core.Constant", {}, {{"value", std::move(value)}}));
  return node.Return({y});
}

const OperatorRegistrar kConstant({"Constant", "core.Constant", 1, ImportConstant});

// Our value is a scalar, ONNX's a list of one.
absl::Status ImportConstantOfShape(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("array.ConstantOfShape", "value", attrs));
  if (const AttrValue* value = attrs.Find("value")) {
    const Tensor tensor = *value->As<Tensor>();
    if (tensor.num_elements() != 1) {
      return InvalidArgument("attribute value: expected one element, found ",
                             tensor.num_elements());
    }
    attrs.Set("value", tensor.Reshaped(Shape{}));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.ConstantOfShape", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kConstantOfShape({"ConstantOfShape", "array.ConstantOfShape", 9,
                                          ImportConstantOfShape});

absl::Status ImportDepth(NodeImporter& node) {
  const bool to_space = node.proto().op_type() == "DepthToSpace";
  const char* op = to_space ? "array.DepthToSpace" : "array.SpaceToDepth";
  Attributes attrs = {{"data_format", "channels_first"}};
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kDepth({
    {"DepthToSpace", "array.DepthToSpace", 1, ImportDepth},
    {"SpaceToDepth", "array.SpaceToDepth", 1, ImportDepth},
});

absl::Status ImportOneHot(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const ValueId depth, AsScalar(node, node.input(1)));
  ValueId indices = node.input(0), integer_depth = depth;
  for (ValueId* value : {&indices, &integer_depth}) {
    NOMO_ASSIGN_OR_RETURN(const DType dtype, node.dtype(*value));
    if (kInts.Contains(dtype)) continue;
    NOMO_ASSIGN_OR_RETURN(*value, node.Add("array.Cast", {*value}, {{"to", DType::kInt64}}));
  }
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("array.OneHot", "axis", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("array.OneHot", {indices, integer_depth, node.input(2)}, attrs));
  return node.Return({y});
}

const OperatorRegistrar kOneHot({"OneHot", "array.OneHot", 9, ImportOneHot});

// num_outputs is what the outputs' number says.
absl::Status ImportSplit(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t parts, node.Int("num_outputs", node.num_outputs()));
  if (parts != node.num_outputs()) {
    return InvalidArgument("attribute num_outputs: expected ", node.num_outputs(),
                           ", the number of outputs, found ", parts);
  }
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.Split", attrs));
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        node.AddMulti("array.Split", node.inputs(), attrs,
                                      std::vector<bool>(node.num_outputs(), true)));
  return node.Return(outputs);
}

const OperatorRegistrar kSplit({"Split", "array.Split", 1, ImportSplit});

absl::Status ImportTopK(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.TopK", attrs));
  std::vector<ValueId> inputs = node.inputs();
  if (inputs.size() > 1) {
    NOMO_ASSIGN_OR_RETURN(inputs[1], AsScalar(node, inputs[1]));
  }
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        node.AddMulti("array.TopK", inputs, attrs, {true, node.has_output(1)}));
  return node.Return(outputs);
}

const OperatorRegistrar kTopK({"TopK", "array.TopK", 1, ImportTopK});

}  // namespace
}  // namespace nomograph::onnx
