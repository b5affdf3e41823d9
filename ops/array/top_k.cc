// array.TopK: the k greatest or least elements along an axis, and their indices.
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <type_traits>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg k, GetInt(context, "k", 1));
  if (!k.given) return InvalidArgument("k is required, as an attribute or as input 1");
  if (k.known && k.values[0] < 0)
    return InvalidArgument("k: expected at least 0, found ", k.values[0]);
  PartialShape shape = context.shape(0);
  if (shape.has_rank()) {
    if (shape.rank() == 0) return InvalidArgument("x: a scalar has no axis");
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
    if (k.known && shape[axis].known() && k.values[0] > shape[axis].size()) {
      return InvalidArgument("k: ", k.values[0], " of ", shape[axis].size(), " elements of axis ",
                             axis);
    }
    shape[axis] = k.known ? Dim(k.values[0]) : Dim();
  }
  return std::vector<TensorType>{{context.dtype(0), shape}, {DType::kInt64, shape}};
}

// Whether a comes ahead of b in falling order. NaN counts as the greatest.
template <typename T>
bool Above(T a, T b) {
  const ComputeType<T> x = a, y = b;
  return x > y || (x != x && y == y);
}

// Sorts the first k of `order`, which names the elements `stride` apart from `line` on. Of equal
// elements the one with the lower index is first.
template <typename T>
void SortFirst(const T* line, int64_t stride, bool largest, int64_t k,
               LargeVector<int64_t>& order) {
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t i, int64_t j) {
    const T a = line[i * stride], b = line[j * stride];
    if (Above(a, b)) return largest;
    if (Above(b, a)) return !largest;
    return i < j;
  });
}

// Numbers of 32 bits and less, and their places, as integers: the first in order is the least.
template <typename T>
uint64_t SortKey(T value, bool largest, int64_t index) {
  uint32_t bits;
  if constexpr (std::is_integral_v<T>) {
    // Moved to where the least of all is 0.
    bits = static_cast<uint32_t>(static_cast<int64_t>(value) -
                                 static_cast<int64_t>(std::numeric_limits<T>::min()));
  } else {
    const float x = static_cast<float>(value);
    const uint32_t sign = 1u << 31;
    bits = std::bit_cast<uint32_t>(x == 0 ? 0.0f : x);  // there are two zeros
    bits = x != x ? ~0u : bits & sign ? ~bits : bits | sign;
  }
  return uint64_t{largest ? ~bits : bits} << 32 | static_cast<uint32_t>(index);
}
template <typename T>
constexpr bool kHasSortKey = sizeof(T) <= sizeof(float);

// SortFirst() of lines that are shorter than 2^32; `keys` is as long.
template <typename T>
void SortFirstKeys(const T* line, int64_t stride, bool largest, int64_t k,
                   LargeVector<uint64_t>& keys, LargeVector<int64_t>& order) {
  const auto count = static_cast<int64_t>(keys.size());
  for (int64_t i = 0; i < count; ++i) keys[i] = SortKey(line[i * stride], largest, i);
  if (k < count) std::nth_element(keys.begin(), keys.begin() + k, keys.end());
  std::sort(keys.begin(), keys.begin() + k);
  for (int64_t n = 0; n < k; ++n) order[n] = static_cast<int64_t>(keys[n] & 0xffffffff);
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, Infer));
  const Shape& shape = context.input_shape(0);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
  const int64_t k = context.output_shape(0)[axis];
  const int64_t inner = Shape(shape.dims().subspan(axis + 1)).num_elements();
  const int64_t outer = Shape(shape.dims().first(axis)).num_elements();
  const bool largest = context.attrs().Bool("largest");
  LargeVector<int64_t> order(shape[axis]);
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    LargeVector<uint64_t> keys;
    if (kHasSortKey<T> && shape[axis] <= std::numeric_limits<uint32_t>::max()) {
      keys.resize(shape[axis]);
    }
    for (int64_t line = 0; line < outer * inner; ++line) {
      const int64_t o = line / inner, i = line % inner;
      const T* from = context.input<T>(0).data() + o * shape[axis] * inner + i;
      if constexpr (kHasSortKey<T>) {
        if (!keys.empty()) SortFirstKeys(from, inner, largest, k, keys, order);
      }
      if (keys.empty()) SortFirst(from, inner, largest, k, order);
      for (int64_t n = 0; n < k; ++n) {
        const int64_t to = (o * k + n) * inner + i;
        context.output<T>(0)[to] = from[order[n] * inner];
        if (context.num_outputs() > 1) context.output<int64_t>(1)[to] = order[n];
      }
    }
  });
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 11, 10, 9, 8});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {
      {.name = "ONNX top_k",
       .inputs = {x, Tensor::Vector<int64_t>({3})},
       .outputs = {Tensor::Of<float>({3, 3}, {3, 2, 1, 7, 6, 5, 11, 10, 9}),
                   Tensor::Of<int64_t>({3, 3}, {3, 2, 1, 3, 2, 1, 0, 1, 2})}},
      {.name = "ONNX top_k_smallest",
       .attrs = {{"k", 3}, {"largest", false}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({3, 3}, {0, 1, 2, 4, 5, 6, 8, 9, 10}),
                   Tensor::Of<int64_t>({3, 3}, {0, 1, 2, 0, 1, 2, 3, 2, 1})}},
      {.name = "first axis, values only",
       .attrs = {{"k", 1}, {"axis", 0}},
       .inputs = {Tensor::Of<int8_t>({2, 3}, {1, -5, 3, -2, 4, 3})},
       .outputs = {Tensor::Of<int8_t>({1, 3}, {1, 4, 3})}},
      {.name = "ties take the lower index, NaN is the greatest",
       .attrs = {{"k", 4}},
       .inputs = {Tensor::Vector<float>({2, 3, nan, 3, 1})},
       .outputs = {Tensor::Vector<float>({nan, 3, 3, 2}), Tensor::Vector<int64_t>({2, 1, 3, 0})}},
      {.name = "empty batch",
       .attrs = {{"k", 2}},
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<Half>({0, 2}, {}), Tensor::Of<int64_t>({0, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value& x = g.input(0);
  const Value indices = g.has_output(1)
                            ? g.output(1)
                            : CallMulti("array.TopK", {x, g.has_input(1) ? g.input(1) : Value()},
                                        g.attrs(), {.num_outputs = 2})[1];
  return std::vector<Value>{Call("array.ScatterElements", {ZerosLike(x), indices, g.gradient(0)},
                                 {{"axis", g.attrs().Int("axis")}, {"reduction", "add"}})};
}

NOMO_REGISTER_OP(
    OpDef("array.TopK")
        .Doc("The k greatest (or least) elements along `axis`, in falling (or rising) order, and "
             "their indices. Of equal elements the one with the lower index comes first; NaN "
             "counts as the greatest. k is an attribute or an input, and at most the axis' size.")
        .Source("ONNX TopK; torch.topk")
        .TypeVar("T", kNumbers)
        .Input("x", "T", "of rank 1 or more")
        .OptionalInput("k", "int64", "a scalar or one element")
        .Output("values", "T", "the shape of x with `axis` of size k")
        .OptionalOutput("indices", "int64", "the shape of values")
        .OptionalAttr("k", AttrType::kInt, "how many, at least 0")
        .Attr("axis", -1, "in [-rank, rank)")
        .Attr("largest", true, "the greatest, or else the least")
        .Attr("sorted", true, "kept for ONNX: the order is the same without it")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
