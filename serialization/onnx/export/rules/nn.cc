// Convolution, pooling, normalisation, softmax, dropout, recurrence and losses.
#include <algorithm>
#include <numeric>

#include "nomograph/core/types/memory.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/rules/layout.h"
#include "nomograph/serialization/onnx/export/rules/mean.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

constexpr DTypeSet kNarrowFloats = {DType::kFloat16, DType::kBFloat16};

// ONNX's kernels are [out, in, spatial...], of transposed convolution [in, out, spatial...]; ours
// may have the spatial axes first, and then in before out, or out before in.
absl::StatusOr<std::string> KernelIn(NodeExporter& n, int i) {
  const std::string& layout = n.attrs().String("kernel_layout");
  if (layout == "OIHW" || layout == "IOHW") return n.input(i);
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(i));
  std::vector<int64_t> perm = {rank - 1, rank - 2};
  for (int axis = 0; axis < rank - 2; ++axis) perm.push_back(axis);
  return n.graph().Transpose(n.input(i), perm);
}

Names Conv(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(1));  // input 0's, and more often known
  std::vector<std::string> inputs = n.inputs();
  NOMO_ASSIGN_OR_RETURN(inputs[0], ActivationIn(n));
  NOMO_ASSIGN_OR_RETURN(inputs[1], KernelIn(n, 1));
  std::vector<AttributeProto> attrs = WindowAttrs(n, rank - 2);
  attrs.push_back(IntAttr("group", n.attrs().Int("groups")));
  if (n.op().FindAttr("output_padding") != nullptr) {
    for (const char* name : {"output_padding", "output_shape"}) {
      if (!n.attrs().Ints(name).empty()) attrs.push_back(IntsAttr(name, n.attrs().Ints(name)));
    }
  }
  const bool transposed = n.op().name == "nn.ConvTranspose";
  const std::string y = n.Emit(transposed ? "ConvTranspose" : "Conv", inputs, std::move(attrs));
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, rank));
  return {{out}};
}

// Output sizes that are given, with the padding to match, have another meaning at their edges.
Names ConvTranspose(NodeExporter& n) {
  const std::string& padding = n.attrs().String("padding");
  if (!n.attrs().Ints("output_shape").empty() && padding == "valid") {
    return absl::UnimplementedError("output_shape with padding \"valid\" has no form in ONNX");
  }
  return Conv(n);
}

// Dilated averages until opset 18: sums, as convolutions with ones, divided by the number of
// elements. Padding that does not count is left out of that number by a convolution of ones.
Names DilatedAverage(NodeExporter& n) {
  const std::vector<int64_t>& kernel = n.attrs().Ints("kernel_shape");
  const int rank = static_cast<int>(kernel.size()) + 2;
  const bool last = n.attrs().String("data_format") == "channels_last";
  const Dim channels = n.type(0).shape.has_rank() ? n.type(0).shape[last ? rank - 1 : 1] : Dim();
  if (n.attrs().Bool("ceil_mode") || !channels.known()) {
    return absl::UnimplementedError(
        "dilations with ceil_mode, or of channels whose number is not known, need opset 19 or "
        "later");
  }
  NOMO_ASSIGN_OR_RETURN(const std::string x, ActivationIn(n));
  const DType dtype = n.type(0).dtype;
  Shape shape = {channels.size(), 1};
  for (const int64_t size : kernel) shape.Append(size);
  NOMO_ASSIGN_OR_RETURN(const Tensor weights, TryFull(dtype, shape, 1));
  const std::string ones = n.graph().Constant(weights);
  const auto sum = [&](const std::string& of) {
    std::vector<AttributeProto> attrs = WindowAttrs(n, rank - 2);
    attrs.push_back(IntAttr("group", channels.size()));
    return n.Emit("Conv", {of, ones}, std::move(attrs));
  };
  std::string count;
  if (n.attrs().String("padding") == "valid" || n.attrs().Bool("count_include_pad")) {
    count = n.Scalar(static_cast<double>(shape.num_elements() / channels.size()));
  } else {
    const Tensor one = Tensor::Full(dtype, {1}, 1);
    count = sum(n.Emit("ConstantOfShape", {n.Emit("Shape", {x})}, {TensorAttr("value", one)}));
  }
  NOMO_ASSIGN_OR_RETURN(const std::string out,
                        ActivationOut(n, n.Emit("Div", {sum(x), count}), rank));
  return {{out}};
}

