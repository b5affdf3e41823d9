// Resizing, sampling and regions of images.
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/rules/layout.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

// Numbers that are attributes of ours are ONNX's inputs; some attributes came with opset 18.
Names Resize(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  inputs.resize(4);
  for (const auto& [i, name] : {std::pair{1, "roi"}, {2, "scales"}}) {
    if (!inputs[i].empty() || !n.attrs().Has(name)) continue;
    const std::vector<double>& values = n.attrs().Floats(name);
    inputs[i] = n.graph().Constant(
        Tensor::Of<double>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values))
            .Cast(DType::kFloat32));
  }
  if (inputs[3].empty() && n.attrs().Has("sizes")) {
    inputs[3] = n.graph().Ints(n.attrs().Ints("sizes"));
  }
  std::vector<AttributeProto> attrs;
  for (const char* name : {"mode", "coordinate_transformation_mode", "nearest_mode",
                           "cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias",
                           "keep_aspect_ratio_policy", "axes"}) {
    const AttrDef* def = n.op().FindAttr(name);
    const AttrValue* value = n.attrs().Find(name);
    if (value == nullptr || (def->default_value && *def->default_value == *value)) continue;
    if (n.opset() < 18 && (def->name == "antialias" || def->name == "axes" ||
                           def->name == "keep_aspect_ratio_policy")) {
      return absl::UnimplementedError(absl::StrCat("attribute ", name, " needs opset 18 or later"));
    }
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
  }
  while (inputs.back().empty()) inputs.pop_back();
  return {{n.Emit("Resize", inputs, std::move(attrs))}};
}

// Opset 20 has other names for the modes, and 3-D.
Names GridSample(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const std::string x, ActivationIn(n));
  std::string mode = n.attrs().String("mode");
  if (n.opset() < 20 && rank != 4) {
    return absl::UnimplementedError("other than 2 spatial axes need opset 20 or later");
  }
  if (rank == 5 && mode == "nearest" && n.attrs().String("nearest_ties") != "even") {
    return absl::UnimplementedError("nearest_ties = away has no form in ONNX");
  }
  if (n.opset() < 20 && mode != "nearest") mode = absl::StrCat("bi", mode);
  NOMO_ASSIGN_OR_RETURN(AttributeProto padding, n.Attr("padding_mode"));
  NOMO_ASSIGN_OR_RETURN(AttributeProto corners, n.Attr("align_corners"));
  const std::string y = n.Emit("GridSample", {x, n.input(1)},
                               {StringAttr("mode", mode), std::move(padding), std::move(corners)});
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, rank));
  return {{out}};
}

Names Regions(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  NOMO_ASSIGN_OR_RETURN(inputs[0], ActivationIn(n));
  std::vector<AttributeProto> attrs;
  for (const auto& [name, value] : n.attrs()) {
    if (name == "data_format") continue;
    // All that there was ahead of the attribute.
    if (n.opset() < 16 && name == "coordinate_transformation_mode" &&
        n.attrs().String(name) == "output_half_pixel") {
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), ToAttribute(name, value));
  }
  const std::string op_type = n.op().name.substr(n.op().name.rfind('.') + 1);
  const std::string y = n.Emit(op_type, inputs, std::move(attrs));
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  NOMO_ASSIGN_OR_RETURN(const std::string out, ActivationOut(n, y, rank));
  return {{out}};
}

Names MaxUnpool(NodeExporter& n) {
  std::vector<std::string> inputs = n.inputs();
  if (inputs.size() < 3 && n.attrs().Has("output_shape")) {
    inputs.push_back(n.graph().Ints(n.attrs().Ints("output_shape")));
  }
  std::vector<AttributeProto> attrs;
  for (const char* name : {"kernel_shape", "strides", "pads"}) {
    if (n.attrs().Ints(name).empty()) continue;
    NOMO_ASSIGN_OR_RETURN(attrs.emplace_back(), n.Attr(name));
  }
  return {{n.Emit("MaxUnpool", inputs, std::move(attrs))}};
}

const ExportRegistrar kVision({
    {.op = "array.Resize", .op_type = "Resize", .function = Resize},
    {.op = "image.GridSample", .op_type = "GridSample", .function = GridSample},
    {.op = "image.RoiAlign", .op_type = "RoiAlign", .function = Regions},
    {.op = "image.MaxRoiPool", .op_type = "MaxRoiPool", .function = Regions},
    {.op = "nn.LRN", .op_type = "LRN", .function = Regions},
    {.op = "nn.MaxUnpool", .op_type = "MaxUnpool", .function = MaxUnpool},
});

}  // namespace
}  // namespace nomograph::onnx
