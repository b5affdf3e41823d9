// nn.Col2Im: an image put together from the blocks of a sliding window, which add up where they
// overlap.
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

constexpr int64_t kMaxSize = 2147483647;

// The blocks as the window of a transposed convolution, whose input are their places and whose
// output is the image. Nothing where a shape is not known yet.
absl::StatusOr<std::optional<Window>> GetBlocks(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape image, GetShape(context, "image_shape", 1));
  NOMO_ASSIGN_OR_RETURN(const PartialShape block, GetShape(context, "block_shape", 2));
  if (!image.fully_known() || !block.fully_known()) return std::nullopt;
  const int rank = image.rank();
  if (rank < 1 || rank > 3 || block.rank() != rank) {
    return InvalidArgument("image_shape and block_shape: expected 1 to 3 sizes in both, found ",
                           image.ToString(), " and ", block.ToString());
  }
  const Attributes& attrs = context.attrs();
  const auto values = [&](absl::string_view name, int count, int64_t absent) {
    return attrs.Ints(name).empty() ? Ints(count, absent) : attrs.Ints(name);
  };
  const Ints strides = values("strides", rank, 1), dilations = values("dilations", rank, 1);
  const Ints pads = values("pads", 2 * rank, 0);
  if (strides.size() * 2 != pads.size() || dilations.size() * 2 != pads.size() ||
      pads.size() != 2 * static_cast<size_t>(rank)) {
    return InvalidArgument("attributes strides, dilations and pads: expected ", rank, ", ", rank,
                           " and ", 2 * rank, " values, found ", strides.size(), ", ",
                           dilations.size(), " and ", pads.size());
  }
  Window blocks;
  for (int i = 0; i < rank; ++i) {
    const int64_t size = image[i].size(), taps = block[i].size();
    if (size > kMaxSize || taps < 1 || taps > kMaxSize) {
      return InvalidArgument("expected sizes up to ", kMaxSize,
                             " and no empty blocks, found image_shape ", image.ToString(),
                             " and block_shape ", block.ToString());
    }
    const int64_t room = size + pads[i] + pads[rank + i] - dilations[i] * (taps - 1) - 1;
    if (room < 0) {
      return InvalidArgument("block_shape: ", block.ToString(),
                             " passes the padded image along axis ", i);
    }
    blocks.push_back(
        {room / strides[i] + 1, taps, size, strides[i], dilations[i], pads[i], pads[rank + i]});
  }
  return blocks;
}

absl::StatusOr<std::vector<TensorType>> InferCol2Im(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (x.has_rank() && x.rank() != 3) {
    return InvalidArgument("input x: expected 3 axes, found shape ", x.ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const auto blocks, GetBlocks(context));
  if (!blocks) return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  int64_t taps = 1, places = 1;
  for (const WindowAxis& axis : *blocks) {
    if (taps > kMaxSize / axis.kernel.size() || places > kMaxSize / axis.input.size()) {
      return InvalidArgument("block_shape: expected at most ", kMaxSize,
                             " elements and as many blocks");
    }
    taps *= axis.kernel.size();
    places *= axis.input.size();
  }
  PartialShape y = {Dim(), Dim()};
  if (x.has_rank()) {
    if (!Compatible({x[2]}, {Dim(places)}) || (x[1].known() && x[1].size() % taps != 0)) {
      return InvalidArgument("input x: expected shape [batch, channels * ", taps, ", ", places,
                             "], found ", x.ToString());
    }
    y = {x[0], x[1].known() ? Dim(x[1].size() / taps) : Dim()};
  }
  for (const WindowAxis& axis : *blocks) y.Append(axis.output);
  return std::vector<TensorType>{{context.dtype(0), y}};
}

template <typename T>
void Col2ImReference(const KernelContext& context, const Window& blocks) {
  const Shape &x = context.input_shape(0), &y = context.output_shape(0);
  const int64_t taps = y[1] == 0 ? 0 : x[1] / y[1];
  const Taps places(blocks, /*transposed=*/true);
  const T* in = context.input<T>(0).data();
  T* out = context.output<T>(0).data();
  for (int64_t channel = 0; channel < y[0] * y[1]; ++channel, in += taps * x[2]) {
    ForEachIndex(places.output_sizes(), [&](const Index3& at) {
      double sum = 0;
      places.ForEach(at, [&](int64_t tap, int64_t place) {
        sum += static_cast<double>(in[tap * x[2] + place]);
      });
      *out++ = static_cast<T>(sum);
    });
  }
}

absl::Status Col2ImCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferCol2Im));
  NOMO_ASSIGN_OR_RETURN(const auto blocks, GetBlocks(node.context()));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { Col2ImReference<T>(context, *blocks); });
  return absl::OkStatus();
}

