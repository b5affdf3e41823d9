// nn.GroupNormalizationGrad: the gradients of group and instance normalisation.
#include <cmath>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/norm/gradient_input.h"
#include "nomograph/ops/nn/norm/groups.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

enum Input { kDy, kX, kScale };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(kX);
  NOMO_RETURN_IF_ERROR(CheckGradientInput(context, kDy, x));
  TensorType vector{context.dtype(kX), PartialShape::OfRank(1)};
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    if (axis == 0) {
      return InvalidArgument(
          "attribute axis: expected a channel axis behind the batch axis, found 0");
    }
    const bool grouped = context.attrs().Has("num_groups");
    if (grouped && x[axis].known() && x[axis].size() % context.attrs().Int("num_groups") != 0) {
      return InvalidArgument("expected a multiple of ", context.attrs().Int("num_groups"),
                             " (num_groups) channels, found ", x[axis].size());
    }
    vector.shape[0] = x[axis];
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kScale, "scale", x[axis]));
  }
  return std::vector<TensorType>{context.input(kX), vector, vector};
}

// Sums over the positions of one channel in one row of the batch.
struct ChannelSums {
  double x, squares, dy, product;  // product: of dy and x
};
// What is made of them: dx = factor dy + slope x + offset.
struct Map {
  double factor, slope, offset;
};

// Calls f(first element, step, count) for each run of elements that lie one behind the other in a
// row of the batch: of one channel each, or of all channels side by side, where step is 0 or 1.
template <typename F>
void ForEachRun(const GroupAxes& axes, F f) {
  for (int64_t i = 0; i < axes.before; ++i) {
    if (axes.after == 1) {
      f(i * axes.channels, 0, 1, axes.channels);
      continue;
    }
    for (int64_t c = 0; c < axes.channels; ++c)
      f((i * axes.channels + c) * axes.after, c, 0, axes.after);
  }
}

template <typename T>
void SumRow(const GroupAxes& axes, const T* x, const T* dy, ChannelSums* sums) {
  std::fill_n(sums, axes.channels, ChannelSums{});
  ForEachRun(axes, [&](int64_t first, int64_t c, int64_t step, int64_t count) {
    if (step == 0) {
      double a = 0, b = 0, d = 0, e = 0;
#pragma omp simd reduction(+ : a, b, d, e)
      for (int64_t i = first; i < first + count; ++i) {
        const double value = static_cast<double>(x[i]), g = static_cast<double>(dy[i]);
        a += value;
        b += value * value;
        d += g;
        e += g * value;
      }
      sums[c] = {sums[c].x + a, sums[c].squares + b, sums[c].dy + d, sums[c].product + e};
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(x[first + i]),
                   g = static_cast<double>(dy[first + i]);
      ChannelSums& s = sums[i];
      s = {s.x + value, s.squares + value * value, s.dy + g, s.product + g * value};
    }
  });
}

// With n = (x - mean) / deviation and s = dy scale: dx = (s - mean(s) - n mean(s n)) / deviation.
// Leaves the gradients of scale and bias in the sums' product and dy.
template <typename T>
void SumsToMaps(const KernelContext& context, const GroupAxes& axes, ChannelSums* sums, Map* maps) {
  const double size = static_cast<double>(axes.before * axes.group_channels() * axes.after);
  for (int64_t first = 0; first < axes.channels; first += axes.group_channels()) {
    const int64_t end = first + axes.group_channels();
    double total = 0, squares = 0, of_s = 0, of_product = 0;
    for (int64_t c = first; c < end; ++c) {
      total += sums[c].x;
      squares += sums[c].squares;
    }
    const double mean = total / size;
    const double inverse = 1 / std::sqrt(std::max(squares / size - mean * mean, 0.0) +
                                         context.attrs().Float("epsilon"));
    for (int64_t c = first; c < end; ++c) {
      const double scale =
          context.has_input(kScale) ? static_cast<double>(context.input<T>(kScale)[c]) : 1.0;
      sums[c].product = (sums[c].product - mean * sums[c].dy) * inverse;
      of_s += scale * sums[c].dy / size;
      of_product += scale * sums[c].product / size;
      maps[c].factor = scale * inverse;
    }
    for (int64_t c = first; c < end; ++c) {
      maps[c].slope = -inverse * inverse * of_product;
      maps[c].offset = -inverse * of_s - maps[c].slope * mean;
    }
  }
}

