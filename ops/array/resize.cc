// array.Resize: any axes resized by interpolation, as ONNX's Resize has it.
#include <algorithm>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/resize_args.h"
#include "nomograph/ops/array/resize_kernel.h"

namespace nomograph {
namespace {

using Floats = std::vector<double>;
using Ints = std::vector<int64_t>;

// An element of x and its weight.
struct Term {
  int64_t position;
  double weight;
};

// Replaces each term, a position on the axes so far, by its neighbours along one more axis. False
// where the element of the output is extrapolated.
bool AddAxis(const ResizeTaps& taps, int64_t i, std::vector<Term>& terms) {
  std::vector<Term> all;
  for (const Term& term : terms) {
    for (int64_t t = 0; t < taps.count; ++t) {
      if (taps.weight(i, t) == 0) continue;
      all.push_back(
          {term.position * taps.axis.input + taps.first[i] + t, term.weight * taps.weight(i, t)});
    }
  }
  terms = std::move(all);
  return !taps.extrapolated[i];
}

template <typename T>
T Sum(absl::Span<const T> x, const std::vector<Term>& terms) {
  if (terms.size() == 1 && terms[0].weight == 1) return x[terms[0].position];
  double sum = 0;
  for (const Term& term : terms) sum += term.weight * static_cast<double>(x[term.position]);
  return RoundedTo<T>(sum);
}

template <typename T>
void ResizeReference(KernelContext& context, const std::vector<ResizeTaps>& taps) {
  const Shape& shape = context.output_shape(0);
  const T outside = RoundedTo<T>(context.attrs().Float("extrapolation_value"));
  std::vector<int64_t> index(shape.rank());
  for (T& y : context.output<T>(0)) {
    std::vector<Term> terms = {{0, 1.0}};
    bool inside = true;
    for (int a = 0; a < shape.rank() && inside; ++a) inside = AddAxis(taps[a], index[a], terms);
    y = inside ? Sum(context.input<T>(0), terms) : outside;
    for (int a = shape.rank() - 1; a >= 0 && ++index[a] == shape[a]; --a) index[a] = 0;
  }
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferResize));
  if (context.output_shape(0).num_elements() == 0) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const auto taps, GetResizeTaps(node.context()));
  Dispatch(AllTypes{}, context.input_dtype(0),
           [&]<typename T>() { ResizeReference<T>(context, *taps); });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (context.outputs[0].shape.num_elements() == 0) return nullptr;
  std::vector<TensorType> types;
  for (const TensorSpec& input : context.inputs) types.push_back({input.dtype, input.shape});
  const InferContext node(context.attrs, types, context.constants, 1);
  NOMO_ASSIGN_OR_RETURN(const auto taps, GetResizeTaps(node));
  if (!taps) return nullptr;
  return MakeResizeKernel(context, *taps);
}