std::vector<Example> Col2ImExamples() {
  const Tensor columns =
      Tensor::Of<float>({1, 5, 5}, {1,  6,  11, 16, 21, 2,  7,  12, 17,    22, 3,     8, 13,
                                    18, 23, 4,  9,  14, 19, 24, 5,  1e+01, 15, 2e+01, 25});
  return {
      {.name = "rows",
       .inputs = {columns, Tensor::Vector<int64_t>({5, 5}), Tensor::Vector<int64_t>({1, 5})},
       .outputs = {Tensor::Of<float>({1, 1, 5, 5},
                                     {1,  2,  3,  4,  5,  6,  7,     8,  9,  1e+01, 11, 12, 13,
                                      14, 15, 16, 17, 18, 19, 2e+01, 21, 22, 23,    24, 25})}},
      {.name = "strides, two channels",
       .attrs = {{"image_shape", Ints{4, 4}}, {"block_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
       .inputs = {Tensor::Of<float>(
           {2, 8, 4},
           {-2, 0.5,  0.5,  2.5, 0,    2,    3,    2.5, -4.5, 2.5, 0.5, 1,   0.5,  1,    0.5, -0.5,
            -4, 0,    -1.5, 2,   -0.5, 0,    -1.5, -1,  0,    -3,  0.5, 0,   -2.5, -5,   1,   -0.5,
            -1, -0.5, 3.5,  0,   0,    -3,   3.5,  2,   2,    0,   2,   0.5, 1,    -0.5, -3,  2,
            -4, -0.5, -0.5, -2,  1,    -0.5, -1,   1,   -1,   3,   0.5, -1,  -4,   -2.5, 2,   0})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 4, 4},
           {-2, 0,    0.5,  2,    -4.5, 0.5,  2.5, 1,    0.5,  3,    2.5, 2.5, 0.5, 0.5, 1,   -0.5,
            -4, -0.5, 0,    0,    0,    -2.5, -3,  -5,   -1.5, -1.5, 2,   -1,  0.5, 1,   0,   -0.5,
            -1, 0,    -0.5, -3,   2,    1,    0,   -0.5, 3.5,  3.5,  0,   2,   2,   -3,  0.5, 2,
            -4, 1,    -0.5, -0.5, -1,   -4,   3,   -2.5, -0.5, -1,   -2,  1,   0.5, 2,   -1,  0})}},
      {.name = "overlapping, padded",
       .attrs = {{"image_shape", Ints{3, 4}},
                 {"block_shape", Ints{3, 3}},
                 {"strides", Ints{2, 2}},
                 {"pads", Ints{1, 1, 1, 1}}},
       .inputs = {Tensor::Of<float>(
           {1, 9, 4}, {-0.5, 3.5,  -2.5, -1, -1,   1,   -1.5, -1,  -3,   1.5,  1.5, -1,
                       0.5,  -2.5, -1,   3,  0.5,  4.5, -1.5, 1,   -0.5, 1,    0,   -1,
                       -1.5, 6,    0,    -4, -1.5, 1.5, -1,   2.5, 2,    -0.5, -1,  -2})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 4},
                                     {0.5, -3, 4.5, 1, -3, 8.5, 0.5, -1.5, -1.5, 3, 1, -1})}},
      {.name = "dilations",
       .attrs = {{"dilations", Ints{1, 5}}},
       .inputs = {Tensor::Of<float>({1, 4, 5},
                                    {-1.5, -3,   2.5, 3,  -2.5, -2.5, -3.5, -2, -6,   -2.5,
                                     2.5,  -0.5, 1.5, -1, 3.5,  0.5,  -1,   5,  -0.5, -2.5}),
                  Tensor::Vector<int64_t>({6, 6}), Tensor::Vector<int64_t>({2, 2})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 6, 6}, {-1.5, 0, 0, 0, 0, -2.5, -0.5, 0, 0, 0, 0, -3, 2,   0, 0, 0, 0, -3,
                          4.5,  0, 0, 0, 0, -1,   -3.5, 0, 0, 0, 0, -3, 3.5, 0, 0, 0, 0, -2.5})}},
      {.name = "1-D",
       .attrs = {{"image_shape", Ints{4}}, {"block_shape", Ints{2}}},
       .inputs = {Tensor::Of<float>({1, 2, 3}, {0.5, 0, 2, -2, 1.5, 1.5})},
       .outputs = {Tensor::Of<float>({1, 1, 4}, {0.5, -2, 3.5, 1.5})}},
      {.name = "3-D",
       .attrs = {{"image_shape", Ints{2, 3, 3}}, {"block_shape", Ints{1, 1, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 12},
                                    {1,  2,  3,  4,  5,  6,  7,  8,     9,  1e+01, 11, 12,
                                     13, 14, 15, 16, 17, 18, 19, 2e+01, 21, 22,    23, 24})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 3, 3}, {1, 15, 14, 3, 19, 16, 5, 23, 18, 7, 27,
                                                       2e+01, 9, 31, 22, 11, 35, 24})}},
  };
}

