// Matrix products, reductions and other mathematics.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

const OperatorRegistrar kReductions({
    {"ReduceL1", "math.ReduceL1"},
    {"ReduceL2", "math.ReduceL2"},
    {"ReduceLogSum", "math.ReduceLogSum"},
    {"ReduceLogSumExp", "math.ReduceLogSumExp"},
    {"ReduceMax", "math.ReduceMax"},
    {"ReduceMean", "math.ReduceMean"},
    {"ReduceMin", "math.ReduceMin"},
    {"ReduceProd", "math.ReduceProd"},
    {"ReduceSum", "math.ReduceSum"},
    {"ReduceSumSquare", "math.ReduceSumSquare"},
    {"ArgMax", "math.ArgMax"},
    {"ArgMin", "math.ArgMin"},
});

const OperatorRegistrar kProducts({
    {"MatMul", "math.MatMul"},
    {"Det", "math.Det", 11},
    {"Einsum", "math.Einsum", 12},
});

absl::Status ImportGemm(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("math.Gemm", "transpose_a", attrs, "transA"));
  NOMO_RETURN_IF_ERROR(node.Copy("math.Gemm", "transpose_b", attrs, "transB"));
  node.Ignore({"broadcast"});  // before opset 7; a matrix in any case
  NOMO_RETURN_IF_ERROR(node.CopyAll("math.Gemm", attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("math.Gemm", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kGemm({"Gemm", "math.Gemm", 1, ImportGemm});

absl::Status ImportFusedMatMul(NodeImporter& node) {
  Attributes attrs;
  for (const auto& [attr, from] : {std::pair{"transpose_a", "transA"},
                                   {"transpose_b", "transB"},
                                   {"transpose_batch_a", "transBatchA"},
                                   {"transpose_batch_b", "transBatchB"},
                                   {"alpha", "alpha"}}) {
    NOMO_RETURN_IF_ERROR(node.Copy("math.FusedMatMul", attr, attrs, from));
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("math.FusedMatMul", node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kFusedMatMul({
    {"FusedMatMul", "math.FusedMatMul", 1, ImportFusedMatMul, "com.microsoft"},
    {"TransposeMatMul", "math.FusedMatMul", 1, ImportFusedMatMul, "com.microsoft"},
});

}  // namespace
}  // namespace nomograph::onnx
