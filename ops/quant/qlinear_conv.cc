// quant.QLinearConv: the convolution of quantised numbers, quantised.
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/window.h"
#include "nomograph/ops/quant/integer_conv.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/loops.h"
#include "nomograph/ops/quant/pairs/pair_conv_op.h"
#include "nomograph/ops/quant/quads/quad_conv_op.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kX, kXScale, kXZero, kKernel, kKernelScale, kKernelZero, kYScale, kYZero, kBias };
constexpr ConvInputs kInputs = {
    .x = kX, .x_zero_point = kXZero, .kernel = kKernel, .kernel_zero_point = kKernelZero};

absl::StatusOr<std::vector<TensorType>> InferQLinearConv(const InferContext& context) {
  Dim channels;
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferConv(context, kInputs, channels));
  NOMO_RETURN_IF_ERROR(CheckSingle(context, kXScale, "x_scale"));
  NOMO_RETURN_IF_ERROR(CheckSingle(context, kYScale, "y_scale"));
  NOMO_RETURN_IF_ERROR(CheckSingle(context, kYZero, "y_zero_point"));
  NOMO_RETURN_IF_ERROR(CheckSingleOrVector(context, kKernelScale, "kernel_scale", channels));
  if (context.has_input(kBias) && !Compatible(context.shape(kBias), {channels})) {
    return InvalidArgument("input bias: expected shape [", channels.ToString(),
                           "] (one element per output channel), found ",
                           context.shape(kBias).ToString());
  }
  return std::vector<TensorType>{{context.dtype(kYZero), shape}};
}

template <typename Q>
void Reference(const KernelContext& context) {
  const std::vector<int32_t> sums = ConvSums(context, kInputs);
  const auto x_scale = FloatsOf(context, kXScale), y_scale = FloatsOf(context, kYScale);
  const auto kernel_scale = FloatsOf(context, kKernelScale);
  const Q zero = context.input<Q>(kYZero)[0];
  const nn::ActivationLayout layout(context.output_shape(0), context.attrs());
  const auto y = context.output<Q>(0);
  for (size_t i = 0; i < sums.size(); ++i) {
    const int64_t channel = static_cast<int64_t>(i) / layout.channel_stride % layout.channels;
    const uint32_t bias = context.has_input(kBias) ? context.input<int32_t>(kBias)[channel] : 0;
    y[i] = Requantized<Q>(static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + bias), x_scale[0],
                          kernel_scale[kernel_scale.size() == 1 ? 0 : channel], y_scale[0], zero);
  }
}

absl::Status QLinearConvCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.output_dtype(0), [&]<typename Q>() { Reference<Q>(context); });
  return absl::OkStatus();
}

