// Attention and what stands around it: of ONNX, and what ONNX Runtime's optimiser makes of
// transformers.
#include "nomograph/serialization/onnx/import/operators.h"
#include "nomograph/serialization/onnx/import/rules/casts.h"

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

// Mean and 1 / standard deviation are float32 in whatever type x is. Where they are wanted of
// another, all is computed so that sums of 16 bits do not overflow.
absl::Status ImportSkip(NodeImporter& node) {
  const DType dtype = node.type(node.input(0)).dtype;
  const bool has_statistics = node.has_output(1) || node.has_output(2);
  if (!has_statistics || !kFloats.Contains(dtype) || dtype == DType::kFloat32) {
    return ImportSame(node);
  }
  const std::string op = RuleOf(node).op;
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  std::vector<ValueId> inputs = node.inputs();
  for (ValueId& input : inputs) {
    NOMO_ASSIGN_OR_RETURN(input, CastTo(node, input, WideFloat(dtype)));
  }
  NOMO_ASSIGN_OR_RETURN(std::vector<ValueId> outputs,
                        node.AddMulti(op, inputs, attrs, node.OutputMask()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const bool is_statistic = i == 1 || i == 2;
    NOMO_ASSIGN_OR_RETURN(outputs[i],
                          CastTo(node, outputs[i], is_statistic ? DType::kFloat32 : dtype));
  }
  return node.Return(outputs);
}

// nn.RmsNormalization of the sum of both, which is a further output, as is 1 / sqrt(the mean
// square), a float32.
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
    NOMO_ASSIGN_OR_RETURN(const DType dtype, node.dtype(outputs[3]));
    ValueId wide = outputs[3];
    if (WideFloat(dtype) != dtype) {
      for (ValueId& term : terms) {
        NOMO_ASSIGN_OR_RETURN(term, Widened(node, term));
      }
      NOMO_ASSIGN_OR_RETURN(wide, node.Add("math.Sum", terms));
    }
    NOMO_ASSIGN_OR_RETURN(const ValueId square, node.Add("math.Square", {wide}));
    NOMO_ASSIGN_OR_RETURN(const ValueId mean, node.Add("math.ReduceMean", {square},
                                                       {{"axes", std::vector<int64_t>{-1}}}));
    NOMO_ASSIGN_OR_RETURN(const ValueId small, node.AddScalar(epsilon, mean));
    NOMO_ASSIGN_OR_RETURN(const ValueId sum, node.Add("math.Add", {mean, small}));
    NOMO_ASSIGN_OR_RETURN(outputs[2], node.Add("math.Rsqrt", {sum}));
    NOMO_ASSIGN_OR_RETURN(outputs[2], CastTo(node, outputs[2], DType::kFloat32));
  }
  return node.Return(outputs);
}

const OperatorRegistrar kTransformer({
    {"Attention", "nn.Attention", 1, ImportAttention, "com.microsoft"},
    {"EmbedLayerNormalization", "nn.EmbedLayerNormalization", 1, ImportEmbedLayerNormalization,
     "com.microsoft"},
    {"SkipLayerNormalization", "nn.SkipLayerNormalization", 1, ImportSkip, "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", "nn.RmsNormalization", 1, ImportSkipSimplified,
     "com.microsoft"},
});

}  // namespace
}  // namespace nomograph::onnx
