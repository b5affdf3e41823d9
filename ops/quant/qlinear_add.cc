// quant.QLinearAdd: the sum of quantised numbers, quantised.
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/loops.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero };

absl::StatusOr<std::vector<TensorType>> InferQLinearAdd(const InferContext& context) {
  constexpr std::pair<Input, absl::string_view> kSingles[] = {
      {kAScale, "a_scale"},     {kAZero, "a_zero_point"}, {kBScale, "b_scale"},
      {kBZero, "b_zero_point"}, {kYScale, "y_scale"},     {kYZero, "y_zero_point"}};
  for (const auto& [input, name] : kSingles) {
    NOMO_RETURN_IF_ERROR(CheckSingle(context, input, name));
  }
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, Broadcast(context.shape(kA), context.shape(kB)));
  return std::vector<TensorType>{{context.dtype(kA), shape}};
}

struct Scales {
  float a, b, y;
};

// The sum in units of y's scale; a and b are less their zero points.
inline float Sum(int32_t a, int32_t b, const Scales& scales) {
  return (static_cast<float>(a) * scales.a + static_cast<float>(b) * scales.b) / scales.y;
}

struct ZeroPoints {
  int32_t a, b, y;
};

// `quantize` makes a Q of a float and a zero point.
template <typename Q, typename F>
void AddRow(const Q* a, const Q* b, Q* y, int64_t count, ZeroPoints zeros, Scales scales,
            F quantize) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    y[i] = quantize(Sum(a[i] - zeros.a, b[i] - zeros.b, scales), zeros.y);
  }
}

template <typename Q, typename F>
void Add(const KernelContext& context, F quantize) {
  const auto zero = [&](Input i) { return context.has_input(i) ? context.input<Q>(i)[0] : Q{0}; };
  const ZeroPoints zeros = {zero(kAZero), zero(kBZero), zero(kYZero)};
  const Scales scales = {context.input<float>(kAScale)[0], context.input<float>(kBScale)[0],
                         context.input<float>(kYScale)[0]};
  // The scales and zero points are no operands that broadcast.
  const TensorView operands[] = {context.input_view(kA), context.input_view(kB)};
  TensorView output = context.output_view(0);
  KernelContextBuilder broadcast(operands, absl::MakeSpan(&output, 1), {}, context.attrs(),
                                 context.run(), context.node_key());
  ForEachRow(broadcast.context(), [&](const std::byte* const* in, std::byte* out, int64_t count) {
    AddRow(reinterpret_cast<const Q*>(in[0]), reinterpret_cast<const Q*>(in[1]),
           reinterpret_cast<Q*>(out), count, zeros, scales, quantize);
  });
}

absl::Status QLinearAddCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.input_dtype(kA), [&]<typename Q>() {
    Add<Q>(context, [](float sum, int32_t zero) { return Quantized<Q>(sum, zero); });
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearAdd(const PrepareContext&) {
  return MakeComputeKernel(
      [](KernelContext& context) {
        Dispatch(ByteTypes{}, context.input_dtype(kA), [&]<typename Q>() {
          Add<Q>(context, [](float sum, int32_t zero) { return QuantizedFast<Q>(sum, zero); });
        });
        return absl::OkStatus();
      },
      "loop");
}

std::vector<Example> QLinearAddExamples() {
  return {
      {.name = "NumPy: uint8",
       .inputs = {Tensor::Vector<uint8_t>({116, 168, 96, 78, 32, 246}), Tensor::Scalar<float>(0.1),
                  Tensor::Scalar<uint8_t>(20),
                  Tensor::Vector<uint8_t>({193, 119, 60, 160, 105, 162}),
                  Tensor::Scalar<float>(0.05), Tensor::Scalar<uint8_t>(200),
                  Tensor::Scalar<float>(0.12), Tensor::Scalar<uint8_t>(100)},
       .outputs = {Tensor::Vector<uint8_t>({177, 190, 105, 132, 70, 255})}},
      {.name = "NumPy: int8, broadcast, without zero points",
       .inputs = {Tensor::Of<int8_t>({2, 3}, {-105, -81, 60, -113, 45, -23}),
                  Tensor::Scalar<float>(0.5), Tensor(), Tensor::Vector<int8_t>({-128, 67, 51}),
                  Tensor::Scalar<float>(0.25), Tensor(), Tensor::Scalar<float>(1)},
       .outputs = {Tensor::Of<int8_t>({2, 3}, {-84, -24, 43, -88, 39, 1})}},
      {.name = "NumPy: ties",
       .inputs = {Tensor::Vector<uint8_t>({1, 3, 5, 7}), Tensor::Scalar<float>(0.5),
                  Tensor::Vector<uint8_t>({0}), Tensor::Vector<uint8_t>({0, 0, 0, 0}),
                  Tensor::Vector<float>({0.5}), Tensor(), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(1)},
       .outputs = {Tensor::Vector<uint8_t>({1, 3, 3, 5})}},
  };
}

Pattern SumOfFloats() {
  const auto in = [](int i) { return Pattern::Input(i); };
  return Quantized(Pattern::AnyOrder("math.Add", Dequantized(in(kA), in(kAScale), in(kAZero)),
                                     Dequantized(in(kB), in(kBScale), in(kBZero))),
                   in(kYScale), in(kYZero));
}

NOMO_REGISTER_OP(
    OpDef("quant.QLinearAdd", 1)
        .Doc("The sum of quantised numbers, quantised, with NumPy broadcasting:\n\n"
             "y = saturate(round(((a - a_zero_point) * a_scale + (b - b_zero_point) * b_scale) / "
             "y_scale) + y_zero_point)\n\n"
             "in float arithmetic, with ties rounded to the even integer. Scales and zero points "
             "are one number each. It is an error when the shapes do not broadcast.")
        .Source("com.microsoft QLinearAdd of ONNX Runtime")
        .Known({.as = "com.microsoft", .name = "QLinearAdd"})
        .TypeVar("Q", kBytes)
        .Input("a", "Q", "any shape")
        .Input("a_scale", "float32")
        .OptionalInput("a_zero_point", "Q", "0 where it is absent")
        .Input("b", "Q", "any shape that broadcasts with a's")
        .Input("b_scale", "float32")
        .OptionalInput("b_zero_point", "Q", "0 where it is absent")
        .Input("y_scale", "float32")
        .OptionalInput("y_zero_point", "Q", "0 where it is absent")
        .Output("y", "Q", "the shapes of a and b, broadcast")
        .Infer(InferQLinearAdd)
        .Reference(QLinearAddCompute)
        .Fast(PrepareQLinearAdd)
        .InPlace()
        .Written(SumOfFloats())
        .GradientIsZero()
        .Examples(QLinearAddExamples));

}  // namespace
}  // namespace nomograph::quant
