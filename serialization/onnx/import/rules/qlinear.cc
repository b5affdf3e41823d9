// com.microsoft's operators on 8-bit integers, which are written as the operators on floats that
// they stand for, between DequantizeLinear and QuantizeLinear: compiling takes such nodes together
// where there is an op for them all. And its products of integers that yield floats.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/rules/matrix_softmax.h"
#include "nomograph/serialization/onnx/import/rules/window.h"

namespace nomograph::onnx {
namespace {

bool IsSingle(const PartialShape& shape) {
  return shape.fully_known() && std::all_of(shape.dims().begin(), shape.dims().end(),
                                            [](const Dim& dim) { return dim == Dim(1); });
}

// A scale or zero point is one number, as far as is known.
absl::Status CheckSingle(NodeImporter& node, int i) {
  const PartialShape& shape = node.type(node.input(i)).shape;
  if (!shape.fully_known() || IsSingle(shape)) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("input ", i, ": only one number is supported, found shape ", shape.ToString()));
}

// Input i, or where it is absent a 0 of the type of input `like`.
absl::StatusOr<ValueId> ZeroPoint(NodeImporter& node, int i, int like) {
  if (node.has_input(i)) return node.input(i);
  return node.AddScalar(0, node.input(like));
}

// The numbers of input i, whose scale and zero point are the two inputs behind it.
absl::StatusOr<ValueId> Dequantized(NodeImporter& node, int i) {
  NOMO_RETURN_IF_ERROR(CheckSingle(node, i + 1));
  NOMO_RETURN_IF_ERROR(CheckSingle(node, i + 2));
  NOMO_ASSIGN_OR_RETURN(const ValueId zero, ZeroPoint(node, i + 2, i));
  return node.Add("quant.DequantizeLinear", {node.input(i), node.input(i + 1), zero});
}

// The node yields y as integers of the type of input `like`; their scale is input `scale`, their
// zero point the input behind it.
absl::Status ReturnQuantised(NodeImporter& node, ValueId y, int scale, int like) {
  NOMO_RETURN_IF_ERROR(CheckSingle(node, scale));
  NOMO_RETURN_IF_ERROR(CheckSingle(node, scale + 1));
  NOMO_ASSIGN_OR_RETURN(const ValueId zero, ZeroPoint(node, scale + 1, like));
  NOMO_ASSIGN_OR_RETURN(const ValueId quantised,
                        node.Add("quant.QuantizeLinear", {y, node.input(scale), zero}));
  return node.Return({quantised});
}

// The rule's op with the node's attributes: of the inputs ahead of `first` as they are, and of
// `count` operands from there on.
absl::Status OfFloats(NodeImporter& node, int first, int count, Attributes attrs = {}) {
  const std::string op = RuleOf(node).op;
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  std::vector<ValueId> inputs;
  for (int i = 0; i < first; ++i) inputs.push_back(node.input(i));
  const int end = first + 3 * count;
  for (int i = first; i < end; i += 3) {
    NOMO_ASSIGN_OR_RETURN(inputs.emplace_back(), Dequantized(node, i));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, std::move(inputs), std::move(attrs)));
  return ReturnQuantised(node, y, end, first);
}

template <int first, int count>
absl::Status ImportOfFloats(NodeImporter& node) {
  return OfFloats(node, first, count);
}

// The result's scale and zero point, then as many operands as there are.
absl::Status ImportConcat(NodeImporter& node) {
  if (node.num_inputs() < 5 || node.num_inputs() % 3 != 2) {
    return InvalidArgument(
        "expected two inputs and three for each part, which are one or more, found ",
        node.num_inputs());
  }
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("array.Concat", "axis", attrs));
  std::vector<ValueId> parts;
  for (int i = 2; i < node.num_inputs(); i += 3) {
    NOMO_ASSIGN_OR_RETURN(parts.emplace_back(), Dequantized(node, i));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("array.Concat", std::move(parts), std::move(attrs)));
  return ReturnQuantised(node, y, 0, 2);
}