Names Pool(NodeExporter& n) {
  const int rank = static_cast<int>(n.attrs().Ints("kernel_shape").size()) + 2;
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  if (op_type == "AveragePool" && n.opset() < 19 && n.attrs().Has("dilations") &&
      std::any_of(n.attrs().Ints("dilations").begin(), n.attrs().Ints("dilations").end(),
                  [](int64_t dilation) { return dilation != 1; })) {
    return DilatedAverage(n);
  }
  NOMO_ASSIGN_OR_RETURN(const std::string x, ActivationIn(n));
  std::vector<AttributeProto> attrs = WindowAttrs(n, rank - 2);
  for (const char* name :
       {"kernel_shape", "ceil_mode", "count_include_pad", "storage_order", "p"}) {
    const AttrDef* def = n.op().FindAttr(name);
    if (def == nullptr || (def->default_value && *def->default_value == *n.attrs().Find(name))) {
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(AttributeProto attr, n.Attr(name));
    attrs.push_back(std::move(attr));
  }
  const auto names = n.graph().EmitMulti(op_type, {x}, std::move(attrs), n.num_outputs());
  std::vector<std::string> outputs;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && n.attrs().String("data_format") == "channels_last") {
      return absl::UnimplementedError("indices of channels_last activations have no form in ONNX");
    }
    NOMO_ASSIGN_OR_RETURN(outputs.emplace_back(), ActivationOut(n, names[i], rank));
  }
  return outputs;
}

Names GlobalPool(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const std::string x, ActivationIn(n));
  std::vector<AttributeProto> attrs;
  if (n.op().FindAttr("p") != nullptr) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("p"));
  }
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  const std::string y = n.Emit(op_type, {x}, std::move(attrs));
  if (!n.attrs().Bool("keepdims")) return {{n.Emit("Flatten", {y}, {IntAttr("axis", 1)})}};
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, rank));
  return {{out}};
}

// A vector of `count` equal elements where the input is absent.
absl::StatusOr<std::string> VectorIn(NodeExporter& n, int i, const Dim& count, double absent) {
  if (n.has_input(i)) return n.input(i);
  if (!count.known()) return absl::FailedPreconditionError("the number of channels is not known");
  NOMO_ASSIGN_OR_RETURN(const Tensor vector, TryFull(n.type(0).dtype, {count.size()}, absent));
  return n.graph().Constant(vector);
}

// Axis `axis` second, for operators whose channels are there.
struct ChannelsSecond {
  std::vector<int64_t> to, back;
  Dim channels;
};

absl::StatusOr<ChannelsSecond> MoveChannels(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(n.attrs().Int("axis"), rank));
  ChannelsSecond move{.channels = n.type(0).shape[axis]};
  if (axis == 1) return move;
  if (axis == 0) return absl::UnimplementedError("axis 0 has no form in ONNX");
  move.to = {0, axis};
  for (int i = 1; i < rank; ++i) {
    if (i != axis) move.to.push_back(i);
  }
  move.back.resize(rank);
  for (int i = 0; i < rank; ++i) move.back[move.to[i]] = i;
  return move;
}

Names Channelwise(NodeExporter& n, const char* op_type, int vectors, bool training = false) {
  NOMO_ASSIGN_OR_RETURN(const ChannelsSecond move, MoveChannels(n));
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(vectors + 1);
  if (!move.to.empty()) {
    NOMO_ASSIGN_OR_RETURN(inputs[0], n.graph().Transpose(inputs[0], move.to));
  }
  for (int i = 1; i <= vectors; ++i) {
    NOMO_ASSIGN_OR_RETURN(inputs[i], VectorIn(n, i, move.channels, i == 1 ? 1 : 0));
  }
  NOMO_ASSIGN_OR_RETURN(AttributeProto epsilon, n.Attr("epsilon"));
  std::vector<AttributeProto> attrs = {std::move(epsilon)};
  if (n.op().FindAttr("num_groups") != nullptr) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("num_groups"));
  }
  if (n.op().FindAttr("momentum") != nullptr) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("momentum"));
  }
  if (training) attrs.push_back(IntAttr("training_mode", 1));
  std::vector<std::string> outputs =
      n.graph().EmitMulti(op_type, inputs, std::move(attrs), training ? 3 : 1);
  if (!move.back.empty()) {
    NOMO_ASSIGN_OR_RETURN(outputs[0], n.graph().Transpose(outputs[0], move.back));
  }
  return outputs;
}

