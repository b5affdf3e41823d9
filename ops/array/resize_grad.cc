// array.ResizeGrad: what flows back through array.Resize.
#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/resize_args.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;

enum Input { kX, kRoi, kScales, kSizes, kDy };

absl::StatusOr<std::vector<TensorType>> InferGrad(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> y, InferResize(context));
  const PartialShape& dy = context.shape(kDy);
  if (!Compatible(dy, y[0].shape)) {
    return InvalidArgument("dy: expected the shape ", y[0].shape.ToString(), " of y, found ",
                           dy.ToString());
  }
  std::vector<TensorType> types = {context.input(kX)};
  if (context.num_outputs() < 2) return types;
  if (!context.has_input(kRoi)) return InvalidArgument("droi: there is no input roi");
  types.push_back(context.input(kRoi));
  return types;
}

// A tensor on its way from one shape to the other, axis by axis.
struct Block {
  Shape shape;
  Floats values;
};

// Resizes axis `a` of the block, or, not `forward`, spreads it: each element over those that it is
// made of. weight(element of the output, tap) yields the weights.
template <typename F>
void Along(Block& block, int a, const ResizeTaps& taps, bool forward, int threads, F weight) {
  const int64_t outer = Shape(block.shape.dims().first(a)).num_elements();
  const int64_t inner = Shape(block.shape.dims().subspan(a + 1)).num_elements();
  const int64_t from_size = block.shape[a];
  const int64_t to_size = forward ? taps.axis.output : taps.axis.input;
  Floats result(outer * to_size * inner);
  ParallelFor(threads, outer, [&](int64_t o) {
    for (int64_t i = 0; i < taps.axis.output; ++i) {
      for (int64_t t = 0; t < taps.count; ++t) {
        const double w = weight(i, t);
        if (w == 0) continue;
        const int64_t element = taps.first[i] + t;
        const double* from =
            block.values.data() + (o * from_size + (forward ? element : i)) * inner;
        double* to = result.data() + (o * to_size + (forward ? i : element)) * inner;
        for (int64_t k = 0; k < inner; ++k) to[k] += w * from[k];
      }
    }
  });
  block.shape[a] = to_size;
  block.values = std::move(result);
}

// The axes, those that shrink most first, so that nothing on the way is greater than both ends.
std::vector<int> Order(const std::vector<ResizeTaps>& taps, bool forward) {
  std::vector<int> order(taps.size());
  std::iota(order.begin(), order.end(), 0);
  const auto growth = [&](int a) {
    const double ratio =
        static_cast<double>(taps[a].axis.output) / static_cast<double>(taps[a].axis.input);
    return forward ? ratio : 1 / ratio;
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return growth(a) < growth(b); });
  return order;
}

Block BlockOf(const KernelContext& context, int input) {
  Block block{context.input_shape(input), {}};
  Dispatch(FloatTypes{}, context.input_dtype(input), [&]<typename T>() {
    for (const T value : context.input<T>(input))
      block.values.push_back(static_cast<double>(value));
  });
  return block;
}

void Write(KernelContext& context, int output, const Floats& values) {
  Dispatch(FloatTypes{}, context.output_dtype(output), [&]<typename T>() {
    const absl::Span<T> to = context.output<T>(output);
    std::transform(values.begin(), values.end(), to.begin(),
                   [](double value) { return static_cast<T>(value); });
  });
}

Floats InputGradient(const KernelContext& context, const std::vector<ResizeTaps>& taps,
                     int threads) {
  Block block = BlockOf(context, kDy);
  for (const int a : Order(taps, false)) {
    if (taps[a].identity()) continue;
    Along(block, a, taps[a], false, threads,
          [&](int64_t i, int64_t t) { return taps[a].weight(i, t); });
  }
  return std::move(block.values);
}

// The sums of dy times what y changes by with the coordinates of axis `a`, by output element of the
// axis.
Floats CoordinateGradients(const KernelContext& context, const std::vector<ResizeTaps>& taps, int a,
                           int threads) {
  Block block = BlockOf(context, kX);
  for (const int b : Order(taps, true)) {
    Along(block, b, taps[b], true, threads, [&](int64_t i, int64_t t) {
      return b == a ? taps[b].slope(i, t) : taps[b].weight(i, t);
    });
  }
  const Block dy = BlockOf(context, kDy);
  const int64_t inner = dy.shape.Strides()[a];
  Floats sums(taps[a].axis.output);
  for (size_t k = 0; k < dy.values.size(); ++k)
    sums[static_cast<int64_t>(k) / inner % dy.shape[a]] += dy.values[k] * block.values[k];
  return sums;
}

