// array.OneHot: indices as vectors with one value at the index and another elsewhere.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const bool has_values = context.has_input(2);
  if (has_values) {
    NOMO_RETURN_IF_ERROR(
        Annotate(Merge(context.shape(2), PartialShape{Dim(2)}).status(), "values"));
  }
  const DType dtype = has_values ? context.dtype(2) : context.attrs().Type("dtype");
  NOMO_ASSIGN_OR_RETURN(const IntsArg depth, GetInt(context, "depth", 1));
  if (!depth.given) return InvalidArgument("depth is required, as an attribute or as input 1");
  if (depth.known && depth.values[0] < 0) {
    return InvalidArgument("depth: expected at least 0, found ", depth.values[0]);
  }
  const PartialShape& indices = context.shape(0);
  if (!indices.has_rank()) return std::vector<TensorType>{{dtype, PartialShape()}};
  NOMO_ASSIGN_OR_RETURN(const int axis,
                        NormalizeAxis(context.attrs().Int("axis"), indices.rank() + 1));
  std::vector<Dim> dims = indices.dims();
  dims.insert(dims.begin() + axis, depth.known ? Dim(depth.values[0]) : Dim());
  return std::vector<TensorType>{{dtype, PartialShape(std::move(dims))}};
}

// The values off and on.
Tensor OffAndOn(const KernelContext& context) {
  if (context.has_input(2)) return context.BorrowInput(2);
  Tensor values(DType::kFloat64, {2});
  values.mutable_data<double>()[0] = context.attrs().Float("off_value");
  values.mutable_data<double>()[1] = context.attrs().Float("on_value");
  return values.Cast(context.output_dtype(0));
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, Infer));
  const Shape& shape = context.output_shape(0);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
  const Tensor values = OffAndOn(context);
  const int64_t size = DTypeSize(values.dtype());
  const int64_t inner = Shape(shape.dims().subspan(axis + 1)).num_elements();
  std::byte* y = context.output_view(0).data;
  Dispatch(AllTypes{}, values.dtype(), [&]<typename T>() {
    const absl::Span<T> all = context.output<T>(0);
    std::fill(all.begin(), all.end(), values.data<T>()[0]);
  });
  Dispatch(IntTypes{}, context.input_dtype(0), [&]<typename I>() {
    const absl::Span<const I> indices = context.input<I>(0);
    for (size_t i = 0; i < indices.size(); ++i) {
      // Of unsigned indices only those that int64 holds can be in range.
      int64_t index = static_cast<int64_t>(indices[i]);
      if (std::is_unsigned_v<I> && index < 0) continue;
      if (!NormalizeIndex(index, shape[axis])) continue;
      const int64_t element = (i / inner * shape[axis] + index) * inner + i % inner;
      std::memcpy(y + element * size, values.raw_data() + size, size);
    }
  });
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  return {
      {.name = "classes",
       .attrs = {{"depth", 3}},
       .inputs = {Tensor::Vector<int64_t>({0, 2})},
       .outputs = {Tensor::Of<float>({2, 3}, {1, 0, 0, 0, 0, 1})}},
      {.name = "negative indices count from the end, others are off",
       .attrs = {{"depth", 3}, {"dtype", DType::kInt32}},
       .inputs = {Tensor::Vector<int8_t>({-1, 3, -4})},
       .outputs = {Tensor::Of<int32_t>({3, 3}, {0, 0, 1, 0, 0, 0, 0, 0, 0})}},
      {.name = "axis 0, values as attributes",
       .attrs = {{"depth", 2}, {"axis", 0}, {"on_value", 5.0}, {"off_value", -1.0}},
       .inputs = {Tensor::Of<uint8_t>({2, 2}, {0, 1, 1, 200})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {5, -1, -1, -1, -1, 5, 5, -1})}},
      {.name = "depth and values as inputs, middle axis",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<int64_t>({2, 2}, {1, 0, 0, 1}), Tensor::Scalar<int64_t>(2),
                  Tensor::Vector<bool>({true, false})},
       .outputs = {Tensor::Of<bool>({2, 2, 2},
                                    {true, false, false, true, false, true, true, false})}},
      {.name = "a scalar",
       .attrs = {{"depth", 2}},
       .inputs = {Tensor::Scalar<int32_t>(1)},
       .outputs = {Tensor::Vector<float>({0, 1})}},
      {.name = "empty batch",
       .attrs = {{"depth", 10}},
       .inputs = {Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Of<float>({0, 10}, {})}},
  };
}

// Of the values: the sums of dy where the one and where the other stands.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<Value> result(3);
  if (!g.wants(2)) return result;
  const Value dy = g.gradient(0);
  const Value values = CastLike(Constant(Tensor::Vector<double>({0, 1})), dy);
  const Value is_on = Call("array.OneHot", {g.input(0), g.input(1), values}, g.attrs());
  const auto sum = [](const Value& x) {
    const Value total = Call("math.ReduceSum", {x}, {{"keepdims", false}});
    return Call("array.Reshape", {total}, {{"shape", std::vector<int64_t>{1}}});
  };
  const Value on = sum(dy * is_on);
  result[2] = Call("array.Concat", {sum(dy) - on, on}, {{"axis", 0}});
  return result;
}

NOMO_REGISTER_OP(
    OpDef("array.OneHot")
        .Doc(
            "Inserts an axis of size `depth`, along which y is on_value at the index and off_value "
            "elsewhere. Negative indices count from the end; for one outside of [-depth, depth) "
            "all is off_value. Depth is an attribute or an input; so are the values.")
        .Source("ONNX OneHot; Keras CategoryEncoding")
        .TypeVar("I", kInts)
        .TypeVar("D", kIndexTypes)
        .TypeVar("T", kAnyType)
        .Input("indices", "I", "any shape")
        .OptionalInput("depth", "D", "a scalar or one element")
        .OptionalInput("values", "T", "[off_value, on_value], in place of the attributes")
        .Output("y", "T", "the shape of indices with the new axis")
        .OptionalAttr("depth", AttrType::kInt, "the size of the new axis, at least 0")
        .Attr("axis", -1, "the new axis of y, in [-r, r), where r is the rank of y")
        .Attr("on_value", 1.0, "the value at the index, as array.Cast converts it")
        .Attr("off_value", 0.0, "the value elsewhere, as array.Cast converts it")
        .Attr("dtype", DType::kFloat32,
              "of y; that of the input values counts where they are given")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