template <typename T>
void ApplyMaps(const GroupAxes& axes, const T* x, const T* dy, const Map* maps, T* dx) {
  ForEachRun(axes, [&](int64_t first, int64_t c, int64_t step, int64_t count) {
    if (step == 0) {
      const Map map = maps[c];
      for (int64_t i = first; i < first + count; ++i) {
        dx[i] = static_cast<T>(map.factor * static_cast<double>(dy[i]) +
                               map.slope * static_cast<double>(x[i]) + map.offset);
      }
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      dx[first + i] =
          static_cast<T>(maps[i].factor * static_cast<double>(dy[first + i]) +
                         maps[i].slope * static_cast<double>(x[first + i]) + maps[i].offset);
    }
  });
}

int64_t ScratchBytes(const GroupAxes& axes) {
  return axes.batch * axes.channels * static_cast<int64_t>(sizeof(ChannelSums) + sizeof(Map));
}

// Goes over x and dy twice, each time in the order of memory. Sums are doubles, so that their
// squares may be subtracted.
absl::Status Compute(KernelContext& context, std::byte* scratch, int threads) {
  const GroupAxes axes = GetGroupAxes(context.input_shape(kX), context.attrs());
  auto* const sums = reinterpret_cast<ChannelSums*>(scratch);
  auto* const maps = reinterpret_cast<Map*>(sums + axes.batch * axes.channels);
  Dispatch(FloatTypes{}, context.input_dtype(kX), [&]<typename T>() {
    ParallelFor(threads, axes.batch, [&](int64_t n) {
      const T* x = context.input<T>(kX).data() + n * axes.row_size();
      const T* dy = context.input<T>(kDy).data() + n * axes.row_size();
      ChannelSums* const own = sums + n * axes.channels;
      SumRow(axes, x, dy, own);
      SumsToMaps<T>(context, axes, own, maps + n * axes.channels);
      ApplyMaps(axes, x, dy, maps + n * axes.channels,
                context.output<T>(0).data() + n * axes.row_size());
    });
    for (int output = 1; output < context.num_outputs(); ++output) {
      for (int64_t c = 0; c < axes.channels; ++c) {
        double sum = 0;
        for (int64_t n = 0; n < axes.batch; ++n) {
          const ChannelSums& s = sums[n * axes.channels + c];
          sum += output == 1 ? s.product : s.dy;
        }
        context.output<T>(output)[c] = static_cast<T>(sum);
      }
    }
  });
  return absl::OkStatus();
}

absl::Status Reference(KernelContext& context) {
  const GroupAxes axes = GetGroupAxes(context.input_shape(kX), context.attrs());
  std::vector<double> scratch(ScratchBytes(axes) / sizeof(double));
  return Compute(context, reinterpret_cast<std::byte*>(scratch.data()), 1);
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const GroupAxes axes = GetGroupAxes(context.inputs[kX].shape, context.attrs);
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& kernel) {
        return Compute(kernel, kernel.scratch(), threads);
      },
      "group loop", ScratchBytes(axes));
}

