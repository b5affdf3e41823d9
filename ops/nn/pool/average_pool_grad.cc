// nn.AveragePoolGrad: the gradient of each window is shared by its elements.
#include <algorithm>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"

namespace nomograph::nn {
namespace {

// By what the gradient of a window is divided.
class Divisor {
 public:
  explicit Divisor(const Attributes& attrs)
      : divides_(attrs.Bool("divide")), with_padding_(attrs.Bool("count_include_pad")) {}
  int64_t operator()(int64_t inside, int64_t taps) const {
    return !divides_ ? 1 : std::max<int64_t>(1, with_padding_ ? taps : inside);
  }

 private:
  bool divides_, with_padding_;
};

absl::Status Compute(KernelContext& context) {
  return SpreadPlanes(
      context, [divisor = Divisor(context.attrs())]<typename T>(
                   const PoolRanges& ranges, const T*, const T* dy, int64_t step, double* sums) {
        double part = 0;
        ranges.ForEach(
            [&](int64_t output, int64_t inside, int64_t taps) {
              part = static_cast<double>(dy[output * step]) /
                     static_cast<double>(divisor(inside, taps));
            },
            [&](int64_t position) { sums[position] += part; }, [](int64_t) {});
      });
}

// A plane whose elements lie one behind the other.
void SpreadPlane(const PoolRanges& ranges, const Divisor& divisor, const float* dy, float* dx) {
  std::fill_n(dx, ranges.positions(), 0.0f);
  float part = 0;
  ranges.ForEach(
      [&](int64_t output, int64_t inside, int64_t taps) {
        part = dy[output] / static_cast<float>(divisor(inside, taps));
      },
      [&](int64_t position) { dx[position] += part; }, [](int64_t) {});
}

// Channels that lie side by side, positions `step` apart.
void SpreadChannels(const PoolRanges& ranges, const Divisor& divisor, const float* dy, int64_t step,
                    int64_t channels, float* dx) {
  for (int64_t i = 0; i < ranges.positions(); ++i) std::fill_n(dx + i * step, channels, 0.0f);
  const float* from = nullptr;
  float factor = 0;
  ranges.ForEach(
      [&](int64_t output, int64_t inside, int64_t taps) {
        from = dy + output * step;
        factor = 1.0f / static_cast<float>(divisor(inside, taps));
      },
      [&](int64_t position) {
        float* to = dx + position * step;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) to[c] += factor * from[c];
      },
      [](int64_t) {});
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const auto window = PoolWindow(context.attrs, context.inputs[1].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return nullptr;
  const ActivationLayout x(context.inputs[1].shape, context.attrs),
      y(context.inputs[0].shape, context.attrs);
  return MakeComputeKernel(
      [ranges = PoolRanges(*window), divisor = Divisor(context.attrs), x, y,
       threads = context.threads](KernelContext& kernel) {
        SpreadParts(
            kernel, x, y, threads,
            [&](const float*, const float* dy, float* dx) { SpreadPlane(ranges, divisor, dy, dx); },
            [&](const float*, const float* dy, int64_t step, int64_t channels, float* dx) {
              SpreadChannels(ranges, divisor, dy, step, channels, dx);
            });
        return absl::OkStatus();
      },
      "window loop");
}

// What is linear in dy has as its gradient the mean, or the sum, of each window. nn.LpPool sums up
// magnitudes.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value gradient = g.gradient(0);
  const Attributes attrs = Without(g.attrs(), {"divide"});
  if (g.attrs().Bool("divide"))
    return std::vector<Value>{Call("nn.AveragePool", {gradient}, attrs)};
  Attributes sums = Without(attrs, {"count_include_pad"});
  sums.Set("p", 1);
  const auto sum = [&](const Value& x) { return Call("nn.LpPool", {Call("nn.Relu", {x})}, sums); };
  return std::vector<Value>{sum(gradient) - sum(-gradient)};
}

std::vector<Example> Examples() {
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({1, 4, 4, 2},
                                    {-3, -3, -2, -3, 2, 0, 2,  -1, -2, 1, -3, 0, -1, 1,  -2, -2,
                                     -1, -2, 3,  1,  3, 0, -1, 2,  -2, 1, 0,  2, -1, -1, 0,  -1})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 4, 2}, {-0.5, 0.5,   -0.5, 0.5,  -0.5, 0.25, -0.5, 0.25,  -0.5, 0.5,  -0.5,
                          0.5,  -0.5,  0.25, -0.5, 0.25, 0.25, 0.5,  0.25,  0.5,  0,    -0.25,
                          0,    -0.25, 0.25, 0.5,  0.25, 0.5,  0,    -0.25, 0,    -0.25})}},
      {.name = "overlapping, with pads",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}}},
       .inputs = {Tensor::Of<float>({1, 4, 5, 1}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2,
                                                   1,  3,  2, 3, 0, 0, 3, 2,  -3, 3}),
                  Tensor::Of<float>({1, 4, 5, 1}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3,
                                                   3,  -1, -2, 0, -1, 0,  -3, -3, 0,  -1})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 5, 1},
           {-0.444444448, -0.388888896, -0.166666672, 0.777777791, 0.722222209, 0.055555556,
            0.333333343,  0.722222209,  1.33333337,   1.05555558,  1.38888884,  1.83333337,
            1.22222221,   1.25,         0.805555582,  1,           1.55555558,  1.22222221,
            1.13888884,   0.583333313})}},
      {.name = "padding counts",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                 {"count_include_pad", true}},
       .inputs = {Tensor::Of<float>({1, 4, 5, 2}, {-2, -3, -2, 1, 1, 1, 0, -3, 2,  3,  1, -2, 2, -3,
                                                   -1, -2, -1, 2, 2, 2, 1, -2, 3,  -3, 2, -1, 3, -2,
                                                   0,  -1, 0,  3, 3, 3, 2, -1, -3, -2, 3, 0}),
                  Tensor::Of<float>(
                      {1, 4, 5, 2},
                      {-3, 1,  -2, 0,  2,  1, 2, -2, -2, -2, -3, 1, -1, 0, -2, 2, -1, 1, 3,  2,
                       3,  -1, -1, -1, -2, 2, 0, 1,  -1, 3,  0,  2, -3, 3, -3, 0, 0,  0, -1, 3})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 5, 2},
           {-0.111111112, -0.777777791, -0.111111112, -0.888888896, -0.111111112, -0.444444448,
            0.333333343,  0.333333343,  0.333333343,  0.444444448,  0.333333343,  -1.33333337,
            0.555555582,  -1.55555558,  0.777777791,  -1.11111116,  0.888888896,  -0.111111112,
            0.666666687,  0.111111112,  1.11111116,   -0.444444448, 1.44444442,   -0.888888896,
            1.11111116,   -1,           0.777777791,  -0.555555582, 0.444444448,  -0.111111112,
            0.777777791,  0.111111112,  1.22222221,   -0.111111112, 1.11111116,   -0.666666687,
            0.777777791,  -0.777777791, 0.333333343,  -0.555555582})}},
      {.name = "ceil_mode",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-2, -2, 1, 0, 2, 1, 2, -1, -1}),
                  Tensor::Of<float>({1, 5, 5, 1}, {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3, 3,  -1, -2,
                                                   0,  -1, 0, -3, -3, 0,  -1, 1,  0,  1, -2, -2})},
       .outputs = {Tensor::Of<float>(
           {1, 5, 5, 1}, {-0.5, -0.5, -0.5, -0.5, 0.5, -0.5, -0.5, -0.5, -0.5, 0.5,  0,    0, 0.5,
                          0.5,  0.5,  0,    0,    0.5, 0.5,  0.5,  1,    1,    -0.5, -0.5, -1})}},
      {.name = "ceil_mode, padding counts",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"strides", std::vector<int64_t>{3, 3}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                 {"ceil_mode", true},
                 {"count_include_pad", true}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {-2, -2, 1, 0}),
                  Tensor::Of<float>({1, 5, 5, 1}, {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3, 3,  -1, -2,
                                                   0,  -1, 0, -3, -3, 0,  -1, 1,  0,  1, -2, -2})},
       .outputs = {Tensor::Of<float>({1, 5, 5, 1}, {-0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    -0.222222224,
                                                    0.111111112,
                                                    0.111111112,
                                                    0,
                                                    0,
                                                    0,
                                                    0.111111112,
                                                    0.111111112,
                                                    0,
                                                    0,
                                                    0,
                                                    0.111111112,
                                                    0.111111112,
                                                    0,
                                                    0,
                                                    0})}},
      {.name = "1-D, as ONNX lays it out",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3}},
                 {"strides", std::vector<int64_t>{2}},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({2, 2, 5}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3,
                                                3,  -1, -2, 0, -1, 0,  -3, -3, 0,  -1})},
       .outputs = {Tensor::Of<float>({2, 2, 5}, {-0.666666687,
                                                 -0.666666687,
                                                 -1.33333337,
                                                 -0.666666687,
                                                 -0.666666687,
                                                 0.333333343,
                                                 0.333333343,
                                                 0.333333343,
                                                 0,
                                                 0,
                                                 0.666666687,
                                                 0.666666687,
                                                 1,
                                                 0.333333343,
                                                 0.333333343,
                                                 0.666666687,
                                                 0.666666687,
                                                 0.333333343,
                                                 -0.333333343,
                                                 -0.333333343})}},
      {.name = "3-D",
       .attrs = {{"kernel_shape", std::vector<int64_t>{1, 2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2, 1}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({1, 2, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                      -2, 0, -1, 0, -3, -3})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 3, 1}, {-0.5, -1, -0.5, -0.25, -0.75, -0.5, 0.25, 0.25, 0, 0.5, 0.75, 0.25, 1,
                             1, 0, 0.5, 0.25, -0.25})}},
      {.name = "sums",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"divide", false}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {-2, -2, 1, 0}),
                  Tensor::Of<float>({1, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1})},
       .outputs = {Tensor::Of<float>({1, 3, 3, 1}, {-2, -4, -2, -1, -3, -2, 1, 1, 0})}},

  };
}

NOMO_REGISTER_OP(
    PoolGradOp("nn.AveragePoolGrad")
        .Doc("The gradient of nn.AveragePool, which has the same attributes: each element of dy, "
             "divided by the count that its window has there, is added to all elements of dx that "
             "the window meets. What x holds does not matter.")
        .Source("torch.nn.functional.avg_pool2d")
        .Attr("count_include_pad", false, "as nn.AveragePool has it")
        .Attr("divide", true, "false for the gradient of a sum over each window")
        .Reference(Compute)
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
