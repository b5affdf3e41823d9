// Quantised ops, windows and Fourier transforms.
#include "nomograph/core/types/memory.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/rules/layout.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;
using Kind = AttrRule::Kind;

// Until opset 20 the type is the zero point's, and there are no blocks; 8-bit floats came with 19.
const ExportRegistrar kQuantised({
    {"quant.DequantizeLinear", "DequantizeLinear"},
    {.op = "quant.QuantizeLinear", .op_type = "QuantizeLinear", .since = 21},
    {"quant.DynamicQuantizeLinear", "DynamicQuantizeLinear"},
    {"quant.MatMulInteger", "MatMulInteger"},
    {"quant.QLinearMatMul", "QLinearMatMul"},
});

Names QuantizeLinear(NodeExporter& n) {
  if (n.attrs().Int("block_size") != 0) {
    return absl::UnimplementedError("blocks need opset 21 or later");
  }
  std::vector<std::string> inputs = n.inputs();
  if (!n.has_input(2) && n.attrs().Has("output_dtype")) {
    if (!n.type(1).shape.fully_known()) {
      return absl::FailedPreconditionError("the shape of the scale is not known");
    }
    inputs.resize(3);
    NOMO_ASSIGN_OR_RETURN(const Tensor zeros,
                          TryFull(n.attrs().Type("output_dtype"), n.type(1).shape.ToShape(), 0));
    inputs[2] = n.graph().Constant(zeros);
  }
  NOMO_ASSIGN_OR_RETURN(AttributeProto axis, n.Attr("axis"));
  std::vector<AttributeProto> attrs = {std::move(axis)};
  if (n.opset() >= 19) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("saturate"));
  }
  return {{n.Emit("QuantizeLinear", inputs, std::move(attrs))}};
}

// Inputs 0 and `kernel` have ONNX's layout or are transposed.
Names Conv(NodeExporter& n, int kernel) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(kernel));  // input 0's, and more often known
  std::vector<std::string> inputs = n.inputs();
  NOMO_ASSIGN_OR_RETURN(inputs[0], ActivationIn(n));
  if (n.attrs().String("kernel_layout") != "OIHW") {
    std::vector<int64_t> perm = {rank - 1, rank - 2};
    for (int axis = 0; axis < rank - 2; ++axis) perm.push_back(axis);
    NOMO_ASSIGN_OR_RETURN(inputs[kernel], n.graph().Transpose(inputs[kernel], perm));
  }
  std::vector<AttributeProto> attrs = WindowAttrs(n, rank - 2);
  attrs.push_back(IntAttr("group", n.attrs().Int("groups")));
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  const std::string y = n.Emit(op_type, inputs, std::move(attrs));
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, rank));
  return {{out}};
}
Names ConvInteger(NodeExporter& n) { return Conv(n, 1); }
Names QLinearConv(NodeExporter& n) { return Conv(n, 3); }

Names QLinearAdd(NodeExporter& n) {
  n.graph().state().domains.emplace("com.microsoft", 1);
  return n.graph().EmitMulti("QLinearAdd", n.inputs(), {}, 1, "com.microsoft");
}

const ExportRegistrar kFunctions({
    {.op = "quant.QuantizeLinear", .op_type = "QuantizeLinear", .function = QuantizeLinear},
    {.op = "quant.ConvInteger", .op_type = "ConvInteger", .function = ConvInteger},
    {.op = "quant.QLinearConv", .op_type = "QLinearConv", .function = QLinearConv},
    {.op = "quant.QLinearAdd", .op_type = "QLinearAdd", .function = QLinearAdd},
});

// Numbers that are attributes of ours are ONNX's inputs, scalars.
Names Signal(NodeExporter& n, std::initializer_list<const char*> numbers) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(std::max(inputs.size(), numbers.size()));
  int i = 0;
  for (const char* name : numbers) {
    if (inputs[i].empty() && n.attrs().Has(name)) {
      const AttrValue& value = *n.attrs().Find(name);
      inputs[i] = n.graph().Constant(
          value.type() == AttrType::kInt
              ? Tensor::Scalar<int64_t>(n.attrs().Int(name))
              : Tensor::Scalar<float>(static_cast<float>(n.attrs().Float(name))));
    }
    ++i;
  }
  std::vector<AttributeProto> attrs = {
      IntAttr("output_datatype", DTypeToOnnx(n.attrs().Type("dtype")))};
  if (n.attrs().Has("periodic")) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("periodic"));
  }
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  return {{n.Emit(op_type, inputs, std::move(attrs))}};
}
Names Window(NodeExporter& n) { return Signal(n, {"size"}); }
Names MelWeightMatrix(NodeExporter& n) {
  return Signal(
      n, {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"});
}

// The axis is an attribute until opset 19.
Names Dft(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(2);
  if (inputs[1].empty() && n.attrs().Has("dft_length")) {
    inputs[1] = n.graph().Constant(Tensor::Scalar<int64_t>(n.attrs().Int("dft_length")));
  }
  std::vector<AttributeProto> attrs;
  for (const char* name : {"inverse", "onesided"}) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
  }
  const int64_t axis = n.attrs().Has("axis") ? n.attrs().Int("axis") : -2;
  if (n.opset() >= 20) {
    inputs.push_back(n.has_input(2) ? n.input(2)
                                    : n.graph().Constant(Tensor::Scalar<int64_t>(axis)));
  } else {
    if (n.has_input(2)) return absl::UnimplementedError("a computed axis needs opset 20 or later");
    attrs.push_back(IntAttr("axis", axis));
    if (inputs[1].empty()) inputs.pop_back();
  }
  return {{n.Emit("DFT", inputs, std::move(attrs))}};
}

Names Stft(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(4);
  for (const auto& [i, name] : {std::pair{1, "frame_step"}, {3, "frame_length"}}) {
    if (inputs[i].empty() && n.attrs().Has(name)) {
      inputs[i] = n.graph().Constant(Tensor::Scalar<int64_t>(n.attrs().Int(name)));
    }
  }
  while (inputs.back().empty()) inputs.pop_back();
  NOMO_ASSIGN_OR_RETURN(AttributeProto onesided, n.Attr("onesided"));
  return {{n.Emit("STFT", inputs, {std::move(onesided)})}};
}

const ExportRegistrar kSignal({
    {.op = "signal.BlackmanWindow", .op_type = "BlackmanWindow", .function = Window},
    {.op = "signal.HammingWindow", .op_type = "HammingWindow", .function = Window},
    {.op = "signal.HannWindow", .op_type = "HannWindow", .function = Window},
    {.op = "signal.MelWeightMatrix", .op_type = "MelWeightMatrix", .function = MelWeightMatrix},
    {.op = "signal.Dft", .op_type = "DFT", .function = Dft},
    {.op = "signal.Stft", .op_type = "STFT", .function = Stft},
});

}  // namespace
}  // namespace nomograph::onnx