absl::Status SetLayout(NodeImporter& node, Attributes& attrs) {
  NOMO_ASSIGN_OR_RETURN(const int64_t channels_last, node.Int("channels_last", 0));
  attrs.Set("data_format", channels_last != 0 ? "channels_last" : "channels_first");
  return absl::OkStatus();
}

absl::Status ImportAveragePool(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyWindow(node, "nn.AveragePool", attrs));
  NOMO_RETURN_IF_ERROR(SetLayout(node, attrs));
  return OfFloats(node, 0, 1, std::move(attrs));
}

absl::Status ImportGlobalAveragePool(NodeImporter& node) {
  Attributes attrs = {{"keepdims", true}};
  NOMO_RETURN_IF_ERROR(SetLayout(node, attrs));
  return OfFloats(node, 0, 1, std::move(attrs));
}

// `opset` says of which version of Softmax it is the quantised one.
absl::Status ImportSoftmax(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t opset, node.Int("opset", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  NOMO_ASSIGN_OR_RETURN(const ValueId x, Dequantized(node, 0));
  const std::string op = RuleOf(node).op;
  NOMO_ASSIGN_OR_RETURN(const ValueId y, opset < 13 ? MatrixSoftmax(node, op, x, axis)
                                                    : node.Add(op, {x}, {{"axis", axis}}));
  return ReturnQuantised(node, y, 3, 0);
}

// What a product of integers has beside a and b; kNoValue where it is absent.
struct Product {
  ValueId a, a_scale, a_zero, b, b_scale, b_zero;
  ValueId bias = kNoValue;  // int32, of the sums
};

// The sums of integers times both scales.
absl::StatusOr<ValueId> ScaledProduct(NodeImporter& node, const Product& p) {
  NOMO_ASSIGN_OR_RETURN(ValueId sums,
                        node.Add("quant.MatMulInteger", {p.a, p.b, p.a_zero, p.b_zero}));
  if (p.bias != kNoValue) {
    NOMO_ASSIGN_OR_RETURN(sums, node.Add("math.Add", {sums, p.bias}));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId floats,
                        node.Add("array.Cast", {sums}, {{"to", DType::kFloat32}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId scale, node.Add("math.Mul", {p.a_scale, p.b_scale}));
  return node.Add("math.Mul", {floats, scale});
}

// Adds input `bias`, floats, where the node has it.
absl::Status ReturnBiased(NodeImporter& node, ValueId y, int bias) {
  if (node.has_input(bias)) {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("math.Add", {y, node.input(bias)}));
  }
  return node.Return({y});
}

absl::Status ImportMatMulIntegerToFloat(NodeImporter& node) {
  NOMO_RETURN_IF_ERROR(CheckSingle(node, 2));
  NOMO_RETURN_IF_ERROR(CheckSingle(node, 4));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, ScaledProduct(node, {.a = node.input(0),
                                                              .a_scale = node.input(2),
                                                              .a_zero = node.input(4),
                                                              .b = node.input(1),
                                                              .b_scale = node.input(3),
                                                              .b_zero = node.input(5)}));
  return ReturnBiased(node, y, 6);
}

absl::Status ImportDynamicQuantizeMatMul(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> a,
                        node.AddMulti("quant.DynamicQuantizeLinear", {node.input(0)}, {},
                                      {true, true, true}));  // integers, scale, zero point
  NOMO_ASSIGN_OR_RETURN(const ValueId y, ScaledProduct(node, {.a = a[0],
                                                              .a_scale = a[1],
                                                              .a_zero = a[2],
                                                              .b = node.input(1),
                                                              .b_scale = node.input(2),
                                                              .b_zero = node.input(3)}));
  return ReturnBiased(node, y, 4);
}

// p's bias as floats, the type of whose sums has both scales. One that is dequantised becomes that
// of a quantised product; a scale for each column fits a vector alone.
absl::StatusOr<ValueId> FloatBias(NodeImporter& node, const Product& p) {
  if (p.bias == kNoValue) return kNoValue;
  NOMO_ASSIGN_OR_RETURN(const ValueId scale, node.Add("math.Mul", {p.a_scale, p.b_scale}));
  const PartialShape& scales = node.type(scale).shape;
  if (IsSingle(scales) || (scales.fully_known() && node.type(p.bias).shape == scales)) {
    return node.Add("quant.DequantizeLinear", {p.bias, scale}, {{"axis", 0}});
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId floats,
                        node.Add("array.Cast", {p.bias}, {{"to", DType::kFloat32}}));
  return node.Add("math.Mul", {floats, scale});
}

