// array.Trilu: the upper or lower triangle of matrices.
#include <algorithm>
#include <cstring>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(GetInt(context, "k", 1).status());
  if (context.shape(0).has_rank() && context.shape(0).rank() < 2) {
    return InvalidArgument("x: expected matrices, found shape ", context.shape(0).ToString());
  }
  return SameAsInput(context);
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_ASSIGN_OR_RETURN(const IntsArg given, GetInt(node.context(), "k", 1));
  const Shape& shape = context.input_shape(0);
  const bool upper = context.attrs().Bool("upper");
  const int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
  // Further away than the corners no diagonal differs from another.
  const int64_t k = std::clamp(given.given ? given.values[0] : 0, -rows - 1, columns + 1);
  const int64_t size = DTypeSize(context.input_dtype(0));
  const std::byte* from = context.input_view(0).data;
  std::byte* to = context.output_view(0).data;
  const int64_t lines = Shape(shape.dims().first(shape.rank() - 1)).num_elements();
  for (int64_t line = 0; line < lines; ++line, from += columns * size, to += columns * size) {
    // Of a row, the columns [begin, end) are kept.
    const int64_t row = line % rows;
    const int64_t begin = upper ? std::clamp<int64_t>(row + k, 0, columns) : 0;
    const int64_t end = upper ? columns : std::clamp<int64_t>(row + k + 1, 0, columns);
    std::memset(to, 0, columns * size);
    std::memcpy(to + begin * size, from + begin * size, (end - begin) * size);
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<int64_t>({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  return {
      {.name = "upper",
       .inputs = {x},
       .outputs = {Tensor::Of<int64_t>({3, 4}, {1, 2, 3, 4, 0, 6, 7, 8, 0, 0, 11, 12})}},
      {.name = "lower",
       .attrs = {{"upper", false}},
       .inputs = {x},
       .outputs = {Tensor::Of<int64_t>({3, 4}, {1, 0, 0, 0, 5, 6, 0, 0, 9, 10, 11, 0})}},
      {.name = "upper, above the diagonal",
       .attrs = {{"k", 2}},
       .inputs = {x},
       .outputs = {Tensor::Of<int64_t>({3, 4}, {0, 0, 3, 4, 0, 0, 0, 8, 0, 0, 0, 0})}},
      {.name = "lower, k as an input",
       .attrs = {{"upper", false}},
       .inputs = {x, Tensor::Scalar<int64_t>(-1)},
       .outputs = {Tensor::Of<int64_t>({3, 4}, {0, 0, 0, 0, 5, 0, 0, 0, 9, 10, 0, 0})}},
      {.name = "two matrices",
       .inputs = {Tensor::Of<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {1, 2, 0, 4, 5, 6, 0, 8})}},
      {.name = "far outside",
       .attrs = {{"k", std::numeric_limits<int64_t>::min()}},
       .inputs = {x},
       .outputs = {x}},
      {.name = "empty",
       .inputs = {Tensor::Of<float>({0, 2}, {})},
       .outputs = {Tensor::Of<float>({0, 2}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.Trilu")
        .Doc("The upper (or lower) triangle of matrices, with 0 in place of the other elements: "
             "element (i, j) is kept when j - i >= k (or <= k). k is an attribute or an input.")
        .Source("ONNX Trilu; numpy.triu and tril")
        .Known({.as = "onnx", .name = "Trilu", .attrs = {{"k", KnownAttr::kScalar, "", 1}}})
        .TypeVar("T", kAnyType)
        .Input("x", "T", "[..., rows, columns]")
        .OptionalInput("k", "int64", "a scalar or one element; absent, as the attribute: 0")
        .Output("y", "T", "the shape of x")
        .OptionalAttr("k", AttrType::kInt,
                      "the diagonal: 0 is the main one, greater ones lie above it")
        .Attr("upper", true, "the upper triangle, or else the lower")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{Call(
              "array.Trilu", {g.gradient(0), g.has_input(1) ? g.input(1) : Value()}, g.attrs())};
        })
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
