#include "nomograph/serialization/onnx/export/rules/layout.h"

#include <algorithm>
#include <optional>

namespace nomograph::onnx {
namespace {

bool IsChannelsLast(const NodeExporter& node) {
  return node.attrs().String("data_format") == "channels_last";
}

// The padding "same" in numbers, where a step is longer than the window: for pooling, ONNX Runtime
// makes a negative one of auto_pad there, and refuses it. Nothing where auto_pad will do, or where
// sizes of which the padding depends are not known.
std::optional<std::vector<int64_t>> SamePads(const NodeExporter& node,
                                             absl::Span<const int64_t> strides,
                                             absl::Span<const int64_t> dilations) {
  if (node.op().FindAttr("kernel_shape") == nullptr) return std::nullopt;
  const std::vector<int64_t>& window = node.attrs().Ints("kernel_shape");
  const int spatial = static_cast<int>(strides.size());
  const PartialShape& shape = node.type(0).shape;
  if (static_cast<int>(window.size()) != spatial || !node.rank(0).ok()) return std::nullopt;
  std::vector<int64_t> pads(2 * strides.size());
  bool leaps = false;
  for (int i = 0; i < spatial; ++i) {
    const int64_t extent = (window[i] - 1) * dilations[i] + 1;
    leaps |= extent < strides[i];
    if (extent == 1) continue;
    if (shape.rank() != spatial + 2) return std::nullopt;
    const Dim& size = shape[i + (IsChannelsLast(node) ? 1 : 2)];
    if (!size.known()) return std::nullopt;
    const int64_t windows = (size.size() + strides[i] - 1) / strides[i];
    const int64_t needed = std::max<int64_t>((windows - 1) * strides[i] + extent - size.size(), 0);
    pads[i] = needed / 2;
    pads[spatial + i] = needed - needed / 2;
  }
  return leaps ? std::optional(pads) : std::nullopt;
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
    const std::vector<int64_t> ones(spatial, 1);
    const auto pads = SamePads(node, per_axis("strides"),
                               node.attrs().Has("dilations") ? per_axis("dilations") : ones);
    attrs.push_back(pads ? IntsAttr("pads", *pads) : StringAttr("auto_pad", "SAME_UPPER"));
  } else if (padding == "same_lower") {
    attrs.push_back(StringAttr("auto_pad", "SAME_LOWER"));
  } else if (padding == "explicit" && !node.attrs().Ints("pads").empty()) {
    attrs.push_back(IntsAttr("pads", node.attrs().Ints("pads")));
  }
  return attrs;
}

}  // namespace nomograph::onnx