std::vector<Example> Examples() {
  const Tensor x22 = Tensor::Of<float>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor x24 = Tensor::Of<float>({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor x44 =
      Tensor::Of<float>({1, 1, 4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  return {
      {.name = "ONNX resize_downsample_scales_nearest",
       .inputs = {x24, Tensor(), Tensor::Vector<float>({1, 1, 0.6, 0.6})},
       .outputs = {Tensor::Of<float>({1, 1, 1, 2}, {1, 3})}},
      {.name = "ONNX resize_upsample_sizes_nearest_ceil_half_pixel",
       .attrs = {{"nearest_mode", "ceil"}},
       .inputs = {x44, Tensor(), Tensor(), Tensor::Vector<int64_t>({1, 1, 8, 8})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 8, 8},
           {1,  2,     2,     3,  3,  4,  4,  4,  5,  6,     6,     7,  7,  8,  8,  8,
            5,  6,     6,     7,  7,  8,  8,  8,  9,  1e+01, 1e+01, 11, 11, 12, 12, 12,
            9,  1e+01, 1e+01, 11, 11, 12, 12, 12, 13, 14,    14,    15, 15, 16, 16, 16,
            13, 14,    14,    15, 15, 16, 16, 16, 13, 14,    14,    15, 15, 16, 16, 16})}},
      {.name = "ONNX resize_upsample_sizes_nearest_floor_align_corners",
       .attrs = {{"nearest_mode", "floor"}, {"coordinate_transformation_mode", "align_corners"}},
       .inputs = {x44, Tensor(), Tensor(), Tensor::Vector<int64_t>({1, 1, 8, 8})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 8, 8},
           {1, 1, 1, 2,     2,     3,  3,  4,  1,  1,  1,  2,     2,     3,  3,  4,
            1, 1, 1, 2,     2,     3,  3,  4,  5,  5,  5,  6,     6,     7,  7,  8,
            5, 5, 5, 6,     6,     7,  7,  8,  9,  9,  9,  1e+01, 1e+01, 11, 11, 12,
            9, 9, 9, 1e+01, 1e+01, 11, 11, 12, 13, 13, 13, 14,    14,    15, 15, 16})}},
      {.name = "ONNX resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric",
       .attrs = {{"nearest_mode", "round_prefer_ceil"},
                 {"coordinate_transformation_mode", "asymmetric"}},
       .inputs = {x44, Tensor(), Tensor(), Tensor::Vector<int64_t>({1, 1, 8, 8})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 8, 8},
           {1,  2,     2,     3,  3,  4,  4,  4,  5,  6,     6,     7,  7,  8,  8,  8,
            5,  6,     6,     7,  7,  8,  8,  8,  9,  1e+01, 1e+01, 11, 11, 12, 12, 12,
            9,  1e+01, 1e+01, 11, 11, 12, 12, 12, 13, 14,    14,    15, 15, 16, 16, 16,
            13, 14,    14,    15, 15, 16, 16, 16, 13, 14,    14,    15, 15, 16, 16, 16})}},
      {.name = "ONNX resize_downsample_sizes_nearest_tf_half_pixel_for_nn",
       .attrs = {{"coordinate_transformation_mode", "tf_half_pixel_for_nn"}},
       .inputs = {x44, Tensor::Of<float>({0}, {}), Tensor::Of<float>({0}, {}),
                  Tensor::Vector<int64_t>({1, 1, 3, 2})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 2}, {6, 8, 1e+01, 12, 14, 16})}},
      {.name = "ONNX resize_upsample_scales_linear",
       .attrs = {{"mode", "linear"}},
       .inputs = {x22, Tensor(), Tensor::Vector<float>({1, 1, 2, 2})},
       .outputs = {Tensor::Of<float>({1, 1, 4, 4}, {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5,
                                                    2.75, 3.25, 3.5, 3, 3.25, 3.75, 4})}},
      {.name = "ONNX resize_downsample_scales_linear_align_corners",
       .attrs = {{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}},
       .inputs = {x24, Tensor(), Tensor::Vector<float>({1, 1, 0.6, 0.6})},
       .outputs = {Tensor::Of<float>({1, 1, 1, 2}, {1, 3.142857})}},
      {.name = "ONNX resize_downsample_sizes_linear_pytorch_half_pixel",
       .attrs = {{"mode", "linear"}, {"coordinate_transformation_mode", "pytorch_half_pixel"}},
       .inputs = {x44, Tensor(), Tensor(), Tensor::Vector<int64_t>({1, 1, 3, 1})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 1}, {1.6666666, 7, 12.333333})}},
      {.name = "ONNX resize_tf_crop_and_resize",
       .attrs = {{"mode", "linear"},
                 {"coordinate_transformation_mode", "tf_crop_and_resize"},
                 {"extrapolation_value", 10.0}},
       .inputs = {x44, Tensor::Vector<float>({0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7}), Tensor(),
                  Tensor::Vector<int64_t>({1, 1, 3, 3})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 3}, {7.6000004, 1e+01, 1e+01, 12.400001, 1e+01, 1e+01, 1e+01, 1e+01, 1e+01})}},
      {.name = "ONNX resize_downsample_scales_cubic",
       .attrs = {{"mode", "cubic"}},
       .inputs = {x44, Tensor(), Tensor::Vector<float>({1, 1, 0.8, 0.8})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 3}, {1.4711914, 2.78125, 4.0825195, 6.711426, 8.021484, 9.322754, 11.916504,
                          13.2265625, 14.527832})}},
      {.name = "ONNX resize_downsample_scales_cubic_A_n0p5_exclude_outside",
       .attrs = {{"mode", "cubic"}, {"cubic_coeff_a", -0.5}, {"exclude_outside", true}},
       .inputs = {x44, Tensor(), Tensor::Vector<float>({1, 1, 0.8, 0.8})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 3}, {1.3681267, 2.6695013, 4.0133367, 6.573625, 7.875, 9.218835, 11.948966,
                          13.250341, 14.594176})}},
      {.name = "antialias, PyTorch bilinear",
       .attrs = {{"mode", "linear"},
                 {"antialias", true},
                 {"exclude_outside", true},
                 {"axes", Ints{2, 3}},
                 {"sizes", Ints{2, 3}}},
       .inputs = {x44},
       .outputs = {Tensor::Of<float>(
           {1, 1, 2, 3}, {4.157143, 5.357143, 6.5571427, 10.442857, 11.642858, 12.842857})}},
      {.name = "antialias, PyTorch bicubic",
       .attrs = {{"mode", "cubic"},
                 {"antialias", true},
                 {"cubic_coeff_a", -0.5},
                 {"exclude_outside", true},
                 {"axes", Ints{-2, -1}},
                 {"sizes", Ints{3, 2}}},
       .inputs = {x44},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 2}, {2.346502, 4.172949, 7.5867763, 9.413222, 12.827052, 14.653499})}},
      {.name = "antialias, scales, the ends repeated",
       .attrs = {{"mode", "linear"}, {"antialias", true}},
       .inputs = {x44, Tensor(), Tensor::Vector<float>({1, 1, 0.6, 0.6})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2}, {2.875, 4.5, 9.375, 11})}},
      {.name = "antialias changes nothing where it grows",
       .attrs = {{"mode", "cubic"}, {"antialias", true}, {"scales", Floats{1.0, 1.0, 2.0, 1.0}}},
       .inputs = {x22},
       .outputs = {Tensor::Of<float>({1, 1, 4, 2}, {0.7890625, 1.7890625, 1.453125, 2.453125,
                                                    2.546875, 3.546875, 3.2109375, 4.2109375})}},
      {.name = "half_pixel_symmetric",
       .attrs = {{"mode", "linear"},
                 {"coordinate_transformation_mode", "half_pixel_symmetric"},
                 {"scales", Floats{1.0, 1.0, 0.75, 2.25}}},
       .inputs = {x24},
       .outputs = {Tensor::Of<float>({1, 1, 1, 9}, {3, 3.1666667, 3.6111112, 4.0555553, 4.5,
                                                    4.9444447, 5.388889, 5.8333335, 6})}},
      {.name = "not_larger",
       .attrs = {{"keep_aspect_ratio_policy", "not_larger"},
                 {"axes", Ints{2, 3}},
                 {"mode", "nearest"}},
       .inputs = {x24, Tensor(), Tensor(), Tensor::Vector<int64_t>({7, 8})},
       .outputs = {Tensor::Of<float>({1, 1, 4, 8},
                                     {1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 2, 2, 3, 3, 4, 4,
                                      5, 5, 6, 6, 7, 7, 8, 8, 5, 5, 6, 6, 7, 7, 8, 8})}},
      {.name = "not_smaller, a ratio that yields no whole size",
       .attrs = {{"keep_aspect_ratio_policy", "not_smaller"},
                 {"axes", Ints{3, 2}},
                 {"mode", "linear"}},
       .inputs = {x24, Tensor(), Tensor(), Tensor::Vector<int64_t>({3, 1})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3},
                                     {1.8333334, 3.1666667, 4.5, 5.1666665, 6.5, 7.8333335})}},
      {.name = "crop of some axes",
       .attrs = {{"mode", "linear"},
                 {"coordinate_transformation_mode", "tf_crop_and_resize"},
                 {"axes", Ints{3, 2}},
                 {"sizes", Ints{3, 1}},
                 {"roi", Floats{0.25, 0.0, 0.75, 1.0}}},
       .inputs = {x44},
       .outputs = {Tensor::Of<float>({1, 1, 1, 3}, {7.75, 8.5, 9.25})}},
      {.name = "channels last",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{1, 5, 2}}},
       .inputs = {Tensor::Of<float>({1, 3, 2}, {1, -2, 3, 0.5, -4, 2})},
       .outputs = {Tensor::Of<float>({1, 5, 2}, {1, -2, 1.8, -0.9999999, 2.9999995, 0.5000001,
                                                 -1.2000005, 1.4000001, -4, 2})}},
      {.name = "PyTorch bicubic with aligned corners",
       .attrs = {{"mode", "cubic"},
                 {"coordinate_transformation_mode", "align_corners"},
                 {"sizes", Ints{1, 1, 6, 3}}},
       .inputs = {x44},
       .outputs = {Tensor::Of<float>(
           {1, 1, 6, 3},
           {1, 2.5, 4, 3.0159998, 4.516, 6.016, 5.9920015, 7.492002, 8.9920025, 8.008004, 9.508003,
            11.008004, 10.984003, 12.484002, 13.984003, 13.000001, 14.500001, 16.000002})}},
      {.name = "three axes, one shrinks",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{3, 1, 4}}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1e+01, 11})},
       .outputs = {Tensor::Of<float>({3, 1, 4},
                                     {2, 2.25, 2.75, 3, 5, 5.25, 5.75, 6, 8, 8.25, 8.75, 9})}},
      {.name = "a third of 9 is 3, although 0.333333343 is more",
       .attrs = {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}},
       .inputs = {Tensor::Vector<float>({0, 1, 2, 3, 4, 5, 6, 7, 8}), Tensor(),
                  Tensor::Vector<float>({0.33333334})},
       .outputs = {Tensor::Vector<float>({0, 3, 6})}},
      {.name = "bool",
       .attrs = {{"sizes", Ints{4}}},
       .inputs = {Tensor::Vector<bool>({true, false})},
       .outputs = {Tensor::Vector<bool>({true, true, false, false})}},
      {.name = "ONNX Runtime: a tie, but for the scale that float32 does not have",
       .inputs = {Tensor::Vector<int32_t>({0, 1, 2, 3, 4, 5}), Tensor(),
                  Tensor::Vector<float>({0.7})},
       .outputs = {Tensor::Vector<int32_t>({0, 2, 3, 4})}},
      {.name = "int64 is copied exactly",
       .attrs = {{"scales", Floats{2.0}}},
       .inputs = {Tensor::Vector<int64_t>({4611686018427387905, -3})},
       .outputs = {Tensor::Vector<int64_t>({4611686018427387905, 4611686018427387905, -3, -3})}},
      {.name = "uint8 is rounded",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{3, 3}}},
       .inputs = {Tensor::Of<uint8_t>({2, 2}, {0, 40, 200, 200})},
       .outputs = {Tensor::Of<uint8_t>({3, 3}, {0, 20, 40, 100, 110, 120, 200, 200, 200})}},
      {.name = "uint8 is saturated",
       .attrs = {{"mode", "cubic"}, {"sizes", Ints{6}}},
       .inputs = {Tensor::Vector<uint8_t>({0, 255})},
       .outputs = {Tensor::Vector<uint8_t>({0, 0, 80, 175, 255, 255})}},
      {.name = "int16",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{5}}},
       .inputs = {Tensor::Vector<int16_t>({-5, 100, 2000})},
       .outputs = {Tensor::Vector<int16_t>({-5, 37, 100, 1240, 2000})}},
      {.name = "float16",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{6}}},
       .inputs = {Tensor::Vector<Half>({Half(0.5), Half(1), Half(-3)})},
       .outputs = {Tensor::Vector<Half>(
           {Half(0.5), Half(0.625), Half(0.875), Half(0), Half(-2), Half(-3)})},
       .rtol = 1e-3},
      {.name = "float64",
       .attrs = {{"mode", "cubic"}, {"scales", Floats{1.5, 1.0}}},
       .inputs = {Tensor::Of<double>({2, 2}, {0.5, 1, -3, 2})},
       .outputs = {Tensor::Of<double>({3, 2}, {0.8038194444444404, 0.9131944444444451, -1.25, 1.5,
                                               -3.3038194444444393, 2.0868055555555536})},
       .rtol = 1e-14},
      {.name = "the same size",
       .attrs = {{"mode", "cubic"}, {"sizes", Ints{2, 2}}},
       .inputs = {Tensor::Of<double>({2, 2}, {0.5, 1, -3, 2})},
       .outputs = {Tensor::Of<double>({2, 2}, {0.5, 1, -3, 2})}},
      {.name = "empty",
       .attrs = {{"mode", "linear"}, {"sizes", Ints{0, 3}}},
       .inputs = {Tensor::Of<float>({0, 2}, {})},
       .outputs = {Tensor::Of<float>({0, 3}, {})}},

  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<Value> inputs = {g.input(0)};
  for (int i = 1; i < 4; ++i) inputs.push_back(g.has_input(i) ? g.input(i) : Value());
  inputs.push_back(g.gradient(0));
  CallOptions options;
  options.num_outputs = g.wants(1) ? 2 : 1;
  return CallMulti("array.ResizeGrad", inputs, g.attrs(), options);
}

