// Convolution, pooling, normalisation, softmax, dropout and losses.
#include <numeric>

#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/rules/casts.h"
#include "nomograph/serialization/onnx/import/rules/matrix_softmax.h"
#include "nomograph/serialization/onnx/import/rules/window.h"

namespace nomograph::onnx {
namespace {

absl::Status ImportConv(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyConvolution(node, "nn.Conv", "OIHW", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.Conv", node.inputs(), attrs));
  return node.Return({y});
}

absl::Status ImportConvTranspose(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyConvolution(node, "nn.ConvTranspose", "IOHW", attrs));
  NOMO_RETURN_IF_ERROR(node.Copy("nn.ConvTranspose", "output_padding", attrs));
  NOMO_RETURN_IF_ERROR(node.Copy("nn.ConvTranspose", "output_shape", attrs));
  if (attrs.Has("output_shape")) {
    // The padding follows from the shape; by default its odd element is at the beginning.
    attrs.Erase("pads");
    if (attrs.Find("padding") == nullptr) attrs.Set("padding", "explicit");
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.ConvTranspose", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kConv({
    {"Conv", "nn.Conv", 1, ImportConv},
    {"ConvTranspose", "nn.ConvTranspose", 1, ImportConvTranspose},
});

absl::Status ImportFusedConv(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const std::string activation, node.String("activation", ""));
  NOMO_ASSIGN_OR_RETURN(const std::vector<double> params, node.Floats("activation_params"));
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyConvolution(node, "nn.Conv", "OIHW", attrs));
  NOMO_ASSIGN_OR_RETURN(ValueId y,
                        node.Add("nn.Conv", {node.input(0), node.input(1), node.input(2)}, attrs));
  if (node.has_input(3)) {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("math.Add", {y, node.input(3)}));
  }
  const auto param = [&](size_t i, double absent) {
    return i < params.size() ? params[i] : absent;
  };
  if (activation.empty()) return node.Return({y});
  if (activation == "Relu") {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("nn.Relu", {y}));
  } else if (activation == "Sigmoid") {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("nn.Sigmoid", {y}));
  } else if (activation == "Tanh") {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("math.Tanh", {y}));
  } else if (activation == "LeakyRelu") {
    NOMO_ASSIGN_OR_RETURN(y, node.Add("nn.LeakyRelu", {y}, {{"alpha", param(0, 0.01)}}));
  } else if (activation == "HardSigmoid") {
    NOMO_ASSIGN_OR_RETURN(
        y, node.Add("nn.HardSigmoid", {y}, {{"alpha", param(0, 0.2)}, {"beta", param(1, 0.5)}}));
  } else if (activation == "Clip") {
    NOMO_ASSIGN_OR_RETURN(
        y, node.Add("math.Clip", {y}, {{"min", param(0, -3.4e38)}, {"max", param(1, 3.4e38)}}));
  } else {
    return absl::UnimplementedError(
        absl::StrCat("activation ", Quoted(activation), " is not supported"));
  }
  return node.Return({y});
}

const OperatorRegistrar kFusedConv({"FusedConv", "nn.Conv", 1, ImportFusedConv, "com.microsoft"});

// Pooling ops whose attributes have ONNX's names, the window's excepted.
absl::Status ImportPool(NodeImporter& node) {
  const std::string op = RuleOf(node).op;
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyWindow(node, op, attrs));
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        node.AddMulti(op, node.inputs(), attrs, node.OutputMask()));
  return node.Return(outputs);
}