// The blocks that the window cuts out of dy: a convolution of each channel with a kernel that has
// an output for each element of a block.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value x = g.input(0), dy = g.gradient(0);
  const auto vector = [](const Ints& values) {
    return Constant(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values));
  };
  const Value block =
      g.attrs().Has("block_shape") ? vector(g.attrs().Ints("block_shape")) : g.input(2);
  const Value one = vector({1}), any = vector({-1});
  const Value elements = Call("math.ReduceProd", {block}, {{"axes", Ints{0}}, {"keepdims", true}});
  const Value square = Call("array.ConstantOfShape", {Call("array.Concat", {elements, elements})});
  const Value unit = CastLike(Call("array.EyeLike", {square}), dy);
  const Value kernel = Call("array.Reshape", {unit, Call("array.Concat", {elements, one, block})});
  const Value spatial = Slice(ShapeOf(dy), 2, kMaxSize);
  const Value planes = Call("array.Reshape", {dy, Call("array.Concat", {any, one, spatial})});
  Attributes attrs = {{"data_format", "channels_first"},
                      {"kernel_layout", "OIHW"},
                      {"strides", g.attrs().Ints("strides")},
                      {"dilations", g.attrs().Ints("dilations")}};
  if (!g.attrs().Ints("pads").empty()) {
    attrs.Set("padding", "explicit");
    attrs.Set("pads", g.attrs().Ints("pads"));
  }
  return std::vector<Value>{ReshapeLike(Call("nn.Conv", {planes, kernel}, attrs), x)};
}

NOMO_REGISTER_OP(
    OpDef("nn.Col2Im")
        .Doc("Puts an image together from the blocks that a window cuts out of it, adding up where "
             "they overlap.\n\n"
             "Element i of block j, x[n, c * (elements of a block) + i, j], goes to the place j * "
             "strides + i * dilations - pads of y[n, c], where i and j count through the block and "
             "through the blocks in row-major order; what falls into the padding is left out. "
             "There must be as many blocks as fit into the padded image. Shapes are attributes or "
             "inputs.")
        .Source("ONNX Col2Im; torch.nn.functional.fold")
        .Known({.as = "onnx",
                .name = "Col2Im",
                .since = 18,
                .attrs = {{"image_shape", KnownAttr::kInput, "", 1},
                          {"block_shape", KnownAttr::kInput, "", 2}}})
        .TypeVar("T", kFloats)
        .Input("x", "T", "[batch, channels * elements of a block, blocks]")
        .OptionalInput("image_shape", "int64", "1 to 3 spatial sizes of y")
        .OptionalInput("block_shape", "int64", "the sizes of a block")
        .Output("y", "T", "[batch, channels, image_shape...]")
        .OptionalAttr("image_shape", AttrType::kInts, "as the input")
        .OptionalAttr("block_shape", AttrType::kInts, "as the input")
        .Attr("strides", Ints{}, "the window's step along each spatial axis; none given: 1")
        .Min(1)
        .Max(static_cast<double>(kMaxSize))
        .Attr("dilations", Ints{},
              "the distance between a block's elements along each spatial axis; none given: 1")
        .Min(1)
        .Max(static_cast<double>(kMaxSize))
        .Attr("pads", Ints{},
              "the padding at the beginning of each spatial axis, then at the end of each; none "
              "given: 0")
        .Min(0)
        .Max(static_cast<double>(kMaxSize))
        .Infer(InferCol2Im)
        .Gradient(Gradient)
        .Reference(Col2ImCompute)
        .Work(AllCombinationsWork)
        .Examples(Col2ImExamples));

}  // namespace
}  // namespace nomograph::nn
