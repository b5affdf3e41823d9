// Quantised ops and Fourier transforms.
#include "nomograph/core/types/memory.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/operator_forms.h"
#include "nomograph/serialization/onnx/export/rules/layout.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

// Until opset 20 the type is the zero point's, and there are no blocks; 8-bit floats came with 19.
Names QuantizeLinear(NodeExporter& n) {
  if (n.attrs().Int("block_size") != 0 && n.opset() < 21) {
    return absl::UnimplementedError("blocks need opset 21 or later");
  }
  std::vector<std::string> inputs = n.inputs();
  if (!n.has_input(2) && n.attrs().Has("output_dtype") && n.opset() < 21) {
    if (!n.type(1).shape.fully_known()) {
      return absl::FailedPreconditionError("the shape of the scale is not known");
    }
    inputs.resize(3);
    NOMO_ASSIGN_OR_RETURN(const Tensor zeros,
                          TryFull(n.attrs().Type("output_dtype"), n.type(1).shape.ToShape(), 0));
    inputs[2] = n.graph().Constant(zeros);
  }
  std::vector<AttributeProto> attrs;
  for (const auto& [name, value] : n.attrs()) {
    if (!HasAttribute("QuantizeLinear", n.opset(), name)) continue;
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
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

// Numbers that are attributes of ours are ONNX's inputs, scalars: integers and float32.
Names MelWeightMatrix(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(5);
  int i = 0;
  for (const char* name :
       {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"}) {
    if (inputs[i].empty() && n.attrs().Has(name)) {
      const AttrValue& value = *n.attrs().Find(name);
      inputs[i] = n.graph().Constant(
          value.type() == AttrType::kInt
              ? Tensor::Scalar<int64_t>(n.attrs().Int(name))
              : Tensor::Scalar<float>(static_cast<float>(n.attrs().Float(name))));
    }
    ++i;
  }
  return {{n.Emit("MelWeightMatrix", inputs,
                  {IntAttr("output_datatype", DTypeToOnnx(n.attrs().Type("dtype")))})}};
}

// Until opset 19 the axis is an attribute.
Names Dft(NodeExporter& n) {
  if (n.has_input(2)) return absl::UnimplementedError("a computed axis needs opset 20 or later");
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(2);
  if (inputs[1].empty() && n.attrs().Has("dft_length")) {
    inputs[1] = n.graph().Constant(Tensor::Scalar<int64_t>(n.attrs().Int("dft_length")));
  }
  if (inputs[1].empty()) inputs.pop_back();
  std::vector<AttributeProto> attrs = {
      IntAttr("axis", n.attrs().Has("axis") ? n.attrs().Int("axis") : -2)};
  for (const char* name : {"inverse", "onesided"}) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
  }
  return {{n.Emit("DFT", inputs, std::move(attrs))}};
}

const ExportRegistrar kSignal({
    {.op = "signal.MelWeightMatrix",
     .op_type = "MelWeightMatrix",
     .since = 17,
     .function = MelWeightMatrix},
    {.op = "signal.Dft", .op_type = "DFT", .function = Dft},
});

}  // namespace
}  // namespace nomograph::onnx
