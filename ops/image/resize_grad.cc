// image.ResizeGrad: what flows back through image.Resize.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
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

// In float32, without the corners' detour: rows of the output are added to rows of the input.
class FastKernel final : public Kernel {
 public:
  FastKernel(const Geometry& g, const Attributes& attrs, int threads)
      : g_(g), samples_(AllSamples(attrs, g.axes)), threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const auto& [d, h, w] = g_.axes;
    const int64_t from = d.output * h.output * w.output * g_.inner;
    const int64_t to = d.input * h.input * w.input * g_.inner;
    const float* dy = context.input<float>(0).data();
    float* dx = context.output<float>(0).data();
    ParallelFor(threads_, g_.outer,
                [&](int64_t o) { SpreadPlane(dy + o * from, dx + o * to, to); });
    return absl::OkStatus();
  }
  std::string Describe() const override { return "resize loops"; }

 private:
  void SpreadPlane(const float* dy, float* dx, int64_t size) const {
    std::fill_n(dx, size, 0.0f);
    const int64_t height = g_.axes[1].input, row = g_.axes[2].input * g_.inner;
    for (const Sample& d : samples_[0]) {
      for (const Sample& h : samples_[1]) {
        for (const auto& [i, depth] : Ends(d)) {
          for (const auto& [j, weight] : Ends(h)) {
            if (depth * weight != 0) SpreadRow(dy, depth * weight, dx + (i * height + j) * row);
          }
        }
        dy += g_.axes[2].output * g_.inner;
      }
    }
  }

  void SpreadRow(const float* dy, float weight, float* dx) const {
    for (const Sample& w : samples_[2]) {
      for (const auto& [i, part] : Ends(w)) {
        if (part == 0) continue;
        float* to = dx + i * g_.inner;
        for (int64_t k = 0; k < g_.inner; ++k) to[k] += part * weight * dy[k];
      }
      dy += g_.inner;
    }
  }

  static std::array<std::pair<int64_t, float>, 2> Ends(const Sample& sample) {
    const float high = static_cast<float>(sample.high_weight);
    return {{{sample.low, 1 - high}, {sample.high, high}}};
  }

  const Geometry g_;
  const std::array<std::vector<Sample>, 3> samples_;
  const int threads_;
};

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const Shape &dy = context.inputs[0].shape, &dx = context.outputs[0].shape;
  if (context.inputs[0].dtype != DType::kFloat32 || dy.num_elements() == 0) return nullptr;
  return std::make_unique<FastKernel>(Geometry(dx, dy, context.attrs), context.attrs,
                                      context.threads);
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
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
