// image.GridSampleGradX, image.GridSampleGradGrid: what flows back through image.GridSample.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/grid_taps.h"

namespace nomograph::image {
namespace {

using Ints = std::vector<int64_t>;

absl::Status CheckGradient(const PartialShape& dy, const PartialShape& x, const PartialShape& grid,
                           const Attributes& attrs) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape y, SampledShape(x, grid, attrs));
  if (Compatible(dy, y)) return absl::OkStatus();
  return InvalidArgument("input dy: expected the shape ", y.ToString(), " of y, found ",
                         dy.ToString());
}

absl::StatusOr<std::vector<TensorType>> InferGradX(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape x, GetShape(context, "shape", 2));
  NOMO_RETURN_IF_ERROR(CheckGradient(context.shape(0), x, context.shape(1), context.attrs()));
  return std::vector<TensorType>{{context.dtype(0), std::move(x)}};
}

// Adds each sample of image `n` to the elements that it was made of, in `sums`.
template <typename T, typename G, typename S>
void SpreadImage(const SampledGrid& g, const T* dy, const G* grid, int64_t n, S* sums) {
  const G* point = grid + n * g.y.positions * g.x.spatial_rank;
  for (int64_t p = 0; p < g.y.positions; ++p, point += g.x.spatial_rank) {
    const T* from = dy + g.y.Offset(n, 0) + p * g.y.position_stride;
    g.ForEachTap(point, [&](int64_t position, double weight) {
      S* to = sums + position * g.x.position_stride;
      const S w = static_cast<S>(weight);
      for (int64_t c = 0; c < g.x.channels; ++c)
        to[c * g.x.channel_stride] += w * static_cast<S>(from[c * g.y.channel_stride]);
    });
  }
}

template <typename T, typename G>
void SpreadSamples(const KernelContext& context) {
  const SampledGrid g(context.output_shape(0), context.input_shape(0), context.attrs());
  const int64_t image_size = g.x.channels * g.x.positions;
  std::vector<double> sums(image_size);
  for (int64_t n = 0; n < g.x.batches; ++n) {
    std::fill(sums.begin(), sums.end(), 0);
    SpreadImage(g, context.input<T>(0).data(), context.input<G>(1).data(), n, sums.data());
    T* dx = context.output<T>(0).data() + n * image_size;
    for (int64_t i = 0; i < image_size; ++i) dx[i] = static_cast<T>(sums[i]);
  }
}

absl::Status ComputeGradX(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferGradX));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(FloatTypes{}, context.input_dtype(1),
             [&]<typename G>() { SpreadSamples<T, G>(context); });
  });
  return absl::OkStatus();
}

bool AllFloat32(const PrepareContext& context, std::initializer_list<int> inputs) {
  return std::all_of(inputs.begin(), inputs.end(),
                     [&](int i) { return context.inputs[i].dtype == DType::kFloat32; });
}

// In float32, image by image.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareGradX(const PrepareContext& context) {
  if (!AllFloat32(context, {0, 1})) return nullptr;
  const SampledGrid grid(context.outputs[0].shape, context.inputs[0].shape, context.attrs);
  return MakeComputeKernel(
      [g = grid, threads = context.threads](KernelContext& run) {
        const absl::Span<float> dx = run.output<float>(0);
        const int64_t image_size = g.x.channels * g.x.positions;
        ParallelFor(threads, g.x.batches, [&](int64_t n) {
          std::fill_n(dx.data() + n * image_size, image_size, 0.0f);
          SpreadImage(g, run.input<float>(0).data(), run.input<float>(1).data(), n,
                      dx.data() + n * image_size);
        });
        return absl::OkStatus();
      },
      "grid sample loops");
}

absl::StatusOr<std::vector<TensorType>> InferGradGrid(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(
      CheckGradient(context.shape(2), context.shape(0), context.shape(1), context.attrs()));
  return std::vector<TensorType>{context.input(1)};
}

