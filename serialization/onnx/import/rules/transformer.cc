// Attention and what stands around it: of ONNX, and what ONNX Runtime's optimiser makes of
// transformers.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

absl::Status ImportEmbedLayerNormalization(NodeImporter& node) {
  node.Ignore({"mask_index_type"});
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.EmbedLayerNormalization", attrs));
  NOMO_ASSIGN_OR_RETURN(const auto outputs, node.AddMulti("nn.EmbedLayerNormalization",
                                                          node.inputs(), attrs, node.OutputMask()));
  return node.Return(outputs);
}

absl::Status ImportAttention(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll("nn.Attention", attrs));
  if (node.has_input(6)) {
    return absl::UnimplementedError(
        "input 6 (past_sequence_length): a past that shares its buffer with present is not "
        "supported");
  }
  std::vector<ValueId> inputs = node.inputs();
  inputs.resize(std::min<size_t>(inputs.size(), 6));
  NOMO_ASSIGN_OR_RETURN(const auto outputs,
                        node.AddMulti("nn.Attention", inputs, attrs, node.OutputMask()));
  return node.Return(outputs);
}

// nn.RmsNormalization of the sum of both, which is a further output, as is 1 / sqrt(the mean
// square).
absl::Status ImportSkipSimplified(NodeImporter& node) {
  Attributes attrs;
  NOMO_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-12));
  attrs.Set("epsilon", epsilon);
  std::vector<ValueId> outputs(4, kNoValue);
  std::vector<ValueId> terms = {node.input(0), node.input(1)};
  if (node.has_input(3)) terms.push_back(node.input(3));
  NOMO_ASSIGN_OR_RETURN(outputs[3], node.Add("math.Sum", terms));
  NOMO_ASSIGN_OR_RETURN(outputs[0],
                        node.Add("nn.RmsNormalization", {outputs[3], node.input(2)}, attrs));
  if (node.has_output(2)) {
    NOMO_ASSIGN_OR_RETURN(const ValueId square, node.Add("math.Square", {outputs[3]}));
    NOMO_ASSIGN_OR_RETURN(const ValueId mean, node.Add("math.ReduceMean", {square},
                                                       {{"axes", std::vector<int64_t>{-1}}}));
    NOMO_ASSIGN_OR_RETURN(const ValueId small, node.AddScalar(epsilon, mean));
    NOMO_ASSIGN_OR_RETURN(const ValueId sum, node.Add("math.Add", {mean, small}));
    NOMO_ASSIGN_OR_RETURN(outputs[2], node.Add("math.Rsqrt", {sum}));
  }
  return node.Return(outputs);
}

const OperatorRegistrar kTransformer({
    {"Attention", "nn.Attention", 1, ImportAttention, "com.microsoft"},
    {"EmbedLayerNormalization", "nn.EmbedLayerNormalization", 1, ImportEmbedLayerNormalization,
     "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", "nn.RmsNormalization", 1, ImportSkipSimplified,
     "com.microsoft"},
});

}  // namespace
}  // namespace nomograph::onnx
