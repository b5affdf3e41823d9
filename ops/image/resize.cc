// image.Resize: the spatial axes of images resized by interpolation.
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/resize_geometry.h"

namespace nomograph::image {
namespace {

// One element is copied, several are averaged. Neighbouring positions are `step` apart in memory.
template <typename T>
T Mean(const Corners& corners, const T* x, int64_t step) {
  if (corners.count == 1) return x[corners.positions[0] * step];
  double sum = 0;
  for (int k = 0; k < corners.count; ++k) {
    sum += corners.weights[k] * static_cast<double>(x[corners.positions[k] * step]);
  }
  return Rounded<T>(sum);
}

template <typename T>
void ResizeReference(const KernelContext& context) {
  const Geometry g(context.input_shape(0), context.output_shape(0), context.attrs());
  const auto samples = AllSamples(context.attrs(), g.axes);
  const int64_t positions = g.axes[0].input * g.axes[1].input * g.axes[2].input;
  const T* x = context.input<T>(0).data();
  T* y = context.output<T>(0).data();
  for (int64_t o = 0; o < g.outer; ++o, x += positions * g.inner) {
    for (const Sample& d : samples[0]) {
      for (const Sample& h : samples[1]) {
        for (const Sample& w : samples[2]) {
          const Corners corners(g, {d, h, w});
          for (int64_t i = 0; i < g.inner; ++i) *y++ = Mean(corners, x + i, g.inner);
        }
      }
    }
  }
}

absl::Status ResizeCompute(KernelContext& context) {
  Dispatch(NumberTypes{}, context.input_dtype(0),
           [&]<typename T>() { ResizeReference<T>(context); });
  return absl::OkStatus();
}

// Whether oneDNN, which knows half_pixel in float arithmetic only, takes the same elements.
bool OneDnnAgrees(const Attributes& attrs, const Axis& axis) {
  const bool nearest = attrs.String("mode") == "nearest";
  const float input = static_cast<float>(axis.input), output = static_cast<float>(axis.output);
  for (int64_t i = 0; i < axis.output; ++i) {
    const Sample sample = SampleAt(attrs, axis, i);
    const float map = (static_cast<float>(i) + 0.5f) * input / output - 0.5f;
    const double theirs = std::clamp<double>(nearest ? std::round(map) : map, 0, input - 1);
    const double ours = static_cast<double>(sample.low) + sample.high_weight;
    if (std::abs(theirs - ours) > (nearest ? 0 : 1e-6 * input)) return false;
  }
  return true;
}

bool BuildResize(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  const Geometry g(context.inputs[0].shape, context.outputs[0].shape, context.attrs);
  for (const Axis& axis : g.axes) {
    if (!OneDnnAgrees(context.attrs, axis)) return false;
  }
  const bool nearest = context.attrs.String("mode") == "nearest";
  // Axes of size 1 that x does not have would only cost: oneDNN's fast kernels are those for two
  // spatial axes.
  const bool flat = g.axes[0].input == 1 && g.axes[0].output == 1;
  auto desc = [&](int64_t Axis::*size) {
    const auto& [d, h, w] = g.axes;
    if (flat) {
      const int axes[] = {0, 3, 1, 2};
      return onednn::Permuted(DType::kFloat32, {g.outer, h.*size, w.*size, g.inner}, axes);
    }
    const int axes[] = {0, 4, 1, 2, 3};
    return onednn::Permuted(DType::kFloat32, {g.outer, d.*size, h.*size, w.*size, g.inner}, axes);
  };
  const auto src = desc(&Axis::input), dst = desc(&Axis::output);
  const auto pd = onednn::Describe<dnnl::resampling_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference,
      nearest ? dnnl::algorithm::resampling_nearest : dnnl::algorithm::resampling_linear, src, dst);
  b.Add<dnnl::resampling_forward>(
      pd, {{DNNL_ARG_SRC, b.Input(0, src)}, {DNNL_ARG_DST, b.Output(0, dst)}});
  return true;
}

std::vector<Example> ResizeExamples() {
  return {
      {.name = "twice as large",
       .attrs = {{"scales", std::vector<double>{2.0, 2.0}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 1}, {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5,
                                                    2.75, 3.25, 3.5, 3, 3.25, 3.75, 4})}},
      {.name = "nearest, twice as large",
       .attrs = {{"mode", "nearest"}, {"scales", std::vector<double>{2.0, 2.0}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 1},
                                     {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4})}},
      {.name = "smaller, no smoothing",
       .attrs = {{"sizes", std::vector<int64_t>{2, 3}}},
       .inputs = {Tensor::Of<float>(
           {2, 4, 5, 2},
           {-3, 1,  -2, 0,  2,  1,  2,  -2, -2, -2, -3, 1,  -1, 0,  -2, 2, -1, 1,  3,  2,
            3,  -1, -1, -1, -2, 2,  0,  1,  -1, 3,  0,  2,  -3, 3,  -3, 0, 0,  0,  -1, 3,
            2,  -1, -3, -2, 3,  0,  -3, -1, 1,  0,  1,  -3, -3, -3, 3,  0, -2, -1, -3, 1,
            -2, 0,  2,  1,  2,  -2, -2, -2, -3, 1,  -1, 0,  -2, 2,  -1, 1, 3,  2,  3,  -1})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3, 2}, {-2.5,        0.666666687, 0,    1.5,  0.5,          -0.166666672,
                          0.333333343, 0.666666687, -2.5, 1,    -0.666666687, 2.16666675,
                          0,           -2.16666675, 3,    0,    -1.5,         4.4408921e-16,
                          -1,          0.5,         0.5,  -0.5, 0.166666672,  0})}},
      {.name = "nearest: ties go up",
       .attrs = {{"mode", "nearest"}, {"sizes", std::vector<int64_t>{2, 1}}},
       .inputs = {Tensor::Of<float>({1, 4, 2, 1}, {0, 1, 2, 3, 4, 5, 6, 7})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {3, 7})}},
      {.name = "nearest: ties go down",
       .attrs = {{"mode", "nearest"},
                 {"sizes", std::vector<int64_t>{2, 1}},
                 {"nearest_mode", "round_prefer_floor"}},
       .inputs = {Tensor::Of<float>({1, 4, 2, 1}, {0, 1, 2, 3, 4, 5, 6, 7})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {0, 4})}},
      {.name = "nearest, asymmetric, floor",
       .attrs = {{"mode", "nearest"},
                 {"sizes", std::vector<int64_t>{5, 3}},
                 {"coordinates", "asymmetric"},
                 {"nearest_mode", "floor"}},
       .inputs = {Tensor::Of<float>({1, 3, 2, 1}, {0, 1, 2, 3, 4, 5})},
       .outputs = {Tensor::Of<float>({1, 5, 3, 1}, {0, 0, 1, 0, 0, 1, 2, 2, 3, 2, 2, 3, 4, 4, 5})}},
      {.name = "nearest, ceil",
       .attrs = {{"mode", "nearest"},
                 {"sizes", std::vector<int64_t>{5, 3}},
                 {"nearest_mode", "ceil"}},
       .inputs = {Tensor::Of<float>({1, 3, 2, 1}, {0, 1, 2, 3, 4, 5})},
       .outputs = {Tensor::Of<float>({1, 5, 3, 1}, {0, 1, 1, 2, 3, 3, 2, 3, 3, 4, 5, 5, 4, 5, 5})}},
      {.name = "asymmetric",
       .attrs = {{"sizes", std::vector<int64_t>{4, 3}}, {"coordinates", "asymmetric"}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>({1, 4, 3, 1}, {1, 1.66666663, 2, 2, 2.66666675, 3, 3,
                                                    3.66666675, 4, 3, 3.66666675, 4})}},
      {.name = "align_corners",
       .attrs = {{"sizes", std::vector<int64_t>{3, 5}}, {"coordinates", "align_corners"}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 5, 1}, {1, 1.25, 1.5, 1.75, 2, 2, 2.25, 2.5, 2.75, 3, 3, 3.25, 3.5, 3.75, 4})}},
      {.name = "pytorch_half_pixel",
       .attrs = {{"sizes", std::vector<int64_t>{1, 2}}, {"coordinates", "pytorch_half_pixel"}},
       .inputs = {Tensor::Of<float>({1, 4, 3, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 1}, {0.25, 1.75})}},
      {.name = "a scale that yields no whole size",
       .attrs = {{"scales", std::vector<double>{0.5, 1.0}}},
       .inputs = {Tensor::Of<float>({1, 5, 1, 1}, {0, 1, 2, 3, 4})},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {0.5, 2.5})}},
      {.name = "one image",
       .attrs = {{"sizes", std::vector<int64_t>{3, 2}}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-3, -2, -2, -3, 2, -1, 2, -2})},
       .outputs = {Tensor::Of<float>({3, 2, 2},
                                     {-3, -2, -2, -3, -0.5, -1.5, 0, -2.5, 2, -1, 2, -2})}},
      {.name = "channels first",
       .attrs = {{"sizes", std::vector<int64_t>{3, 2}}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 2}, {-2.75, 1, -0.875, -0.875, 1, -2.75, -1.25, -1.25, 0.875, -0.625, 3, 0})}},
      {.name = "1-D",
       .attrs = {{"sizes", std::vector<int64_t>{4}}},
       .inputs = {Tensor::Of<float>({1, 3, 2}, {-3, 2, -2, -2, 2, -3})},
       .outputs = {Tensor::Of<float>({1, 4, 2}, {-3, 2, -2.375, -0.5, -0.5, -2.375, 2, -3})}},
      {.name = "3-D",
       .attrs = {{"sizes", std::vector<int64_t>{3, 1, 3}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2, 1}, {-3, -2, 2, 2, -2, -3, -1, -2})},
       .outputs = {Tensor::Of<float>({1, 3, 1, 3, 1},
                                     {-0.5, -0.25, 0, -1, -1.125, -1.25, -1.5, -2, -2.5})}},
      {.name = "uint8",
       .attrs = {{"sizes", std::vector<int64_t>{3, 3}}},
       .inputs = {Tensor::Of<uint8_t>({1, 2, 2, 1}, {0, 40, 200, 200})},
       .outputs = {Tensor::Of<uint8_t>({1, 3, 3, 1}, {0, 20, 40, 100, 110, 120, 200, 200, 200})}},
  };
}