// With n = (x - mean) / deviation and s = dy scale: (s - mean(s) - n mean(s n)) / deviation.
absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  const Value dy = in[kDy];
  const bool scaled = in.size() > kScale && in[kScale].valid();
  const PartialShape& shape = in[kX].shape();
  if (!shape.has_rank()) return InvalidArgument("the number of axes of x must be known");
  const int rank = shape.rank(), axis = *NormalizeAxis(attrs.Int("axis"), rank);
  const bool grouped = attrs.Has("num_groups");
  // The channel axis as two: groups, and channels of a group.
  const Ints parts = grouped ? Ints{attrs.Int("num_groups"), -1} : Ints{-1, 1};
  const Value sizes = ShapeOf(in[kX]);
  const Value split =
      Call("array.Concat", {Slice(sizes, 0, axis), Constant(Tensor::Of<int64_t>({2}, parts)),
                            Slice(sizes, axis + 1, rank)});
  const auto in_groups = [&](const Value& v) { return Call("array.Reshape", {v, split}); };
  Ints group_axes, channel_axes, behind;
  for (int i = 1; i <= rank; ++i) {
    if (i != axis) group_axes.push_back(i);
  }
  for (int i = 0; i < rank; ++i) {
    if (i != axis) channel_axes.push_back(i);
    if (i > axis) behind.push_back(i - axis);
  }
  const auto mean = [&](const Value& v) {
    return Call("math.ReduceMean", {v}, {{"axes", group_axes}, {"keepdims", true}});
  };
  const auto per_channel = [&](const Value& v) {
    return Call("math.ReduceSum", {v}, {{"axes", channel_axes}, {"keepdims", false}});
  };
  const Value x = in_groups(in[kX]);
  const Value centered = x - mean(x);
  const Value inverse = Call("math.Rsqrt", {mean(centered * centered) + attrs.Float("epsilon")});
  const Value normal = centered * inverse;
  Value of_normal = dy;
  if (scaled) {
    of_normal = dy * (behind.empty() ? in[kScale]
                                     : Call("array.Unsqueeze", {in[kScale]}, {{"axes", behind}}));
  }
  const Value s = in_groups(of_normal);
  return std::vector<Value>{
      ReshapeLike(inverse * (s - mean(s) - normal * mean(s * normal)), in[kX]),
      per_channel(dy * ReshapeLike(normal, in[kX])), per_channel(dy)};
}

