#include <limits>

#include "nomograph/core/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  return std::vector<TensorType>{{context.attrs().Type("to"), context.shape(0)}};
}

absl::Status Compute(KernelContext& context) {
  ConvertElements(context.input_dtype(0), context.input_view(0).data, context.output_dtype(0),
                  context.output_view(0).data, context.input_shape(0).num_elements());
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto half = [](float value) { return Half(value); };
  return {
      {.name = "pixels to float",
       .attrs = {{"to", DType::kFloat32}},
       .inputs = {Tensor::Of<uint8_t>({2, 2}, {0, 1, 127, 255})},
       .outputs = {Tensor::Of<float>({2, 2}, {0, 1, 127, 255})}},
      {.name = "float to integer is cut and clamped",
       .attrs = {{"to", DType::kInt8}},
       .inputs = {Tensor::Vector<float>({1.9f, -1.9f, 200, -200, inf, -inf, nan})},
       .outputs = {Tensor::Vector<int8_t>({1, -1, 127, -128, 127, -128, 0})}},
      {.name = "integers wrap",
       .attrs = {{"to", DType::kUInt8}},
       .inputs = {Tensor::Vector<int32_t>({255, 256, -1})},
       .outputs = {Tensor::Vector<uint8_t>({255, 0, 255})}},
      {.name = "to bool",
       .attrs = {{"to", DType::kBool}},
       .inputs = {Tensor::Vector<float>({0, -0.0f, 0.5f, nan})},
       .outputs = {Tensor::Vector<bool>({false, false, true, true})}},
      {.name = "rounding to float16",
       .attrs = {{"to", DType::kFloat16}},
       .inputs = {Tensor::Vector<float>({0.1f, 2049, 2051, 65520})},
       .outputs = {Tensor::Vector<Half>(
           {half(0.0999755859375f), half(2048), half(2052), half(inf)})},
       .rtol = 0,
       .atol = 0},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.Cast")
        .Doc("y = x, each element converted to the dtype `to`. Floating-point values are rounded "
             "to the nearest that `to` has, ties to even (from float64 to the 16-bit types by way "
             "of float32). To integers they are cut towards zero; values outside of the range, "
             "infinities among them, become its nearest end, and NaN becomes 0. Integers that do "
             "not fit wrap around. To bool all but 0 is true, NaN too; bool becomes 0 or 1.")
        .Source("ONNX Cast")
        .TypeVar("T", kAnyType)
        .TypeVar("R", kAnyType)
        .Input("x", "T", "any shape")
        .Output("y", "R", "the shape of x")
        .RequiredAttr("to", AttrType::kDType, "the dtype of y")
        .Infer(Infer)
        .Reference(Compute)
        .BatchInputs({0})
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