absl::Status ImportGlobalPool(NodeImporter& node) {
  const std::string op = RuleOf(node).op;
  Attributes attrs = {{"data_format", "channels_first"}, {"keepdims", true}};
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kPools({
    {"AveragePool", "nn.AveragePool", 1, ImportPool},
    {"MaxPool", "nn.MaxPool", 1, ImportPool},
    {"LpPool", "nn.LpPool", 2, ImportPool},
    {"GlobalAveragePool", "nn.GlobalAveragePool", 1, ImportGlobalPool},
    {"GlobalMaxPool", "nn.GlobalMaxPool", 1, ImportGlobalPool},
    {"GlobalLpPool", "nn.GlobalLpPool", 2, ImportGlobalPool},
});

// Casts what has another type than `like`.
absl::Status CastAs(NodeImporter& node, ValueId like, std::initializer_list<ValueId*> values) {
  NOMO_ASSIGN_OR_RETURN(const DType dtype, node.dtype(like));
  for (ValueId* value : values) {
    NOMO_ASSIGN_OR_RETURN(*value, CastTo(node, *value, dtype));
  }
  return absl::OkStatus();
}

// In training mode the statistics are the batch's, and running ones are outputs.
absl::Status ImportBatchNormalization(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t training, node.Int("training_mode", 0));
  NOMO_ASSIGN_OR_RETURN(const double momentum, node.Float("momentum", 0.9));
  NOMO_ASSIGN_OR_RETURN(const int64_t spatial, node.Int("spatial", 1));
  node.Ignore({"is_test", "consumed_inputs"});  // before opset 7
  if (spatial != 1) return absl::UnimplementedError("attribute spatial: only 1 is supported");
  Attributes attrs = {{"axis", 1}, {"momentum", momentum}};
  NOMO_RETURN_IF_ERROR(node.Copy("nn.BatchNormalization", "epsilon", attrs));
  const ValueId x = node.input(0);
  ValueId scale = node.input(1), bias = node.input(2);
  ValueId mean = node.input(3), variance = node.input(4);
  const ValueId kept = mean;
  NOMO_RETURN_IF_ERROR(CastAs(node, x, {&scale, &bias, &mean, &variance}));
  const std::vector<ValueId> inputs = {x, scale, bias, mean, variance};
  if (training == 0) {
    NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.BatchNormalization", inputs, attrs));
    return node.Return({y, kNoValue, kNoValue});
  }
  NOMO_ASSIGN_OR_RETURN(
      std::vector<ValueId> outputs,
      node.AddMulti("nn.BatchNormalizationTraining", inputs, attrs, node.OutputMask()));
  outputs.resize(3, kNoValue);
  NOMO_RETURN_IF_ERROR(CastAs(node, kept, {&outputs[1], &outputs[2]}));
  return node.Return(outputs);
}

const OperatorRegistrar kBatchNormalization({"BatchNormalization", "nn.BatchNormalization", 1,
                                             ImportBatchNormalization});

absl::Status ImportInstanceNormalization(NodeImporter& node) {
  Attributes attrs = {{"axis", 1}};
  NOMO_RETURN_IF_ERROR(node.Copy("nn.InstanceNormalization", "epsilon", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("nn.InstanceNormalization", node.inputs(), attrs));
  return node.Return({y});
}

// Until opset 20 scale and bias have an element for each group, later for each channel.
absl::Status ImportGroupNormalization(NodeImporter& node) {
  node.Ignore({"stash_type"});  // the sums are wide in any case
  Attributes attrs = {{"axis", 1}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.GroupNormalization", attrs));
  std::vector<ValueId> inputs = node.inputs();
  if (node.opset() < 21) {
    NOMO_ASSIGN_OR_RETURN(const int rank, node.rank(node.input(0)));
    const Dim channels = rank > 1 ? node.type(node.input(0)).shape[1] : Dim();
    NOMO_ASSIGN_OR_RETURN(const int64_t groups, node.Int("num_groups", 1));
    if (!channels.known() || groups < 1 || channels.size() % groups != 0) {
      return InvalidArgument("expected a number of channels that ", groups,
                             " groups divide, found ", channels.ToString());
    }
    for (size_t i = 1; i < inputs.size(); ++i) {
      NOMO_ASSIGN_OR_RETURN(
          const ValueId column,
          node.Add("array.Reshape", {inputs[i]}, {{"shape", std::vector<int64_t>{-1, 1}}}));
      NOMO_ASSIGN_OR_RETURN(
          const ValueId repeated,
          node.Add("array.Tile", {column},
                   {{"repeats", std::vector<int64_t>{1, channels.size() / groups}}}));
      NOMO_ASSIGN_OR_RETURN(
          inputs[i], node.Add("array.Reshape", {repeated}, {{"shape", std::vector<int64_t>{-1}}}));
    }
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.GroupNormalization", inputs, attrs));
  return node.Return({y});
}

// The axes from `axis` on.
absl::StatusOr<std::vector<int64_t>> NormalizedAxes(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int rank, node.rank(node.input(0)));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, node.Int("axis", -1));
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(given, rank));
  std::vector<int64_t> axes(rank - axis);
  std::iota(axes.begin(), axes.end(), axis);
  return axes;
}