// alpha is a factor of a's scale. Without a scale of the result that is float32.
absl::Status ImportGemm(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", 1));
  NOMO_ASSIGN_OR_RETURN(const int64_t transpose_a, node.Int("transA", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t transpose_b, node.Int("transB", 0));
  if (node.has_input(7) != node.has_input(8)) {
    return InvalidArgument("inputs 7 and 8: expected a scale and a zero point, or neither");
  }
  NOMO_RETURN_IF_ERROR(CheckSingle(node, 1));
  NOMO_RETURN_IF_ERROR(CheckSingle(node, 2));
  Product p = {.a = node.input(0),
               .a_scale = node.input(1),
               .a_zero = node.input(2),
               .b = node.input(3),
               .b_scale = node.input(4),
               .b_zero = node.input(5),
               .bias = node.input(6)};
  if (alpha != 1) {
    NOMO_ASSIGN_OR_RETURN(const ValueId factor, node.AddScalar(alpha, p.a_scale));
    NOMO_ASSIGN_OR_RETURN(p.a_scale, node.Add("math.Mul", {p.a_scale, factor}));
  }
  if (transpose_a != 0) {
    NOMO_ASSIGN_OR_RETURN(p.a, node.Add("array.Transpose", {p.a}));
  }
  if (!node.has_input(7)) {
    if (transpose_b != 0) {
      NOMO_ASSIGN_OR_RETURN(p.b, node.Add("array.Transpose", {p.b}));
    }
    NOMO_ASSIGN_OR_RETURN(const ValueId y, ScaledProduct(node, p));
    return node.Return({y});
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId a,
                        node.Add("quant.DequantizeLinear", {p.a, p.a_scale, p.a_zero}));
  const int64_t columns = transpose_b != 0 ? 0 : 1;
  NOMO_ASSIGN_OR_RETURN(const ValueId b, node.Add("quant.DequantizeLinear",
                                                  {p.b, p.b_scale, p.b_zero}, {{"axis", columns}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId bias, FloatBias(node, p));
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("math.Gemm", {a, b, bias}, {{"transpose_b", transpose_b != 0}}));
  return ReturnQuantised(node, y, 7, 8);
}

constexpr char kMicrosoft[] = "com.microsoft";

const OperatorRegistrar kQuantisedOps({
    {"QLinearMul", "math.Mul", 1, ImportOfFloats<0, 2>, kMicrosoft},
    {"QLinearWhere", "array.Where", 1, ImportOfFloats<1, 2>, kMicrosoft},
    {"QLinearSigmoid", "nn.Sigmoid", 1, ImportOfFloats<0, 1>, kMicrosoft},
    {"QLinearLeakyRelu", "nn.LeakyRelu", 1, ImportOfFloats<0, 1>, kMicrosoft},
    {"QLinearReduceMean", "math.ReduceMean", 1, ImportOfFloats<0, 1>, kMicrosoft},
    {"QLinearSoftmax", "nn.Softmax", 1, ImportSoftmax, kMicrosoft},
    {"QLinearAveragePool", "nn.AveragePool", 1, ImportAveragePool, kMicrosoft},
    {"QLinearGlobalAveragePool", "nn.GlobalAveragePool", 1, ImportGlobalAveragePool, kMicrosoft},
    {"QLinearConcat", "array.Concat", 1, ImportConcat, kMicrosoft},
    {"QGemm", "math.Gemm", 1, ImportGemm, kMicrosoft},
    {"MatMulIntegerToFloat", "quant.MatMulInteger", 1, ImportMatMulIntegerToFloat, kMicrosoft},
    {"DynamicQuantizeMatMul", "quant.MatMulInteger", 1, ImportDynamicQuantizeMatMul, kMicrosoft},
});

}  // namespace
}  // namespace nomograph::onnx
