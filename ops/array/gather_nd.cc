// array.GatherND: slices picked by places that the last axis of the indices spells out.
#include <cstring>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/nd_index.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, SlicesShape(context.shape(0), context.shape(1),
                                                        context.attrs().Int("batch_dims")));
  return std::vector<TensorType>{{context.dtype(0), std::move(shape)}};
}

absl::Status Compute(KernelContext& context) {
  const int64_t batch = context.attrs().Int("batch_dims");
  const Shape& indices = context.input_shape(1);
  const int64_t size = DTypeSize(context.input_dtype(0));
  const int64_t slice_bytes =
      size * Shape(context.input_shape(0).dims().subspan(batch + indices[indices.rank() - 1]))
                 .num_elements();
  const std::byte* from = context.input_view(0).data;
  std::byte* to = context.output_view(0).data;
  return ForEachSlice(context, batch, [&](int64_t slice, int64_t element) {
    std::memcpy(to + slice * slice_bytes, from + element * size, slice_bytes);
  });
}

std::vector<Example> Examples() {
  const Tensor square = Tensor::Of<int32_t>({2, 2}, {0, 1, 2, 3});
  const Tensor cube = Tensor::Of<float>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  return {
      {.name = "ONNX example 1: elements",
       .inputs = {square, Tensor::Of<int64_t>({2, 2}, {0, 0, 1, 1})},
       .outputs = {Tensor::Vector<int32_t>({0, 3})}},
      {.name = "ONNX example 2: rows",
       .inputs = {square, Tensor::Of<int64_t>({2, 1}, {1, 0})},
       .outputs = {Tensor::Of<int32_t>({2, 2}, {2, 3, 0, 1})}},
      {.name = "ONNX example 4, negative index",
       .inputs = {cube, Tensor::Of<int32_t>({2, 1, 2}, {0, 1, -1, 0})},
       .outputs = {Tensor::Of<float>({2, 1, 2}, {2, 3, 4, 5})}},
      {.name = "ONNX example 5: batch_dims",
       .attrs = {{"batch_dims", 1}},
       .inputs = {cube, Tensor::Of<int64_t>({2, 1}, {1, 0})},
       .outputs = {Tensor::Of<float>({2, 2}, {2, 3, 4, 5})}},
      {.name = "no indices",
       .inputs = {square, Tensor::Of<int64_t>({0, 1}, {})},
       .outputs = {Tensor::Of<int32_t>({0, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  if (g.attrs().Int("batch_dims") != 0) return PickingGradient()(g);
  return std::vector<Value>{Call("array.ScatterND",
                                 {ZerosLike(g.input(0)), g.input(1), g.gradient(0)},
                                 {{"reduction", "add"}})};
}

NOMO_REGISTER_OP(
    OpDef("array.GatherND")
        .Doc("Picks slices of `data` at places that the last axis of `indices`, of size m, spells "
             "out: y[i..] = data[b.., indices[i.., 0], ..., indices[i.., m - 1]], where the first "
             "`batch_dims` axes b of data and indices run together. Negative indices count from "
             "the end; one that does not fit is an error.")
        .Source("ONNX GatherND; tf.gather_nd")
        .Known({.as = "python", .name = "{tf}.gather_nd(params,indices,batch_dims=batch_dims)"})
        .Known({.as = "onnx", .name = "GatherND"})
        .TypeVar("T", kAnyType)
        .TypeVar("I", kIndexTypes)
        .Input("data", "T", "of rank 1 or more")
        .Input("indices", "I", "[..., m], m at most the rank of data without the batch axes")
        .Output("y", "T",
                "the shape of indices without m, then that of data without batch_dims + m axes")
        .Attr("batch_dims", 0, "how many leading axes data and indices share")
        .Min(0)
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
