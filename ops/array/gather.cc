// array.Gather: slices picked by indices along an axis.
#include <cstring>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& data = context.shape(0);
  const PartialShape& indices = context.shape(1);
  if (!data.has_rank()) return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  if (data.rank() == 0) return InvalidArgument("data: a scalar has no axis to gather from");
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), data.rank()));
  if (!indices.has_rank()) return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  std::vector<Dim> dims(data.dims().begin(), data.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), data.dims().begin() + axis + 1, data.dims().end());
  return std::vector<TensorType>{{context.dtype(0), PartialShape(std::move(dims))}};
}

absl::Status Compute(KernelContext& context) {
  const Shape& data = context.input_shape(0);
  const TensorView& indices = context.input_view(1);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), data.rank()));
  const int64_t outer = Shape(data.dims().first(axis)).num_elements();
  const int64_t row_bytes =
      Shape(data.dims().subspan(axis + 1)).num_elements() * DTypeSize(context.input_dtype(0));
  const int64_t count = indices.shape->num_elements();
  const std::byte* from = context.input_view(0).data;
  std::byte* to = context.output_view(0).data;
  for (int64_t o = 0; o < outer; ++o, from += data[axis] * row_bytes) {
    for (int64_t i = 0; i < count; ++i, to += row_bytes) {
      int64_t index = IndexAt(indices, i);
      if (!NormalizeIndex(index, data[axis])) return IndexError(indices, i, axis, data[axis]);
      std::memcpy(to, from + index * row_bytes, row_bytes);
    }
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor data = Tensor::Of<float>({3, 2}, {1.0f, 1.2f, 2.3f, 3.4f, 4.5f, 5.7f});
  const Tensor square =
      Tensor::Of<float>({3, 3}, {1.0f, 1.2f, 1.9f, 2.3f, 3.4f, 3.9f, 4.5f, 5.7f, 5.9f});
  return {
      {.name = "ONNX example 1",
       .inputs = {data, Tensor::Of<int64_t>({2, 2}, {0, 1, 1, 2})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {1.0f, 1.2f, 2.3f, 3.4f, 2.3f, 3.4f, 4.5f, 5.7f})}},
      {.name = "ONNX example 2",
       .attrs = {{"axis", 1}},
       .inputs = {square, Tensor::Of<int64_t>({1, 2}, {0, 2})},
       .outputs = {Tensor::Of<float>({3, 1, 2}, {1.0f, 1.9f, 2.3f, 3.9f, 4.5f, 5.9f})}},
      {.name = "negative indices of 32 bits",
       .inputs = {Tensor::Vector<uint8_t>({10, 20, 30}), Tensor::Vector<int32_t>({-1, 0, -3})},
       .outputs = {Tensor::Vector<uint8_t>({30, 10, 10})}},
      {.name = "a scalar index removes the axis",
       .attrs = {{"axis", -1}},
       .inputs = {data, Tensor::Scalar<int64_t>(1)},
       .outputs = {Tensor::Vector<float>({1.2f, 3.4f, 5.7f})}},
      {.name = "no indices",
       .inputs = {data, Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Of<float>({0, 2}, {})}},
  };
}

// Adds the slices of dy up where they came from, along axis 0 to which the picked one is moved.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const PartialShape &data = g.input(0).shape(), &indices = g.input(1).shape();
  if (!data.has_rank() || !indices.has_rank()) return PickingGradient()(g);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(g.attrs().Int("axis"), data.rank()));
  const auto moved = [](const Value& x, int rank, int first, int count, bool back) {
    if (first == 0) return x;
    std::vector<int64_t> perm, inverse(rank);
    for (int i = 0; i < count; ++i) perm.push_back(first + i);
    for (int i = 0; i < rank; ++i) {
      if (i < first || i >= first + count) perm.push_back(i);
    }
    for (int i = 0; i < rank; ++i) inverse[perm[i]] = i;
    return Call("array.Transpose", {x}, {{"perm", back ? inverse : perm}});
  };
  const Value zeros = moved(ZerosLike(g.input(0)), data.rank(), axis, 1, false);
  const Value dy =
      moved(g.gradient(0), data.rank() - 1 + indices.rank(), axis, indices.rank(), false);
  const Value places = Call("array.Unsqueeze", {g.input(1)}, {{"axes", std::vector<int64_t>{-1}}});
  const Value sum = Call("array.ScatterND", {zeros, places, dy}, {{"reduction", "add"}});
  return std::vector<Value>{moved(sum, data.rank(), axis, 1, true)};
}

NOMO_REGISTER_OP(OpDef("array.Gather")
                     .Doc("Picks slices of `data` along `axis`: y[.., i.., ..] = data[.., "
                          "indices[i..], ..]. Negative indices count from the end; an index "
                          "outside of [-n, n), where n is the axis' size, is an error.")
                     .Source("ONNX Gather; Keras Embedding")
                     .Known({.as = "onnx", .name = "Gather"})
                     .TypeVar("T", kStoredType)
                     .TypeVar("I", kIndexTypes)
                     .Input("data", "T", "of rank 1 or more")
                     .Input("indices", "I", "any shape")
                     .Output("y", "T",
                             "the shape of data with `axis` replaced by the shape of indices")
                     .Attr("axis", 0, "the axis of data, in [-rank, rank)")
                     .Infer(Infer)
                     .Reference(Compute)
                     .InLowPrecision(LowPrecision::kFollows)
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