NOMO_REGISTER_OP(
    WithResizeAttributes(
        OpDef("array.Resize")
            .TypeVar("T", kAnyType)
            .TypeVar("F", kFloats)
            .Input("x", "T", "any shape; bool with mode nearest only")
            .OptionalInput("roi", "F",
                           "for tf_crop_and_resize: the starts, then the ends of the part "
                           "of each axis that is resized; 0 and 1 are the axis' ends")
            .OptionalInput("scales", "float32", "a factor for each axis")
            .OptionalInput("sizes", "int64", "the output's size for each axis")
            .Output("y", "T", "x with other sizes"))
        .Doc("Resizes any of x's axes by interpolation.\n\n"
             "Output element i of an axis lies at a coordinate c among the input's elements 0, 1, "
             "...; with scale = output / input size, as it was before the output's size was "
             "rounded, and n and m for the input's and the output's size: (i + 0.5) / scale - 0.5 "
             "for \"half_pixel\"; the same for \"pytorch_half_pixel\", but 0 where m is 1; that "
             "plus n / 2 (1 - m / (scale n)) for \"half_pixel_symmetric\"; i / scale for "
             "\"asymmetric\"; (i + 0.5) / scale for \"tf_half_pixel_for_nn\"; i (n - 1) / (scale "
             "n - 1) for \"align_corners\"; the same between roi's start and end for "
             "\"tf_crop_and_resize\", where elements outside of the input become "
             "extrapolation_value. An axis that keeps its size is left as it is.\n\n"
             "\"nearest\" takes the element at c rounded by nearest_mode (c lies at an element or "
             "amid two where it is as near as the scale, a float32, can tell), \"linear\" the "
             "weighted mean of 2 neighbours of c along each axis, \"cubic\" of 4 (Keys' cubic "
             "convolution). With antialias the filters of axes that shrink are wider by 1 / scale. "
             "Neighbours outside of the input are its ends, or count not at all with "
             "exclude_outside. Sums for integers are rounded, ties to even, and saturated.\n\n"
             "Exactly one of scales and sizes is given, as an attribute or as an input; an empty "
             "one is none. With scales the output's size is floor(input * scale), computed in "
             "float32. It is an error when an empty axis is to grow, or a size passes 2^31 - 1.")
        .Source("ONNX Resize, Upsample; torch.nn.functional.interpolate; "
                "tf.image.crop_and_resize; R. Keys, Cubic convolution interpolation (1981)")
        .Infer(InferResize)
        .Reference(Compute)
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
