// quant.QLinearAdd: the sum of quantised numbers, quantised.
#include <optional>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/linear.h"
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

template <typename Q>
ByteSum SumOf(const KernelContext& context) {
  const auto zero = [&](Input i) { return context.has_input(i) ? context.input<Q>(i)[0] : Q{0}; };
  return {.a_scale = context.input<float>(kAScale)[0],
          .b_scale = context.input<float>(kBScale)[0],
          .y_scale = context.input<float>(kYScale)[0],
          .a_zero = zero(kAZero),
          .b_zero = zero(kBZero),
          .y_zero = zero(kYZero),
          .is_signed = std::is_signed_v<Q>};
}

// Calls row(a, b, y, count) for rows of elements of the operands, broadcast.
template <typename F>
void ForRows(const KernelContext& context, F row) {
  // The scales and zero points are no operands that broadcast.
  const TensorView operands[] = {context.input_view(kA), context.input_view(kB)};
  TensorView output = context.output_view(0);
  KernelContextBuilder broadcast(operands, absl::MakeSpan(&output, 1), {}, context.attrs(),
                                 context.run(), context.node_key());
  ForEachRow(broadcast.context(), [&](const std::byte* const* in, std::byte* out, int64_t count) {
    row(in[0], in[1], out, count);
  });
}

template <typename Q>
void Reference(const KernelContext& context) {
  const ByteSum sum = SumOf<Q>(context);
  ForRows(context, [&](const std::byte* a, const std::byte* b, std::byte* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const float value =
          (static_cast<float>(reinterpret_cast<const Q*>(a)[i] - sum.a_zero) * sum.a_scale +
           static_cast<float>(reinterpret_cast<const Q*>(b)[i] - sum.b_zero) * sum.b_scale) /
          sum.y_scale;
      reinterpret_cast<Q*>(y)[i] = Quantized<Q>(value, sum.y_zero);
    }
  });
}

absl::Status QLinearAddCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.input_dtype(kA), [&]<typename Q>() { Reference<Q>(context); });
  return absl::OkStatus();
}

// Of the constants; none where some input but a and b is not constant.
template <typename Q>
std::optional<ByteSum> KnownSum(const PrepareContext& context) {
  const auto known = [&](int i) { return !context.has_input(i) || context.constants[i].valid(); };
  for (const int i : {kAScale, kAZero, kBScale, kBZero, kYScale, kYZero}) {
    if (!known(i)) return std::nullopt;
  }
  const auto scale = [&](int i) { return context.constants[i].data<float>()[0]; };
  const auto zero = [&](int i) -> int32_t {
    return context.has_input(i) ? context.constants[i].data<Q>()[0] : 0;
  };
  return ByteSum{.a_scale = scale(kAScale),
                 .b_scale = scale(kBScale),
                 .y_scale = scale(kYScale),
                 .a_zero = zero(kAZero),
                 .b_zero = zero(kBZero),
                 .y_zero = zero(kYZero),
                 .is_signed = std::is_signed_v<Q>};
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearAdd(const PrepareContext& prepare) {
  const int threads = prepare.threads;
  std::optional<ByteSumFactors> factors;
  Dispatch(ByteTypes{}, prepare.inputs[kA].dtype, [&]<typename Q>() {
    const std::optional<ByteSum> sum = KnownSum<Q>(prepare);
    // Few elements are not worth the search.
    constexpr int64_t kFew = 1 << 12;
    if (sum && prepare.outputs[0].shape.num_elements() >= kFew) factors = FindFactors(*sum);
  });
  return MakeComputeKernel(
      [threads, factors](KernelContext& context) {
        ByteSum sum;
        Dispatch(ByteTypes{}, context.input_dtype(kA),
                 [&]<typename Q>() { sum = SumOf<Q>(context); });
        ForRows(context, [&](const std::byte* a, const std::byte* b, std::byte* y, int64_t count) {
          ParallelRanges(count >= 1 << 15 ? threads : 1, count, [&](int64_t begin, int64_t end) {
            AddBytes(sum, factors ? &*factors : nullptr, a + begin, b + begin, end - begin,
                     y + begin);
          });
        });
        return absl::OkStatus();
      },
      factors ? "two factors" : "loop");
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
