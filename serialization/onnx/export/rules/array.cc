// Ops that move elements about, reductions and matrix products.
#include <algorithm>
#include <limits>

#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

// Until opset 14 the whole shape, of which a part is cut out.
Names Shape(NodeExporter& n) {
  const std::string shape = n.Emit("Shape", {n.input(0)});
  const int64_t start = n.attrs().Int("start");
  if (start == 0 && !n.attrs().Has("end")) return {{shape}};
  const int64_t end =
      n.attrs().Has("end") ? n.attrs().Int("end") : std::numeric_limits<int64_t>::max();
  return {{n.Emit("Slice",
                  {shape, n.graph().Ints({start}), n.graph().Ints({end}), n.graph().Ints({0})})}};
}

const ExportRegistrar kShape({
    {.op = "array.Shape", .op_type = "Shape", .function = Shape},
});

// Until opset 17 there are pads for all axes.
Names Pad(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(3);
  if (inputs[2].empty()) inputs[2] = n.Scalar(n.attrs().Float("value"));
  std::vector<AttributeProto> attrs;
  NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("mode"));
  const auto axes = n.KnownInts("axes", 3), pads = n.KnownInts("pads", 1);
  if (n.has_input(3) || !axes->empty()) {
    if (!axes || !pads) {
      return absl::UnimplementedError(
          "axes with computed pads, or that are computed, need opset "
          "18 or later");
    }
    NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
    if (pads->size() != 2 * axes->size()) {
      return InvalidArgument("expected ", 2 * axes->size(), " pads, found ", pads->size());
    }
    std::vector<int64_t> all(2 * rank, 0);
    for (size_t i = 0; i < axes->size(); ++i) {
      NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis((*axes)[i], rank));
      all[axis] = pads->at(i);
      all[rank + axis] = pads->at(axes->size() + i);
    }
    inputs[1] = n.graph().Ints(all);
  } else if (inputs[1].empty()) {
    inputs[1] = n.graph().Ints(*pads);
  }
  return {{n.Emit("Pad", inputs, std::move(attrs))}};
}

const ExportRegistrar kPad({
    {.op = "array.Pad", .op_type = "Pad", .since = 2, .function = Pad},
});

// What a reduction of no axis does to each element.
std::string ReduceNothing(NodeExporter& n, absl::string_view op_type) {
  const std::string& x = n.input(0);
  if (op_type == "ReduceL1" || op_type == "ReduceL2") return n.Emit("Abs", {x});
  if (op_type == "ReduceLogSum") return n.Emit("Log", {x});
  if (op_type == "ReduceSumSquare") return n.Emit("Mul", {x, x});
  return n.Emit("Identity", {x});
}

// Until opset 17 axes are an attribute, and none are all.
Names Reduce(NodeExporter& n) {
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  const auto axes = n.KnownInts("axes", 1);
  if (!axes) return absl::UnimplementedError("axes that are computed need opset 18 or later");
  if (axes->empty() && n.attrs().Bool("noop_with_empty_axes")) {
    return {{ReduceNothing(n, op_type)}};
  }
  std::vector<AttributeProto> attrs;
  NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr("keepdims"));
  if (!axes->empty()) attrs.push_back(IntsAttr("axes", *axes));
  return {{n.Emit(op_type, {n.input(0)}, std::move(attrs))}};
}

std::vector<ExportRule> Reductions() {
  std::vector<ExportRule> rules;
  for (const char* name : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
                           "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare"}) {
    rules.push_back({.op = absl::StrCat("math.", name), .op_type = name, .function = Reduce});
  }
  return rules;
}

const ExportRegistrar kReductions(Reductions());

// ONNX's MatMul does not transpose.
Names MatMul(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  for (const int i : {0, 1}) {
    if (!n.attrs().Bool(i == 0 ? "transpose_a" : "transpose_b")) continue;
    NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(i));
    std::vector<int64_t> perm;
    for (int axis = 0; axis < rank; ++axis) perm.push_back(axis);
    std::swap(perm[rank - 1], perm[rank - 2]);
    NOMO_ASSIGN_OR_RETURN(inputs[i], n.graph().Transpose(inputs[i], perm));
  }
  return {{n.Emit("MatMul", inputs)}};
}

Names Constant(NodeExporter& n) {
  return {{n.Emit("Constant", {}, {TensorAttr("value", n.attrs().TensorValue("value"))})}};
}

