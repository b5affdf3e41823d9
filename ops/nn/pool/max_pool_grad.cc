// nn.MaxPoolGrad: the gradient of each window goes to its greatest element.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"

namespace nomograph::nn {
namespace {

// NaN is greater than all else, and the first of equals wins, as in nn.MaxPool.
template <typename C>
bool IsGreater(C a, C b) {
  return a > b || (a != a && b == b);
}

absl::Status Compute(KernelContext& context) {
  return SpreadPlanes(context, []<typename T>(const PoolRanges& ranges, const T* x, const T* dy,
                                              int64_t step, double* sums) {
    using C = ComputeType<T>;
    C greatest = 0;
    int64_t found = -1;
    ranges.ForEach([&](int64_t, int64_t, int64_t) { found = -1; },
                   [&](int64_t position) {
                     const C value = x[position * step];
                     if (found >= 0 && !IsGreater(value, greatest)) return;
                     greatest = value;
                     found = position;
                   },
                   [&](int64_t output) {
                     if (found >= 0) sums[found] += static_cast<double>(dy[output * step]);
                   });
  });
}

using Range = PoolRanges::Range;

// One window of a plane whose elements lie one behind the other.
void SpreadWindow(const PoolRanges& ranges, const Range& a, const Range& b, const Range& c,
                  const float* x, float dy, float* dx) {
  float greatest = -std::numeric_limits<float>::infinity();
  int64_t found = -1;
  ranges.ForEachTap(a, b, c, [&](int64_t position) {
    if (found >= 0 && !IsGreater(x[position], greatest)) return;
    greatest = x[position];
    found = position;
  });
  if (found >= 0) dx[found] += dy;
}

// What is so far the greatest of each of some windows side by side, and where.
constexpr int64_t kWindowsAtOnce = 64;
struct Greatest {
  std::array<float, kWindowsAtOnce> values;
  std::array<int32_t, kWindowsAtOnce> found;
};

// One tap of `count` windows, whose elements are kStride apart, from position `at` on.
template <int64_t kStride>
void TakeTap(const float* x, int64_t at, int64_t count, Greatest& greatest) {
  const float* const from = x + at;
  const auto first = static_cast<int32_t>(at);
  float* const values = greatest.values.data();
  int32_t* const found = greatest.found.data();
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float value = from[i * kStride], old = values[i];
    const bool takes = (value > old) | ((value != value) & (old == old));
    values[i] = takes ? value : old;
    found[i] = takes ? first + static_cast<int32_t>(i * kStride) : found[i];
  }
}

// The windows [begin, begin + count) of a row, all of as many taps, kStride apart.
template <int64_t kStride>
void SpreadWindows(const PoolRanges& ranges, const Range& a, const Range& b, int64_t begin,
                   int64_t count, const float* x, const float* dy, float* dx) {
  const Range& c = ranges.columns()[begin];
  Greatest greatest;
  bool first = true;
  ranges.ForEachTap(a, b, c, [&](int64_t position) {
    if (first) {
      for (int64_t i = 0; i < count; ++i) {
        greatest.values[i] = x[position + i * kStride];
        greatest.found[i] = static_cast<int32_t>(position + i * kStride);
      }
      first = false;
      return;
    }
    TakeTap<kStride>(x, position, count, greatest);
  });
  if (first) return;
  for (int64_t i = 0; i < count; ++i) dx[greatest.found[i]] += dy[i];
}

// The windows [begin, end) along a row that have as many taps each, `stride` apart: all but those
// at the borders.
struct Even {
  explicit Even(const std::vector<Range>& columns) {
    const auto less = [](const Range& a, const Range& b) { return a.count < b.count; };
    const auto first = std::max_element(columns.begin(), columns.end(), less);
    begin = first - columns.begin();
    end = std::min(begin + 1, static_cast<int64_t>(columns.size()));
    if (end < static_cast<int64_t>(columns.size())) stride = columns[end].first - first->first;
    while (end < static_cast<int64_t>(columns.size()) && columns[end].count == first->count &&
           columns[end].first == columns[end - 1].first + stride) {
      ++end;
    }
  }
  int64_t begin, end, stride = 0;
};

// A plane whose elements lie one behind the other.
void SpreadPlane(const PoolRanges& ranges, const float* x, const float* dy, float* dx) {
  std::fill_n(dx, ranges.positions(), 0.0f);
  const std::vector<Range>& columns = ranges.columns();
  const auto size = static_cast<int64_t>(columns.size());
  const Even even(columns);
  const auto spread = even.stride == 1   ? SpreadWindows<1>
                      : even.stride == 2 ? SpreadWindows<2>
                      : even.stride == 3 ? SpreadWindows<3>
                                         : nullptr;
  const int64_t begin = spread == nullptr ? size : even.begin,
                end = spread == nullptr ? size : even.end;
  ranges.ForEachRow([&](int64_t output, const Range& a, const Range& b) {
    const auto alone = [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        SpreadWindow(ranges, a, b, columns[i], x, dy[output + i], dx);
      }
    };
    alone(0, begin);
    for (int64_t i = begin; i < end; i += kWindowsAtOnce) {
      spread(ranges, a, b, i, std::min(kWindowsAtOnce, end - i), x, dy + output + i, dx);
    }
    alone(end, size);
  });
}

