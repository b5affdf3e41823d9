// Random numbers. ONNX's seed is a number of any size; its bits are ours.
#include <bit>

#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

absl::Status CopySeed(NodeImporter& node, Attributes& attrs) {
  if (!node.has_attribute("seed")) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const double seed, node.Float("seed", 0));
  attrs.Set("seed", static_cast<int64_t>(std::bit_cast<uint32_t>(static_cast<float>(seed))));
  return absl::OkStatus();
}

// The attributes of both distributions under our names.
absl::Status ImportRandom(NodeImporter& node) {
  const std::string op = RuleOf(node).op;
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(CopySeed(node, attrs));
  NOMO_RETURN_IF_ERROR(node.Copy(op, "stddev", attrs, "scale"));
  NOMO_RETURN_IF_ERROR(node.Copy(op, "minval", attrs, "low"));
  NOMO_RETURN_IF_ERROR(node.Copy(op, "maxval", attrs, "high"));
  NOMO_RETURN_IF_ERROR(node.CopyAll(op, attrs));
  NOMO_ASSIGN_OR_RETURN(const ValueId y, node.Add(op, node.inputs(), attrs));
  return node.Return({y});
}

const OperatorRegistrar kRandom({
    {"Bernoulli", "random.Bernoulli", 15, ImportRandom},
    {"Multinomial", "random.Multinomial", 7, ImportRandom},
    {"RandomNormal", "random.Normal", 1, ImportRandom},
    {"RandomNormalLike", "random.NormalLike", 1, ImportRandom},
    {"RandomUniform", "random.Uniform", 1, ImportRandom},
    {"RandomUniformLike", "random.UniformLike", 1, ImportRandom},
});

}  // namespace
}  // namespace nomograph::onnx