// What the samples of all channels at a point, times dy, change by with its numbers, the last axis
// first.
template <typename T>
std::array<double, 3> PointGradient(const SampledGrid& g, const std::array<AxisTaps, 3>& axes,
                                    const T* x, const T* dy) {
  std::array<double, 3> sums = {};
  for (int d = 0; d < axes[0].count; ++d) {
    for (int h = 0; h < axes[1].count; ++h) {
      for (int w = 0; w < axes[2].count; ++w) {
        const int64_t position =
            (axes[0].index[d] * g.x.sizes[1] + axes[1].index[h]) * g.x.sizes[2] + axes[2].index[w];
        double product = 0;
        for (int64_t c = 0; c < g.x.channels; ++c) {
          product +=
              static_cast<double>(dy[c * g.y.channel_stride]) *
              static_cast<double>(x[position * g.x.position_stride + c * g.x.channel_stride]);
        }
        const double depth = axes[0].weight[d], row = axes[1].weight[h], column = axes[2].weight[w];
        sums[0] += product * depth * row * axes[2].slope[w];
        sums[1] += product * depth * axes[1].slope[h] * column;
        sums[2] += product * axes[0].slope[d] * row * column;
      }
    }
  }
  return sums;
}

template <typename T, typename G>
void GridGradient(const KernelContext& context, int threads) {
  const SampledGrid g(context.input_shape(0), context.input_shape(2), context.attrs());
  const absl::Span<const T> x = context.input<T>(0), dy = context.input<T>(2);
  const absl::Span<const G> grid = context.input<G>(1);
  const absl::Span<G> gradient = context.output<G>(0);
  ParallelFor(threads, g.y.batches * g.y.positions, [&](int64_t i) {
    const int64_t n = i / g.y.positions, p = i % g.y.positions, first = i * g.x.spatial_rank;
    const auto sums =
        PointGradient(g, g.TapsAt(grid.data() + first, true), x.data() + g.x.Offset(n, 0),
                      dy.data() + g.y.Offset(n, 0) + p * g.y.position_stride);
    for (int a = 0; a < g.x.spatial_rank; ++a) gradient[first + a] = static_cast<G>(sums[a]);
  });
}

absl::Status ComputeGradGrid(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(FloatTypes{}, context.input_dtype(1),
             [&]<typename G>() { GridGradient<T, G>(context, 1); });
  });
  return absl::OkStatus();
}

// The same, in several threads.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareGradGrid(const PrepareContext& context) {
  if (!AllFloat32(context, {0, 1})) return nullptr;
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& run) {
        GridGradient<float, float>(run, threads);
        return absl::OkStatus();
      },
      "grid sample loops");
}

// Of dx = A(grid)^T dy, where y = A(grid) x is the sampling.
absl::StatusOr<std::vector<Value>> GradientOfGradX(const GradientContext& g) {
  const Value &dy = g.input(0), &grid = g.input(1), ddx = g.gradient(0);
  Attributes attrs = g.attrs();
  attrs.Erase("shape");
  std::vector<Value> result(3);
  if (g.wants(0)) result[0] = Call("image.GridSample", {ddx, grid}, attrs);
  if (g.wants(1)) result[1] = Call("image.GridSampleGradGrid", {ddx, grid, dy}, attrs);
  return result;
}