// Up to kChannelsAtOnce channels that lie side by side, positions `step` apart.
void SpreadChannels(const PoolRanges& ranges, const float* x, const float* dy, int64_t step,
                    int64_t channels, float* dx) {
  for (int64_t i = 0; i < ranges.positions(); ++i) std::fill_n(dx + i * step, channels, 0.0f);
  std::array<float, kChannelsAtOnce> greatest;
  std::array<int32_t, kChannelsAtOnce> found;
  bool first = true;
  ranges.ForEach([&](int64_t, int64_t, int64_t) { first = true; },
                 [&](int64_t position) {
                   const float* values = x + position * step;
                   const auto at = static_cast<int32_t>(position);
                   if (first) {
                     std::copy_n(values, channels, greatest.data());
                     std::fill_n(found.data(), channels, at);
                     first = false;
                     return;
                   }
#pragma omp simd
                   for (int64_t c = 0; c < channels; ++c) {
                     const bool takes = (values[c] > greatest[c]) |
                                        ((values[c] != values[c]) & (greatest[c] == greatest[c]));
                     greatest[c] = takes ? values[c] : greatest[c];
                     found[c] = takes ? at : found[c];
                   }
                 },
                 [&](int64_t output) {
                   if (first) return;
                   for (int64_t c = 0; c < channels; ++c)
                     dx[found[c] * step + c] += dy[output * step + c];
                 });
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const auto window = PoolWindow(context.attrs, context.inputs[1].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return nullptr;
  const ActivationLayout x(context.inputs[1].shape, context.attrs),
      y(context.inputs[0].shape, context.attrs);
  if (x.positions > std::numeric_limits<int32_t>::max()) return nullptr;
  return MakeComputeKernel(
      [ranges = PoolRanges(*window), x, y, threads = context.threads](KernelContext& kernel) {
        SpreadParts(
            kernel, x, y, threads,
            [&](const float* in, const float* dy, float* dx) { SpreadPlane(ranges, in, dy, dx); },
            [&](const float* in, const float* dy, int64_t step, int64_t channels, float* dx) {
              SpreadChannels(ranges, in, dy, step, channels, dx);
            });
        return absl::OkStatus();
      },
      "window loop");
}

// The gradient of dy is what dx has at the greatest elements.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value gradient = g.gradient(0);
  const std::vector<Value> pooled =
      CallMulti("nn.MaxPool", {g.input(1)}, g.attrs(), {.num_outputs = 2});
  const Value zero = Constant(Tensor::Scalar<int64_t>(0));
  const Value flat = Call("array.Reshape", {gradient}, {{"shape", std::vector<int64_t>{-1}}});
  const Value picked = Call("array.Gather", {flat, Call("math.Max", {pooled[1], zero})});
  return std::vector<Value>{
      Call("array.Where", {pooled[1] >= zero, picked, ConstantLike(0, gradient)})};
}

