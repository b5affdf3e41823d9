// Fourier transforms.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// Until opset 19 the axis was an attribute that is 1 where it is absent.
absl::Status ImportDft17(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  Attributes attrs = {{"axis", axis}};
  NOMO_RETURN_IF_ERROR(node.CopyAll("signal.Dft", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("signal.Dft", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kDft({"DFT", "signal.Dft", 17, ImportDft17});

}  // namespace
}  // namespace nomograph::onnx