// The positions' channels lie together, or the channels' positions.
template <typename Q>
void Finish(const KernelContext& context, int threads, const int32_t* sums) {
  const nn::ActivationLayout layout(context.output_shape(0), context.attrs());
  const auto scales = context.input<float>(kKernelScale);
  const float x_scale = context.input<float>(kXScale)[0],
              y_scale = context.input<float>(kYScale)[0];
  const Q zero = context.input<Q>(kYZero)[0];
  Q* const y = context.output<Q>(0).data();
  const int32_t no_bias = 0;
  const int32_t* bias = context.has_input(kBias) ? context.input<int32_t>(kBias).data() : nullptr;
  const bool last = layout.channel_stride == 1 && layout.channels > 1;
  const int64_t count = last ? layout.channels : layout.positions;
  const int64_t runs = layout.batches * layout.batch_stride / count;
  ParallelFor(runs * count >= 1 << 15 ? threads : 1, runs, [&](int64_t r) {
    const int64_t channel = last ? 0 : r % layout.channels;
    const Along<float> scale = {&scales[scales.size() == 1 ? 0 : channel],
                                last && scales.size() > 1};
    const Along<int32_t> biases = {bias == nullptr ? &no_bias : bias + channel,
                                   last && bias != nullptr};
    RequantizeRun(sums + r * count, count, x_scale, scale, biases, y_scale, zero, y + r * count);
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearConv(const PrepareContext& context) {
  constexpr QuantizedConvInputs kAll = {.factors = kInputs,
                                        .x_scale = kXScale,
                                        .kernel_scale = kKernelScale,
                                        .y_scale = kYScale,
                                        .y_zero_point = kYZero,
                                        .bias = kBias};
  for (const auto prepare : {&PrepareQuadConv, &PreparePairConv}) {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, prepare(context, kAll));
    if (kernel != nullptr) return kernel;
  }
  const int threads = context.threads;
  return PrepareProduct(context, ConvSpec(context, kInputs),
                        [threads](KernelContext& kernel, const int32_t* sums, const int32_t*) {
                          Dispatch(ByteTypes{}, kernel.output_dtype(0),
                                   [&]<typename Q>() { Finish<Q>(kernel, threads, sums); });
                        });
}

std::vector<Example> QLinearConvExamples() {
  return {
      {.name = "ONNX: 1x1, one scale",
       .attrs = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<uint8_t>(
                      {1, 1, 7, 7},
                      {255, 174, 162, 25,  203, 168, 58,  15,  59,  237, 95,  129, 0,
                       64,  56,  242, 153, 221, 168, 12,  166, 232, 178, 186, 195, 237,
                       162, 237, 188, 39,  124, 77,  80,  102, 43,  127, 230, 21,  83,
                       41,  40,  134, 255, 154, 92,  141, 42,  148, 247}),
                  Tensor::Scalar<float>(0.003692047), Tensor::Scalar<uint8_t>(132),
                  Tensor::Of<uint8_t>({1, 1, 1, 1}, {0}), Tensor::Vector<float>({0.0017279458}),
                  Tensor::Vector<uint8_t>({255}), Tensor::Scalar<float>(0.0016268126),
                  Tensor::Scalar<uint8_t>(123)},
       .outputs = {Tensor::Of<uint8_t>(
           {1, 1, 7, 7},
           {0,   81,  93,  230, 52,  87,  197, 240, 196, 18,  160, 126, 255, 191, 199, 13,  102,
            34,  87,  243, 89,  23,  77,  69,  60,  18,  93,  18,  67,  216, 131, 178, 175, 153,
            212, 128, 25,  234, 172, 214, 215, 121, 0,   101, 163, 114, 213, 107, 8})}},
      {.name = "PyTorch: a scale for each output channel, bias",
       .attrs = {{"padding", "same"}},
       .inputs = {Tensor::Of<uint8_t>({1, 3, 3, 2}, {49, 242, 50, 221, 232, 146, 92, 252, 27, 87,
                                                     45, 35, 101, 69, 88, 22, 79, 243}),
                  Tensor::Vector<float>({0.02}), Tensor::Vector<uint8_t>({128}),
                  Tensor::Of<int8_t>({2, 2, 2, 3},
                                     {-72, 102, 114, -88, 19, 54,   -15, 101, 96,  3, 20,  108,
                                      -77, 68,  -33, 115, 84, -104, 122, 62,  -23, 5, -19, -111}),
                  Tensor::Vector<float>({0.01, 0.02, 0.005}), Tensor::Vector<int8_t>({0, 3, -2}),
                  Tensor::Vector<float>({0.5}), Tensor::Vector<uint8_t>({100}),
                  Tensor::Vector<int32_t>({1000, -2000, 0})},
       .outputs = {Tensor::Of<uint8_t>(
           {1, 3, 3, 3}, {101, 91,  99, 96, 92,  106, 95, 97,  105, 94, 83, 102, 99, 69,
                          94,  113, 96, 95, 103, 91,  96, 106, 92,  99, 98, 96,  100})}},
      {.name = "PyTorch: int8, groups",
       .attrs = {{"groups", 2}},
       .inputs = {Tensor::Of<int8_t>({2, 2, 2, 2}, {-65, 10, -18, 115, -87, 62, 4, -64, 73, -49, 78,
                                                    55, 46, -94, 45, 33}),
                  Tensor::Vector<float>({0.02}), Tensor::Vector<int8_t>({-5}),
                  Tensor::Of<int8_t>({1, 2, 1, 2}, {107, -52, 120, -43}),
                  Tensor::Vector<float>({0.01}), Tensor::Vector<int8_t>({0}),
                  Tensor::Vector<float>({0.125}), Tensor::Vector<int8_t>({7})},
       .outputs = {Tensor::Of<int8_t>({2, 2, 1, 2}, {-6, -3, -5, 5, 36, 7, 25, 12})}},
      {.name = "PyTorch: channels first, small weights",
       .attrs = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<int8_t>({1, 2, 2, 2}, {30, -27, 59, -77, -85, -116, -8, -74}),
                  Tensor::Vector<float>({0.02}), Tensor::Vector<int8_t>({-5}),
                  Tensor::Of<int8_t>({3, 2, 2, 1}, {-9, 16, 12, 13, 3, -16, 9, 4, 16, -1, -14, 3}),
                  Tensor::Vector<float>({0.01, 0.03, 0.02}), Tensor::Vector<int8_t>({0}),
                  Tensor::Vector<float>({0.0625}), Tensor::Vector<uint8_t>({7}),
                  Tensor::Vector<int32_t>({10, -20, 30})},
       .outputs = {Tensor::Of<uint8_t>({1, 3, 1, 2}, {6, 0, 0, 5, 17, 14})}},
  };
}