// Of the starts, then of the ends.
Floats RoiGradient(const KernelContext& context, const std::vector<ResizeTaps>& taps, int threads) {
  Ints axes;
  if (const AttrValue* given = context.attrs().Find("axes")) {
    axes = *given->As<Ints>();
  } else {
    for (size_t i = 0; i < taps.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  Floats result(context.output_shape(1).num_elements());
  const size_t count = axes.size();
  for (size_t i = 0; i < count && result.size() == 2 * count; ++i) {
    const int64_t a = axes[i] < 0 ? axes[i] + static_cast<int64_t>(taps.size()) : axes[i];
    const Floats sums = CoordinateGradients(context, taps, static_cast<int>(a), threads);
    for (size_t k = 0; k < sums.size(); ++k) {
      const RoiSlopes slopes = GetRoiSlopes(taps[a].axis, static_cast<int64_t>(k));
      result[i] += sums[k] * slopes.start;
      result[count + i] += sums[k] * slopes.end;
    }
  }
  return result;
}

// `taps`: none where dy is empty.
void WriteGradients(KernelContext& context, const std::vector<ResizeTaps>& taps, int threads) {
  const bool empty = context.input_shape(kDy).num_elements() == 0;
  Write(context, 0,
        empty ? Floats(context.output_shape(0).num_elements())
              : InputGradient(context, taps, threads));
  if (context.num_outputs() < 2) return;
  const bool crop =
      context.attrs().String("coordinate_transformation_mode") == "tf_crop_and_resize";
  Write(context, 1,
        empty || !crop ? Floats(context.output_shape(1).num_elements())
                       : RoiGradient(context, taps, threads));
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferGrad));
  std::vector<ResizeTaps> taps;
  if (context.input_shape(kDy).num_elements() > 0) {
    NOMO_ASSIGN_OR_RETURN(const auto known, GetResizeTaps(node.context()));
    if (known) taps = *known;
  }
  WriteGradients(context, taps, 1);
  return absl::OkStatus();
}

// The same in several threads, where the arguments are known beforehand.
absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (context.inputs[kDy].shape.num_elements() == 0) return nullptr;
  std::vector<TensorType> types;
  for (const TensorSpec& input : context.inputs) types.push_back({input.dtype, input.shape});
  const InferContext node(context.attrs, types, context.constants, 1);
  NOMO_ASSIGN_OR_RETURN(const auto taps, GetResizeTaps(node));
  if (!taps) return nullptr;
  return MakeComputeKernel(
      [taps = *taps, threads = context.threads](KernelContext& run) {
        WriteGradients(run, taps, threads);
        return absl::OkStatus();
      },
      "resize loops");
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  if (g.has_gradient(1) || g.wants(kRoi)) {
    return absl::UnimplementedError("what flows back to roi is not differentiable again");
  }
  Attributes attrs = g.attrs();
  attrs.Set("extrapolation_value", 0.0);
  const auto input = [&](int i) { return g.has_input(i) ? g.input(i) : Value(); };
  CallOptions options;
  options.output_types = {g.input(kDy).type()};
  std::vector<Value> result(5);
  result[kDy] = Call("array.Resize", {g.gradient(0), input(kRoi), input(kScales), input(kSizes)},
                     attrs, options);
  return result;
}

