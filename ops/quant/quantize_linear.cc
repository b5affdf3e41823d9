// quant.QuantizeLinear: numbers as integers or 8-bit floats, by a scale and a zero point.
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/storage_types.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/granularity.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/loops.h"

namespace nomograph::quant {
namespace {

using RealTypes = TypeList<float, Half, BFloat16, double, int32_t>;

absl::StatusOr<std::vector<TensorType>> InferQuantizeLinear(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckGranularity(context, "y_scale", "y_zero_point"));
  const AttrValue* given = context.attrs().Find("output_dtype");
  DType dtype = given != nullptr ? *given->As<DType>() : DType::kUInt8;
  if (context.has_input(2)) {
    if (given != nullptr && dtype != context.dtype(2)) {
      return InvalidArgument("attribute output_dtype: expected ", DTypeName(context.dtype(2)),
                             " like y_zero_point, found ", DTypeName(dtype));
    }
    dtype = context.dtype(2);
  }
  return std::vector<TensorType>{{dtype, context.shape(0)}};
}

// An integer of four bits by its limits, an 8-bit float by its own rounding.
template <typename Q, typename Quotient>
Q Stored(Quotient value, int64_t zero_point, bool saturate) {
  if constexpr (kIsFloat8<Q>) {
    return Q(static_cast<float>(value), saturate);
  } else if constexpr (kIsInt4<Q>) {
    const auto byte = Quantized<typename Q::Wide>(value, zero_point);
    return Q(std::clamp(byte, Q::kMin, Q::kMax));
  } else {
    return Quantized<Q>(value, zero_point);
  }
}

template <typename T, typename Q>
void QuantizeReference(const KernelContext& context) {
  // An int32 may have more digits than a float.
  using Quotient = std::conditional_t<std::is_same_v<T, int32_t>, double, ComputeType<T>>;
  const Granularity granularity(context.input_shape(0), context.input_shape(1), context.attrs());
  const Tensor scale = context.BorrowInput(1).Cast(kDTypeOf<Quotient>);
  const bool saturate = context.attrs().Bool("saturate");
  const bool has_zeros = context.has_input(2) && !kIsFloat8<Q>;
  const std::vector<int64_t> zeros = has_zeros ? IntsOf(context, 2) : std::vector<int64_t>{};
  const auto x = context.input<T>(0);
  const auto y = context.output<Q>(0);
  for (int64_t i = 0; i < granularity.runs(); ++i) {
    const Run run = granularity.run(i);
    for (int64_t j = 0; j < run.count; ++j) {
      const int64_t parameter = run.parameter + j * run.step;
      const Quotient quotient =
          static_cast<Quotient>(x[run.first + j]) / scale.data<Quotient>()[parameter];
      y[run.first + j] = Stored<Q>(quotient, has_zeros ? zeros[parameter] : 0, saturate);
    }
  }
}

absl::Status QuantizeCompute(KernelContext& context) {
  NOMO_RETURN_IF_ERROR(CheckFloat8ZeroPoint(context, "y_zero_point"));
  Dispatch(RealTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(QuantizedTypes{}, context.output_dtype(0),
             [&]<typename Q>() { QuantizeReference<T, Q>(context); });
  });
  return absl::OkStatus();
}

template <bool kScales, bool kZeros, typename Q>
void QuantizeLoop(const float* x, int64_t count, const float* scale, const Q* zero, Q* y) {
  const float one_scale = *scale;
  const Q one_zero = *zero;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    y[i] = QuantizedFast<Q>(x[i] / (kScales ? scale[i] : one_scale), kZeros ? zero[i] : one_zero);
  }
}

template <typename Q>
void QuantizeRun(const Run& run, const float* x, const float* scale, const Q* zero, Q* y) {
  const Q no_zero = 0;
  const bool arrays = run.step == 1;
  const Q* zeros = zero == nullptr ? &no_zero : zero + run.parameter;
  if constexpr (sizeof(Q) == 1) {
    if (!arrays) {
      return QuantizeToBytes(x + run.first, run.count, scale[run.parameter], *zeros,
                             std::is_signed_v<Q>, y + run.first);
    }
  }
  WithConstants(arrays, arrays && zero != nullptr, [&](auto scales, auto has_zeros) {
    QuantizeLoop<scales.value, has_zeros.value>(x + run.first, run.count, scale + run.parameter,
                                                zeros, y + run.first);
  });
}

