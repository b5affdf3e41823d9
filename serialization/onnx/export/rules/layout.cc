#include "nomograph/serialization/onnx/export/rules/layout.h"

namespace nomograph::onnx {
namespace {

bool IsChannelsLast(const NodeExporter& node) {
  return node.attrs().String("data_format") == "channels_last";
}

}  // namespace

std::vector<int64_t> ToChannelsFirst(int rank) {
  std::vector<int64_t> perm = {0, rank - 1};
  for (int axis = 1; axis < rank - 1; ++axis) perm.push_back(axis);
  return perm;
}

std::vector<int64_t> ToChannelsLast(int rank) {
  std::vector<int64_t> perm = {0};
  for (int axis = 2; axis < rank; ++axis) perm.push_back(axis);
  perm.push_back(1);
  return perm;
}

absl::StatusOr<std::string> ActivationIn(NodeExporter& node) {
  if (!IsChannelsLast(node)) return node.input(0);
  NOMO_ASSIGN_OR_RETURN(const int rank, node.rank(0));
  return node.graph().Transpose(node.input(0), ToChannelsFirst(rank));
}

absl::StatusOr<std::string> ActivationOut(NodeExporter& node, const std::string& name, int rank) {
  if (!IsChannelsLast(node)) return name;
  return node.graph().Transpose(name, ToChannelsLast(rank));
}

std::vector<AttributeProto> WindowAttrs(const NodeExporter& node, int spatial) {
  const auto per_axis = [&](const char* name) {
    std::vector<int64_t> values = node.attrs().Ints(name);
    if (values.empty()) values.assign(spatial, 1);
    return values;
  };
  std::vector<AttributeProto> attrs = {IntsAttr("strides", per_axis("strides"))};
  if (node.attrs().Has("dilations")) {
    // Pooling with dilations came late (AveragePool 19): 1 is not written.
    const std::vector<int64_t> dilations = per_axis("dilations");
    if (dilations != std::vector<int64_t>(spatial, 1)) {
      attrs.push_back(IntsAttr("dilations", dilations));
    }
  }
  const std::string& padding = node.attrs().String("padding");
  if (padding == "same") {
    attrs.push_back(StringAttr("auto_pad", "SAME_UPPER"));
  } else if (padding == "same_lower") {
    attrs.push_back(StringAttr("auto_pad", "SAME_LOWER"));
  } else if (padding == "explicit" && !node.attrs().Ints("pads").empty()) {
    attrs.push_back(IntsAttr("pads", node.attrs().Ints("pads")));
  }
  return attrs;
}

}  // namespace nomograph::onnx
