// array.TensorScatter: a cache of keys or values with an update written into its rows.
#include <cstring>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

enum Input { kCache, kUpdate, kIndices };

absl::StatusOr<int> Axis(const Attributes& attrs, int rank) {
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(attrs.Int("axis"), rank));
  if (axis > 0) return axis;
  return InvalidArgument("axis: expected another axis than 0, the batch");
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& cache = context.shape(kCache);
  if (!cache.has_rank()) return SameAsInput(context);
  NOMO_ASSIGN_OR_RETURN(const int axis, Axis(context.attrs(), cache.rank()));
  std::vector<Dim> sizes(cache.dims().begin(), cache.dims().end());
  sizes[axis] = Dim();
  const PartialShape expected(std::move(sizes));
  const PartialShape& update = context.shape(kUpdate);
  const bool fits = Compatible(update, expected);
  if (!fits || (update.has_rank() && update[axis].known() && cache[axis].known() &&
                update[axis].size() > cache[axis].size())) {
    return InvalidArgument("update: expected the shape ", cache.ToString(),
                           " of past_cache, or less along axis ", axis, ", found ",
                           update.ToString());
  }
  if (context.has_input(kIndices) && !Compatible(context.shape(kIndices), {cache[0]})) {
    return InvalidArgument("write_indices: expected a number for each of the batch, found ",
                           context.shape(kIndices).ToString());
  }
  return SameAsInput(context);
}

// Where the first row of the update goes. Rows that do not fit are an error unless they go on at
// the beginning.
absl::StatusOr<int64_t> FirstRow(const KernelContext& context, int64_t batch, int64_t rows,
                                 int64_t space, bool circular) {
  if (!context.has_input(kIndices)) return 0;
  const int64_t first = context.input<int64_t>(kIndices)[batch];
  if (first >= 0 && first < space + (rows == 0) && (circular || first + rows <= space)) {
    return first;
  }
  return InvalidArgument("write_indices: ", rows, " rows at ", first, " do not fit into ", space);
}

absl::Status Compute(KernelContext& context) {
  const Shape &cache = context.input_shape(kCache), &update = context.input_shape(kUpdate);
  NOMO_ASSIGN_OR_RETURN(const int axis, Axis(context.attrs(), cache.rank()));
  const bool circular = context.attrs().String("mode") == "circular";
  const int64_t row = cache.Strides()[axis] * DTypeSize(context.input_dtype(kCache));
  const int64_t space = cache[axis], rows = update[axis];
  std::byte* y = context.output_view(0).data;
  const int64_t bytes = cache.num_elements() * DTypeSize(context.input_dtype(kCache));
  if (bytes == 0) return absl::OkStatus();
  if (y != context.input_view(kCache).data) std::memcpy(y, context.input_view(kCache).data, bytes);
  const std::byte* from = context.input_view(kUpdate).data;
  const int64_t parts = bytes / (row * space);  // the axes ahead of `axis`
  for (int64_t part = 0; part < parts; ++part) {
    NOMO_ASSIGN_OR_RETURN(const int64_t first,
                          FirstRow(context, part / (parts / cache[0]), rows, space, circular));
    for (int64_t i = 0; i < rows; ++i) {
      std::memcpy(y + (part * space + (first + i) % space) * row, from + (part * rows + i) * row,
                  row);
    }
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor cache = Tensor::Of<float>({2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor update = Tensor::Of<float>({2, 2, 2}, {20, 21, 22, 23, 24, 25, 26, 27});
  return {
      {.name = "NumPy: y[b, i : i + 2] = update[b]",
       .inputs = {cache, update, Tensor::Vector<int64_t>({1, 0})},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {1, 2, 20, 21, 22, 23, 24, 25, 26, 27, 11, 12})}},
      {.name = "without indices",
       .inputs = {cache, update},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {20, 21, 22, 23, 5, 6, 24, 25, 26, 27, 11, 12})}},
      {.name = "circular, NumPy: y[b, arange(i, i + 2) % 3] = update[b]",
       .attrs = {{"mode", "circular"}, {"axis", 1}},
       .inputs = {cache, update, Tensor::Vector<int64_t>({2, 1})},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {22, 23, 3, 4, 20, 21, 7, 8, 24, 25, 26, 27})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  return PickedGradients(g.gradient(0), {g.input(kCache), g.input(kUpdate)},
                         [&](absl::Span<const Value> numbers) {
                           std::vector<Value> inputs(numbers.begin(), numbers.end());
                           if (g.has_input(kIndices)) inputs.push_back(g.input(kIndices));
                           return Call("array.TensorScatter", inputs, g.attrs());
                         });
}

NOMO_REGISTER_OP(
    OpDef("array.TensorScatter")
        .Doc("past_cache with `update` written into it along an axis, for each of the batch from "
             "the row write_indices on; mode circular goes on at the beginning of the axis where "
             "it ends. So caches of keys and values are kept.")
        .Source("ONNX TensorScatter (opset 24)")
        .Known({.as = "onnx", .name = "TensorScatter", .since = 24})
        .TypeVar("T", kAnyType)
        .Input("past_cache", "T", "[B, ...]")
        .Input("update", "T", "the shape of past_cache, or less along the axis")
        .OptionalInput("write_indices", "int64", "[B]: the first row to write; absent: 0")
        .Output("y", "T", "as past_cache")
        .Attr("axis", -2, "the axis of rows, not the first, in [-rank, rank)")
        .Attr("mode", "linear", "what becomes of rows behind the end: an error, or circular")
        .Choices({"linear", "circular"})
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
