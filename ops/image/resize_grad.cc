// image.ResizeGrad: what flows back through image.Resize.
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/resize_geometry.h"

namespace nomograph::image {
namespace {

using Ints = std::vector<int64_t>;

absl::StatusOr<std::vector<TensorType>> InferGrad(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, GetShape(context, "shape", 1));
  const TensorType dx = {context.dtype(0), shape};
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> y,
                        InferResize(InferContext(context.attrs(), {dx}, {}, 1)));
  if (!Compatible(context.shape(0), y[0].shape)) {
    return InvalidArgument("input dy: expected the shape ", y[0].shape.ToString(), " of y, found ",
                           context.shape(0).ToString());
  }
  return std::vector<TensorType>{dx};
}

template <typename T>
void Spread(const KernelContext& context) {
  const Geometry g(context.output_shape(0), context.input_shape(0), context.attrs());
  const auto samples = AllSamples(context.attrs(), g.axes);
  const int64_t size = g.axes[0].input * g.axes[1].input * g.axes[2].input * g.inner;
  std::vector<double> sums(size);
  const T* dy = context.input<T>(0).data();
  T* dx = context.output<T>(0).data();
  for (int64_t o = 0; o < g.outer; ++o, dx += size) {
    std::fill(sums.begin(), sums.end(), 0);
    for (const Sample& d : samples[0]) {
      for (const Sample& h : samples[1]) {
        for (const Sample& w : samples[2]) {
          const Corners corners(g, {d, h, w});
          for (int k = 0; k < corners.count; ++k) {
            double* to = sums.data() + corners.positions[k] * g.inner;
            for (int64_t i = 0; i < g.inner; ++i)
              to[i] += corners.weights[k] * static_cast<double>(dy[i]);
          }
          dy += g.inner;
        }
      }
    }
    for (int64_t i = 0; i < size; ++i) dx[i] = static_cast<T>(sums[i]);
  }
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferGrad));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    if (context.input_shape(0).num_elements() > 0) return Spread<T>(context);
    const absl::Span<T> dx = context.output<T>(0);
    std::fill(dx.begin(), dx.end(), T{});
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  Attributes attrs = g.attrs();
  attrs.Erase("shape");
  return std::vector<Value>{Call("image.Resize", {g.gradient(0)}, attrs)};
}

// PyTorch 1.13: the gradients of torch.nn.functional.interpolate for the given dy.
std::vector<Example> Examples() {
  return {
      {.name = "larger",
       .attrs = {{"sizes", Ints{3, 4}}, {"shape", Ints{1, 2, 3, 2}}},
       .inputs = {Tensor::Of<float>({1, 3, 4, 2},
                                    {2,    2,   -0.5, 2, 1.5, -2,   -0.5, 1, 2,    1, 1.5,  1,
                                     -1.5, 0.5, -1,   0, 1,   -0.5, -1.5, 1, -1.5, 1, -0.5, -2})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 2}, {3.09375, 3.4375, 0.625, 0.46875, -0.71875, 0.34375, 1.71875, 0.5625,
                          -1.875, 1.71875, -1.84375, -1.53125})}},
      {.name = "smaller, channels first",
       .attrs = {{"data_format", "channels_first"},
                 {"sizes", Ints{2, 3}},
                 {"shape", Ints{1, 1, 5, 4}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 3}, {2, 1.5, -1.5, -0.5, -1, -0.5})},
       .outputs = {Tensor::Of<float>({1, 1, 5, 4}, {0.416666667,
                                                    0.270833333,
                                                    0.125,
                                                    -0.3125,
                                                    1.25,
                                                    0.8125,
                                                    0.375,
                                                    -0.9375,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    -0.3125,
                                                    -0.4375,
                                                    -0.4375,
                                                    -0.3125,
                                                    -0.104166667,
                                                    -0.145833333,
                                                    -0.145833333,
                                                    -0.104166667})}},
      {.name = "align_corners",
       .attrs = {{"coordinates", "align_corners"},
                 {"sizes", Ints{3, 5}},
                 {"shape", Ints{1, 2, 2, 1}}},
       .inputs = {Tensor::Of<float>(
           {1, 3, 5, 1}, {-2, 0.5, 2, -0.5, 1.5, -2, 0, 0.5, 0.5, 0, -1.5, 0.5, -2, -1, 0.5})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-1.5625, 2.5625, -3.1875, -0.8125})}},
      {.name = "nearest, asymmetric",
       .attrs = {{"mode", "nearest"},
                 {"coordinates", "asymmetric"},
                 {"nearest_mode", "floor"},
                 {"sizes", Ints{5, 3}},
                 {"shape", Ints{2, 3, 2, 1}}},
       .inputs = {Tensor::Of<float>(
           {2, 5, 3, 1},
           {1.5,  -1,   0.5, 1.5, -1.5, -0.5, 2,   2, 2,    0.5,  2,   1.5,  -1,   2,    1.5,
            -0.5, -0.5, 1.5, 2,   0.5,  0.5,  1.5, 1, -0.5, -0.5, 1.5, -1.5, -1.5, -1.5, 1})},
       .outputs = {Tensor::Of<float>({2, 3, 2, 1},
                                     {0.5, 0, 6.5, 3.5, 1, 1.5, 1.5, 2, 3.5, -2, -3, 1})}},
      {.name = "1-D",
       .attrs = {{"sizes", Ints{4}}, {"shape", Ints{1, 3, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 2}, {2, 1, 1, -1, -1.5, 0.5, 0.5, 1})},
       .outputs = {Tensor::Of<float>({1, 3, 2},
                                     {2.375, 0.625, -0.3125, -0.3125, -0.0625, 1.1875})}},
      {.name = "3-D",
       .attrs = {{"sizes", Ints{3, 1, 3}}, {"shape", Ints{1, 2, 2, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 3, 1, 3, 1}, {-2, -1.5, -1.5, 0.5, -2, 1, -1.5, 2, 0})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2, 1},
                                     {-1.5, -1.125, -1.5, -1.125, -0.375, 0.5, -0.375, 0.5})}},
      {.name = "an axis that vanishes",
       .attrs = {{"sizes", Ints{0, 2}}, {"shape", Ints{1, 1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 0, 2, 1}, {})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 1}, {0, 0})}},
  };
}

NOMO_REGISTER_OP(
    WithResizing(OpDef("image.ResizeGrad")
                     .Doc("What flows back through image.Resize, whose attributes these are: each "
                          "element of dy is added to those of dx that it was made of, by their "
                          "weights. Sums are computed in float64.")
                     .Source("torch.nn.functional.interpolate, differentiated")
                     .TypeVar("T", kFloats)
                     .Input("dy", "T", "the shape of y")
                     .OptionalInput("shape", "int64", "a vector: the sizes of x")
                     .Output("dx", "T", "the given shape")
                     .OptionalAttr("shape", AttrType::kInts, "as the input"))
        .Infer(InferGrad)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
