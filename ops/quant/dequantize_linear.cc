// quant.DequantizeLinear: the numbers that quantised integers stand for.
#include <utility>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/storage_types.h"
#include "nomograph/ops/quant/granularity.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/loops.h"

namespace nomograph::quant {
namespace {

absl::StatusOr<std::vector<TensorType>> InferDequantizeLinear(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckGranularity(context, "x_scale", "x_zero_point"));
  return std::vector<TensorType>{{context.dtype(1), context.shape(0)}};
}

// The number of steps between x and the zero point.
template <typename Q>
double Steps(Q x, int64_t zero_point) {
  if constexpr (kIsFloat8<Q>) return static_cast<float>(x);
  return static_cast<double>(static_cast<int64_t>(x) - zero_point);
}

template <typename Q, typename S>
void DequantizeReference(const KernelContext& context) {
  const Granularity granularity(context.input_shape(0), context.input_shape(1), context.attrs());
  const auto scale = context.input<S>(1);
  const bool has_zeros = context.has_input(2) && !kIsFloat8<Q>;
  const std::vector<int64_t> zeros = has_zeros ? IntsOf(context, 2) : std::vector<int64_t>{};
  const auto x = context.input<Q>(0);
  const auto y = context.output<S>(0);
  for (int64_t i = 0; i < granularity.runs(); ++i) {
    const Run run = granularity.run(i);
    for (int64_t j = 0; j < run.count; ++j) {
      const int64_t parameter = run.parameter + j * run.step;
      const double steps = Steps(x[run.first + j], has_zeros ? zeros[parameter] : 0);
      y[run.first + j] = static_cast<S>(steps * static_cast<double>(scale[parameter]));
    }
  }
}

absl::Status DequantizeCompute(KernelContext& context) {
  NOMO_RETURN_IF_ERROR(CheckFloat8ZeroPoint(context, "x_zero_point"));
  Dispatch(QuantizedTypes{}, context.input_dtype(0), [&]<typename Q>() {
    Dispatch(FloatTypes{}, context.input_dtype(1),
             [&]<typename S>() { DequantizeReference<Q, S>(context); });
  });
  return absl::OkStatus();
}

template <bool kScales, bool kZeros, typename Q>
void DequantizeLoop(const Q* x, int64_t count, const float* scale, const Q* zero, float* y) {
  const float one_scale = *scale;
  const Q one_zero = *zero;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    y[i] =
        static_cast<float>(x[i] - (kZeros ? zero[i] : one_zero)) * (kScales ? scale[i] : one_scale);
  }
}

template <typename Q>
void DequantizeRun(const Run& run, const Q* x, const float* scale, const Q* zero, float* y) {
  const Q no_zero = 0;
  const bool arrays = run.step == 1;
  const Q* zeros = zero == nullptr ? &no_zero : zero + run.parameter;
  WithConstants(arrays, arrays && zero != nullptr, [&](auto scales, auto has_zeros) {
    DequantizeLoop<scales.value, has_zeros.value>(x + run.first, run.count, scale + run.parameter,
                                                  zeros, y + run.first);
  });
}

template <typename Q>
void DequantizeFast(const KernelContext& context, int threads) {
  const Granularity granularity(context.input_shape(0), context.input_shape(1), context.attrs());
  const Q* zero = context.has_input(2) ? context.input<Q>(2).data() : nullptr;
  const Q* x = context.input<Q>(0).data();
  const float* scale = context.input<float>(1).data();
  float* y = context.output<float>(0).data();
  ParallelFor(context.output_shape(0).num_elements() > 1 << 15 ? threads : 1, granularity.runs(),
              [&](int64_t i) { DequantizeRun(granularity.run(i), x, scale, zero, y); });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareDequantize(const PrepareContext& context) {
  if (!kFastQuantized.Contains(context.inputs[0].dtype) ||
      context.inputs[1].dtype != DType::kFloat32) {
    return nullptr;
  }
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) {
        Dispatch(FastQuantizedTypes{}, kernel.input_dtype(0),
                 [&]<typename Q>() { DequantizeFast<Q>(kernel, threads); });
        return absl::OkStatus();
      },
      "loop");
}

