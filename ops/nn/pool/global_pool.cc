// nn.GlobalAveragePool, nn.GlobalMaxPool: mean and maximum over all spatial positions.
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/ops/nn/pool/pool.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferGlobalPool(const InferContext& context) {
  if (!context.shape(0).has_rank())
    return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  NOMO_ASSIGN_OR_RETURN(Activation x, SplitActivation(context.shape(0), context.attrs()));
  for (Dim& size : x.spatial) {
    if (size.known() && size.size() == 0) {
      return InvalidArgument("input x: expected spatial sizes of at least 1, found shape ",
                             context.shape(0).ToString());
    }
    size = 1;
  }
  if (!context.attrs().Bool("keepdims")) x.spatial.clear();
  return std::vector<TensorType>{{context.dtype(0), JoinActivation(x, context.attrs())}};
}

// Calls f(elements of the channel, one after the other) for every row of the batch and every
// channel.
template <typename T, typename F>
void ForEachChannel(const KernelContext& context, F f) {
  const ActivationLayout x(context.input_shape(0), context.attrs());
  const T* in = context.input<T>(0).data();
  T* out = context.output<T>(0).data();
  for (int64_t n = 0; n < x.batches; ++n) {
    for (int64_t c = 0; c < x.channels; ++c) {
      const T* channel = in + x.Offset(n, c);
      *out++ =
          f(x.positions, [&](int64_t position) { return channel[position * x.position_stride]; });
    }
  }
}

absl::Status GlobalAverageCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    ForEachChannel<T>(context, [](int64_t count, auto at) {
      double sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(at(i));
      return static_cast<T>(sum / static_cast<double>(count));
    });
  });
  return absl::OkStatus();
}

absl::Status GlobalMaxCompute(KernelContext& context) {
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    ForEachChannel<T>(context, [](int64_t count, auto at) {
      ComputeType<T> greatest = at(0);
      for (int64_t i = 1; i < count; ++i) {
        const ComputeType<T> value = at(i);
        if (value > greatest || value != value) greatest = value;  // NaN stays
      }
      return static_cast<T>(greatest);
    });
  });
  return absl::OkStatus();
}

void AddPool(onednn::Builder& b, const onednn::Desc& from, const onednn::Desc& to,
             dnnl::algorithm algorithm, int64_t height, int64_t width,
             std::vector<onednn::Builder::Argument> arguments) {
  const dnnl::memory::dims strides = {1, 1}, kernel = {height, width}, none = {0, 0};
  b.Add<onednn::PoolingForward>(
      onednn::Describe<onednn::PoolingForward>(b.Attr(), dnnl::prop_kind::forward_inference,
                                               algorithm, from, to, strides, kernel,
                                               /*dilations=*/none, /*pads_begin=*/none,
                                               /*pads_end=*/none),
      std::move(arguments));
}

// Rows are pooled first, then what they have become. A single sum over many thousand positions
// would lose digits: each addition rounds, and networks multiply whole channels by such means.
bool BuildChannelsLast(onednn::Builder& b, dnnl::algorithm algorithm) {
  const Shape& shape = b.context().inputs[0].shape;
  const ActivationLayout x(shape, b.context().attrs);
  const int64_t width = shape[shape.rank() - 2];
  const int64_t rows = x.positions / width;
  // N, C, rows, columns
  const auto desc = [&](int64_t height, int64_t row) {
    return onednn::Permuted(DType::kFloat32, {x.batches, height, row, x.channels}, {{0, 3, 1, 2}});
  };
  const auto in = b.Input(0, desc(rows, width)), out = b.Output(0, desc(1, 1));
  const auto means = rows == 1 ? out : b.Scratch(desc(rows, 1));
  AddPool(b, desc(rows, width), desc(rows, 1), algorithm, 1, width,
          {{DNNL_ARG_SRC, in}, {DNNL_ARG_DST, means}});
  if (rows > 1) {
    AddPool(b, desc(rows, 1), desc(1, 1), algorithm, rows, 1,
            {{DNNL_ARG_SRC, means}, {DNNL_ARG_DST, out}});
  }
  return true;
}