NOMO_REGISTER_OP(
    WithResizing(
        OpDef("image.Resize")
            .Doc(
                "Resizes images, or in general 1 to 3 spatial axes.\n\n"
                "Output element i lies at a coordinate c of the input's axis, whose elements are "
                "at 0, "
                "1, ...; with r = input / output sizes: (i + 0.5) r - 0.5 for \"half_pixel\", the "
                "same "
                "but 0 for an output of size 1 for \"pytorch_half_pixel\", i r for \"asymmetric\", "
                "i "
                "(input - 1) / (output - 1) for \"align_corners\". \"nearest\" takes the element "
                "at c "
                "rounded by nearest_mode, \"bilinear\" the weighted mean of the neighbours (2, 4 "
                "or 8 "
                "for 1, 2 or 3 spatial axes); c outside of the axis is taken to its end. Means of "
                "integers are rounded, ties to even. There is no smoothing when images shrink.\n\n"
                "Give sizes, or scales: output sizes are then floor(input * scale), and r is 1 / "
                "scale. The number of values is the number of spatial axes, so that x has one axis "
                "more, or two with a batch. It is an error when an empty axis is to grow.")
            .Source("ONNX Resize with mode nearest or linear; tf.image.resize; Keras UpSampling1D, "
                    "UpSampling2D, UpSampling3D, Resizing")
            .TypeVar("T", kNumbers)
            .Input("x", "T",
                   "[batch, spatial..., channels], see data_format; the batch may be missing")
            .Output("y", "T", "like x with other spatial sizes"))
        .Infer(InferResize)
        .Reference(ResizeCompute)
        .Fast(onednn::Prepare(BuildResize))
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          CallOptions options;
          options.output_types = {g.input(0).type()};
          return std::vector<Value>{
              Call("image.ResizeGrad", {g.gradient(0), ShapeOf(g.input(0))}, g.attrs(), options)};
        })
        .Examples(ResizeExamples));

}  // namespace
}  // namespace nomograph::image
