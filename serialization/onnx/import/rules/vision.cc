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

// Resize 10 and Upsample: places are i / scale, and nearest is the one below.
absl::Status ImportAsymmetric(NodeImporter& node) {
  Attributes attrs = {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("array.Resize", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y,
                        node.Add("array.Resize", {node.input(0), kNoValue, node.input(1)}, attrs));
  return node.Return({y});
}

const OperatorRegistrar kResize({
    {"Resize", "array.Resize", 10, ImportAsymmetric},
    {"Resize", "array.Resize", 11, ImportResize},
    {"Upsample", "array.Resize", 7, ImportAsymmetric},
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
