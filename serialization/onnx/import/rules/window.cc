#include "nomograph/serialization/onnx/import/rules/window.h"

#include <algorithm>

#include "nomograph/core/types/escape.h"

namespace nomograph::onnx {

absl::Status CopyWindow(NodeImporter& node, absl::string_view op, Attributes& attrs) {
  attrs.Set("data_format", "channels_first");
  NOMO_RETURN_IF_ERROR(node.Copy(op, "strides", attrs));
  // Exporters often write what is the default, which our own does not.
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> dilations, node.Ints("dilations"));
  if (std::any_of(dilations.begin(), dilations.end(), [](int64_t d) { return d != 1; })) {
    NOMO_RETURN_IF_ERROR(node.Copy(op, "dilations", attrs));
  }
  NOMO_ASSIGN_OR_RETURN(const std::string auto_pad, node.String("auto_pad", "NOTSET"));
  NOMO_ASSIGN_OR_RETURN(std::vector<int64_t> pads, node.Ints("pads"));
  const bool padded = std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; });
  if (auto_pad == "NOTSET" || auto_pad.empty()) {
    if (!padded) return absl::OkStatus();
    attrs.Set("padding", "explicit");
    attrs.Set("pads", std::move(pads));
    return absl::OkStatus();
  }
  if (auto_pad == "SAME_UPPER") {
    attrs.Set("padding", "same");
  } else if (auto_pad == "SAME_LOWER") {
    attrs.Set("padding", "same_lower");
  } else if (auto_pad != "VALID") {
    return InvalidArgument(
        "attribute auto_pad: expected NOTSET, SAME_UPPER, SAME_LOWER or VALID, found ",
        Quoted(auto_pad));
  }
  return absl::OkStatus();
}

absl::Status CopyConvolution(NodeImporter& node, absl::string_view op, const char* kernel_layout,
                             Attributes& attrs) {
  attrs.Set("kernel_layout", kernel_layout);
  node.Ignore({"kernel_shape"});
  NOMO_RETURN_IF_ERROR(node.Copy(op, "groups", attrs, "group"));
  return CopyWindow(node, op, attrs);
}

}  // namespace nomograph::onnx
