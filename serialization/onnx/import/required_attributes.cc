#include "nomograph/serialization/onnx/import/required_attributes.h"

#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

struct Required {
  const char* op_type;
  const char* attributes;
  int since = 1;
  const char* domain = "";
};

constexpr char kMicrosoft[] = "com.microsoft";
constexpr char kTraining[] = "ai.onnx.preview.training";

// From ONNX's operator schemas and ONNX Runtime's. Graphs are not listed, which rules ask for, nor
// what became an input of a later opset, whose op wants the one or the other; nor what says nothing
// (consumed_inputs).
constexpr Required kRequired[] = {
    {"AveragePool", "kernel_shape"},
    {"BitCast", "to"},
    {"BitShift", "direction"},
    {"Cast", "to"},
    {"Concat", "axis", 4},
    {"DepthToSpace", "blocksize"},
    {"Einsum", "equation"},
    {"GroupNormalization", "num_groups"},
    {"LRN", "size"},
    {"LpPool", "kernel_shape", 2},
    {"MaxPool", "kernel_shape"},
    {"MaxRoiPool", "pooled_shape"},
    {"MaxUnpool", "kernel_shape"},
    {"RandomNormal", "shape"},
    {"RandomUniform", "shape"},
    {"Scan", "num_scan_inputs"},
    {"SpaceToDepth", "blocksize"},
    {"Attention", "num_heads", 1, kMicrosoft},
    {"MatMulNBits", "K N block_size", 1, kMicrosoft},
    {"QLinearAveragePool", "kernel_shape", 1, kMicrosoft},
    {"QLinearConcat", "axis", 1, kMicrosoft},
    {"QLinearSoftmax", "opset", 1, kMicrosoft},
    {"Gradient", "xs y", 1, kTraining},
    {"Momentum", "alpha beta mode norm_coefficient", 1, kTraining},
};

}  // namespace

absl::Status CheckRequiredAttributes(const NodeImporter& node) {
  const std::string domain = PlainDomain(node.proto().domain());
  for (const Required& required : kRequired) {
    if (node.proto().op_type() != required.op_type || domain != required.domain ||
        node.opset() < required.since) {
      continue;
    }
    for (const absl::string_view attribute : absl::StrSplit(required.attributes, ' ')) {
      if (node.FindAttribute(attribute) != nullptr) continue;
      return InvalidArgument("attribute ", attribute, " is missing");
    }
  }
  return absl::OkStatus();
}

}  // namespace nomograph::onnx