// 1 / sqrt(the mean of the squares + epsilon)
absl::StatusOr<ValueId> InverseDeviation(NodeImporter& node, ValueId squares,
                                         const std::vector<int64_t>& axes) {
  NOMO_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-5));
  NOMO_ASSIGN_OR_RETURN(const ValueId mean,
                        node.Add("math.ReduceMean", {squares}, {{"axes", axes}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId small, node.AddScalar(epsilon, mean));
  NOMO_ASSIGN_OR_RETURN(const ValueId sum, node.Add("math.Add", {mean, small}));
  return node.Add("math.Rsqrt", {sum});
}

// Statistics as outputs, in the type that the node gives them whatever x has.
absl::Status Stash(NodeImporter& node, std::initializer_list<ValueId*> statistics) {
  NOMO_ASSIGN_OR_RETURN(const DType dtype, node.Type("stash_type", DType::kFloat32));
  if (!kFloats.Contains(dtype)) {
    return InvalidArgument("attribute stash_type: expected a type of floats, found ",
                           DTypeName(dtype));
  }
  for (ValueId* value : statistics) {
    NOMO_ASSIGN_OR_RETURN(*value, CastTo(node, *value, dtype));
  }
  return absl::OkStatus();
}

// Mean and 1 / standard deviation are further outputs.
absl::Status ImportLayerNormalization(NodeImporter& node) {
  node.Ignore({"stash_type"});  // y's sums are wide in any case
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.LayerNormalization", attrs));
  std::vector<ValueId> outputs(3, kNoValue);
  NOMO_ASSIGN_OR_RETURN(outputs[0], node.Add("nn.LayerNormalization", node.inputs(), attrs));
  if (node.has_output(1) || node.has_output(2)) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, NormalizedAxes(node));
    NOMO_ASSIGN_OR_RETURN(const ValueId x, Widened(node, node.input(0)));
    NOMO_ASSIGN_OR_RETURN(outputs[1], node.Add("math.ReduceMean", {x}, {{"axes", axes}}));
    NOMO_ASSIGN_OR_RETURN(const ValueId centred, node.Add("math.Sub", {x, outputs[1]}));
    NOMO_ASSIGN_OR_RETURN(const ValueId square, node.Add("math.Square", {centred}));
    NOMO_ASSIGN_OR_RETURN(outputs[2], InverseDeviation(node, square, axes));
    NOMO_RETURN_IF_ERROR(Stash(node, {&outputs[1], &outputs[2]}));
  }
  return node.Return(outputs);
}

// 1 / sqrt(the mean square) is a further output. y has the scale's type, which may be another than
// x has.
absl::Status ImportRmsNormalization(NodeImporter& node) {
  node.Ignore({"stash_type"});  // y's sums are wide in any case
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.RmsNormalization", attrs));
  std::vector<ValueId> inputs = node.inputs(), outputs(2, kNoValue);
  const DType of_x = node.type(node.input(0)).dtype, of_scale = node.type(node.input(1)).dtype;
  const bool mixed = kFloats.Contains(of_x) && kFloats.Contains(of_scale) && of_x != of_scale;
  if (mixed) {
    const DType wide = of_x == DType::kFloat64 ? of_x : WideFloat(of_scale);
    for (ValueId& input : inputs) {
      NOMO_ASSIGN_OR_RETURN(input, CastTo(node, input, wide));
    }
  }
  NOMO_ASSIGN_OR_RETURN(outputs[0], node.Add("nn.RmsNormalization", inputs, attrs));
  if (mixed) {
    NOMO_ASSIGN_OR_RETURN(outputs[0], CastTo(node, outputs[0], of_scale));
  }
  if (node.has_output(1)) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, NormalizedAxes(node));
    NOMO_ASSIGN_OR_RETURN(const ValueId x, Widened(node, node.input(0)));
    NOMO_ASSIGN_OR_RETURN(const ValueId square, node.Add("math.Square", {x}));
    NOMO_ASSIGN_OR_RETURN(outputs[1], InverseDeviation(node, square, axes));
    NOMO_RETURN_IF_ERROR(Stash(node, {&outputs[1]}));
  }
  return node.Return(outputs);
}

const OperatorRegistrar kNormalizations({
    {"InstanceNormalization", "nn.InstanceNormalization", 6, ImportInstanceNormalization},
    {"GroupNormalization", "nn.GroupNormalization", 18, ImportGroupNormalization},
    {"LayerNormalization", "nn.LayerNormalization", 17, ImportLayerNormalization},
    {"RMSNormalization", "nn.RmsNormalization", 23, ImportRmsNormalization},
    {"SimplifiedLayerNormalization", "nn.RmsNormalization", 1, ImportRmsNormalization},
});