Names BatchNormalization(NodeExporter& n) { return Channelwise(n, "BatchNormalization", 4); }

// The statistics that are kept move as ONNX's do; those of the batch are no outputs there.
Names BatchNormalizationTraining(NodeExporter& n) {
  if (n.num_outputs() > 3)
    return absl::UnimplementedError("ONNX has no outputs for the statistics of the batch");
  return Channelwise(n, "BatchNormalization", 4, /*training=*/true);
}

Names InstanceNormalization(NodeExporter& n) { return Channelwise(n, "InstanceNormalization", 2); }
Names GroupNormalization21(NodeExporter& n) { return Channelwise(n, "GroupNormalization", 2); }

// Each group is an instance of one channel: [batch, groups, rest].
Names GroupNormalization(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const ChannelsSecond move, MoveChannels(n));
  std::string x = n.input(0);
  if (!move.to.empty()) {
    NOMO_ASSIGN_OR_RETURN(x, n.graph().Transpose(x, move.to));
  }
  const int64_t groups = n.attrs().Int("num_groups");
  NOMO_ASSIGN_OR_RETURN(const Tensor ones, TryFull(n.type(0).dtype, {groups}, 1));
  NOMO_ASSIGN_OR_RETURN(const Tensor zeros, TryFull(n.type(0).dtype, {groups}, 0));
  NOMO_ASSIGN_OR_RETURN(AttributeProto epsilon, n.Attr("epsilon"));
  const std::string grouped = n.Emit("Reshape", {x, n.graph().Ints({0, groups, -1})});
  const std::string normal =
      n.Emit("InstanceNormalization",
             {grouped, n.graph().Constant(ones), n.graph().Constant(zeros)}, {std::move(epsilon)});
  std::string y = n.Emit("Reshape", {normal, n.Emit("Shape", {x})});
  std::vector<int64_t> column(rank - 1, 1);
  column[0] = -1;
  for (const int i : {1, 2}) {
    if (!n.has_input(i)) continue;
    const std::string vector = n.Emit("Reshape", {n.input(i), n.graph().Ints(column)});
    y = n.Emit(i == 1 ? "Mul" : "Add", {y, vector});
  }
  if (!move.back.empty()) {
    NOMO_ASSIGN_OR_RETURN(y, n.graph().Transpose(y, move.back));
  }
  return {{y}};
}

// Those from `axis` on.
absl::StatusOr<std::vector<int64_t>> NormalizedAxes(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(n.attrs().Int("axis"), rank));
  std::vector<int64_t> axes(rank - axis);
  std::iota(axes.begin(), axes.end(), axis);
  return axes;
}

// The inputs with the scale that ONNX wants.
absl::StatusOr<std::vector<std::string>> WithScale(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  if (n.has_input(1)) return inputs;
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, NormalizedAxes(n));
  Shape shape;
  for (const int64_t axis : axes) {
    const Dim& size = n.type(0).shape[static_cast<int>(axis)];
    if (!size.known()) {
      return absl::FailedPreconditionError("the sizes of the normalised axes are not known");
    }
    shape.Append(size.size());
  }
  inputs.resize(std::max<size_t>(inputs.size(), 2));
  NOMO_ASSIGN_OR_RETURN(const Tensor ones, TryFull(n.type(0).dtype, shape, 1));
  inputs[1] = n.graph().Constant(ones);
  return inputs;
}

