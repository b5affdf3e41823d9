// What ONNX Runtime's optimiser makes of transformers.
#include "nomograph/serialization/onnx/operators.h"

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
  for (int i = 4; i < node.num_inputs(); ++i) {
    if (node.has_input(i)) {
      return absl::UnimplementedError(absl::StrCat("input ", i, " (", i == 4 ? "past" : "bias",
                                                   " of the attention) is not supported"));
    }
  }
  std::vector<ValueId> inputs = node.inputs();
  inputs.resize(std::min<size_t>(inputs.size(), 4));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add("nn.Attention", inputs, attrs));
  return node.Return({y});
}

// nn.RmsNormalization of the sum of both.
absl::Status ImportSkipSimplified(NodeImporter& node) {
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.Copy("nn.RmsNormalization", "epsilon", attrs));
  std::vector<ValueId> outputs(4, kNoValue);
  std::vector<ValueId> terms = {node.input(0), node.input(1)};
  if (node.has_input(3)) terms.push_back(node.input(3));
  NOMO_ASSIGN_OR_RETURN(outputs[3], node.Add("math.Sum", terms));
  NOMO_ASSIGN_OR_RETURN(outputs[0],
                        node.Add("nn.RmsNormalization", {outputs[3], node.input(2)}, attrs));
  return node.Return(outputs);
}

const OperatorRegistrar kTransformer({
    {"Attention", "nn.Attention", 1, ImportAttention, "com.microsoft"},
    {"EmbedLayerNormalization", "nn.EmbedLayerNormalization", 1, ImportEmbedLayerNormalization,
     "com.microsoft"},
    {.op_type = "SkipLayerNormalization",
     .op = "nn.SkipLayerNormalization",
     .domain = "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", "nn.RmsNormalization", 1, ImportSkipSimplified,
     "com.microsoft"},
});

}  // namespace
}  // namespace nomograph::onnx
