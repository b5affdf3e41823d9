// array.Unique: the different elements or slices, with where and how often each occurs.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const TensorType indices = {DType::kInt64, PartialShape::OfRank(1)};
  PartialShape shape = PartialShape::OfRank(1);
  Dim count;
  if (context.attrs().Has("axis")) {
    shape = context.shape(0);
    if (shape.has_rank()) {
      NOMO_ASSIGN_OR_RETURN(const int axis,
                            NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
      count = std::exchange(shape[axis], Dim());
    }
  } else if (context.shape(0).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(count, Product(context.shape(0).dims()));
  }
  return std::vector<TensorType>{
      {context.dtype(0), shape}, indices, {DType::kInt64, {count}}, indices};
}

// x as [outer, count, inner]: slice i has the elements (o, i, k) in the order of o, then k.
struct Slices {
  int64_t outer = 1, count, inner = 1;
};

Slices SlicesOf(const Shape& shape, std::optional<int> axis) {
  if (!axis) return {.count = shape.num_elements()};
  return {Shape(shape.dims().first(*axis)).num_elements(), shape[*axis],
          Shape(shape.dims().subspan(*axis + 1)).num_elements()};
}

// Whether slice i comes ahead of slice j. NaN counts as the greatest.
template <typename T>
bool Precedes(const T* x, const Slices& slices, int64_t i, int64_t j) {
  for (int64_t o = 0; o < slices.outer; ++o) {
    const T* a = x + (o * slices.count + i) * slices.inner;
    const T* b = x + (o * slices.count + j) * slices.inner;
    for (int64_t k = 0; k < slices.inner; ++k) {
      const ComputeType<T> left = a[k], right = b[k];
      if (left < right || (left == left && right != right)) return true;
      if (right < left || (right == right && left != left)) return false;
    }
  }
  return false;
}

// Slices that are equal.
struct Group {
  int64_t first, count;
};

struct Groups {
  std::vector<Group> groups;
  std::vector<int64_t> group_of;  // by slice, or nothing
};

// Numbers as integers in their order: NaN is the greatest, and of two zeros there is one. Those of
// 32 bits and less are less than 2^32.
template <typename T>
uint64_t OrderKey(T value) {
  if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    return static_cast<uint64_t>(value) - static_cast<uint64_t>(Limits::min());
  } else {
    using Float = std::conditional_t<(sizeof(T) > 4), double, float>;
    using Bits = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;
    constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
    const Float x = static_cast<Float>(value) + Float{0};
    const Bits bits = std::bit_cast<Bits>(x);
    return x != x ? std::numeric_limits<Bits>::max() : bits & kSign ? Bits(~bits) : bits | kSign;
  }
}

// Sorts by the bits from `first` to `end`, a byte of them at a time, the lowest first. What is
// equal in these keeps its order.
void StableSortByBits(LargeVector<uint64_t>& items, int first, int end) {
  constexpr int64_t kValues = 256;
  LargeVector<uint64_t> sorted(items.size());
  for (int bit = first; bit < end; bit += 8) {
    int64_t places[kValues] = {};
    for (const uint64_t item : items) ++places[item >> bit & 255];
    std::exclusive_scan(places, places + kValues, places, int64_t{0});
    for (const uint64_t item : items) sorted[places[item >> bit & 255]++] = item;
    items.swap(sorted);
  }
}

// Groups what is in order: slice(i) is the i-th, and is_new(i) says whether it differs from the one
// before.
template <typename SliceAt, typename IsNew>
Groups GroupInOrder(int64_t count, bool group_of, SliceAt slice, IsNew is_new) {
  Groups result;
  if (group_of) result.group_of.resize(count);
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0 || is_new(i)) result.groups.push_back({slice(i), 0});
    ++result.groups.back().count;
    if (group_of) result.group_of[slice(i)] = static_cast<int64_t>(result.groups.size()) - 1;
  }
  return result;
}

