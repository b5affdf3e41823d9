// array.Compress: the slices along an axis for which a condition is true.
#include <algorithm>
#include <cstring>

#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

// How many slices there are to choose from.
absl::StatusOr<Dim> SliceCount(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return Dim();
  if (!context.attrs().Has("axis")) return Product(x.dims());
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
  return x[axis];
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& condition = context.shape(1);
  if (condition.has_rank() && condition.rank() != 1) {
    return InvalidArgument("condition: expected a vector, found shape ", condition.ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const Dim count, SliceCount(context));
  if (count.known() && condition.has_rank() && condition[0].size() > count.size()) {
    return InvalidArgument("condition: expected at most ", count.size(), " elements, found ",
                           condition[0].size());
  }
  Dim chosen;
  if (const Tensor* known = context.constant(1)) {
    const auto flags = known->data<bool>();
    chosen = Dim(std::count(flags.begin(), flags.end(), true));
  }
  if (!context.attrs().Has("axis")) return std::vector<TensorType>{{context.dtype(0), {chosen}}};
  PartialShape shape = context.shape(0);
  if (shape.has_rank()) shape[*NormalizeAxis(context.attrs().Int("axis"), shape.rank())] = chosen;
  return std::vector<TensorType>{{context.dtype(0), std::move(shape)}};
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, Infer));
  // x as [outer, count, slices of so many bytes]
  const Shape& shape = context.input_shape(0);
  int64_t outer = 1, count = shape.num_elements(), bytes = DTypeSize(context.input_dtype(0));
  if (context.attrs().Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
    outer = Shape(shape.dims().first(axis)).num_elements();
    count = shape[axis];
    bytes *= Shape(shape.dims().subspan(axis + 1)).num_elements();
  }
  const absl::Span<const bool> condition = context.input<bool>(1);
  const std::byte* from = context.input_view(0).data;
  std::byte* to = context.output_view(0).data;
  for (int64_t o = 0; o < outer && bytes > 0; ++o, from += count * bytes) {
    for (size_t i = 0; i < condition.size(); ++i) {
      if (!condition[i]) continue;
      std::memcpy(to, from + i * bytes, bytes);
      to += bytes;
    }
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  return {
      {.name = "ONNX compress_0",
       .attrs = {{"axis", 0}},
       .inputs = {x, Tensor::Vector<bool>({false, true, true})},
       .outputs = {Tensor::Of<float>({2, 2}, {3, 4, 5, 6})}},
      {.name = "ONNX compress_1",
       .attrs = {{"axis", 1}},
       .inputs = {x, Tensor::Vector<bool>({false, true})},
       .outputs = {Tensor::Of<float>({3, 1}, {2, 4, 6})}},
      {.name = "ONNX compress_default_axis: a condition that is shorter",
       .inputs = {x, Tensor::Vector<bool>({false, true, false, false, true})},
       .outputs = {Tensor::Vector<float>({2, 5})}},
      {.name = "negative axis, shorter",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<uint8_t>({2, 3, 1}, {1, 2, 3, 4, 5, 6}),
                  Tensor::Vector<bool>({true, false})},
       .outputs = {Tensor::Of<uint8_t>({2, 1, 1}, {1, 4})}},
      {.name = "nothing chosen",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<Half>({1, 2}, {Half(1.0f), Half(2.0f)}),
                  Tensor::Vector<bool>({false})},
       .outputs = {Tensor::Of<Half>({0, 2}, {})}},
      {.name = "empty",
       .inputs = {Tensor::Of<bool>({0, 2}, {}), Tensor::Of<bool>({0}, {})},
       .outputs = {Tensor::Of<bool>({0}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.Compress")
        .Doc(
            "The slices of x along `axis` (or, where none is given, the elements of x in row-major "
            "order) for which `condition` is true. Those behind the end of the condition are left "
            "out; a condition that is longer than the axis is an error. How many are chosen "
            "depends on the data, so that the shape of y is known only when the node has run, "
            "unless the condition is constant.")
        .Source("ONNX Compress; numpy.compress")
        .Known({.as = "onnx", .name = "Compress"})
        .TypeVar("T", kAnyType)
        .Input("x", "T", "any shape; of rank 1 or more with `axis`")
        .Input("condition", "bool", "a vector")
        .Output("y", "T", "the shape of x with another size along `axis`; without it a vector")
        .OptionalAttr("axis", AttrType::kInt, "in [-rank, rank); absent: x is flattened")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(PickingGradient())
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