Value Sizes(const std::vector<int64_t>& sizes) {
  return Constant(Tensor::Of<int64_t>({static_cast<int64_t>(sizes.size())}, sizes));
}

Value Joined(std::vector<Value> vectors) {
  return Call("array.Concat", std::move(vectors), {{"axis", 0}});
}

// The sums of `terms`, of x's shape, over the blocks along an axis: zeros fill the last one, and
// each becomes an axis of its own.
Value BlockSums(const Value& terms, const Value& scale, int rank, int axis, int64_t block_size) {
  std::vector<int64_t> block(rank, 1);
  block[axis] = block_size;
  const Value blocks = ShapeOf(scale);
  const Value missing = blocks * Sizes(block) - ShapeOf(terms);
  const Value whole =
      Call("array.Pad", {terms, Joined({Sizes(std::vector<int64_t>(rank, 0)), missing})});
  const Value split =
      Joined({Slice(blocks, 0, axis + 1), Sizes({block_size}), Slice(blocks, axis + 1, rank)});
  const Value sums = Call("math.ReduceSum", {Call("array.Reshape", {whole, split})},
                          {{"axes", std::vector<int64_t>{axis + 1}}, {"keepdims", false}});
  return ReshapeLike(sums, scale);
}

// The sums of `terms` over all axes but one.
Value SumsByIndex(const Value& terms, int rank, int axis) {
  std::vector<int64_t> others;
  for (int i = 0; i < rank; ++i) {
    if (i != axis) others.push_back(i);
  }
  return others.empty() ? terms
                        : Call("math.ReduceSum", {terms}, {{"axes", others}, {"keepdims", false}});
}

// Of x_scale, which multiplies the steps that DequantizeLinear yields for scales of 1. Nothing
// flows into x, which is whole.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value &x = g.input(0), &scale = g.input(1);
  std::vector<Value> inputs = {x, OnesLike(scale)};
  if (g.has_input(2)) inputs.push_back(g.input(2));
  const Value terms = g.gradient(0) * Call("quant.DequantizeLinear", inputs, g.attrs());
  const int64_t block_size = g.attrs().Int("block_size");
  const bool one_scale = scale.shape().rank() == 0 || scale.shape() == PartialShape{1};
  if (block_size == 0 && one_scale) {
    const Value sum = Call("math.ReduceSum", {terms}, {{"keepdims", false}});
    return std::vector<Value>{Value(), ReshapeLike(sum, scale)};
  }
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const int rank = x.shape().rank();
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(g.attrs().Int("axis"), rank));
  if (block_size > 0)
    return std::vector<Value>{Value(), BlockSums(terms, scale, rank, axis, block_size)};
  // A vector of unknown size may yet have one scale for all.
  return std::vector<Value>{Value(), SumTo(SumsByIndex(terms, rank, axis), scale)};
}

