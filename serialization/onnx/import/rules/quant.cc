// Quantised operators.
#include <optional>
#include <utility>
#include <vector>

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
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyConvolution(node, op, "OIHW", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

// Unsigned integers of 4 bits, the low half of a byte first, or of 8: `count` of each line of
// `line_bytes`.
absl::StatusOr<Tensor> UnpackedBits(const Tensor& packed, int64_t bits, int64_t lines,
                                    int64_t line_bytes, int64_t count) {
  NOMO_ASSIGN_OR_RETURN(Tensor result,
                        Tensor::Create(bits == 4 ? DType::kUInt4 : DType::kUInt8, {lines, count}));
  const std::byte* from = packed.raw_data();
  std::byte* to = result.mutable_raw_data();
  for (int64_t line = 0; line < lines; ++line, from += line_bytes) {
    for (int64_t i = 0; i < count; ++i) {
      *to++ = bits == 8 ? from[i] : (i % 2 == 0 ? from[i / 2] & std::byte{15} : from[i / 2] >> 4);
    }
  }
  return result;
}

// The input, where it is constant, of that dtype and with as many elements.
absl::StatusOr<Tensor> ConstantOf(NodeImporter& node, int i, absl::string_view name,
                                  std::optional<DType> dtype, int64_t elements) {
  const Tensor* constant = node.constant(node.input(i));
  if (constant == nullptr) {
    return absl::UnimplementedError(absl::StrCat("input ", name, " is not constant"));
  }
  if (dtype && constant->dtype() != *dtype) {
    return absl::UnimplementedError(absl::StrCat("input ", name, ": expected ", DTypeName(*dtype),
                                                 ", found ", DTypeName(constant->dtype())));
  }
  if (constant->num_elements() != elements) {
    return absl::InvalidArgumentError(absl::StrCat("input ", name, ": expected ", elements,
                                                   " elements, found shape ",
                                                   constant->shape().ToString()));
  }
  return *constant;
}

// Weights [N, K] in blocks along K: uint8 [N, blocks, block_size * bits / 8], with scales [N,
// blocks] and zero points that are packed line by line, and stand for the middle of the range where
// there are none.
absl::Status ImportMatMulNBits(NodeImporter& node) {
  node.Ignore({"accuracy_level"});  // how far the activations may be rounded
  NOMO_ASSIGN_OR_RETURN(const int64_t k, node.Int("K", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t n, node.Int("N", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t bits, node.Int("bits", 4));
  NOMO_ASSIGN_OR_RETURN(const int64_t block, node.Int("block_size", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t prepacked, node.Int("weight_prepacked", 0));
  constexpr int64_t kMost = int64_t{1} << 30;
  if (k < 1 || n < 1 || k > kMost || n > kMost || block < 16 || block > kMost ||
      (block & (block - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("K, N, block_size: expected positive sizes and a power of two of at least 16, "
                     "found ",
                     k, ", ", n, ", ", block));
  }
  if ((bits != 4 && bits != 8) || prepacked != 0 || node.has_input(4)) {
    return absl::UnimplementedError(
        "only 4 and 8 bits, without weight_prepacked and input g_idx, are supported");
  }
  const int64_t blocks = (k + block - 1) / block, line = blocks * block * bits / 8;
  NOMO_ASSIGN_OR_RETURN(const Tensor packed, ConstantOf(node, 1, "B", DType::kUInt8, n * line));
  NOMO_ASSIGN_OR_RETURN(Tensor scales, ConstantOf(node, 2, "scales", std::nullopt, n * blocks));
  scales = scales.Reshaped(Shape{n, blocks});
  NOMO_ASSIGN_OR_RETURN(Tensor b, UnpackedBits(packed, bits, n, line, k));
  Tensor zeros = Tensor::Full(b.dtype(), {n, blocks}, bits == 4 ? 8 : 128);
  if (node.has_input(3)) {
    const int64_t zero_line = (blocks * bits + 7) / 8;
    NOMO_ASSIGN_OR_RETURN(const Tensor given,
                          ConstantOf(node, 3, "zero_points", DType::kUInt8, n * zero_line));
    NOMO_ASSIGN_OR_RETURN(zeros, UnpackedBits(given, bits, n, zero_line, blocks));
  }
  std::vector<ValueId> inputs = {node.input(0), node.AddConstant(std::move(b)),
                                 node.AddConstant(std::move(scales)),
                                 node.AddConstant(std::move(zeros))};
  if (node.has_input(5)) inputs.push_back(node.input(5));
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add(RuleOf(node).op, inputs,
                                 {{"transpose_b", true}, {"axis", 1}, {"block_size", block}}));
  return node.Return({y});
}

const OperatorRegistrar kQuantised({
    {"MatMulNBits", "quant.WeightOnlyMatMul", 1, ImportMatMulNBits, "com.microsoft"},
    {"QuantizeLinear", "quant.QuantizeLinear", 10, ImportQuantize},
    {"DequantizeLinear", "quant.DequantizeLinear", 10, ImportQuantize},
    {"QuantizeLinear", "quant.QuantizeLinear", 1, ImportQuantize, "com.microsoft"},
    {"DequantizeLinear", "quant.DequantizeLinear", 1, ImportQuantize, "com.microsoft"},
    {"ConvInteger", "quant.ConvInteger", 10, ImportQuantizedConv},
    {"QLinearConv", "quant.QLinearConv", 10, ImportQuantizedConv},
});

}  // namespace
}  // namespace nomograph::onnx
