// ONNX's activations are channels-first. Ops of ours that are not are written between transposes.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_LAYOUT_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_LAYOUT_H_

#include <string>
#include <vector>

#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {

// The permutation of `rank` axes that moves the channels behind the batch, and its inverse.
std::vector<int64_t> ToChannelsFirst(int rank);
std::vector<int64_t> ToChannelsLast(int rank);

// Input 0 channels-first.
absl::StatusOr<std::string> ActivationIn(NodeExporter& node);
// `name`, which is channels-first, as the node's data_format has it.
absl::StatusOr<std::string> ActivationOut(NodeExporter& node, const std::string& name, int rank);
// ONNX's strides, dilations, pads and auto_pad for a window over `spatial` axes.
std::vector<AttributeProto> WindowAttrs(const NodeExporter& node, int spatial);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_LAYOUT_H_
