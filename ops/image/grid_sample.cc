// image.GridSample: images sampled at the points of a grid.
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/grid_taps.h"

namespace nomograph::image {
namespace {

absl::StatusOr<std::vector<TensorType>> InferGridSample(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape y,
                        SampledShape(context.shape(0), context.shape(1), context.attrs()));
  return std::vector<TensorType>{{context.dtype(0), std::move(y)}};
}

template <typename T, typename G>
void GridSampleReference(const KernelContext& context) {
  const SampledGrid g(context.input_shape(0), context.output_shape(0), context.attrs());
  const G* point = context.input<G>(1).data();
  std::vector<std::pair<int64_t, double>> taps;
  for (int64_t n = 0; n < g.y.batches; ++n) {
    for (int64_t p = 0; p < g.y.positions; ++p, point += g.x.spatial_rank) {
      taps.clear();
      g.ForEachTap(point, [&](int64_t position, double w) { taps.emplace_back(position, w); });
      for (int64_t c = 0; c < g.y.channels; ++c) {
        const T* x = context.input<T>(0).data() + g.x.Offset(n, c);
        double sum = 0;
        for (const auto& [position, weight] : taps) {
          sum += weight * static_cast<double>(x[position * g.x.position_stride]);
        }
        context.output<T>(0)[g.y.Offset(n, c) + p * g.y.position_stride] = static_cast<T>(sum);
      }
    }
  }
}

absl::Status GridSampleCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(FloatTypes{}, context.input_dtype(1),
             [&]<typename G>() { GridSampleReference<T, G>(context); });
  });
  return absl::OkStatus();
}

// The taps of so many points are found once for all channels.
constexpr int64_t kBlock = 128;

// Tap t of the block's point i is at offset[i * taps + t].
struct BlockTaps {
  int64_t* offset;
  float* weight;
  int* count;  // of a point's taps; those that it lacks have the weight 0

  static int64_t Bytes(int taps) {
    return kBlock * (taps * static_cast<int64_t>(sizeof(int64_t) + sizeof(float)) +
                     static_cast<int64_t>(sizeof(int)));
  }
  BlockTaps(std::byte* memory, int taps)
      : offset(reinterpret_cast<int64_t*>(memory)),
        weight(reinterpret_cast<float*>(offset + kBlock * taps)),
        count(reinterpret_cast<int*>(weight + kBlock * taps)) {}

  // For elements of x whose positions are `stride` apart.
  void Fill(const SampledGrid& g, int64_t stride, const float* points, int64_t num_points) {
    for (int64_t i = 0; i < num_points; ++i) {
      int64_t* const offsets = offset + i * g.taps;
      float* const weights = weight + i * g.taps;
      int t = 0;
      g.ForEachTap(points + i * g.x.spatial_rank, [&](int64_t position, double w) {
        offsets[t] = position * stride;
        weights[t++] = static_cast<float>(w);
      });
      count[i] = t;
      const int64_t last = t == 0 ? 0 : offsets[t - 1];
      for (; t < g.taps; ++t) {
        offsets[t] = last;
        weights[t] = 0;
      }
    }
  }
};

// A block of points of one image. kTaps is how many taps a point has at most, or 0: any number.
template <int kTaps>
void SampleBlock(const SampledGrid& g, const BlockTaps& taps, int64_t count, const float* x,
                 float* y) {
  const int num_taps = kTaps == 0 ? g.taps : kTaps;
  for (int64_t c = 0; c < g.x.channels; ++c) {
    const float* const from = x + c * g.x.channel_stride;
    float* const to = y + c * g.y.channel_stride;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t* const offsets = taps.offset + i * num_taps;
      const float* const weights = taps.weight + i * num_taps;
      float sum = 0;
#pragma GCC unroll 8
      for (int t = 0; t < num_taps; ++t) sum += weights[t] * from[offsets[t]];
      to[i] = taps.count[i] == 0 ? 0 : sum;
    }
  }
}