std::vector<Example> Examples() {
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({1, 4, 4, 2},
                                    {-6,     4.875,  -1.375, -3.125, 3.25,   1.5,   -4.75,  6.125,
                                     -0.125, -1.875, 4.5,    2.75,   -3.5,   -5.25, 1.125,  -0.625,
                                     5.75,   4,      -2.25,  -4,     2.375,  0.625, -5.625, 5.25,
                                     -1,     -2.75,  3.625,  1.875,  -4.375, 6.5,   0.25,   -1.5})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 2},
                                     {0, 2, 0, 0, -2, 0, 0, 1, 0, 0, -2, 0, 0, 0,  0, 0,
                                      1, 2, 0, 0, 0,  0, 0, 0, 0, 0, 0,  0, 0, -1, 0, 0})}},
      {.name = "overlapping, the first of equals",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 3}}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-2, -2, 1, 0, 2, 1, 2, -1, -1}),
                  Tensor::Of<float>({1, 4, 5, 1}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3,
                                                   3,  -1, -2, 0, -1, 0,  -3, -3, 0,  -1})},
       .outputs = {Tensor::Of<float>(
           {1, 4, 5, 1}, {0, 0, -4, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0})}},
      {.name = "pads and dilation",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 1},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>(
                      {1, 5, 4, 1},
                      {-6,    -1.375, 3.25, -4.75, -0.125, 4.5,  -3.5,  1.125,  5.75, -2.25,
                       2.375, -5.625, -1,   3.625, -4.375, 0.25, 4.875, -3.125, 1.5,  6.125})},
       .outputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {0, 0, 3, -1, 0, -3, 0, 5, 4, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0})}},
      {.name = "ceil_mode",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 3}},
                 {"strides", std::vector<int64_t>{2, 3}},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>({1, 3, 2, 1}, {-2, -2, 1, 0, 2, 1}),
                  Tensor::Of<float>(
                      {1, 5, 4, 1},
                      {-6,    -1.375, 3.25, -4.75, -0.125, 4.5,  -3.5,  1.125,  5.75, -2.25,
                       2.375, -5.625, -1,   3.625, -4.375, 0.25, 4.875, -3.125, 1.5,  6.125})},
       .outputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {0, 0, 0, 0, 0, -2, 0, -2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1})}},
      {.name = "1-D, as ONNX lays it out",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3}},
                 {"strides", std::vector<int64_t>{2}},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({2, 2, 5}, {-6,     -1.375, 3.25,  -4.75,  -0.125, 4.5,  -3.5,
                                                1.125,  5.75,   -2.25, 2.375,  -5.625, -1,   3.625,
                                                -4.375, 0.25,   4.875, -3.125, 1.5,    6.125})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 5}, {0, 0, -4, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 2, 0, 0, -1})}},
      {.name = "2-D, as ONNX lays it out",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                 {"strides", std::vector<int64_t>{2, 2}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({1, 2, 4, 4},
                                    {-6,    -1.375, 3.25,  -4.75,  -0.125, 4.5,   -3.5,   1.125,
                                     5.75,  -2.25,  2.375, -5.625, -1,     3.625, -4.375, 0.25,
                                     4.875, -3.125, 1.5,   6.125,  -1.875, 2.75,  -5.25,  -0.625,
                                     4,     -4,     0.625, 5.25,   -2.75,  1.875, 6.5,    -1.5})},
       .outputs = {Tensor::Of<float>({1, 2, 4, 4},
                                     {0, 0, 0, 0, 0, -4, 0, 0, 1, 0, 0, 0, 0, 0, 0,  0,
                                      2, 0, 0, 1, 0, 0,  0, 0, 2, 0, 0, 0, 0, 0, -1, 0})}},
      {.name = "3-D",
       .attrs = {{"kernel_shape", std::vector<int64_t>{1, 2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2, 1}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({1, 2, 3, 3, 1},
                                    {-6, -1.375, 3.25, -4.75, -0.125, 4.5, -3.5, 1.125, 5.75, -2.25,
                                     2.375, -5.625, -1, 3.625, -4.375, 0.25, 4.875, -3.125})},
       .outputs = {Tensor::Of<float>({1, 2, 3, 3, 1},
                                     {0, 0, 0, 0, -2, -2, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 1, 0})}},

  };
}

NOMO_REGISTER_OP(
    PoolGradOp("nn.MaxPoolGrad")
        .Doc("The gradient of nn.MaxPool, which has the same attributes: each element of dy is "
             "added to the place in dx where its window has its greatest element, the first of "
             "equals. A window of padding only has none.")
        .Source("torch.nn.functional.max_pool2d")
        .Reference(Compute)
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