// Numbers and their places in one integer each; nothing where they take more bits than it has.
template <typename T>
std::optional<LargeVector<uint64_t>> SortedWithPlaces(const T* x, int64_t count, int place_bits) {
  if (count == 0) return std::nullopt;
  uint64_t least = OrderKey(x[0]), greatest = least;
  for (int64_t i = 1; i < count; ++i) {
    const uint64_t key = OrderKey(x[i]);
    least = std::min(least, key);
    greatest = std::max(greatest, key);
  }
  const int end = std::bit_width(greatest - least) + place_bits;
  if (end > 64) return std::nullopt;
  LargeVector<uint64_t> items(count);
  for (int64_t i = 0; i < count; ++i) {
    items[i] = (OrderKey(x[i]) - least) << place_bits | static_cast<uint64_t>(i);
  }
  StableSortByBits(items, place_bits, end);
  return items;
}

// `group_of`: whether that is wanted.
template <typename T>
Groups GroupSlices(const T* x, const Slices& slices, bool group_of) {
  if (slices.outer == 1 && slices.inner == 1) {
    const int place_bits = std::bit_width(static_cast<uint64_t>(slices.count));
    if (const auto items = SortedWithPlaces(x, slices.count, place_bits)) {
      const auto at = [&](int64_t i) { return (*items)[i]; };
      return GroupInOrder(
          slices.count, group_of,
          [&](int64_t i) { return static_cast<int64_t>(at(i) & ((1ull << place_bits) - 1)); },
          [&](int64_t i) { return at(i) >> place_bits != at(i - 1) >> place_bits; });
    }
  }
  LargeVector<int64_t> order(slices.count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return Precedes(x, slices, i, j); });
  return GroupInOrder(
      slices.count, group_of, [&](int64_t i) { return order[i]; },
      [&](int64_t i) { return Precedes(x, slices, order[i - 1], order[i]); });
}

// Puts the groups in the order of their first slices.
void OrderByOccurrence(Groups& g) {
  std::vector<int64_t> order(g.groups.size()), place(g.groups.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return g.groups[a].first < g.groups[b].first; });
  const std::vector<Group> groups = g.groups;
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = static_cast<int64_t>(i);
    g.groups[i] = groups[order[i]];
  }
  for (int64_t& group : g.group_of) group = place[group];
}

absl::Status WriteSlices(KernelContext& context, std::optional<int> axis, const Slices& slices,
                         const std::vector<Group>& groups) {
  const int64_t count = static_cast<int64_t>(groups.size());
  Shape shape = axis ? context.input_shape(0) : Shape{count};
  if (axis) shape[*axis] = count;
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, shape));
  const int64_t bytes = slices.inner * DTypeSize(context.input_dtype(0));
  const std::byte* from = context.input_view(0).data;
  std::byte* to = context.output_view(0).data;
  for (int64_t o = 0; o < slices.outer && bytes > 0; ++o) {
    for (const Group& group : groups) {
      std::memcpy(to, from + (o * slices.count + group.first) * bytes, bytes);
      to += bytes;
    }
  }
  return absl::OkStatus();
}

absl::Status WriteIndices(KernelContext& context, const Groups& g) {
  std::vector<int64_t> first, counts;
  for (const Group& group : g.groups) {
    first.push_back(group.first);
    counts.push_back(group.count);
  }
  const std::vector<int64_t>* const outputs[] = {&first, &g.group_of, &counts};
  for (int i = 1; i < context.num_outputs(); ++i) {
    const std::vector<int64_t>& values = *outputs[i - 1];
    NOMO_RETURN_IF_ERROR(context.AllocateOutput(i, Shape{static_cast<int64_t>(values.size())}));
    std::copy(values.begin(), values.end(), context.output<int64_t>(i).begin());
  }
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context) {
  constexpr int kInverse = 2;  // the output inverse_indices
  std::optional<int> axis;
  if (context.attrs().Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(
        axis, NormalizeAxis(context.attrs().Int("axis"), context.input_shape(0).rank()));
  }
  const Slices slices = SlicesOf(context.input_shape(0), axis);
  Groups groups;
  Dispatch(AllTypes{}, context.input_dtype(0), [&]<typename T>() {
    groups = GroupSlices(context.input<T>(0).data(), slices, context.num_outputs() > kInverse);
  });
  if (!context.attrs().Bool("sorted")) OrderByOccurrence(groups);
  NOMO_RETURN_IF_ERROR(WriteSlices(context, axis, slices, groups.groups));
  return WriteIndices(context, groups);
}