// PyTorch 1.13: the gradients of torch.nn.functional.grid_sample for the given dy.
std::vector<Example> GradXExamples() {
  return {
      {.name = "linear, zeros",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "linear"},
                 {"padding_mode", "zeros"},
                 {"shape", Ints{1, 2, 3, 4}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-1, 2, 0, 2, 3, -1, 1, 1}),
                  Tensor::Of<float>({1, 2, 2, 2},
                                    {-0.829719245, -0.811940551, -0.538863778, 0.259216517,
                                     -0.984736264, -1.00153089, -0.621712923, 0.793446958})},
       .outputs = {Tensor::Of<float>({1, 2, 3, 4}, {-0.657394056,
                                                    0,
                                                    0,
                                                    0,
                                                    0.706185537,
                                                    0.516164911,
                                                    0,
                                                    0,
                                                    1.65336603,
                                                    0.743942646,
                                                    0,
                                                    0,
                                                    2.23622764,
                                                    0,
                                                    0,
                                                    0,
                                                    -0.353092769,
                                                    -0.258082455,
                                                    0,
                                                    0,
                                                    0.37741344,
                                                    0.0435913466,
                                                    0,
                                                    0})}},
      {.name = "linear, reflection, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "linear"},
                 {"padding_mode", "reflection"},
                 {"align_corners", true},
                 {"shape", Ints{1, 1, 3, 3}}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 4}, {3, 3, -2, -2}),
                  Tensor::Of<float>({1, 1, 4, 2},
                                    {1.2019875, 0.677505553, -0.524923921, -0.184433356, 1.14877021,
                                     0.835167766, 0.324134797, -0.466331273})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 3}, {0.290440441, -0.367494535, -0.302308385, 1.28433132, 0.587367659,
                          0.145482371, 0, 0.162046796, 0.200134331})}},
      {.name = "cubic, border",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "cubic"},
                 {"padding_mode", "border"},
                 {"shape", Ints{2, 1, 2, 3}}},
       .inputs = {Tensor::Of<float>({2, 1, 1, 2}, {2, 0, 3, 2}),
                  Tensor::Of<float>({2, 1, 2, 2},
                                    {0.0193859227, 0.798812389, 0.449361682, 0.157506332,
                                     1.08705366, 0.296277016, 0.874680519, -1.12034321})},
       .outputs = {Tensor::Of<float>(
           {2, 1, 2, 3}, {0.00453069909, -0.219960472, -0.00494319821, -0.0456491635, 2.21621683,
                          0.049805308, 0, -0.271175295, 2.94437493, 0, -0.14397664, 2.47077701})}},
      {.name = "cubic, reflection",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "cubic"},
                 {"padding_mode", "reflection"},
                 {"shape", Ints{1, 1, 4, 4}}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 3}, {2, -2, -2}),
                  Tensor::Of<float>({1, 1, 3, 2}, {0.541043162, 0.137672231, -0.454819947,
                                                   0.241731793, -0.503004014, -0.440132946})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 4, 4},
           {-0.370946218, -0.424266243, 0.0393565907, -0.03475311, -0.763640661, -0.924240217,
            0.363175694, 0.272380679, -0.685924079, -1.42485721, 1.06584876, 1.06645554,
            0.00956556043, 0.0324405091, -0.100653598, -0.119941985})}},
      {.name = "3-D, linear, border, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "linear"},
                 {"padding_mode", "border"},
                 {"align_corners", true},
                 {"shape", Ints{1, 1, 2, 3, 2}}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 2, 2}, {-1, -2, 2, 0}),
                  Tensor::Of<float>({1, 1, 2, 2, 3},
                                    {-1.18947375, -0.627740264, -1.29672933, -0.596393287,
                                     0.351596922, -0.0291535016, -0.242753685, 0.0798465759,
                                     1.18854654, 0.0141249299, 0.653654993, -0.313338816})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 2, 3, 2},
           {-0.627740264, 0, -0.904901384, -0.134664651, -0.288825223, -0.0730219801, 0, 0,
            0.641059384, 0.569747606, -0.173232116, -0.00842137233})}},
      {.name = "nearest, zeros",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "nearest"},
                 {"padding_mode", "zeros"},
                 {"shape", Ints{1, 1, 3, 4}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 2}, {2, -2, -1, 2}),
                  Tensor::Of<float>({1, 2, 2, 2},
                                    {-0.925152302, 1.26774132, 0.197358638, 1.28622139, 1.1384424,
                                     -1.11305606, 0.978676736, 0.0444710962})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 4}, {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0})}},
      {.name = "channels last, float64",
       .inputs = {Tensor::Of<double>({1, 1, 2, 2}, {-3, 2, -3, -3}),
                  Tensor::Of<float>({1, 1, 2, 2},
                                    {0.14296779, 0.600255191, -0.671384275, 0.946053088}),
                  Tensor::Vector<int64_t>({1, 2, 3, 2})},
       .outputs = {Tensor::Of<double>(
           {1, 2, 3, 2}, {0, 0, 0, 0, 0, 0, -1.65008087, -1.65008087, -2.12037905, 1.41358604,
                          -0.578855372, 0.385903582})}},
  };
}

