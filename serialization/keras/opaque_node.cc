#include "nomograph/serialization/keras/opaque_node.h"

#include "absl/strings/ascii.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::keras {

std::string NameForOp(absl::string_view name) {
  std::string result;
  for (const char c : name) result.push_back(absl::ascii_isalnum(c) ? c : '_');
  if (result.empty() || absl::ascii_isdigit(result[0])) result.insert(0, "_");
  return result;
}

const NamedOp* NamedByUser(const LayerNode& node, const KerasImportOptions& options) {
  for (const std::string& name : {node.full_name, node.entry.name}) {
    const auto found = options.lambdas.find(name);
    if (found != options.lambdas.end()) return &found->second;
  }
  return nullptr;
}

std::vector<TensorType> OutputTypes(absl::Span<const Value> inputs,
                                    std::vector<PartialShape> declared, const OutputHints& hints,
                                    LambdaOutcome& outcome) {
  const TensorType first =
      inputs.empty() ? TensorType{DType::kFloat32, PartialShape()} : inputs[0].type();
  const DType dtype = kFloats.Contains(first.dtype) ? first.dtype : DType::kFloat32;
  const size_t count = std::max<size_t>(declared.size(), hints.num_outputs);
  std::vector<TensorType> types;
  for (size_t i = 0; i < count; ++i) {
    std::optional<PartialShape> shape;
    if (i < declared.size()) {
      shape = declared[i];
    } else if (i < hints.shapes.size()) {
      shape = hints.shapes[i];
    }
    if (!shape) {
      shape = first.shape;
      if (i < hints.last_sizes.size() && hints.last_sizes[i] && shape->rank() > 0)
        (*shape)[shape->rank() - 1] = Dim(*hints.last_sizes[i]);
      outcome.obstacles.push_back(absl::StrCat(
          "the file does not tell its result's shape, which is taken to be like its input's: ",
          shape->ToString()));
    } else if (shape->rank() > 0 && !(*shape)[0].known() && first.shape.rank() > 0) {
      (*shape)[0] = first.shape[0];
    }
    types.push_back({dtype, *std::move(shape)});
  }
  return types;
}

std::vector<Value> CallOpaque(const OpaqueCall& call, ImportContext& context,
                              LambdaOutcome& outcome) {
  CallOptions options{.num_outputs = static_cast<int>(call.output_types.size())};
  if (context.options.registry->Find(call.op) == nullptr) {
    options.output_types = call.output_types;
    std::vector<TensorType> inputs;
    for (const Value& input : call.inputs)
      inputs.push_back(input.valid() ? input.type() : TensorType{});
    outcome.skeleton = SkeletonOf(call.op, call.attrs, inputs, call.output_types, call.doc);
  }
  return CallMulti(call.op, call.inputs, call.attrs, std::move(options));
}

}  // namespace nomograph::keras
