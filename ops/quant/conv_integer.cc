// quant.ConvInteger: convolution of 8-bit integers with 32-bit sums.
#include <algorithm>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/integer_conv.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

constexpr ConvInputs kInputs = {.x = 0, .x_zero_point = 2, .kernel = 1, .kernel_zero_point = 3};

absl::StatusOr<std::vector<TensorType>> InferConvInteger(const InferContext& context) {
  Dim channels;
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferConv(context, kInputs, channels));
  return std::vector<TensorType>{{DType::kInt32, shape}};
}

absl::Status ConvIntegerCompute(KernelContext& context) {
  const std::vector<int32_t> sums = ConvSums(context, kInputs);
  std::copy(sums.begin(), sums.end(), context.output<int32_t>(0).begin());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareConvInteger(const PrepareContext& context) {
  return PrepareProduct(context, ConvSpec(context, kInputs));
}

std::vector<Example> ConvIntegerExamples() {
  return {
      {.name = "ONNX: as it lays them out",
       .attrs = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<uint8_t>({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10}),
                  Tensor::Of<uint8_t>({1, 1, 2, 2}, {1, 1, 1, 1}), Tensor::Scalar<uint8_t>(1)},
       .outputs = {Tensor::Of<int32_t>({1, 1, 2, 2}, {12, 16, 24, 28})}},
      {.name = "ONNX: padding is the zero point",
       .attrs = {{"data_format", "channels_first"},
                 {"kernel_layout", "OIHW"},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}}},
       .inputs = {Tensor::Of<uint8_t>({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10}),
                  Tensor::Of<uint8_t>({1, 1, 2, 2}, {1, 1, 1, 1}), Tensor::Scalar<uint8_t>(1)},
       .outputs = {Tensor::Of<int32_t>({1, 1, 4, 4},
                                       {1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9})}},
      {.name = "PyTorch: groups, strides, a zero point for each output channel",
       .attrs = {{"groups", 2}, {"strides", std::vector<int64_t>{2, 1}}},
       .inputs = {Tensor::Of<int8_t>(
                      {2, 4, 3, 2}, {116,  115, -90, -73, 15,  -127, -16,  43, -37, -125, -67, -52,
                                     -115, -1,  -25, 95,  83,  -105, -104, 41, -25, 8,    119, -95,
                                     88,   64,  88,  109, -5,  -66,  113,  13, 27,  -116, 103, -82,
                                     117,  -32, 17,  98,  -57, 120,  -91,  36, 16,  21,   -79, 17}),
                  Tensor::Of<int8_t>({2, 2, 1, 4}, {-113, -74, 120, 66, -32, -67, 96, 12, 123, 54,
                                                    17, -6, -23, -119, -9, -46}),
                  Tensor::Vector<int8_t>({5}), Tensor::Vector<int8_t>({-14, 64, -114, -122})},
       .outputs = {Tensor::Of<int32_t>(
           {2, 2, 2, 4},
           {-11778, 5023,   688,    4756,   4119,  25396, -68987, -51764, -2243, 27070, 22527,
            15336,  -3570,  -26640, -12147, -5072, 4887,  -27433, 23989,  16760, -5905, -28298,
            -15560, -10610, -24555, -18081, 16613, 10318, 2191,   21728,  49268, 35662})}},
      {.name = "PyTorch: 1-D, dilated, without zero points",
       .attrs = {{"dilations", std::vector<int64_t>{2}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0}}},
       .inputs = {Tensor::Of<uint8_t>({1, 6, 2},
                                      {184, 106, 95, 247, 205, 27, 7, 168, 232, 186, 31, 109}),
                  Tensor::Of<int8_t>({2, 2, 3},
                                     {-26, 10, -14, -4, -27, 21, 1, -10, 11, 22, 5, -9})},
       .outputs = {Tensor::Of<int32_t>({1, 5, 3}, {5529, 285, -1178, -4409, -2937, 1662, 245, -4949,
                                                   2422, -1114, -69, -1425, 1575, -4231, 2790})}},
      {.name = "PyTorch: 3-D",
       .attrs = {{"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<uint8_t>({1, 2, 2, 2, 1}, {231, 132, 135, 195, 202, 232, 255, 38}),
                  Tensor::Of<uint8_t>({2, 1, 2, 2, 2}, {105, 238, 78, 1, 147, 192, 190, 207, 164,
                                                        35, 216, 107, 216, 208, 248, 3}),
                  Tensor::Vector<uint8_t>({3}), Tensor::Vector<uint8_t>({128})},
       .outputs = {Tensor::Of<int32_t>({1, 1, 1, 1, 2}, {14788, 65492})}},
  };
}

NOMO_REGISTER_OP(
    WithConv(OpDef("quant.ConvInteger", 1)
                 .Doc("The convolution of integers: nn.Conv of x - x_zero_point and kernel - "
                      "kernel_zero_point, with sums in 32 bits that wrap around. Padding is 0 "
                      "behind the subtraction. It is an error when the shapes do not fit, as for "
                      "nn.Conv.")
                 .Source("ONNX ConvInteger")
                 .TypeVar("X", kBytes)
                 .TypeVar("W", kBytes)
                 .Input("x", "X", "[batch, spatial..., in], see data_format")
                 .Input("kernel", "W", "[spatial..., in / groups, out], see kernel_layout")
                 .OptionalInput("x_zero_point", "X", "one number; 0 where it is absent")
                 .OptionalInput("kernel_zero_point", "W",
                                "one number, or [out]; 0 where it is absent")
                 .Output("y", "int32", "[batch, spatial..., out], see data_format"))
        .Infer(InferConvInteger)
        .Reference(ConvIntegerCompute)
        .Fast(PrepareConvInteger)
        .Work(WeightedWork)
        .Examples(ConvIntegerExamples));

}  // namespace
}  // namespace nomograph::quant