Names LayerNormalization(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(std::vector<std::string> inputs, WithScale(n));
  NOMO_ASSIGN_OR_RETURN(AttributeProto axis, n.Attr("axis"));
  NOMO_ASSIGN_OR_RETURN(AttributeProto epsilon, n.Attr("epsilon"));
  return {{n.Emit("LayerNormalization", std::move(inputs), {std::move(axis), std::move(epsilon)})}};
}

// Input 0 in float32 where it is narrower: squares and sums of 16 bits overflow, and the op itself
// computes so.
std::string Widened(NodeExporter& n) {
  if (!kNarrowFloats.Contains(n.type(0).dtype)) return n.input(0);
  return n.Emit("Cast", {n.input(0)}, {IntAttr("to", TensorProto::FLOAT)});
}

// A number for what Widened() has yielded.
std::string WideScalar(NodeExporter& n, double value) {
  const bool narrow = kNarrowFloats.Contains(n.type(0).dtype);
  return n.graph().Constant(
      Tensor::Full(narrow ? DType::kFloat32 : n.type(0).dtype, Shape{}, value));
}

// Back to the type of input 0.
std::string Narrowed(NodeExporter& n, const std::string& y) {
  if (!kNarrowFloats.Contains(n.type(0).dtype)) return y;
  return n.Emit("Cast", {y}, {IntAttr("to", DTypeToOnnx(n.type(0).dtype))});
}

// y * scale + bias, where they are given.
std::string ScaledAndShifted(NodeExporter& n, std::string y) {
  if (n.has_input(1)) y = n.Emit("Mul", {y, n.input(1)});
  return n.has_input(2) ? n.Emit("Add", {y, n.input(2)}) : y;
}

// Until opset 16: (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias
Names LayerNormalizationSteps(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, NormalizedAxes(n));
  const std::string x = Widened(n);
  const std::string centred = n.Emit("Sub", {x, Mean(n, x, axes)});
  const std::string variance = Mean(n, n.Emit("Mul", {centred, centred}), axes);
  const std::string root =
      n.Emit("Sqrt", {n.Emit("Add", {variance, WideScalar(n, n.attrs().Float("epsilon"))})});
  return {{ScaledAndShifted(n, Narrowed(n, n.Emit("Div", {centred, root})))}};
}

// Opset 23 has it, with a scale that is required.
Names RmsNormalization23(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(std::vector<std::string> inputs, WithScale(n));
  NOMO_ASSIGN_OR_RETURN(AttributeProto axis, n.Attr("axis"));
  NOMO_ASSIGN_OR_RETURN(AttributeProto epsilon, n.Attr("epsilon"));
  return {{n.Emit("RMSNormalization", std::move(inputs), {std::move(axis), std::move(epsilon)})}};
}

// x / sqrt(mean(x^2) + epsilon) * scale
Names RmsNormalization(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, NormalizedAxes(n));
  const std::string x = Widened(n);
  const std::string mean = Mean(n, n.Emit("Mul", {x, x}), axes);
  const std::string root =
      n.Emit("Sqrt", {n.Emit("Add", {mean, WideScalar(n, n.attrs().Float("epsilon"))})});
  return {{ScaledAndShifted(n, Narrowed(n, n.Emit("Div", {x, root})))}};
}

// ONNX Runtime asks for hidden_size, which the recurrent weights have, too, and knows no layout but
// steps first.
Names Recurrent(NodeExporter& n) {
  const PartialShape& weights = n.type(2).shape;
  std::vector<AttributeProto> attrs;
  if (!n.attrs().Has("hidden_size") && weights.rank() == 3 && weights[2].known())
    attrs.push_back(IntAttr("hidden_size", weights[2].size()));
  for (const auto& [name, value] : n.attrs()) {
    const AttrDef* def = n.op().FindAttr(name);
    if (name == "layout" || (def->default_value && *def->default_value == value)) continue;
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
  }
  const bool batch_first = n.attrs().Int("layout") == 1;
  std::vector<std::string> inputs = n.inputs();
  for (const size_t i : {0, 5, 6}) {  // X, initial_h, initial_c
    if (!batch_first || i >= inputs.size() || inputs[i].empty()) continue;
    NOMO_ASSIGN_OR_RETURN(inputs[i], n.graph().Transpose(inputs[i], {1, 0, 2}));
  }
  while (inputs.back().empty()) inputs.pop_back();
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  std::vector<std::string> outputs =
      n.graph().EmitMulti(op_type, std::move(inputs), std::move(attrs), n.num_outputs());
  for (size_t i = 0; batch_first && i < outputs.size(); ++i) {
    if (outputs[i].empty()) continue;
    const std::vector<int64_t> back =
        i == 0 ? std::vector<int64_t>{2, 0, 1, 3} : std::vector<int64_t>{1, 0, 2};
    NOMO_ASSIGN_OR_RETURN(outputs[i], n.graph().Transpose(outputs[i], back));
  }
  return outputs;
}