std::vector<Example> Examples() {
  return {
      {.name = "channels last",
       .attrs = {{"epsilon", 0.1}, {"num_groups", 2}},
       .inputs = {Tensor::Of<float>({2, 3, 4}, {-2, 0, 2,  2, -2, 2, -1, 1, 1, 1, -1, 3,
                                                2,  0, -3, 1, 3,  3, 3,  1, 0, 2, -3, -3}),
                  Tensor::Of<float>({2, 3, 4}, {-3, 2, -1, 3, -2, -2, -2, 3, 2,  -3, -1, -1,
                                                -2, 0, 0,  0, 0,  -3, -1, 1, -1, -3, 1,  -2}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>(
                       {2, 3, 4},
                       {2.26772213,   0.720674396, 0.374305993,  -0.215162277, 2.50794697,
                        -2.98839641,  0.27881977,  0.270544291,  -0.653411448, -1.85453546,
                        0.374305993,  -1.08281374, -0.312879711, 2.48014426,   -0.0120864902,
                        -0.910515606, -4.45662832, -1.70939171,  -0.837996662, -0.084605433,
                        3.39588976,   0.602865815, 0.8138237,    1.03138053}),
                   Tensor::Of<float>({4}, {6.81989145, -7.61275816, -5.35408258, 8.56779861}),
                   Tensor::Of<float>({4}, {2, 8, -3, 5})},
       .atol = 1e-5},
      {.name = "channels first",
       .attrs = {{"epsilon", 0.1}, {"num_groups", 2}, {"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 4, 2, 2},
                                    {-2, -2, 1,  0, 2,  1, 2, -1, -1, 2,  1,  3,  2, 3, 0,  0,
                                     3,  2,  -3, 3, -3, 1, 1, -3, 3,  -2, -3, -2, 2, 2, -2, -3}),
                  Tensor::Of<float>({2, 4, 2, 2},
                                    {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0,
                                     -3, -3, 0, -1, 1,  0,  1,  -2, -2, 1, 0, 2,  1,  2, -1, -1}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>(
                       {2, 4, 2, 2},
                       {2.70719409,   3.02869797,   -0.358247221, 1.19940639,  -3.20191646,
                        -1.96576667,  -2.88041258,  1.47104442,   0.461996049, 0.0597877242,
                        0.0597877242, 0.461996049,  -0.553851724, -1.31315577, 0.461996049,
                        0.361443967,  -2.78803086,  -0.875057638, 4.86143112,  -5.34028196,
                        3.58530545,   -2.79046154,  -4.06658697,  7.41368246,  -1.17549539,
                        0.27507022,   -0.208451644, 0.758592069,  -1.12606871, -0.642546833,
                        0.709165394,  1.40973485}),
                   Tensor::Of<float>({4}, {-4.20983219, -0.979215801, -4.14773941, 5.29973173}),
                   Tensor::Of<float>({4}, {2, 0, 1, 4})},
       .atol = 1e-5},
      {.name = "no positions, no scale",
       .attrs = {{"epsilon", 0.1}, {"num_groups", 2}},
       .inputs = {Tensor::Of<float>({3, 6},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0, 3, 2}),
                  Tensor::Of<float>(
                      {3, 6}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0, -3, -3})},
       .outputs = {Tensor::Of<float>(
                       {3, 6}, {0.118510902, -0.169758856, 0.0512479581, -0.0736689344, 0.329908729,
                                -0.256239772, 2.91585207, -0.546722293, -2.3691299, 0.254359156,
                                -0.268666863, 0.0143077029, 0.877250254, 1.02621722, -1.90346742,
                                -0.0547671095, 0.372416347, -0.317649215}),
                   Tensor::Of<float>({6}, {0.72239393, 5.51673889, 0.786865592, 1.39473605,
                                           -2.28888583, -6.48039675}),
                   Tensor::Of<float>({6}, {2, 0, 0, 2, 6, 6})},
       .atol = 1e-5},
      {.name = "instances",
       .attrs = {{"epsilon", 0.1}, {"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 2, 4},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>({2, 2, 4},
                                    {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0}),
                  Tensor::Of<float>({2}, {-2, 1})},
       .outputs = {Tensor::Of<float>(
                       {2, 2, 4}, {-0.18505761, 0.277586401, -0.481149793, 0.388620973, 1.29099441,
                                   0.537914336, 0.75308007, -2.58198881, 1.98148191, -0.499887526,
                                   0.487842053, -1.96943641, 0.733361363, 2.03910232, -1.43094897,
                                   -1.34151471}),
                   Tensor::Of<float>({2}, {5.88019037, 1.00927639}),
                   Tensor::Of<float>({2}, {2, 9})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(
    OpDef("nn.GroupNormalizationGrad")
        .Doc("The gradients of nn.GroupNormalization or, without num_groups, of "
             "nn.InstanceNormalization, which have the same attributes. With n = (x - mean) / "
             "sqrt(variance + epsilon) and s = dy scale, dx = (s - mean(s) - n mean(s n)) / "
             "sqrt(variance + epsilon), all means being those of one row of the batch and one "
             "group; dscale and dbias are the sums of dy n and of dy over all but the channels.")
        .Source("Y. Wu & K. He, 2018; torch.nn.functional.group_norm")
        .TypeVar("T", kFloats)
        .Input("dy", "T", "as x")
        .Input("x", "T", "[batch, ...], one of the axes behind being the channels")
        .OptionalInput("scale", "T", "[channels]; 1 where it is absent")
        .Output("dx", "T", "as x")
        .OptionalOutput("dscale", "T", "[channels]")
        .OptionalOutput("dbias", "T", "[channels]")
        .OptionalAttr("num_groups", AttrType::kInt, "absent: each channel is a group")
        .Min(1)
        .Attr("axis", -1, "the channel axis; not the first")
        .Attr("epsilon", 1e-5, "is added to the variance")
        .Min(0)
        .Infer(Infer)
        .Reference(Reference)
        .Fast(Prepare)
        .Body(Body)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
