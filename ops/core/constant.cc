// core.Constant: a tensor that is saved with the node.
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  return std::vector<TensorType>{context.attrs().TensorValue("value").type()};
}

absl::StatusOr<std::vector<Tensor>> Fold(const InferContext& context) {
  return std::vector<Tensor>{context.attrs().TensorValue("value")};
}

absl::Status Compute(KernelContext& context) {
  return context.SetOutput(0, context.attrs().TensorValue("value"));
}

std::vector<Example> Examples() {
  const auto constant = [](const char* name, const Tensor& value) -> Example {
    return {.name = name, .attrs = {{"value", value}}, .outputs = {value}};
  };
  return {
      constant("matrix", Tensor::Of<float>({2, 2}, {1, 2, 3, 4})),
      constant("scalar", Tensor::Scalar(true)),
      constant("empty", Tensor::Of<int64_t>({0, 3}, {})),
  };
}

NOMO_REGISTER_OP(OpDef("core.Constant")
                     .Doc("The tensor `value`, which is saved with the node.")
                     .Source("ONNX Constant")
                     .TypeVar("T", kStoredType)
                     .Output("y", "T", "the shape of value")
                     .RequiredAttr("value", AttrType::kTensor, "the elements")
                     .Infer(Infer)
                     .Fold(Fold)
                     .Reference(Compute)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