// The session decides whether it trains, so the file says that it does not.
Names Dropout(NodeExporter& n) {
  return {{n.Emit("Dropout", {n.input(0), n.graph().Constant(Tensor::Scalar<float>(
                                              static_cast<float>(n.attrs().Float("rate"))))})}};
}

Names Depth(NodeExporter& n) {
  const bool to_space = n.op().name == "array.DepthToSpace";
  NOMO_ASSIGN_OR_RETURN(const std::string x, ActivationIn(n));
  NOMO_ASSIGN_OR_RETURN(AttributeProto blocksize, n.Attr("blocksize"));
  std::vector<AttributeProto> attrs = {std::move(blocksize)};
  if (to_space) {
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("mode"));
  }
  const std::string y = n.Emit(to_space ? "DepthToSpace" : "SpaceToDepth", {x}, std::move(attrs));
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, 4));
  return {{out}};
}

const ExportRegistrar kFunctions({
    {.op = "nn.Conv", .op_type = "Conv", .function = Conv},
    {.op = "nn.ConvTranspose", .op_type = "ConvTranspose", .function = ConvTranspose},
    {.op = "nn.AveragePool", .op_type = "AveragePool", .function = Pool},
    {.op = "nn.MaxPool", .op_type = "MaxPool", .function = Pool},
    {.op = "nn.LpPool", .op_type = "LpPool", .function = Pool},
    {.op = "nn.GlobalAveragePool", .op_type = "GlobalAveragePool", .function = GlobalPool},
    {.op = "nn.GlobalMaxPool", .op_type = "GlobalMaxPool", .function = GlobalPool},
    {.op = "nn.GlobalLpPool", .op_type = "GlobalLpPool", .function = GlobalPool},
    {.op = "nn.BatchNormalization",
     .op_type = "BatchNormalization",
     .function = BatchNormalization},
    {.op = "nn.BatchNormalizationTraining",
     .op_type = "BatchNormalization",
     .since = 14,
     .function = BatchNormalizationTraining},
    {.op = "nn.InstanceNormalization",
     .op_type = "InstanceNormalization",
     .function = InstanceNormalization},
    {.op = "nn.GroupNormalization",
     .op_type = "InstanceNormalization",
     .function = GroupNormalization},
    {.op = "nn.GroupNormalization",
     .op_type = "GroupNormalization",
     .since = 21,
     .function = GroupNormalization21},
    {.op = "nn.LayerNormalization", .op_type = "ReduceMean", .function = LayerNormalizationSteps},
    {.op = "nn.LayerNormalization",
     .op_type = "LayerNormalization",
     .since = 17,
     .function = LayerNormalization},
    {.op = "nn.RmsNormalization", .op_type = "ReduceMean", .function = RmsNormalization},
    {.op = "nn.RmsNormalization",
     .op_type = "RMSNormalization",
     .since = 23,
     .function = RmsNormalization23},
    {.op = "nn.LSTM", .op_type = "LSTM", .since = 7, .function = Recurrent},
    {.op = "nn.GRU", .op_type = "GRU", .since = 7, .function = Recurrent},
    {.op = "nn.RNN", .op_type = "RNN", .since = 7, .function = Recurrent},
    {.op = "nn.Dropout", .op_type = "Dropout", .function = Dropout},
    {.op = "array.DepthToSpace", .op_type = "DepthToSpace", .function = Depth},
    {.op = "array.SpaceToDepth", .op_type = "SpaceToDepth", .function = Depth},
});

}  // namespace
}  // namespace nomograph::onnx
