// Windows and Fourier transforms.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

absl::Status ImportTyped(NodeImporter& node) {
  const std::string op = FindOperator("", node.proto().op_type(), node.opset())->op;
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy(op, "dtype", attrs, "output_datatype"));
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

// Until opset 19 the axis was an attribute that is 1 where it is absent.
absl::Status ImportDft17(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  Attributes attrs = {{"axis", axis}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("signal.Dft", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("signal.Dft", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kSignal({
    {"BlackmanWindow", "signal.BlackmanWindow", 17, ImportTyped},
    {"HammingWindow", "signal.HammingWindow", 17, ImportTyped},
    {"HannWindow", "signal.HannWindow", 17, ImportTyped},
    {"MelWeightMatrix", "signal.MelWeightMatrix", 17, ImportTyped},
    {"DFT", "signal.Dft", 17, ImportDft17},
    {"DFT", "signal.Dft", 20},
    {"STFT", "signal.Stft", 17},
});

}  // namespace
}  // namespace nomograph::onnx