// With the kernel's scales along the axis of the output channels, which depends on its layout.
OpDef AsConvOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  constexpr int kBiasScale = kBias + 1;
  for (const auto& [layout, channels] : {std::pair("OIHW", 0), std::pair("HWIO", -1)}) {
    std::vector<Pattern> operands = {
        Dequantized(in(kX), in(kXScale), in(kXZero)),
        DequantizedChannels(in(kKernel), in(kKernelScale), in(kKernelZero), channels)};
    for (const bool biased : {true, false}) {
      std::vector<Pattern> inputs = operands;
      if (biased) inputs.push_back(DequantizedBias(in(kBias), in(kBiasScale)));
      const Pattern conv = Pattern::Op("nn.Conv", std::move(inputs))
                               .GivesAttributes()
                               .Where([layout = std::string(layout), biased](
                                          const InferContext& node, const TensorType&) {
                                 return node.attrs().String("kernel_layout") == layout &&
                                        node.has_input(2) == biased;
                               });
      op.Written(Quantized(conv, in(kYScale), in(kYZero)), [biased](const InferContext& found) {
        return !biased || IsScaleOfBias(found, kXScale, kKernelScale, kBiasScale);
      });
    }
  }
  return op;
}

NOMO_REGISTER_OP(
    AsConvOfFloats(
        WithConv(
            OpDef("quant.QLinearConv", 1)
                .Doc("The convolution of quantised numbers, quantised:\n\n"
                     "y = saturate(round((nn.Conv(x - x_zero_point, kernel - kernel_zero_point) + "
                     "bias) * (x_scale * kernel_scale / y_scale)) + y_zero_point)\n\n"
                     "with sums in 32 bits that wrap around, scales multiplied as floats, and "
                     "ties rounded to the even integer. The bias is quantised with the scale "
                     "x_scale * kernel_scale and the zero point 0. Padding is 0 behind the "
                     "subtraction. It is an error when the shapes do not fit, as for nn.Conv.")
                .Source("ONNX QLinearConv")
                .TypeVar("X", kBytes)
                .TypeVar("W", kBytes)
                .TypeVar("Y", kBytes)
                .Input("x", "X", "[batch, spatial..., in], see data_format")
                .Input("x_scale", "float32", "one number")
                .Input("x_zero_point", "X", "one number")
                .Input("kernel", "W", "[spatial..., in / groups, out], see kernel_layout")
                .Input("kernel_scale", "float32", "one number, or [out]")
                .Input("kernel_zero_point", "W", "one number, or [out]")
                .Input("y_scale", "float32", "one number")
                .Input("y_zero_point", "Y", "one number")
                .OptionalInput("bias", "int32", "[out]; 0 where it is absent")
                .Output("y", "Y", "[batch, spatial..., out], see data_format")))
        .Infer(InferQLinearConv)
        .Reference(QLinearConvCompute)
        .Fast(PrepareQLinearConv)
        .Work(AllCombinationsWork)
        .GradientIsZero()
        .Examples(QLinearConvExamples));

}  // namespace
}  // namespace nomograph::quant