// The same where the channels of a position lie together.
void SampleBlockChannelsLast(const SampledGrid& g, const BlockTaps& taps, int64_t count,
                             const float* x, float* y) {
  const int64_t channels = g.x.channels;
  for (int64_t i = 0; i < count; ++i, y += channels) {
    const int64_t* const offsets = taps.offset + i * g.taps;
    const float* const weights = taps.weight + i * g.taps;
    int t = 0;
    if (taps.count[i] < 4) std::fill_n(y, channels, 0.0f);
    for (; t + 4 <= taps.count[i]; t += 4) {
      const float *const x0 = x + offsets[t], *const x1 = x + offsets[t + 1];
      const float *const x2 = x + offsets[t + 2], *const x3 = x + offsets[t + 3];
      const float w0 = weights[t], w1 = weights[t + 1], w2 = weights[t + 2], w3 = weights[t + 3];
      if (t == 0) {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
          y[c] = w0 * x0[c] + w1 * x1[c] + (w2 * x2[c] + w3 * x3[c]);
        }
      } else {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
          y[c] += w0 * x0[c] + w1 * x1[c] + (w2 * x2[c] + w3 * x3[c]);
        }
      }
    }
    for (; t < taps.count[i]; ++t) {
      const float* const from = x + offsets[t];
      const float weight = weights[t];
#pragma omp simd
      for (int64_t c = 0; c < channels; ++c) y[c] += weight * from[c];
    }
  }
}

// to[c, r] = from[r, c], in squares that stay in the first cache.
void TransposeInto(const float* from, int64_t rows, int64_t columns, int64_t from_stride, float* to,
                   int64_t to_stride) {
  constexpr int64_t kSide = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kSide) {
    const int64_t r1 = std::min(rows, r0 + kSide);
    for (int64_t c0 = 0; c0 < columns; c0 += kSide) {
      const int64_t c1 = std::min(columns, c0 + kSide);
      for (int64_t c = c0; c < c1; ++c) {
        for (int64_t r = r0; r < r1; ++r) to[c * to_stride + r] = from[r * from_stride + c];
      }
    }
  }
}

// Where the channels of x lie apart but are many, for many points, they are first laid together:
// vectors of them are then sampled at once, and the samples laid apart again.
class GridSampleKernel final : public Kernel {
 public:
  GridSampleKernel(const SampledGrid& grid, int threads)
      : g_(grid),
        threads_(threads),
        together_(grid.x.channel_stride == 1),
        gathers_(!together_ && grid.x.channels >= kManyChannels &&
                 grid.y.positions * grid.taps >= grid.x.positions) {}

  absl::Status Run(KernelContext& context) const override {
    const float* const x = context.input<float>(0).data();
    auto* const gathered = reinterpret_cast<float*>(context.scratch());
    const int64_t image = g_.x.channels * g_.x.positions;
    if (gathers_) {
      const int64_t parts = (g_.x.positions + kBlock - 1) / kBlock;
      ParallelFor(threads_, g_.x.batches * parts, [&](int64_t i) {
        const int64_t n = i / parts, first = i % parts * kBlock;
        TransposeInto(x + n * image + first, g_.x.channels,
                      std::min(kBlock, g_.x.positions - first), g_.x.positions,
                      gathered + n * image + first * g_.x.channels, g_.x.channels);
      });
    }
    const int64_t blocks = (g_.y.positions + kBlock - 1) / kBlock;
    ParallelFor(threads_, g_.y.batches * blocks, [&](int64_t i, int part) {
      const int64_t n = i / blocks, first = i % blocks * kBlock;
      const int64_t count = std::min(kBlock, g_.y.positions - first);
      std::byte* const scratch = context.scratch() + GatheredBytes() + part * BytesPerThread();
      BlockTaps taps(scratch, g_.taps);
      taps.Fill(g_, gathers_ ? g_.x.channels : g_.x.position_stride,
                context.input<float>(1).data() + (n * g_.y.positions + first) * g_.x.spatial_rank,
                count);
      float* const y =
          context.output<float>(0).data() + g_.y.Offset(n, 0) + first * g_.y.position_stride;
      if (gathers_) {
        auto* const samples = reinterpret_cast<float*>(scratch + TapBytes());
        SampleBlockChannelsLast(g_, taps, count, gathered + n * image, samples);
        TransposeInto(samples, count, g_.x.channels, g_.x.channels, y, g_.y.channel_stride);
      } else {
        const auto sample = together_      ? SampleBlockChannelsLast
                            : g_.taps == 4 ? SampleBlock<4>
                            : g_.taps == 1 ? SampleBlock<1>
                                           : SampleBlock<0>;
        sample(g_, taps, count, x + n * image, y);
      }
    });
    return absl::OkStatus();
  }
  int64_t scratch_bytes() const override { return GatheredBytes() + threads_ * BytesPerThread(); }
  std::string Describe() const override {
    return gathers_ ? "grid sample blocks, channels together" : "grid sample blocks";
  }

