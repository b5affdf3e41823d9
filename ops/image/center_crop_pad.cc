// image.CenterCropPad: axes brought to given sizes by cropping or zero padding at both ends alike.
#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::image {
namespace {

using Ints = std::vector<int64_t>;

// The shape that is asked for; axes that are not named keep their sizes. Nothing where it is not
// known yet. REQUIRES: the rank of x is known.
absl::StatusOr<std::optional<PartialShape>> Wanted(const InferContext& context) {
  PartialShape shape = context.shape(0);
  NOMO_ASSIGN_OR_RETURN(const PartialShape sizes, GetShape(context, "shape", 1));
  Ints axes;
  if (const AttrValue* attr = context.attrs().Find("axes")) {
    axes = *attr->As<Ints>();
  } else {
    for (int i = 0; i < shape.rank(); ++i) axes.push_back(i);
  }
  NOMO_RETURN_IF_ERROR(Annotate(NormalizeAxes(axes, shape.rank()).status(), "axes"));
  if (!sizes.has_rank()) return std::nullopt;
  if (sizes.rank() != static_cast<int>(axes.size())) {
    return InvalidArgument("shape: expected ", axes.size(), " sizes, found ", sizes.rank());
  }
  for (int i = 0; i < sizes.rank(); ++i) {
    const int axis = static_cast<int>(axes[i] < 0 ? axes[i] + shape.rank() : axes[i]);
    shape[axis] = sizes[i];
  }
  return shape;
}

absl::StatusOr<std::vector<TensorType>> InferCenterCropPad(const InferContext& context) {
  if (!context.shape(0).has_rank()) return std::vector<TensorType>{context.input(0)};
  NOMO_ASSIGN_OR_RETURN(const auto shape, Wanted(context));
  return std::vector<TensorType>{
      {context.dtype(0), shape ? *shape : PartialShape::OfRank(context.shape(0).rank())}};
}

// What input and output have in common along an axis.
struct Part {
  int64_t from, to, count;  // `count` elements from `from` on become those from `to` on
};

Part CommonPart(int64_t input, int64_t output) {
  const int64_t count = std::min(input, output);
  return {(input - count) / 2, (output - count) / 2, count};
}

absl::Status CenterCropPadCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferCenterCropPad));
  const Shape &x = context.input_shape(0), &y = context.output_shape(0);
  const auto x_strides = x.Strides(), y_strides = y.Strides();
  const int64_t size = DTypeSize(context.input_dtype(0));
  const std::byte* in = context.input_view(0).data;
  std::byte* out = context.output_view(0).data;
  std::memset(out, 0, y.num_elements() * size);  // 0 is all zero bits in every dtype
  int64_t rows = 1, from = 0, to = 0, length = 1;
  Ints counts;
  for (int i = 0; i < x.rank(); ++i) {
    const Part part = CommonPart(x[i], y[i]);
    from += part.from * x_strides[i];
    to += part.to * y_strides[i];
    counts.push_back(part.count);
    (i + 1 < x.rank() ? rows : length) *= part.count;
  }
  for (int64_t row = 0; row < rows && length > 0; ++row) {
    int64_t source = from, target = to, rest = row;
    for (int i = x.rank() - 2; i >= 0; --i) {
      source += rest % counts[i] * x_strides[i];
      target += rest % counts[i] * y_strides[i];
      rest /= counts[i];
    }
    std::memcpy(out + target * size, in + source * size, length * size);
  }
  return absl::OkStatus();
}

std::vector<Example> CenterCropPadExamples() {
  return {
      {.name = "crop",
       .inputs = {Tensor::Of<float>({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e+01, 11, 12}),
                  Tensor::Vector<int64_t>({2, 2})},
       .outputs = {Tensor::Of<float>({2, 2}, {4, 5, 7, 8})}},
      {.name = "pad",
       .inputs = {Tensor::Of<float>({2, 2}, {1, 2, 4, 5}), Tensor::Vector<int64_t>({5, 4})},
       .outputs = {Tensor::Of<float>(
           {5, 4}, {0, 0, 0, 0, 0, 1, 2, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0})}},
      {.name = "crop and pad",
       .attrs = {{"shape", Ints{1, 6}}},
       .inputs = {Tensor::Of<float>({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e+01, 11, 12})},
       .outputs = {Tensor::Of<float>({1, 6}, {0, 4, 5, 6, 0, 0})}},
      {.name = "axes, uint8",
       .attrs = {{"axes", Ints{-2, 0}}},
       .inputs = {Tensor::Of<uint8_t>({2, 4, 2},
                                      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}),
                  Tensor::Vector<int32_t>({3, 3})},
       .outputs = {Tensor::Of<uint8_t>(
           {3, 3, 2}, {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 0, 0, 0, 0, 0, 0})}},
      {.name = "to nothing and back",
       .attrs = {{"shape", Ints{2, 3}}},
       .inputs = {Tensor::Of<int64_t>({0, 5}, {})},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {0, 0, 0, 0, 0, 0})}},
      {.name = "a scalar",
       .attrs = {{"shape", Ints{}}},
       .inputs = {Tensor::Scalar<bool>(true)},
       .outputs = {Tensor::Scalar<bool>(true)}},
  };
}

NOMO_REGISTER_OP(
    OpDef("image.CenterCropPad")
        .Doc("Brings axes to other sizes by cutting off or adding zeros at both ends alike.\n\n"
             "Where the difference is odd, one element more is cut off or added at the end. The "
             "shape is an attribute or an input.")
        .Source("ONNX CenterCropPad; Keras CenterCrop")
        .Known({.as = "onnx",
                .name = "CenterCropPad",
                .since = 18,
                .attrs = {{"shape", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kAnyType)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("x", "T", "any shape")
        .OptionalInput("shape", "I", "the output's size for each axis")
        .Output("y", "T", "x with other sizes")
        .OptionalAttr("shape", AttrType::kInts, "as the input")
        .OptionalAttr("axes", AttrType::kInts,
                      "the axes that shape is for, in [-rank, rank); absent: all")
        .Infer(InferCenterCropPad)
        .Reference(CenterCropPadCompute)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          CallOptions options;
          options.output_types = {x.type()};
          return Call("image.CenterCropPad", {dy, ShapeOf(x)}, {}, options);
        }))
        .Examples(CenterCropPadExamples));

}  // namespace
}  // namespace nomograph::image