// PyTorch 1.13: the gradients of torch.nn.functional.interpolate(x, ...) for the given dy.
std::vector<Example> Examples() {
  return {
      {.name = "linear, larger",
       .attrs = {{"mode", "linear"}, {"axes", Ints{2, 3}}, {"sizes", Ints{3, 4}}},
       .inputs = {Tensor(DType::kFloat32, {1, 1, 2, 3}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 1, 3, 4},
                                    {0, 0.5, -2, 0.5, 1.5, -1.5, -1, 0.5, 2, -2, -1, -0.5})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3},
                                     {0.65625, -1.71875, -0.1875, 1.71875, -2.65625, -0.8125})}},
      {.name = "linear, aligned corners",
       .attrs = {{"mode", "linear"},
                 {"coordinate_transformation_mode", "align_corners"},
                 {"axes", Ints{2, 3}},
                 {"sizes", Ints{2, 4}}},
       .inputs = {Tensor(DType::kFloat32, {1, 2, 3, 2}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 2, 2, 4}, {-1.5, 2, 0, -2, -0.5, 1, -1, 1.5, 1, 1, 2, 1.5,
                                                   1, -2, 1.5, 2})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 2}, {-0.166666667, -1.33333333, 0, 0, -0.166666667, 1.16666667, 2.33333333,
                          3.16666667, 0, 0, 0.166666667, 2.33333333})}},
      {.name = "cubic",
       .attrs = {{"mode", "cubic"}, {"axes", Ints{2, 3}}, {"sizes", Ints{3, 5}}},
       .inputs = {Tensor(DType::kFloat32, {1, 1, 4, 3}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 1, 3, 5},
                                    {2, 0, 0.5, -1, 1, 1, 1.5, 1, 2, 1, -1, -1, 1, 0.5, 0.5})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 4, 3},
           {1.76376157, -0.439094907, 0.207162037, 1.50482176, 1.38158796, 1.37516435, 0.79043287,
            1.57159259, 1.45394676, -1.6690162, 0.473914352, 0.585726852})}},
      {.name = "antialiased",
       .attrs = {{"mode", "linear"},
                 {"antialias", true},
                 {"exclude_outside", true},
                 {"axes", Ints{2, 3}},
                 {"sizes", Ints{2, 3}}},
       .inputs = {Tensor(DType::kFloat32, {1, 1, 5, 4}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 1, 2, 3}, {0.5, -2, 1, -2, 1, -1})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 5, 4},
           {0.111363636,  -0.270454545,  -0.222727273, 0.222727273,  0.0795454545, -0.352272727,
            -0.277272727, 0.254545455,   -0.238636364, -0.215909091, -0.113636364, 0,
            -0.556818182, -0.0795454545, 0.05,         -0.254545455, -0.445454545, -0.0318181818,
            0.0636363636, -0.222727273})}},
      {.name = "nearest",
       .attrs = {{"mode", "nearest"},
                 {"nearest_mode", "floor"},
                 {"coordinate_transformation_mode", "asymmetric"},
                 {"axes", Ints{2, 3}},
                 {"sizes", Ints{4, 5}}},
       .inputs = {Tensor(DType::kFloat32, {1, 1, 2, 3}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 1, 4, 5},
                                    {0,    -0.5, -0.5, 0,    1,   -2,   1.5,  0.5, 2,   -0.5,
                                     -0.5, 0,    1.5,  -0.5, 0.5, -0.5, -0.5, 1.5, 0.5, -1.5})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3}, {-1, 2, 0.5, -1.5, 3, -1})}},
      {.name = "scales, an axis that vanishes",
       .attrs = {{"scales", std::vector<double>{0.25, 2}}},
       .inputs = {Tensor(DType::kFloat64, {2, 1}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<double>({0, 2}, {})},
       .outputs = {Tensor::Of<double>({2, 1}, {0, 0})}},
  };
}

NOMO_REGISTER_OP(
    WithResizeAttributes(OpDef("array.ResizeGrad")
                             .TypeVar("T", kFloats)
                             .TypeVar("F", kFloats)
                             .Input("x", "T", "what was resized")
                             .OptionalInput("roi", "F", "here and below as array.Resize has it")
                             .OptionalInput("scales", "float32", "a factor for each axis")
                             .OptionalInput("sizes", "int64", "the output's size for each axis")
                             .Input("dy", "T", "the shape of y")
                             .Output("dx", "T", "the shape of x")
                             .OptionalOutput("droi", "F", "the shape of roi"))
        .Doc("What flows back through array.Resize, whose attributes these are: dx, of the shape "
             "of x, is each element's weighted sum of those elements of dy that it is a neighbour "
             "of; droi, for tf_crop_and_resize, is the change with the starts and ends of roi. "
             "Sums are computed in float64, axis by axis.")
        .Source("torch.nn.functional.interpolate and tf.image.crop_and_resize, differentiated")
        .Infer(InferGrad)
        .Reference(Compute)
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