bool BuildGlobalAverage(onednn::Builder& b) {
  return BuildChannelsLast(b, dnnl::algorithm::pooling_avg_exclude_padding);
}

bool BuildGlobalMax(onednn::Builder& b) {
  if (b.context().inputs[0].dtype != DType::kFloat32) return false;
  if (IsChannelsLast(b.context().attrs)) return BuildChannelsLast(b, dnnl::algorithm::pooling_max);
  const ActivationLayout x(b.context().inputs[0].shape, b.context().attrs);
  const auto from = onednn::RowMajor(DType::kFloat32, {x.batches * x.channels, x.positions});
  const auto to = onednn::RowMajor(DType::kFloat32, {x.batches * x.channels, 1});
  const auto pd = onednn::Describe<dnnl::reduction>(b.Attr(), dnnl::algorithm::reduction_max, from,
                                                    to, 0.0f, 0.0f);
  b.Add<dnnl::reduction>(pd, {{DNNL_ARG_SRC, b.Input(0, from)}, {DNNL_ARG_DST, b.Output(0, to)}});
  return true;
}

// The means of channels that lie in one piece each.
absl::Status AverageChannelsFirst(KernelContext& context, int threads) {
  const ActivationLayout x(context.input_shape(0), context.attrs());
  const float* in = context.input<float>(0).data();
  float* out = context.output<float>(0).data();
  const int64_t count = x.positions;
  ParallelFor(threads, x.batches * x.channels, [&](int64_t row) {
    out[row] = static_cast<float>(SumOfRow(in + row * count, count) / static_cast<double>(count));
  });
  return absl::OkStatus();
}

// oneDNN's sums of rows are slow and round after each element; for channels that lie last it has a
// vectorised pooling.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareGlobalAverage(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  if (IsChannelsLast(context.attrs)) return onednn::Prepare(BuildGlobalAverage)(context);
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return AverageChannelsFirst(kernel, threads); },
      "channel sums");
}

absl::Status CheckRank(const Value& x) {
  return x.shape().has_rank() ? absl::OkStatus()
                              : InvalidArgument("the number of axes of x must be known");
}

absl::StatusOr<std::vector<Value>> AverageGradient(const GradientContext& g) {
  const Value x = g.input(0), dy = g.gradient(0);
  NOMO_RETURN_IF_ERROR(CheckRank(x));
  const Value positions = Call("array.Size", {x}) / Call("array.Size", {dy});
  const Value part = OverSpatial(dy, x, g.attrs()) / CastLike(positions, x);
  return std::vector<Value>{
      Call("array.Expand", {part, ShapeOf(x)}, {}, {.output_types = {x.type()}})};
}

// To the first of the greatest elements of each channel.
absl::StatusOr<std::vector<Value>> MaxGradient(const GradientContext& g) {
  using Ints = std::vector<int64_t>;
  const Value x = g.input(0);
  NOMO_RETURN_IF_ERROR(CheckRank(x));
  const bool last = IsChannelsLast(g.attrs());
  const int64_t axis = last ? 1 : 2;
  const Value sizes = ShapeOf(x), rest = Constant(Tensor::Of<int64_t>({1}, {-1}));
  const Value shape =
      last ? Call("array.Concat",
                  {Slice(sizes, 0, 1), rest, Slice(sizes, x.shape().rank() - 1, x.shape().rank())})
           : Call("array.Concat", {Slice(sizes, 0, 2), rest});
  const Value flat = Call("array.Reshape", {x, shape});
  const Value at = Call("math.ArgMax", {flat}, {{"axis", axis}, {"keepdims", true}});
  Value dy = g.gradient(0);
  if (g.attrs().Bool("keepdims")) dy = Call("array.Reshape", {dy}, {{"shape", Ints{0, -1}}});
  const Value column = Call("array.Unsqueeze", {dy}, {{"axes", Ints{axis}}});
  return std::vector<Value>{ReshapeLike(
      Call("array.ScatterElements", {ZerosLike(flat), at, column}, {{"axis", axis}}), x)};
}

