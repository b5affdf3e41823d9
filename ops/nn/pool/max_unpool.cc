// nn.MaxUnpool: elements put back to where nn.MaxPool found them.
#include <algorithm>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

constexpr int64_t kMaxSize = 2147483647;

// The shape that x was pooled from, if its windows fit without a remainder: what `indices` count
// in. REQUIRES: the rank is known.
absl::StatusOr<PartialShape> PooledShape(const InferContext& context) {
  const Attributes& attrs = context.attrs();
  PartialShape shape = context.shape(0);
  const size_t rank = attrs.Ints("kernel_shape").size();
  if (shape.rank() != static_cast<int>(rank) + 2) {
    return InvalidArgument("input x: expected batch, channels and the ", rank,
                           " axes of kernel_shape, found shape ", shape.ToString());
  }
  const Ints &strides = attrs.Ints("strides"), &pads = attrs.Ints("pads");
  if ((!strides.empty() && strides.size() != rank) || (!pads.empty() && pads.size() != 2 * rank)) {
    return InvalidArgument("attributes strides and pads: expected ", rank, " and ", 2 * rank,
                           " values, or none, found ", strides.size(), " and ", pads.size());
  }
  for (size_t i = 0; i < rank; ++i) {
    Dim& size = shape[static_cast<int>(i) + 2];
    if (!size.known()) {
      size = Dim();
      continue;
    }
    if (size.size() < 1 || size.size() > kMaxSize) {
      return InvalidArgument("input x: expected spatial sizes from 1 to ", kMaxSize,
                             ", found shape ", context.shape(0).ToString());
    }
    const int64_t stride = strides.empty() ? 1 : strides[i];
    const int64_t cut = pads.empty() ? 0 : pads[i] + pads[rank + i];
    const int64_t full = (size.size() - 1) * stride + attrs.Ints("kernel_shape")[i] - cut;
    if (full < 0) {
      return InvalidArgument("attribute pads: expected at most ", full + cut,
                             " along spatial axis ", i, ", found ", cut);
    }
    size = full;
  }
  return shape;
}

absl::StatusOr<std::vector<TensorType>> InferMaxUnpool(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (!Compatible(x, context.shape(1))) {
    return InvalidArgument("input indices: expected the shape of x, ", x.ToString(), ", found ",
                           context.shape(1).ToString());
  }
  PartialShape pooled;
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(pooled, PooledShape(context));
  }
  if (!context.has_input(2) && !context.attrs().Has("output_shape")) {
    return std::vector<TensorType>{{context.dtype(0), pooled}};
  }
  NOMO_ASSIGN_OR_RETURN(const PartialShape given, GetShape(context, "output_shape", 2));
  if (given.has_rank() && x.has_rank() &&
      (given.rank() != x.rank() || !Compatible({given[0], given[1]}, {x[0], x[1]}))) {
    return InvalidArgument("output_shape: expected the batch and the channels of x, and ",
                           x.rank() - 2, " spatial sizes, found ", given.ToString());
  }
  const int rank = x.rank();
  return std::vector<TensorType>{
      {context.dtype(0), given.has_rank() || rank < 0 ? given : PartialShape::OfRank(rank)}};
}

absl::Status MaxUnpoolCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferMaxUnpool));
  NOMO_ASSIGN_OR_RETURN(const PartialShape pooled, PooledShape(node.context()));
  NOMO_ASSIGN_OR_RETURN(const int64_t elements, pooled.ToShape().CheckedNumElements());
  const Shape& y = context.output_shape(0);
  const auto strides = y.Strides();
  const auto indices = context.input<int64_t>(1);
  // Element `index` of the pooled shape as an element of y; -1 where y has none.
  const auto target = [&](int64_t index) {
    int64_t offset = 0;
    for (int i = y.rank() - 1; i >= 0; --i) {
      const int64_t at = index % pooled[i].size();
      if (at >= y[i]) return int64_t{-1};
      offset += at * strides[i];
      index /= pooled[i].size();
    }
    return offset;
  };
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    const absl::Span<T> out = context.output<T>(0);
    std::fill(out.begin(), out.end(), T{});
    for (size_t i = 0; i < indices.size() && status.ok(); ++i) {
      const bool inside = indices[i] >= 0 && indices[i] < elements;
      const int64_t to = inside ? target(indices[i]) : -1;
      if (to >= 0) {
        out[to] = context.input<T>(0)[i];
      } else {
        status =
            InvalidArgument("index ", indices[i], " (element ", i, " of the indices) of shape ",
                            pooled.ToString(), " is outside of the output of shape ", y.ToString());
      }
    }
  });
  return status;
}