absl::Status ImportMatrixSoftmax(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, MatrixSoftmax(node, RuleOf(node).op, node.input(0), axis));
  return node.Return({y});
}

const OperatorRegistrar kSoftmax({
    {"Softmax", "nn.Softmax", 1, ImportMatrixSoftmax},
    {"LogSoftmax", "nn.LogSoftmax", 1, ImportMatrixSoftmax},
    {"Hardmax", "nn.Hardmax", 1, ImportMatrixSoftmax},
});

// y = x / (1 - ratio) where a uniform number is not below the ratio, else 0, in whatever mode the
// session is; where training_mode, a scalar, is false, y = x.
absl::Status ImportTrainingDropout(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t seed, node.Int("seed", -1));
  const ValueId x = node.input(0), training = node.input(2);
  ValueId ratio = node.has_input(1) ? node.input(1) : kNoValue;
  if (ratio == kNoValue) {
    NOMO_ASSIGN_OR_RETURN(ratio, node.AddScalar(0.5, x));
  }
  NOMO_RETURN_IF_ERROR(CastAs(node, x, {&ratio}));
  NOMO_ASSIGN_OR_RETURN(const ValueId drawn, node.Add("random.UniformLike", {x}, {{"seed", seed}}));
  NOMO_ASSIGN_OR_RETURN(const ValueId above, node.Add("math.GreaterOrEqual", {drawn, ratio}));
  NOMO_ASSIGN_OR_RETURN(const ValueId idle, node.Add("math.Not", {training}));
  NOMO_ASSIGN_OR_RETURN(const ValueId kept, node.Add("math.Or", {above, idle}));
  NOMO_ASSIGN_OR_RETURN(const ValueId one, node.AddScalar(1, x));
  NOMO_ASSIGN_OR_RETURN(const ValueId zero, node.AddScalar(0, x));
  NOMO_ASSIGN_OR_RETURN(const ValueId left, node.Add("math.Sub", {one, ratio}));
  NOMO_ASSIGN_OR_RETURN(const ValueId divisor, node.Add("array.Where", {training, left, one}));
  NOMO_ASSIGN_OR_RETURN(const ValueId scaled, node.Add("math.Div", {x, divisor}));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("array.Where", {kept, scaled, zero}));
  return node.Return({y, node.has_output(1) ? kept : kNoValue});
}

// In inference nothing is dropped: y = x, and the mask is all true.
absl::Status ImportDropout(NodeImporter& node) {
  const ValueId x = node.input(0);
  const auto is_zero = [&node](int i) {
    const Tensor* tensor = node.constant(node.input(i));
    return tensor != nullptr && tensor->num_elements() == 1 && tensor->AsDouble(0) == 0;
  };
  if (node.has_input(2) && !is_zero(2) && !is_zero(1)) return ImportTrainingDropout(node);
  node.Ignore({"ratio", "seed", "is_test", "consumed_inputs"});
  std::vector<ValueId> outputs(2, kNoValue);
  NOMO_ASSIGN_OR_RETURN(outputs[0], node.Add("core.Identity", {x}));
  if (node.has_output(1)) {
    NOMO_ASSIGN_OR_RETURN(const ValueId sizes, node.Add("array.Shape", {x}));
    NOMO_ASSIGN_OR_RETURN(outputs[1], node.Add("array.ConstantOfShape", {sizes},
                                               {{"value", Tensor::Scalar<bool>(true)}}));
    if (node.opset() < 10) {  // the mask had x's type
      NOMO_ASSIGN_OR_RETURN(const DType dtype, node.dtype(x));
      NOMO_ASSIGN_OR_RETURN(outputs[1], node.Add("array.Cast", {outputs[1]}, {{"to", dtype}}));
    }
  }
  return node.Return(outputs);
}

const OperatorRegistrar kDropout({"Dropout", "core.Identity", 1, ImportDropout});

absl::Status ImportMaxUnpool(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopyWindow(node, "nn.MaxUnpool", attrs));
  attrs.Erase("data_format");
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.MaxUnpool", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.MaxUnpool", node.inputs(), attrs));
  return node.Return({y});
}

absl::Status ImportLrn(NodeImporter& node) {
  Attributes attrs = {{"data_format", "channels_first"}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.LRN", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.LRN", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kOthers({
    {"LRN", "nn.LRN", 1, ImportLrn},
    {"MaxUnpool", "nn.MaxUnpool", 9, ImportMaxUnpool},
});

}  // namespace
}  // namespace nomograph::onnx