std::vector<Example> Examples() {
  using Longs = std::initializer_list<int64_t>;
  const auto longs = [](Longs values) { return Tensor::Vector<int64_t>(values); };
  const Tensor x = Tensor::Vector<float>({2, 1, 1, 3, 4, 3});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {
      {.name = "ONNX unique_sorted_without_axis",
       .inputs = {x},
       .outputs = {Tensor::Vector<float>({1, 2, 3, 4}), longs({1, 0, 3, 4}),
                   longs({1, 0, 0, 2, 3, 2}), longs({2, 1, 2, 1})}},
      {.name = "ONNX unique_not_sorted_without_axis",
       .attrs = {{"sorted", false}},
       .inputs = {x},
       .outputs = {Tensor::Vector<float>({2, 1, 3, 4}), longs({0, 1, 3, 4}),
                   longs({0, 1, 1, 2, 3, 2}), longs({1, 2, 2, 1})}},
      {.name = "ONNX unique_sorted_with_axis_3d",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 4, 2}, {1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1})},
       .outputs = {Tensor::Of<float>({2, 3, 2}, {0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1}),
                   longs({1, 0, 2}), longs({1, 0, 2, 0}), longs({2, 1, 1})}},
      {.name = "negative axis, not sorted",
       .attrs = {{"axis", -1}, {"sorted", false}},
       .inputs = {Tensor::Of<int8_t>({2, 4}, {5, -3, 5, 5, 1, 2, 0, 1})},
       .outputs = {Tensor::Of<int8_t>({2, 3}, {5, -3, 5, 1, 2, 0}), longs({0, 1, 2}),
                   longs({0, 1, 2, 0}), longs({2, 1, 1})}},
      {.name = "elements of a matrix, two outputs",
       .inputs = {Tensor::Of<bool>({2, 2}, {true, false, true, true})},
       .outputs = {Tensor::Vector<bool>({false, true}), longs({1, 0})}},
      {.name = "NaN is the greatest and one, -0 equals 0",
       .inputs = {Tensor::Vector<float>({nan, 0, 5, -0.0f, nan})},
       .outputs = {Tensor::Vector<float>({0, 5, nan}), longs({1, 2, 0}), longs({2, 0, 1, 0, 2}),
                   longs({2, 1, 2})}},
      {.name = "empty",
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<Half>({0}, {}), longs({}), longs({}), longs({})}},
      {.name = "slices without elements are equal",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({0, 3}, {})},
       .outputs = {Tensor::Of<float>({0, 1}, {}), longs({0}), longs({0, 0, 0}), longs({3})}},
  };
}

// y is picked from x by the index of each slice's first occurrence.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value& x = g.input(0);
  const Value first = g.has_output(1)
                          ? g.output(1)
                          : CallMulti("array.Unique", {x}, g.attrs(), {.num_outputs = 2})[1];
  const bool flat = !g.attrs().Has("axis");
  return PickedGradients(g.gradient(0), {x}, [&](absl::Span<const Value> numbers) {
    const Value from =
        flat ? Call("array.Reshape", {numbers[0]}, {{"shape", std::vector<int64_t>{-1}}})
             : numbers[0];
    return Call("array.Gather", {from, first}, {{"axis", flat ? 0 : g.attrs().Int("axis")}});
  });
}

NOMO_REGISTER_OP(
    OpDef("array.Unique")
        .Doc("The different slices of x along `axis` (or, where none is given, its different "
             "elements), sorted or in the order in which they occur first; with the index in x of "
             "the first of each (indices), the index in y of each of x's (inverse_indices) and how "
             "often each occurs (counts). Slices are compared element by element in row-major "
             "order. NaN equals NaN and is the greatest; of equal slices y has the first. How many "
             "there are depends on the data, so that the shapes are known only when the node has "
             "run.")
        .Source("ONNX Unique; numpy.unique")
        .Known({.as = "onnx", .name = "Unique"})
        .TypeVar("T", kAnyType)
        .Input("x", "T", "any shape; of rank 1 or more with `axis`")
        .Output("y", "T", "the shape of x with size n along `axis`; without it [n]")
        .OptionalOutput("indices", "int64", "[n]")
        .OptionalOutput("inverse_indices", "int64", "as long as the axis; without it, as x")
        .OptionalOutput("counts", "int64", "[n]")
        .OptionalAttr("axis", AttrType::kInt, "in [-rank, rank); absent: x is flattened")
        .Attr("sorted", true, "in rising order, or else in that of the first occurrence")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