std::vector<Example> MaxUnpoolExamples() {
  return {
      {.name = "ONNX maxunpool_export_with_output_shape",
       .attrs = {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 2}, {5, 6, 7, 8}),
                  Tensor::Of<int64_t>({1, 1, 2, 2}, {5, 7, 13, 15}),
                  Tensor::Vector<int64_t>({1, 1, 5, 5})},
       .outputs = {Tensor::Of<float>({1, 1, 5, 5}, {0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0,
                                                    0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0})}},
      {.name = "ONNX maxunpool_export_without_output_shape",
       .attrs = {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 1, 2, 2}, {1, 2, 3, 4}),
                  Tensor::Of<int64_t>({1, 1, 2, 2}, {5, 7, 13, 15})},
       .outputs = {Tensor::Of<float>({1, 1, 4, 4},
                                     {0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4})}},
      {.name = "two channels of two rows, PyTorch",
       .attrs = {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
                  Tensor::Of<int64_t>({2, 2, 2}, {1, 2, 4, 7, 8, 11, 13, 15})},
       .outputs = {Tensor::Of<float>({2, 2, 4}, {0, 1, 2, 0, 3, 0, 0, 4, 5, 0, 0, 6, 0, 7, 0, 8})}},
      {.name = "pads, and an output_shape that cuts off",
       .attrs = {{"kernel_shape", Ints{3}},
                 {"strides", Ints{2}},
                 {"pads", Ints{1, 0}},
                 {"output_shape", Ints{1, 1, 3}}},
       .inputs = {Tensor::Of<float>({1, 1, 2}, {1, 2}), Tensor::Of<int64_t>({1, 1, 2}, {2, 0})},
       .outputs = {Tensor::Of<float>({1, 1, 3}, {2, 0, 1})}},
  };
}

// dx[i] is what dy, brought to the shape that the indices count in, has at index i.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const TensorType types[] = {g.input(0).type(), g.input(1).type()};
  PartialShape pooled;
  if (g.input(0).shape().has_rank()) {
    NOMO_ASSIGN_OR_RETURN(pooled, PooledShape(InferContext(g.attrs(), types, {}, 1)));
  }
  Value dy = g.gradient(0);
  if (g.has_input(2) || g.attrs().Has("output_shape")) {
    if (!pooled.has_rank()) return InvalidArgument("the number of axes of x must be known");
    const Value spatial = Slice(ShapeOf(dy), 2, pooled.rank());
    Ints sizes, axes;
    for (int i = 2; i < pooled.rank(); ++i) {
      if (!pooled[i].known()) return InvalidArgument("the spatial sizes of x must be known");
      sizes.push_back(pooled[i].size());
      axes.push_back(i);
    }
    const Tensor wanted = Tensor::Of<int64_t>({static_cast<int64_t>(sizes.size())}, sizes);
    const Value behind = Constant(wanted) - spatial;
    dy = Call("array.Pad", {dy, Call("array.Concat", {behind - behind, behind})}, {{"axes", axes}});
  }
  const Value flat = Call("array.Reshape", {dy}, {{"shape", Ints{-1}}});
  return std::vector<Value>{Call("array.Gather", {flat, g.input(1)})};
}

NOMO_REGISTER_OP(
    OpDef("nn.MaxUnpool")
        .Doc("Puts elements back to where nn.MaxPool, with data_format \"channels_first\", found "
             "them; all others are 0.\n\n"
             "y[indices[i]] = x[i]. The spatial sizes are (x's - 1) * strides + kernel_shape - "
             "pads, and indices count through that shape in row-major order. An output_shape with "
             "other spatial sizes cuts it off or adds zeros at the end. Of equal indices the last "
             "one counts. It is an error when an index is outside.")
        .Source("ONNX MaxUnpool; torch.nn.MaxUnpool2d")
        .TypeVar("T", kFloats)
        .Input("x", "T", "[batch, channels, spatial...]")
        .Input("indices", "int64", "the shape of x")
        .OptionalInput("output_shape", "int64", "all sizes of y")
        .Output("y", "T", "[batch, channels, spatial...]")
        .RequiredAttr("kernel_shape", AttrType::kInts, "the window's size along each spatial axis")
        .Min(1)
        .Max(static_cast<double>(kMaxSize))
        .Attr("strides", Ints{}, "the window's step along each spatial axis; none given: 1")
        .Min(1)
        .Max(static_cast<double>(kMaxSize))
        .Attr("pads", Ints{},
              "the padding at the beginning of each spatial axis, then at the end of each; none "
              "given: 0")
        .Min(0)
        .Max(static_cast<double>(kMaxSize))
        .OptionalAttr("output_shape", AttrType::kInts, "as the input")
        .Infer(InferMaxUnpool)
        .Gradient(Gradient)
        .Reference(MaxUnpoolCompute)
        .Examples(MaxUnpoolExamples));

}  // namespace
}  // namespace nomograph::nn
