// Resizing, sampling and regions of images.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// Input i, or none where it is an empty tensor, as opsets 11 and 12 wrote it.
ValueId NotEmpty(const NodeImporter& node, int i) {
  const ValueId value = node.input(i);
  if (value == kNoValue) return kNoValue;
  const PartialShape& shape = node.type(value).shape;
  return shape.has_rank() && shape.rank() == 1 && shape[0] == Dim(0) ? kNoValue : value;
}

absl::Status ImportResize(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.Resize", attrs));
  NOMO_ASSIGN_OR_RETURN(
      const ValueId y,
      node.Add("array.Resize",
               {node.input(0), NotEmpty(node, 1), NotEmpty(node, 2), NotEmpty(node, 3)}, attrs));
  return node.Return({y});
}

// Upsample and Resize 10: places are i / scale.
absl::StatusOr<ValueId> Asymmetric(NodeImporter& node, ValueId x, ValueId scales,
                                   const char* nearest, Attributes attrs) {
  attrs.Set("coordinate_transformation_mode", "asymmetric");
  attrs.Set("nearest_mode", nearest);
  return node.Add("array.Resize", {x, kNoValue, scales}, std::move(attrs));
}

// Nothing shrinks, and nearest is the element below.
absl::Status ImportUpsample(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.Resize", attrs));
  std::vector<double> scales;
  if (attrs.Has("scales")) scales = attrs.Floats("scales");
  if (const Tensor* given = node.constant(node.input(1))) {
    for (int64_t i = 0; i < given->num_elements(); ++i) scales.push_back(given->AsDouble(i));
  }
  for (const double scale : scales) {
    if (scale >= 1) continue;
    return InvalidArgument("scales: expected numbers of at least 1, found ", scale);
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        Asymmetric(node, node.input(0), node.input(1), "floor", std::move(attrs)));
  return node.Return({y});
}

// Nearest is the element below along axes that grow, and the one above along those that shrink: so
// ONNX's case resize_downsample_nearest of that opset has it, and ONNX Runtime. A node each.
absl::Status ImportResize10(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.Resize", attrs));
  NOMO_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "nearest"));
  ValueId y = node.input(0);
  const ValueId scales = node.input(1);
  const Tensor* known = node.constant(scales);
  bool grows = known == nullptr, shrinks = known == nullptr;
  for (int64_t i = 0; known != nullptr && i < known->num_elements(); ++i) {
    grows |= known->AsDouble(i) > 1;
    shrinks |= known->AsDouble(i) < 1;
  }
  if (mode != "nearest" || !shrinks || !grows) {
    const char* nearest = shrinks && !grows ? "ceil" : "floor";
    NOMO_ASSIGN_OR_RETURN(y, Asymmetric(node, y, scales, nearest, std::move(attrs)));
    return node.Return({y});
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId one, node.AddScalar(1, scales));
  NOMO_ASSIGN_OR_RETURN(const ValueId down, node.Add("math.Min", {scales, one}));
  NOMO_ASSIGN_OR_RETURN(const ValueId up, node.Add("math.Max", {scales, one}));
  NOMO_ASSIGN_OR_RETURN(y, Asymmetric(node, y, down, "ceil", attrs));
  NOMO_ASSIGN_OR_RETURN(y, Asymmetric(node, y, up, "floor", std::move(attrs)));
  return node.Return({y});
}

const OperatorRegistrar kResize({
    {"Resize", "array.Resize", 10, ImportResize10},
    {"Resize", "array.Resize", 11, ImportResize},
    {"Upsample", "array.Resize", 7, ImportUpsample},
});

// Opset 20 has other names for the modes.
absl::Status ImportGridSample(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "linear"));
  Attributes attrs = {{"data_format", "channels_first"},
                      {"mode", mode == "bilinear"  ? "linear"
                               : mode == "bicubic" ? "cubic"
                                                   : mode.c_str()}};
  if (mode == "nearest") attrs.Set("nearest_ties", "even");
  NOMO_RETURN_IF_ERROR(node.CopyAll("image.GridSample", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("image.GridSample", node.inputs(), attrs));
  return node.Return({y});
}

// Opset 10 had no choice of coordinates.
absl::Status ImportRoiAlign10(NodeImporter& node) {
  Attributes attrs = {{"coordinate_transformation_mode", "output_half_pixel"},
                      {"data_format", "channels_first"}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("image.RoiAlign", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("image.RoiAlign", node.inputs(), attrs));
  return node.Return({y});
}

absl::Status ImportRegions(NodeImporter& node) {
  const std::string op = RuleOf(node).op;
  Attributes attrs = {{"data_format", "channels_first"}};
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kImages({
    {"GridSample", "image.GridSample", 16, ImportGridSample},
    {"MaxRoiPool", "image.MaxRoiPool", 1, ImportRegions},
    {"RoiAlign", "image.RoiAlign", 10, ImportRoiAlign10},
    {"RoiAlign", "image.RoiAlign", 16, ImportRegions},
});

}  // namespace
}  // namespace nomograph::onnx