std::vector<Example> GradGridExamples() {
  return {
      {.name = "linear, zeros",
       .attrs = {{"data_format", "channels_first"}, {"mode", "linear"}, {"padding_mode", "zeros"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 4},
                                    {0,  0.5, -1.5, -0.5, -1.5, -0.5, 1, -1, 1.5, -1.5, 1.5, -2,
                                     -1, -1,  -2,   0,    -0.5, 1,    2, 2,  -2,  0.5,  1,   -1.5}),
                  Tensor::Of<float>({1, 2, 2, 2},
                                    {-0.829719245, -0.811940551, -0.538863778, 0.259216517,
                                     -0.984736264, -1.00153089, -0.621712923, 0.793446958}),
                  Tensor::Of<float>({1, 2, 2, 2}, {-1, 2, 0, 2, 3, -1, 1, 1})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 2}, {-4.69253504, -3.78252679, -5.99884596, 5.54932201, -0.995407343,
                          -0.795791209, -5.66880694, -0.152985692})},
       .atol = 1e-5},
      {.name = "linear, reflection, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "linear"},
                 {"padding_mode", "reflection"},
                 {"align_corners", true}},
       .inputs = {Tensor::Of<float>({1, 1, 3, 3}, {0, -2, 0.5, -2, 1.5, 1, 1.5, 2, -2}),
                  Tensor::Of<float>({1, 1, 4, 2},
                                    {1.2019875, 0.677505553, -0.524923921, -0.184433356, 1.14877021,
                                     0.835167766, 0.324134797, -0.466331273}),
                  Tensor::Of<float>({1, 1, 1, 4}, {3, 3, -2, -2})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 4, 2}, {8.6138083, -6.8791312, 7.45684963, 1.83875531, -6.84617436, 4.95860851,
                          -1.79798764, -5.05519122})},
       .atol = 1e-5},
      {.name = "cubic, border",
       .attrs = {{"data_format", "channels_first"}, {"mode", "cubic"}, {"padding_mode", "border"}},
       .inputs = {Tensor::Of<float>({2, 1, 2, 3},
                                    {0.5, -2, 1, -2, 1.5, 0.5, 2, 1.5, 1.5, -2, -1, 0.5}),
                  Tensor::Of<float>({2, 1, 2, 2},
                                    {0.0193859227, 0.798812389, 0.449361682, 0.157506332,
                                     1.08705366, 0.296277016, 0.874680519, -1.12034321}),
                  Tensor::Of<float>({2, 1, 1, 2}, {2, 0, 3, 2})},
       .outputs = {Tensor::Of<float>({2, 1, 2, 2}, {4.87253668, 0.384902408, 0, 0, -1.36804629,
                                                    -2.69148858, -0.00995592247, 0.408875589})},
       .atol = 1e-5},
      {.name = "cubic, reflection",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "cubic"},
                 {"padding_mode", "reflection"}},
       .inputs = {Tensor::Of<float>({1, 1, 4, 4}, {0, 0, -1, 2, 1.5, 1, 0, -1, 0, 1, 1.5, 0.5, 1,
                                                   -0.5, -1.5, 0.5}),
                  Tensor::Of<float>({1, 1, 3, 2}, {0.541043162, 0.137672231, -0.454819947,
                                                   0.241731793, -0.503004014, -0.440132946}),
                  Tensor::Of<float>({1, 1, 1, 3}, {2, -2, -2})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 2}, {-6.66656553, 6.73833429, -4.29753667,
                                                    3.42679503, 1.27157797, -5.76774144})},
       .atol = 1e-5},
      {.name = "3-D, linear, border, aligned",
       .attrs = {{"data_format", "channels_first"},
                 {"mode", "linear"},
                 {"padding_mode", "border"},
                 {"align_corners", true}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 3, 2},
                                    {1, -1, 1.5, 1.5, -1, -1.5, 1.5, 1.5, 0.5, 1, -0.5, 0.5}),
                  Tensor::Of<float>({1, 1, 2, 2, 3},
                                    {-1.18947375, -0.627740264, -1.29672933, -0.596393287,
                                     0.351596922, -0.0291535016, -0.242753685, 0.0798465759,
                                     1.18854654, 0.0141249299, 0.653654993, -0.313338816}),
                  Tensor::Of<float>({1, 1, 1, 2, 2}, {-1, -2, 2, 0})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2, 3},
                                     {0, -0.5, 0, -0.237586484, 3.54961353, 0.3007495, 0.539923288,
                                      -1.62137684, -0, 0, 0, 0})},
       .atol = 1e-5},
      {.name = "nearest, zeros",
       .attrs = {{"data_format", "channels_first"}, {"mode", "nearest"}, {"padding_mode", "zeros"}},
       .inputs = {Tensor::Of<float>({1, 1, 3, 4},
                                    {1, 1.5, -1.5, 2, 1.5, -1, 2, -1, -1, 0, 1, -1.5}),
                  Tensor::Of<float>({1, 2, 2, 2},
                                    {-0.925152302, 1.26774132, 0.197358638, 1.28622139, 1.1384424,
                                     -1.11305606, 0.978676736, 0.0444710962}),
                  Tensor::Of<float>({1, 1, 2, 2}, {2, -2, -1, 2})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {0, 0, 0, 0, 0, 0, 0, 0})},
       .atol = 1e-5},
      {.name = "channels last, float64",
       .inputs = {Tensor::Of<double>({1, 2, 3, 2},
                                     {-2, -1, -1, -1, 1, 1.5, -2, -1, -1, -2, 1, 0.5}),
                  Tensor::Of<float>({1, 1, 2, 2},
                                    {0.14296779, 0.600255191, -0.671384275, 0.946053088}),
                  Tensor::Of<double>({1, 1, 2, 2}, {-3, 2, -3, -3})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2},
                                     {-1.34961721, 1.21445169, 7.47828332, -8.93631229})}},
  };
}