template <typename Q>
void QuantizeFast(const KernelContext& context, int threads) {
  const Granularity granularity(context.input_shape(0), context.input_shape(1), context.attrs());
  const Q* zero = context.has_input(2) ? context.input<Q>(2).data() : nullptr;
  const float *x = context.input<float>(0).data(), *scale = context.input<float>(1).data();
  Q* y = context.output<Q>(0).data();
  ParallelFor(context.output_shape(0).num_elements() > 1 << 15 ? threads : 1, granularity.runs(),
              [&](int64_t i) { QuantizeRun(granularity.run(i), x, scale, zero, y); });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQuantize(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32 || context.inputs[1].dtype != DType::kFloat32 ||
      !kFastQuantized.Contains(context.outputs[0].dtype)) {
    return nullptr;
  }
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) {
        Dispatch(FastQuantizedTypes{}, kernel.output_dtype(0),
                 [&]<typename Q>() { QuantizeFast<Q>(kernel, threads); });
        return absl::OkStatus();
      },
      "loop");
}

Tensor Ints4(std::vector<int8_t> values) {
  return Tensor::Of<int8_t>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values))
      .Cast(DType::kInt4);
}

std::vector<Example> QuantizeLinearExamples() {
  return {
      {.name = "ONNX: one scale",
       .inputs = {Tensor::Vector<float>({0, 2, 3, 1e+03, -254, -1e+03}), Tensor::Scalar<float>(2),
                  Tensor::Scalar<uint8_t>(128)},
       .outputs = {Tensor::Vector<uint8_t>({128, 129, 130, 255, 1, 0})}},
      {.name = "ONNX: a scale for each index of axis 1",
       .inputs = {Tensor::Of<float>({1, 3, 3, 2},
                                    {-162, 1e+01, -1e+02, 232, -2e+01, -5e+01, -76, 0, 0, 252, 32,
                                     -44, 245, -485, -9.6e+02, -2.7e+02, -375, -4.7e+02}),
                  Tensor::Vector<float>({2, 4, 5}), Tensor::Vector<uint8_t>({84, 24, 196})},
       .outputs = {Tensor::Of<uint8_t>({1, 3, 3, 2}, {3, 89, 34, 200, 74, 59, 5, 24, 24, 87, 32, 13,
                                                      245, 99, 4, 142, 121, 102})}},
      {.name = "NumPy: ties, infinity and NaN, int8 by output_dtype",
       .attrs = {{"output_dtype", DType::kInt8}},
       .inputs = {Tensor::Vector<float>(
                      {0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, -1e+30, INFINITY, -INFINITY, NAN}),
                  Tensor::Scalar<float>(1)},
       .outputs = {Tensor::Vector<int8_t>({0, 2, 2, 0, -2, 126, 127, -128, 127, -128, 0})}},
      {.name = "NumPy: uint8 without a zero point",
       .inputs = {Tensor::Vector<float>({-1, 0.5, 2, 6e+02}), Tensor::Scalar<float>(2)},
       .outputs = {Tensor::Vector<uint8_t>({0, 0, 1, 255})}},
      {.name = "NumPy: blocks of 3, the last one shorter",
       .attrs = {{"axis", -1}, {"block_size", 3}},
       .inputs = {Tensor::Of<float>({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e+01}),
                  Tensor::Of<float>({2, 2}, {1, 2, 0.5, 4}),
                  Tensor::Of<int16_t>({2, 2}, {0, -1, 2, 3})},
       .outputs = {Tensor::Of<int16_t>({2, 5}, {1, 2, 3, 1, 1, 14, 16, 18, 5, 5})}},
      {.name = "NumPy: blocks along axis 0",
       .attrs = {{"axis", 0}, {"block_size", 2}, {"output_dtype", DType::kUInt16}},
       .inputs = {Tensor::Of<float>({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e+01}),
                  Tensor::Of<float>({1, 5}, {1, 0.5, 2, 4, 0.25})},
       .outputs = {Tensor::Of<uint16_t>({2, 5}, {1, 4, 2, 1, 20, 6, 14, 4, 2, 40})}},
      {.name = "NumPy: float16, the last axis",
       .attrs = {{"axis", -1}},
       .inputs = {Tensor::Vector<Half>({Half(1), Half(-2.5f), Half(17504), Half(0.30004883f)}),
                  Tensor::Vector<Half>({Half(0.5f), Half(1), Half(2), Half(0.099975586f)}),
                  Tensor::Vector<int8_t>({0, 1, 2, 3})},
       .outputs = {Tensor::Vector<int8_t>({2, -1, 127, 6})}},
      {.name = "NumPy: int4, axis 0",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<float>({3, 4}, {0, 2.5, 4.8, 8.6, -30, -20, 6, 9, 12, 15, 16, 40}),
                  Tensor::Vector<float>({2, 3, 4}), Ints4({1, 2, 3})},
       .outputs = {Ints4({1, 2, 3, 5, -8, -5, 4, 5, 6, 7, 7, 7}).Reshaped({3, 4})}},
      {.name = "NumPy: uint4 by output_dtype",
       .attrs = {{"output_dtype", DType::kUInt4}},
       .inputs = {Tensor::Vector<float>({-1, 0.5, 3, 15, 31, 99}), Tensor::Scalar<float>(2)},
       .outputs = {Tensor::Vector<uint8_t>({0, 0, 2, 8, 15, 15}).Cast(DType::kUInt4)}},
      {.name = "ONNX Runtime: float8e4m3fn",
       .inputs = {Tensor::Vector<float>({0, 1, 2, 1e+05, 2e+02}), Tensor::Scalar<float>(2),
                  Tensor::Scalar<float>(0).Cast(DType::kFloat8E4M3FN)},
       .outputs = {Tensor::Vector<float>({0, 0.5, 1, 448, 96}).Cast(DType::kFloat8E4M3FN)}},
      {.name = "ONNX Runtime: float8e5m2, not saturated",
       .attrs = {{"output_dtype", DType::kFloat8E5M2}, {"saturate", false}},
       .inputs = {Tensor::Vector<float>({0, 1, 2, 1e+06, -1e+06}), Tensor::Scalar<float>(4)},
       .outputs = {Tensor::Vector<Float8E5M2>({Float8E5M2(0), Float8E5M2(0.25), Float8E5M2(0.5),
                                               Float8E5M2::FromBits(0x7c),
                                               Float8E5M2::FromBits(0xfc)})}},
      {.name = "NumPy: int32 to int32",
       .inputs = {Tensor::Vector<int32_t>({16777217, -7, 2147483647}), Tensor::Scalar<float>(1),
                  Tensor::Scalar<int32_t>(-1)},
       .outputs = {Tensor::Vector<int32_t>({16777216, -8, 2147483646})}},
  };
}

