// Matrix products.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

// Until opset 6 `broadcast` said that c may be a row, which it may in any case.
absl::Status ImportGemm1(NodeImporter& node) {
  node.Ignore({"broadcast"});
  return ImportSame(node);
}

const OperatorRegistrar kGemm({"Gemm", "math.Gemm", 1, ImportGemm1});

}  // namespace
}  // namespace nomograph::onnx