NOMO_REGISTER_OP(
    WithGridSampling(OpDef("image.GridSampleGradX")
                         .Doc("What flows back through image.GridSample to the images: each "
                              "element of dy is added to those of dx that it was made of, by their "
                              "weights. Sums are computed in float64.")
                         .Source("torch.nn.functional.grid_sample, differentiated")
                         .TypeVar("T", kFloats)
                         .TypeVar("G", kFloats)
                         .Input("dy", "T", "the shape of y")
                         .Input("grid", "G", "as image.GridSample has it")
                         .OptionalInput("shape", "int64", "a vector: the sizes of x")
                         .Output("dx", "T", "the given shape")
                         .OptionalAttr("shape", AttrType::kInts, "as the input"))
        .Infer(InferGradX)
        .Reference(ComputeGradX)
        .Fast(PrepareGradX)
        .Gradient(GradientOfGradX)
        .Examples(GradXExamples));

NOMO_REGISTER_OP(
    WithGridSampling(OpDef("image.GridSampleGradGrid")
                         .Doc("What flows back through image.GridSample to the points of the grid: "
                              "how the sum of y times dy changes with each of their numbers. "
                              "Nothing flows back to points that are moved to the border, nor in "
                              "mode nearest. Where two neighbours meet, it is the change towards "
                              "the second.")
                         .Source("torch.nn.functional.grid_sample, differentiated")
                         .TypeVar("T", kFloats)
                         .TypeVar("G", kFloats)
                         .Input("x", "T", "as image.GridSample has it")
                         .Input("grid", "G", "as image.GridSample has it")
                         .Input("dy", "T", "the shape of y")
                         .Output("dgrid", "G", "the shape of grid"))
        .Infer(InferGradGrid)
        .Reference(ComputeGradGrid)
        .Fast(PrepareGradGrid)
        .NoGradient("what flows back to the points of a grid is not differentiated once more")
        .Examples(GradGridExamples));

}  // namespace
}  // namespace nomograph::image