 private:
  static constexpr int64_t kManyChannels = 8;

  static int64_t Whole(int64_t bytes) { return (bytes + 63) / 64 * 64; }
  int64_t GatheredBytes() const {
    return gathers_ ? Whole(g_.x.batches * g_.x.channels * g_.x.positions *
                            static_cast<int64_t>(sizeof(float)))
                    : 0;
  }
  int64_t TapBytes() const { return Whole(BlockTaps::Bytes(g_.taps)); }
  int64_t BytesPerThread() const {
    const int64_t samples = kBlock * g_.x.channels * static_cast<int64_t>(sizeof(float));
    return TapBytes() + (gathers_ ? Whole(samples) : 0);
  }

  const SampledGrid g_;
  const int threads_;
  const bool together_, gathers_;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareGridSample(const PrepareContext& context) {
  for (const TensorSpec& input : context.inputs) {
    if (input.dtype != DType::kFloat32) return nullptr;
  }
  const SampledGrid grid(context.inputs[0].shape, context.outputs[0].shape, context.attrs);
  return std::make_unique<GridSampleKernel>(grid, context.threads);
}

// 19 channels of 2 x 2 elements: channel c has c, c + 1, c + 2 and c + 5.
constexpr int64_t kExampleChannels = 19;
Tensor ManyChannels() {
  std::vector<float> x;
  for (int c = 0; c < kExampleChannels; ++c) {
    for (const int more : {0, 1, 2, 5}) x.push_back(static_cast<float>(c + more));
  }
  return Tensor::Of<float>({1, kExampleChannels, 2, 2}, x);
}
// At the first element, in the middle, half an element beyond the first row's end, and far outside.
Tensor ManyChannelsSampled() {
  std::vector<float> y;
  for (int c = 0; c < kExampleChannels; ++c) {
    const auto first = static_cast<float>(c);
    y.insert(y.end(), {first, first + 2, (first + 1) / 2, 0});
  }
  return Tensor::Of<float>({1, kExampleChannels, 1, 4}, y);
}
// At the first element and at the last.
Tensor ManyChannelsAtCorners() {
  std::vector<float> y;
  for (int c = 0; c < kExampleChannels; ++c) {
    y.insert(y.end(), {static_cast<float>(c), static_cast<float>(c + 5)});
  }
  return Tensor::Of<float>({1, kExampleChannels, 1, 2}, y);
}

std::vector<Example> GridSampleExamples() {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::Of<float>({1, 1, 3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1e+01, 11});
  const Tensor grid = Tensor::Of<float>(
      {1, 2, 3, 2}, {-1.25, -1, -0.5, -0.5, -0.2, 0.1, 0.3, 1.1, 1, 0.9, -3.1, 2.4});
  const Tensor volume = Tensor::Of<float>(
      {1, 2, 2, 3, 2}, {0.5,  -0.5, 1.5,  0,    -1, 0.5,  2.5, 2, -1.5, -2.5, -1,   0,
                        -4.5, -0.5, -2.5, -1.5, -1, -0.5, 1,   2, -0.5, 2.5,  -1.5, 0.5});
  const Tensor points =
      Tensor::Of<float>({1, 1, 2, 2, 3}, {-0.5, -0.5, -0.5, 0.25, 0.75, 1.5, 0, 0, 0, 1, -1, 0.5});
  return {
      {.name = "linear, zeros",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 1.5, 5.4, -2.765002, 3.5750005, 0})}},
      {.name = "linear, border, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"padding_mode", "border"},
                 {"align_corners", true}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 2.75, 5.2, -9.049998, 10.6, 8})}},
      {.name = "linear, reflection",
       .attrs = {{"data_format", "channels_first"}, {"padding_mode", "reflection"}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 1.5, 5.4, -7.900002, 11, 4.5999985})}},
      {.name = "nearest, zeros, aligned",
       .attrs = {{"data_format", "channels_first"}, {"mode", "nearest"}, {"align_corners", true}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 1, 5, -1e+01, 11, 0})}},
      {.name = "nearest, reflection, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "nearest"},
                 {"padding_mode", "reflection"},
                 {"align_corners", true}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 1, 5, -1e+01, 11, 7})}},
      {.name = "nearest, border",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "nearest"},
                 {"padding_mode", "border"}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 0, 5, -1e+01, 11, 8})}},
      {.name = "cubic, zeros",
       .attrs = {{"data_format", "channels_first"}, {"mode", "cubic"}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {0, 1.220581, 5.850816, -4.04414, 5.411887, 0})},
       .atol = 1e-5},
      {.name = "cubic, border",
       .attrs = {{"data_format", "channels_first"}, {"mode", "cubic"}, {"padding_mode", "border"}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>(
           {1, 1, 2, 3}, {-0.375, 1.105957, 5.745233, -10.362374, 13.620326, 7.999999})},
       .atol = 1e-5},
      {.name = "cubic, reflection, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "cubic"},
                 {"padding_mode", "reflection"},
                 {"align_corners", true}},
       .inputs = {x, grid},
       .outputs = {Tensor::Of<float>(
           {1, 1, 2, 3}, {0.18457031, 1.6850586, 5.491004, -9.597329, 10.942, 4.8271527})},
       .atol = 1e-5},
      {.name = "3-D, linear, zeros",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {volume, points},
       .outputs = {Tensor::Of<float>({1, 2, 1, 2, 2}, {0.75, 0, -0.625, 0.5, -4, 0, -0.5, 0.5})}},
      {.name = "3-D, nearest, ties to even",
       .attrs = {{"data_format", "channels_first"}, {"mode", "nearest"}, {"nearest_ties", "even"}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 1, 2}, {1, 2}),
                  Tensor::Of<float>({1, 1, 1, 3, 3}, {0, 0, 0, 1, 0, 0, -1, 0, 0})},
       .outputs = {Tensor::Of<float>({1, 1, 1, 1, 3}, {1, 0, 1})}},
      {.name = "3-D, nearest, border",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "nearest"},
                 {"padding_mode", "border"}},
       .inputs = {volume, points},
       .outputs = {Tensor::Of<float>({1, 2, 1, 2, 2}, {0.5, 0, -2.5, 2, -4.5, 0.5, 2.5, 2})}},
      {.name = "3-D, linear, reflection",
       .attrs = {{"data_format", "channels_first"}, {"padding_mode", "reflection"}},
       .inputs = {volume, points},
       .outputs = {Tensor::Of<float>({1, 2, 1, 2, 2}, {0.75, -0.25, -0.625, 2, -4, 0, -0.5, 2})}},
      {.name = "channels last, two images",
       .inputs = {Tensor::Of<float>(
                      {2, 3, 2, 3},
                      {2,    0,    -1.5, -2,   -1,   0.5, -2,   -0.5, -0.5, 1,    0.5,  0.5,
                       -1.5, -0.5, 1.5,  3,    -2.5, 3,   2.5,  1.5,  0.5,  -0.5, 3,    4,
                       3.5,  2.5,  0.5,  -2.5, 0,    1.5, -2.5, 1,    1,    1.5,  -2.5, -1.5}),
                  Tensor::Of<float>({2, 1, 1, 2}, {0.5, -0.25, -0.75, 1})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 3}, {-0.125, -0.0625, 0.5, -0.9375, 0.375, 0.375})}},
      {.name = "many channels",
       .attrs = {{"data_format", "channels_first"}, {"align_corners", true}},
       .inputs = {ManyChannels(), Tensor::Of<float>({1, 1, 4, 2}, {-1, -1, 0, 0, 2, -1, 9, 9})},
       .outputs = {ManyChannelsSampled()}},
      {.name = "many channels, cubic",
       .attrs = {{"data_format", "channels_first"}, {"align_corners", true}, {"mode", "cubic"}},
       .inputs = {ManyChannels(), Tensor::Of<float>({1, 1, 2, 2}, {-1, -1, 1, 1})},
       .outputs = {ManyChannelsAtCorners()},
       .atol = 1e-5},
      {.name = "far outside and not a number",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {x, Tensor::Of<float>({1, 1, 4, 2}, {1e30f, 0, 0, -1e30f, nan, 0, inf, -inf})},
       .outputs = {Tensor::Of<float>({1, 1, 1, 4}, {0, 0, 0, 0})}},
      {.name = "1-D, float64 and float32",
       .attrs = {{"data_format", "channels_first"}, {"align_corners", true}},
       .inputs = {Tensor::Of<double>({1, 1, 3}, {2, 4, 8}),
                  Tensor::Of<float>({1, 3, 1}, {-1, 0.25, 1})},
       .outputs = {Tensor::Of<double>({1, 1, 3}, {2, 5, 8})}},
      {.name = "float16",
       .attrs = {{"data_format", "channels_first"}},
       .inputs = {Tensor::Of<Half>({1, 1, 2, 2}, {Half(1), Half(2), Half(3), Half(5)}),
                  Tensor::Of<Half>({1, 1, 2, 2}, {Half(0), Half(0), Half(0.5), Half(-0.5)})},
       .outputs = {Tensor::Of<Half>({1, 1, 1, 2}, {Half(2.75), Half(2)})},
       .rtol = 1e-3},

  };
}

