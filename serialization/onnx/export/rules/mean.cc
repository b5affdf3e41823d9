#include "nomograph/serialization/onnx/export/rules/mean.h"

namespace nomograph::onnx {

std::string Mean(NodeExporter& n, const std::string& x, const std::vector<int64_t>& axes) {
  return n.opset() >= 18 ? n.Emit("ReduceMean", {x, n.graph().Ints(axes)})
                         : n.Emit("ReduceMean", {x}, {IntsAttr("axes", axes)});
}

}  // namespace nomograph::onnx
