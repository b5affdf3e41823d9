// array.BitCast: the bits of elements as elements of another dtype of the same size.
#include <cstring>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const DType from = context.dtype(0), to = context.attrs().Type("to");
  if (DTypeSize(from) != DTypeSize(to)) {
    return InvalidArgument("to: expected a dtype of ", DTypeSize(from), " bytes, as ",
                           DTypeName(from), " has, found ", DTypeName(to), " of ", DTypeSize(to));
  }
  return std::vector<TensorType>{{to, context.shape(0)}};
}

absl::Status Compute(KernelContext& context) {
  const int64_t bytes = context.input_shape(0).num_elements() * DTypeSize(context.input_dtype(0));
  if (bytes > 0) std::memcpy(context.output_view(0).data, context.input_view(0).data, bytes);
  return absl::OkStatus();
}

// The bits of IEEE 754's numbers, and of two's complement.
std::vector<Example> Examples() {
  return {
      {.name = "float32 as int32",
       .attrs = {{"to", DType::kInt32}},
       .inputs = {Tensor::Vector<float>({1, -2, 0.5f})},
       .outputs = {Tensor::Vector<int32_t>({0x3f800000, -0x40000000, 0x3f000000})}},
      {.name = "int64 as float64",
       .attrs = {{"to", DType::kFloat64}},
       .inputs = {Tensor::Of<int64_t>({1, 2}, {0x3ff0000000000000, 0x4024000000000000})},
       .outputs = {Tensor::Of<double>({1, 2}, {1, 10})}},
      {.name = "int8 as uint8",
       .attrs = {{"to", DType::kUInt8}},
       .inputs = {Tensor::Vector<int8_t>({-1, 0, 127, -128})},
       .outputs = {Tensor::Vector<uint8_t>({255, 0, 127, 128})}},
      {.name = "bool as uint8",
       .attrs = {{"to", DType::kUInt8}},
       .inputs = {Tensor::Vector<bool>({true, false})},
       .outputs = {Tensor::Vector<uint8_t>({1, 0})}},
  };
}

NOMO_REGISTER_OP(OpDef("array.BitCast")
                     .Doc("Takes the bits of the elements for those of another dtype of the same "
                          "size.")
                     .Source("ONNX BitCast (opset 26)")
                     .Known({.as = "onnx", .name = "BitCast", .since = 26})
                     .TypeVar("T", kNumbers | DTypeSet{DType::kBool})
                     .TypeVar("R", kNumbers)
                     .Input("x", "T", "any shape")
                     .Output("y", "R", "the shape of x")
                     .RequiredAttr("to", AttrType::kDType, "the dtype of y")
                     .Infer(Infer)
                     .Reference(Compute)
                     .NoGradient("the bits of a number are no differentiable function of it")
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