std::vector<Example> DequantizeLinearExamples() {
  return {
      {.name = "ONNX: one scale",
       .inputs = {Tensor::Vector<uint8_t>({0, 3, 128, 255}), Tensor::Scalar<float>(2),
                  Tensor::Scalar<uint8_t>(128)},
       .outputs = {Tensor::Vector<float>({-256, -2.5e+02, 0, 254})}},
      {.name = "ONNX: a scale for each index of axis 1",
       .inputs = {Tensor::Of<uint8_t>({1, 3, 3, 2}, {3, 89, 34, 200, 74, 59, 5, 24, 24, 87, 32, 13,
                                                     245, 99, 4, 142, 121, 102}),
                  Tensor::Vector<float>({2, 4, 5}), Tensor::Vector<uint8_t>({84, 24, 196})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 3, 2}, {-162, 1e+01, -1e+02, 232, -2e+01, -5e+01, -76, 0, 0, 252, 32, -44, 245,
                          -485, -9.6e+02, -2.7e+02, -375, -4.7e+02})}},
      {.name = "NumPy: blocks of 3, the last one shorter",
       .attrs = {{"axis", -1}, {"block_size", 3}},
       .inputs = {Tensor::Of<int8_t>({2, 5}, {0, 1, 2, 3, 4, -5, 6, -7, 8, 127}),
                  Tensor::Of<float>({2, 2}, {1, 2, 0.5, 4}),
                  Tensor::Of<int8_t>({2, 2}, {0, -1, 2, -128})},
       .outputs = {Tensor::Of<float>({2, 5}, {0, 1, 2, 8, 1e+01, -3.5, 2, -4.5, 544, 1.02e+03})}},
      {.name = "NumPy: int4, blocks of 2",
       .attrs = {{"axis", 1}, {"block_size", 2}},
       .inputs = {Tensor::Of<int8_t>({2, 3}, {-8, 7, 3, 0, -1, 5}).Cast(DType::kInt4),
                  Tensor::Of<float>({2, 2}, {1, 2, 0.5, 4}),
                  Tensor::Of<int8_t>({2, 2}, {1, 0, -2, 3}).Cast(DType::kInt4)},
       .outputs = {Tensor::Of<float>({2, 3}, {-9, 6, 6, 1, 0.5, 8})}},
      {.name = "NumPy: float8e5m2",
       .inputs = {Tensor::Vector<float>({0.25, -3, 57344}).Cast(DType::kFloat8E5M2),
                  Tensor::Scalar<float>(0.5)},
       .outputs = {Tensor::Vector<float>({0.125, -1.5, 28672})}},
      {.name = "NumPy: int32 without a zero point",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Vector<int32_t>({2147483647, -100}),
                  Tensor::Vector<float>({0.001, 0.25})},
       .outputs = {Tensor::Vector<float>({2147483.8, -25})}},
      {.name = "NumPy: uint16 to float16",
       .inputs = {Tensor::Vector<uint16_t>({0, 65535, 30000}), Tensor::Scalar<Half>(Half(0.125f)),
                  Tensor::Scalar<uint16_t>(32768)},
       .outputs = {Tensor::Vector<Half>({Half(-4096), Half(4096), Half(-346)})}},
      {.name = "NumPy: int16, the last axis",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<int16_t>({2, 2}, {-32768, 0, 5, 32767}),
                  Tensor::Vector<float>({1, 0.5}), Tensor::Vector<int16_t>({32767, -1})},
       .outputs = {Tensor::Of<float>({2, 2}, {-65535, 0.5, -32762, 16384})}},
  };
}

NOMO_REGISTER_OP(
    WithGranularity(
        OpDef("quant.DequantizeLinear", 1)
            .Doc("y = (x - x_zero_point) * x_scale, the number that each integer stands for.\n\n"
                 "x_scale and x_zero_point have one shape: [] or [1] (one for all of x), [size of "
                 "axis] (one for each of its indices), or with block_size that of x but for axis, "
                 "which has ceil(size / block_size) blocks. It is an error when the shapes do not "
                 "fit.")
            .Source("ONNX DequantizeLinear")
            .Known({.as = "onnx", .name = "DequantizeLinear", .since = 10})
            .TypeVar("Q", kQuantized)
            .TypeVar("T", kFloats)
            .Input("x", "Q", "any shape")
            .Input("x_scale", "T")
            .OptionalInput("x_zero_point", "Q",
                           "the shape of x_scale; 0 where it is absent, and for 8-bit floats")
            .Output("y", "T", "the shape of x"))
        .Infer(InferDequantizeLinear)
        .Reference(DequantizeCompute)
        .Fast(PrepareDequantize)
        .FoldsLate()
        .Gradient(Gradient)
        .Examples(DequantizeLinearExamples));

}  // namespace
}  // namespace nomograph::quant