OpDef GlobalPool(std::string name, std::string doc, std::string source, DTypeSet types) {
  return WithDataFormat(
             OpDef(std::move(name), 1)
                 .Doc(std::move(doc))
                 .Source(std::move(source))
                 .TypeVar("T", types)
                 .Input("x", "T", "[batch, spatial..., channels], see data_format")
                 .Output("y", "T",
                         "[batch, channels]; with keepdims like x with spatial sizes of 1")
                 .Attr("keepdims", false, "whether the spatial axes stay, with size 1"))
      .Infer(InferGlobalPool);
}

std::vector<Example> GlobalAveragePoolExamples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({2, 2, 2, 3}, {-3, -2, -1, -2, -3, 3, 2,  -1, 3, 2, -2, -1,
                                                   -2, -3, 1,  0,  -3, 0, -1, 0,  1, 0, -1, -2})},
       .outputs = {Tensor::Of<float>({2, 3}, {-0.25, -2, 1, -0.75, -1.75, 0})}},
      {.name = "as ONNX has it",
       .attrs = {{"keepdims", true}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 1}, {-3, -2, 2, 2, -2, -3})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {-1, -1})}},
      {.name = "1-D",
       .attrs = {{"keepdims", true}},
       .inputs = {Tensor::Of<float>({1, 5, 2}, {-3, -3, -2, -1, 2, -2, 2, -1, -2, 3})},
       .outputs = {Tensor::Of<float>({1, 1, 2}, {-0.600000024, -0.800000012})}},
      {.name = "3-D",
       .inputs = {Tensor::Of<float>({1, 2, 2, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({1, 1}, {-0.416666657})}},
  };
}

std::vector<Example> GlobalMaxPoolExamples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({2, 2, 2, 3}, {-3, -2, -1, -2, -3, 3, 2,  -1, 3, 2, -2, -1,
                                                   -2, -3, 1,  0,  -3, 0, -1, 0,  1, 0, -1, -2})},
       .outputs = {Tensor::Of<float>({2, 3}, {2, -1, 3, 0, 0, 1})}},
      {.name = "as ONNX has it",
       .attrs = {{"keepdims", true}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 1}, {-3, -2, 2, 2, -2, -3})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {2, 2})}},
      {.name = "1-D",
       .attrs = {{"keepdims", true}},
       .inputs = {Tensor::Of<float>({1, 5, 2}, {-3, -3, -2, -1, 2, -2, 2, -1, -2, 3})},
       .outputs = {Tensor::Of<float>({1, 1, 2}, {2, 3})}},
      {.name = "3-D",
       .inputs = {Tensor::Of<float>({1, 2, 2, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({1, 1}, {3})}},
      {.name = "int32",
       .inputs = {Tensor::Of<int32_t>({1, 2, 1}, {-5, -7})},
       .outputs = {Tensor::Of<int32_t>({1, 1}, {-5})}},
  };
}

NOMO_REGISTER_OP(
    GlobalPool(
        "nn.GlobalAveragePool",
        "The mean over all spatial positions, channel by channel. It is an error when there is no "
        "position.",
        "ONNX GlobalAveragePool (there keepdims is true); Keras GlobalAveragePooling1D, 2D, 3D",
        kFloats)
        .Reference(GlobalAverageCompute)
        .Fast(PrepareGlobalAverage)
        .Gradient(AverageGradient)
        .Examples(GlobalAveragePoolExamples));
NOMO_REGISTER_OP(
    GlobalPool("nn.GlobalMaxPool",
               "The greatest element over all spatial positions, channel by channel; NaN where "
               "there is one. It is an error when there is no position.",
               "ONNX GlobalMaxPool (there keepdims is true); Keras GlobalMaxPooling1D, 2D, 3D",
               kNumbers)
        .Reference(GlobalMaxCompute)
        .Fast(PrepareMaximum(BuildGlobalMax, GlobalMaxCompute))
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(MaxGradient)
        .Examples(GlobalMaxPoolExamples));

}  // namespace
}  // namespace nomograph::nn
