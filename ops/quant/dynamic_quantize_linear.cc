// quant.DynamicQuantizeLinear: numbers quantised with a scale and a zero point of their own.
#include <algorithm>
#include <mutex>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

absl::StatusOr<std::vector<TensorType>> InferDynamicQuantizeLinear(const InferContext& context) {
  return std::vector<TensorType>{{DType::kUInt8, context.shape(0)},
                                 {DType::kFloat32, PartialShape::OfRank(0)},
                                 {DType::kUInt8, PartialShape::OfRank(0)}};
}

// Writes outputs 1 and 2. Only a range that is 0, or becomes 0 when it is divided, has no scale.
void SetScale(const KernelContext& context, const FloatRange& range) {
  const float scale = (range.high - range.low) / 255.0f;
  context.output<float>(1)[0] = scale == 0.0f ? 1.0f : scale;
  context.output<uint8_t>(2)[0] =
      Quantized<uint8_t>((0.0f - range.low) / context.output<float>(1)[0], 0);
}

absl::Status DynamicQuantizeReference(KernelContext& context) {
  FloatRange range;
  for (const float x : context.input<float>(0)) {
    if (x < range.low) range.low = x;
    if (x > range.high) range.high = x;
  }
  SetScale(context, range);
  const auto x = context.input<float>(0);
  const auto y = context.output<uint8_t>(0);
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = Quantized<uint8_t>(x[i] / context.output<float>(1)[0], context.output<uint8_t>(2)[0]);
  }
  return absl::OkStatus();
}

// Elements: less takes some microseconds.
constexpr int64_t kWorthThreads = 1 << 15;

absl::Status DynamicQuantizeFast(KernelContext& context, int threads) {
  const float* x = context.input<float>(0).data();
  uint8_t* y = context.output<uint8_t>(0).data();
  const int64_t count = context.output_shape(0).num_elements();
  if (count < kWorthThreads) threads = 1;
  FloatRange range;
  std::mutex mutex;
  ParallelRanges(threads, count, [&](int64_t begin, int64_t end) {
    const FloatRange part = RangeOf(x + begin, end - begin);
    const std::lock_guard lock(mutex);
    range = {std::min(range.low, part.low), std::max(range.high, part.high)};
  });
  SetScale(context, range);
  const float scale = context.output<float>(1)[0];
  const int32_t zero_point = context.output<uint8_t>(2)[0];
  ParallelRanges(threads, count, [&](int64_t begin, int64_t end) {
    QuantizeToBytes(x + begin, end - begin, scale, zero_point, /*is_signed=*/false, y + begin);
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareDynamicQuantize(const PrepareContext& context) {
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return DynamicQuantizeFast(kernel, threads); }, "loop");
}

std::vector<Example> DynamicQuantizeLinearExamples() {
  return {
      {.name = "ONNX",
       .inputs = {Tensor::Vector<float>({0, 2, -3, -2.5, 1.34, 0.5})},
       .outputs = {Tensor::Vector<uint8_t>({153, 255, 0, 26, 221, 179}),
                   Tensor::Scalar<float>(0.019607844), Tensor::Scalar<uint8_t>(153)}},
      {.name = "ONNX: none is positive",
       .inputs = {Tensor::Vector<float>({-1, -2.1, -1.3, -2.5, -3.34, -4})},
       .outputs = {Tensor::Vector<uint8_t>({191, 121, 172, 96, 42, 0}),
                   Tensor::Scalar<float>(0.015686275), Tensor::Scalar<uint8_t>(255)}},
      {.name = "ONNX: none is negative",
       .inputs = {Tensor::Of<float>({3, 4},
                                    {1, 2.1, 1.3, 2.5, 3.34, 4, 1.5, 2.6, 3.9, 4, 3, 2.345})},
       .outputs = {Tensor::Of<uint8_t>({3, 4},
                                       {64, 134, 83, 159, 213, 255, 96, 166, 249, 255, 191, 149}),
                   Tensor::Scalar<float>(0.015686275), Tensor::Scalar<uint8_t>(0)}},
      {.name = "NumPy: zeros",
       .inputs = {Tensor::Vector<float>({0, 0})},
       .outputs = {Tensor::Vector<uint8_t>({0, 0}), Tensor::Scalar<float>(1),
                   Tensor::Scalar<uint8_t>(0)}},
      {.name = "NumPy: NaN is passed over",
       .inputs = {Tensor::Vector<float>({-1, NAN, 3})},
       .outputs = {Tensor::Vector<uint8_t>({0, 64, 255}), Tensor::Scalar<float>(0.015686275),
                   Tensor::Scalar<uint8_t>(64)}},
      {.name = "NumPy: nothing",
       .inputs = {Tensor(DType::kFloat32, {0, 2})},
       .outputs = {Tensor(DType::kUInt8, {0, 2}), Tensor::Scalar<float>(1),
                   Tensor::Scalar<uint8_t>(0)}},
  };
}

NOMO_REGISTER_OP(
    OpDef("quant.DynamicQuantizeLinear", 1)
        .Doc("Quantises x with a scale and a zero point of its own, such that its numbers and 0 "
             "fill the range of uint8:\n\n"
             "y_scale = (max(0, max(x)) - min(0, min(x))) / 255, or 1 where that is 0\n"
             "y_zero_point = round(-min(0, min(x)) / y_scale)\n"
             "y = saturate(round(x / y_scale) + y_zero_point)\n\n"
             "with ties rounded to the even integer. NaN is left out of the range and becomes "
             "y_zero_point.")
        .Source("ONNX DynamicQuantizeLinear")
        .Known({.as = "onnx", .name = "DynamicQuantizeLinear", .since = 11})
        .Input("x", "float32", "any shape")
        .Output("y", "uint8", "the shape of x")
        .Output("y_scale", "float32", "[]")
        .Output("y_zero_point", "uint8", "[]")
        .Infer(InferDynamicQuantizeLinear)
        .Reference(DynamicQuantizeReference)
        .Fast(PrepareDynamicQuantize)
        .NoGradient("it rounds to integers, through which nothing flows back; differentiate the "
                    "model that was quantised")
        .Examples(DynamicQuantizeLinearExamples));

}  // namespace
}  // namespace nomograph::quant