absl::StatusOr<std::vector<Value>> GridSampleGradient(const GradientContext& g) {
  const Value &x = g.input(0), &grid = g.input(1), dy = g.gradient(0);
  std::vector<Value> result(2);
  if (g.wants(0)) {
    CallOptions options;
    options.output_types = {x.type()};
    result[0] = Call("image.GridSampleGradX", {dy, grid, ShapeOf(x)}, g.attrs(), options);
  }
  if (g.wants(1)) result[1] = Call("image.GridSampleGradGrid", {x, grid, dy}, g.attrs());
  return result;
}

NOMO_REGISTER_OP(
    WithGridSampling(
        OpDef("image.GridSample")
            .Doc(
                "Samples each image at the points of a grid.\n\n"
                "y[n, p, c] = x[n, at grid[n, p], c]. A point's numbers name the last spatial axis "
                "first (x, y or x, y, z); -1 and 1 are the ends of an axis: the middles of its "
                "first "
                "and last element with align_corners, else their outer edges. \"nearest\" takes "
                "the "
                "element next to the point (ties: to even, in 3-D as nearest_ties says), "
                "\"linear\" "
                "the "
                "weighted mean of 2 neighbours along each axis, \"cubic\" of 4 (cubic convolution "
                "with a = -0.75). Elements outside of x are 0 (padding_mode \"zeros\"), those at "
                "its "
                "border (\"border\") or those inside, mirrored at the ends (\"reflection\"). A "
                "number "
                "that is NaN counts as -infinity. It is an error when an image without elements is "
                "to "
                "be sampled.")
            .Source("ONNX GridSample; torch.nn.functional.grid_sample; Jaderberg et al., Spatial "
                    "Transformer Networks (2015)")
            .TypeVar("T", kFloats)
            .TypeVar("G", kFloats)
            .Input("x", "T", "[batch, 1 to 3 spatial axes, channels], see data_format")
            .Input("grid", "G", "[batch, as many sizes as x has spatial axes, their number]")
            .Output("y", "T", "like x with the grid's sizes"))
        .Infer(InferGridSample)
        .Reference(GridSampleCompute)
        .Fast(PrepareGridSample)
        .Gradient(GridSampleGradient)
        .Examples(GridSampleExamples));

}  // namespace
}  // namespace nomograph::image