// ONNX's value is a list of one.
Names ConstantOfShape(NodeExporter& n) {
  const Tensor value = n.attrs().TensorValue("value").Reshaped({1});
  const std::string shape = n.has_input(0) ? n.input(0) : n.graph().Ints(n.attrs().Ints("shape"));
  return {{n.Emit("ConstantOfShape", {shape}, {TensorAttr("value", value)})}};
}

// The sizes of the parts where they are not all equal, which until opset 17 have to be given.
absl::StatusOr<std::string> PartSizes(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(n.attrs().Int("axis"), rank));
  std::vector<int64_t> sizes;
  for (int i = 0; i < n.num_outputs(); ++i) {
    const PartialShape& part = n.output_type(i).shape;
    if (!part.has_rank() || !part[axis].known()) {
      return absl::UnimplementedError("parts of a size that is not known need opset 18 or later");
    }
    sizes.push_back(part[axis].size());
  }
  const bool equal = std::equal(sizes.begin() + 1, sizes.end(), sizes.begin());
  return equal ? "" : n.graph().Ints(sizes);
}

Names Split(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(AttributeProto axis, n.Attr("axis"));
  std::vector<AttributeProto> attrs = {std::move(axis)};
  std::vector<std::string> inputs = n.inputs();
  if (n.attrs().Has("split")) {
    inputs.push_back(n.graph().Ints(n.attrs().Ints("split")));
  } else if (inputs.size() == 1 && n.opset() >= 18) {
    attrs.push_back(IntAttr("num_outputs", n.num_outputs()));
  } else if (inputs.size() == 1) {
    NOMO_ASSIGN_OR_RETURN(const std::string sizes, PartSizes(n));
    if (!sizes.empty()) inputs.push_back(sizes);
  }
  return n.graph().EmitMulti("Split", inputs, std::move(attrs), n.num_outputs());
}

Names TopK(NodeExporter& n) {
  const std::string k = n.attrs().Has("k") ? n.graph().Ints({n.attrs().Int("k")})
                                           : n.Emit("Reshape", {n.input(1), n.graph().Ints({1})});
  std::vector<AttributeProto> attrs;
  for (const char* name : {"axis", "largest", "sorted"}) {
    NOMO_ASSIGN_OR_RETURN(AttributeProto attr, n.Attr(name));
    attrs.push_back(std::move(attr));
  }
  return n.graph().EmitMulti("TopK", {n.input(0), k}, std::move(attrs), 2);
}

Names OneHot(NodeExporter& n) {
  const std::string depth =
      n.has_input(1) ? n.input(1)
                     : n.graph().Constant(Tensor::Scalar<int64_t>(n.attrs().Int("depth")));
  std::string values = n.has_input(2) ? n.input(2) : "";
  if (values.empty()) {
    const Tensor both =
        Tensor::Of<double>({2}, {n.attrs().Float("off_value"), n.attrs().Float("on_value")});
    values = n.graph().Constant(both.Cast(n.attrs().Type("dtype")));
  }
  NOMO_ASSIGN_OR_RETURN(AttributeProto axis, n.Attr("axis"));
  return {{n.Emit("OneHot", {n.input(0), depth, values}, {std::move(axis)})}};
}

// ONNX has no reversal: a slice with steps of -1.
Names Reverse(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  std::vector<int64_t> axes =
      n.attrs().Has("axes") ? n.attrs().Ints("axes") : std::vector<int64_t>();
  if (!n.attrs().Has("axes")) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  const std::vector<int64_t> starts(axes.size(), -1), steps(axes.size(), -1);
  const std::vector<int64_t> ends(axes.size(), std::numeric_limits<int64_t>::min());
  NodeExporter& node = n;
  return {{node.Emit("Slice", {n.input(0), n.graph().Ints(starts), n.graph().Ints(ends),
                               n.graph().Ints(axes), n.graph().Ints(steps)})}};
}

const ExportRegistrar kFunctions({
    {.op = "math.MatMul", .op_type = "MatMul", .function = MatMul},
    {.op = "core.Constant", .op_type = "Constant", .function = Constant},
    {.op = "array.ConstantOfShape", .op_type = "ConstantOfShape", .function = ConstantOfShape},
    {.op = "array.Split", .op_type = "Split", .function = Split},
    {.op = "array.TopK", .op_type = "TopK", .function = TopK},
    {.op = "array.OneHot", .op_type = "OneHot", .function = OneHot},
    {.op = "array.Reverse", .op_type = "Slice", .function = Reverse},
});

}  // namespace
}  // namespace nomograph::onnx
