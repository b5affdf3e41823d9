// PerImageStandardization.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckImages(context.shape(0)));
  return std::vector<TensorType>{{context.attrs().Type("dtype"), context.shape(0)}};
}

template <typename From, typename To>
void Standardize(const Image<const From>& x, const Image<To>& y) {
  const auto count = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const From value : x) sum += static_cast<double>(value);
  const double mean = sum / count;
  for (const From value : x) {
    const double difference = static_cast<double>(value) - mean;
    squares += difference * difference;
  }
  const double deviation = std::max(std::sqrt(squares / count), 1 / std::sqrt(count));
  for (int64_t i = 0; i < x.size(); ++i) {
    y.data[i] = static_cast<To>((static_cast<double>(x.data[i]) - mean) / deviation);
  }
}

absl::Status Compute(KernelContext& context) {
  const Images images(context.input_shape(0), context.attrs());
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename From>() {
    Dispatch(FloatTypes{}, context.output_dtype(0), [&]<typename To>() {
      for (int64_t i = 0; i < images.count(); ++i) {
        Standardize(images.Get(context.input<From>(0).data(), i),
                    images.Get(context.output<To>(0).data(), i));
      }
    });
  });
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  return {
      {.name = "one image",
       .inputs = {Tensor::Of<uint8_t>({2, 2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3},
           {-1.59325501f, -1.30357228f, -1.01388955f, -0.724206824f, -0.434524095f, -0.144841365f,
            0.144841365f, 0.434524095f, 0.724206824f, 1.01388955f, 1.30357228f, 1.59325501f})}},
      {.name = "an almost uniform image, a uniform one, float64",
       .attrs = {{"dtype", DType::kFloat64}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 1}, {5, 5, 5, 5.5f, 7, 7, 7, 7})},
       .outputs = {Tensor::Of<double>({2, 2, 2, 1}, {-0.25, -0.25, -0.25, 0.75, 0, 0, 0, 0})}},
  };
}

// Of y = (x - mean) / d: (dy - mean(dy) - y mean(dy y)) / d, the last term only where d is the
// deviation. The limit is one of the variance here: a square root of 0 has no derivative.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value dy = g.gradient(0), &y = g.output(0), x = CastLike(g.input(0), dy);
  const auto mean = [](const Value& value) {
    return Call("math.ReduceMean", {value},
                {{"axes", std::vector<int64_t>{-3, -2, -1}}, {"keepdims", true}});
  };
  const Value sizes = Call("array.Shape", {x}, {{"start", -3}});
  const Value count = Call("math.ReduceProd", {CastLike(sizes, dy)}, {{"keepdims", false}});
  const Value floor = 1 / count, variance = mean(Call("math.Square", {x - mean(x)}));
  const Value zero = ConstantLike(0, dy);
  const Value along_y = Call("array.Where", {variance > floor, mean(dy * y), zero});
  const Value d = Call("math.Sqrt", {Call("math.Max", {variance, floor})});
  const Value dx = (dy - mean(dy) - y * along_y) / d;
  return std::vector<Value>{CastLike(dx, g.input(0))};
}

NOMO_REGISTER_OP(
    OpDef("image.PerImageStandardization")
        .Doc("y = (x - mean) / max(deviation, 1 / sqrt(N)), where mean and deviation (the square "
             "root of the mean squared distance from the mean) are those of all N elements of the "
             "image, all channels together; in floating point of type `dtype`.")
        .Source("tf.image.per_image_standardization")
        .TypeVar("T", kNumbers)
        .TypeVar("R", kFloats)
        .Input("x", "T", "an image of 3 axes, or a batch of images")
        .Output("y", "R", "the shape of x")
        .Attr("dtype", DType::kFloat32, "the type of y")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