NOMO_REGISTER_OP(
    WithGranularity(
        OpDef("quant.QuantizeLinear", 1)
            .Doc("y = saturate(round(x / y_scale) + y_zero_point), with ties rounded to the even "
                 "integer and results brought into the range of y's type. NaN counts as 0.\n\n"
                 "y_scale and y_zero_point have one shape: [] or [1] (one for all of x), [size of "
                 "axis] (one for each of its indices), or with block_size that of x but for axis, "
                 "which has ceil(size / block_size) blocks. The quotient is one of floats (of "
                 "doubles for float64 and int32). An 8-bit float has no zero point: y = x / "
                 "y_scale, "
                 "rounded to it. It is an error when the shapes do not fit.")
            .Source("ONNX QuantizeLinear")
            .TypeVar("T", DTypesOf(RealTypes{}))
            .TypeVar("S", DTypesOf(RealTypes{}))
            .TypeVar("Q", kQuantized)
            .Input("x", "T", "any shape")
            .Input("y_scale", "S", "positive")
            .OptionalInput("y_zero_point", "Q",
                           "the shape of y_scale; 0 where it is absent, and for 8-bit floats")
            .Output("y", "Q", "the shape of x")
            .OptionalAttr("output_dtype", AttrType::kDType,
                          "the type of y where there is no y_zero_point; none given: uint8")
            .Attr("saturate", true,
                  "for 8-bit floats: what is past the greatest finite value becomes that value, "
                  "instead of infinity or NaN"))
        .Infer(InferQuantizeLinear)
        .Reference(QuantizeCompute)
        .Fast(PrepareQuantize)
        .GradientIsZero()
        .Examples(QuantizeLinearExamples));

}  // namespace
}  // namespace nomograph::quant
