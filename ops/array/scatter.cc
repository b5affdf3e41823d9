// array.ScatterElements, array.ScatterND: a tensor with updates written, or reduced, into the
// places that indices name.
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/element_index.h"
#include "nomograph/ops/array/nd_index.h"

namespace nomograph {
namespace {

// Calls f(what becomes of an element and its update).
template <typename T, typename F>
void WithReduction(const std::string& reduction, F f) {
  // Integers wrap around, which only unsigned ones may.
  using C = std::conditional_t<std::is_integral_v<T>, uint64_t, ComputeType<T>>;
  if (reduction == "add") {
    f([](T a, T b) { return static_cast<T>(static_cast<C>(a) + static_cast<C>(b)); });
  } else if (reduction == "mul") {
    f([](T a, T b) { return static_cast<T>(static_cast<C>(a) * static_cast<C>(b)); });
  } else if (reduction == "max") {
    f([](T a, T b) { return a < b ? b : a; });
  } else if (reduction == "min") {
    f([](T a, T b) { return b < a ? b : a; });
  } else {
    f([](T, T b) { return b; });
  }
}

// Copies data (input 0) to the output, then calls `apply(y, updates, reduced)`, which is to change
// y by the updates (input 2): reduced() makes an element of it and its update.
template <typename Apply>
void Scatter(KernelContext& context, Apply apply) {
  std::memcpy(context.output_view(0).data, context.input_view(0).data,
              context.input_shape(0).num_elements() * DTypeSize(context.input_dtype(0)));
  Dispatch(AllTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* const updates = context.input<T>(2).data();
    T* const y = context.output<T>(0).data();
    WithReduction<T>(context.attrs().String("reduction"),
                     [&](auto reduced) { apply(y, updates, reduced); });
  });
}

absl::Status CheckReduction(const InferContext& context) {
  const std::string& reduction = context.attrs().String("reduction");
  if (context.dtype(0) != DType::kBool || reduction == "none") return absl::OkStatus();
  return InvalidArgument("reduction ", reduction, " is not defined for bool");
}

absl::StatusOr<std::vector<TensorType>> InferElements(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckReduction(context));
  NOMO_RETURN_IF_ERROR(CheckElementIndices(context));
  NOMO_RETURN_IF_ERROR(
      Annotate(Merge(context.shape(1), context.shape(2)).status(), "indices and updates"));
  return SameAsInput(context);
}

absl::Status ComputeElements(KernelContext& context) {
  absl::Status status;
  Scatter(context, [&](auto* y, const auto* updates, auto reduced) {
    status = ForEachIndexRow(context, [=](auto row) {
      const auto* const from = updates + row.first;
      if (row.NamesRun()) {
        auto* const to = y + row.Element(0);
#pragma omp simd
        for (int64_t i = 0; i < row.size; ++i) to[i] = reduced(to[i], from[i]);
        return;
      }
      for (int64_t i = 0; i < row.size; ++i) {
        auto& element = y[row.Element(i)];
        element = reduced(element, from[i]);
      }
    });
  });
  return status;
}

absl::StatusOr<std::vector<TensorType>> InferND(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckReduction(context));
  NOMO_ASSIGN_OR_RETURN(const PartialShape slices,
                        SlicesShape(context.shape(0), context.shape(1), 0));
  NOMO_RETURN_IF_ERROR(Annotate(Merge(slices, context.shape(2)).status(),
                                "the slices that indices name, and updates"));
  return SameAsInput(context);
}

// The elements of a slice.
int64_t SliceSize(const Shape& data, const Shape& indices) {
  return Shape(data.dims().subspan(indices[indices.rank() - 1])).num_elements();
}

// Each thread does its own part of every slice, so that the order of updates is kept.
absl::Status UpdateSlices(KernelContext& context, int threads) {
  const int64_t slice = SliceSize(context.input_shape(0), context.input_shape(1));
  absl::Status status;
  Scatter(context, [&](auto* y, const auto* updates, auto reduced) {
    ParallelParts(threads, [&](int part, int parts) {
      const int64_t begin = slice * part / parts, end = slice * (part + 1) / parts;
      const absl::Status updated = ForEachSlice(context, 0, [=](int64_t i, int64_t element) {
        auto* const to = y + element;
        const auto* const from = updates + i * slice;
#pragma omp simd
        for (int64_t k = begin; k < end; ++k) to[k] = reduced(to[k], from[k]);
      });
      if (part == 0) status = updated;  // the same for all
    });
  });
  return status;
}

absl::Status ComputeND(KernelContext& context) { return UpdateSlices(context, 1); }

// Long slices, of which each thread takes a part.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareND(const PrepareContext& context) {
  constexpr int64_t kWorthThread = 64;  // elements of each slice
  const int64_t slice = SliceSize(context.inputs[0].shape, context.inputs[1].shape);
  const auto threads = static_cast<int>(std::min<int64_t>(slice / kWorthThread, context.threads));
  if (threads <= 1) return nullptr;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return UpdateSlices(kernel, threads); },
      "slices by parts");
}

std::vector<Example> ElementsExamples() {
  const Tensor row = Tensor::Of<float>({1, 5}, {1, 2, 3, 4, 5});
  const Tensor twice = Tensor::Of<int64_t>({1, 2}, {1, 1});
  const Tensor updates = Tensor::Of<float>({1, 2}, {1.5f, 2.5f});
  const auto reduced = [&](const char* reduction, float element) -> Example {
    return {.name = reduction,
            .attrs = {{"axis", 1}, {"reduction", reduction}},
            .inputs = {row, twice, updates},
            .outputs = {Tensor::Of<float>({1, 5}, {1, element, 3, 4, 5})}};
  };
  return {
      {.name = "ONNX scatter_elements_without_axis",
       .inputs = {Tensor(DType::kFloat32, {3, 3}), Tensor::Of<int64_t>({2, 3}, {1, 0, 2, 0, 2, 1}),
                  Tensor::Of<float>({2, 3}, {1.0f, 1.1f, 1.2f, 2.0f, 2.1f, 2.2f})},
       .outputs = {Tensor::Of<float>({3, 3}, {2.0f, 1.1f, 0, 1.0f, 0, 2.2f, 0, 2.1f, 1.2f})}},
      {.name = "ONNX scatter_elements_with_negative_indices",
       .attrs = {{"axis", 1}},
       .inputs = {row, Tensor::Of<int64_t>({1, 2}, {1, -3}),
                  Tensor::Of<float>({1, 2}, {1.1f, 2.1f})},
       .outputs = {Tensor::Of<float>({1, 5}, {1, 1.1f, 2.1f, 4, 5})}},
      {.name = "an index for each row",
       .attrs = {{"reduction", "add"}},
       .inputs = {Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}),
                  Tensor::Of<int32_t>({3, 2}, {1, 1, -2, -2, 1, 1}),
                  Tensor::Of<float>({3, 2}, {10, 20, 30, 40, 50, 60})},
       .outputs = {Tensor::Of<float>({2, 3}, {31, 42, 3, 64, 85, 6})}},
      reduced("none", 2.5f),
      reduced("add", 6),
      reduced("mul", 7.5f),
      reduced("max", 2.5f),
      reduced("min", 1.5f),
  };
}

// Rows 1, 0 and 1 of a table get 130 elements each, element k of row r being r + k / 8.
Example LongRows() {
  constexpr int64_t kSize = 130;
  Tensor updates(DType::kFloat32, {3, kSize}), sums(DType::kFloat32, {2, kSize});
  for (int64_t k = 0; k < kSize; ++k) {
    const float part = static_cast<float>(k) / 8;
    for (int64_t r = 0; r < 3; ++r)
      updates.mutable_data<float>()[r * kSize + k] = static_cast<float>(r) + part;
    sums.mutable_data<float>()[k] = 1 + part;
    sums.mutable_data<float>()[kSize + k] = 2 + 2 * part;
  }
  return {.name = "long rows, added up",
          .attrs = {{"reduction", "add"}},
          .inputs = {Tensor(DType::kFloat32, {2, kSize}), Tensor::Of<int64_t>({3, 1}, {1, 0, 1}),
                     updates},
          .outputs = {sums}};
}

std::vector<Example> NDExamples() {
  return {
      LongRows(),
      {.name = "ONNX example 1: elements",
       .inputs = {Tensor::Vector<float>({1, 2, 3, 4, 5, 6, 7, 8}),
                  Tensor::Of<int64_t>({4, 1}, {4, 3, 1, 7}),
                  Tensor::Vector<float>({9, 10, 11, 12})},
       .outputs = {Tensor::Vector<float>({1, 11, 3, 10, 9, 6, 7, 12})}},
      {.name = "rows, added up where named twice",
       .attrs = {{"reduction", "add"}},
       .inputs = {Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6}),
                  Tensor::Of<int32_t>({3, 1}, {0, -1, 0}),
                  Tensor::Of<int32_t>({3, 2}, {10, 20, 30, 40, 50, 60})},
       .outputs = {Tensor::Of<int32_t>({3, 2}, {61, 82, 3, 4, 35, 46})}},
      {.name = "bool",
       .inputs = {Tensor::Of<bool>({2, 2}, {true, true, true, true}),
                  Tensor::Of<int64_t>({1, 2}, {1, 0}), Tensor::Vector<bool>({false})},
       .outputs = {Tensor::Of<bool>({2, 2}, {true, true, false, true})}},
      {.name = "no updates",
       .inputs = {Tensor::Vector<float>({1, 2}), Tensor::Of<int64_t>({0, 1}, {}),
                  Tensor::Of<float>({0}, {})},
       .outputs = {Tensor::Vector<float>({1, 2})}},
  };
}

// Of both ops: y = scatter(data, updates, reduction), and what `gather` takes from where the
// updates went.
struct Scattering {
  std::function<Value(const Value& data, const Value& updates, const char* reduction)> scatter;
  std::function<Value(const Value& data)> gather;
};

Value Select(const Value& condition, const Value& x, const Value& z) {
  return Call("array.Where", {condition, x, z});
}

// d_data = dy product(updates), d_update = dy data product(the other updates): without a division
// by 0.
std::vector<Value> MulGradient(const GradientContext& g, const Scattering& s) {
  const Value &data = g.input(0), &updates = g.input(2), dy = g.gradient(0);
  const Value ones = OnesLike(data), zero = ConstantLike(0, data), one = ConstantLike(1, data);
  std::vector<Value> result(3);
  if (g.wants(0)) result[0] = dy * s.scatter(ones, updates, "mul");
  if (!g.wants(2)) return result;
  const Value is_zero = updates == 0;
  const Value not_zero = Select(is_zero, one, updates);
  const Value product = s.gather(s.scatter(ones, not_zero, "mul"));
  const Value zeros = s.gather(s.scatter(ZerosLike(data), Select(is_zero, one, zero), "add"));
  const Value others = Select(is_zero, Select(zeros == 1, product, zero),
                              Select(zeros == 0, product / not_zero, zero));
  result[2] = s.gather(dy * data) * others;
  return result;
}

// To those that are y, in equal parts.
std::vector<Value> ExtremeGradient(const GradientContext& g, const Scattering& s) {
  const Value &data = g.input(0), &updates = g.input(2), dy = g.gradient(0);
  const Value zero = ConstantLike(0, data), one = ConstantLike(1, data);
  const Value is_y = Select(data == g.output(0), one, zero);
  const Value update_is_y = Select(updates == s.gather(g.output(0)), one, zero);
  const Value count = s.scatter(is_y, update_is_y, "add");
  const Value part = Select(count == 0, zero, dy / count);  // where y is NaN, nothing equals it
  return {part * is_y, Value(), s.gather(part) * update_is_y};
}

std::vector<Value> ScatterGradient(const GradientContext& g, const Scattering& s) {
  const std::string& reduction = g.attrs().String("reduction");
  const Value dy = g.gradient(0);
  if (reduction == "add") return {dy, Value(), s.gather(dy)};
  if (reduction == "mul") return MulGradient(g, s);
  if (reduction != "none") return ExtremeGradient(g, s);
  const std::vector<Value> parts = PickedGradients(
      dy, {g.input(0), g.input(2)},
      [&](absl::Span<const Value> numbers) { return s.scatter(numbers[0], numbers[1], "none"); });
  return {parts[0], Value(), parts[1]};
}

absl::StatusOr<std::vector<Value>> ElementsGradient(const GradientContext& g) {
  const int64_t axis = g.attrs().Int("axis");
  const Value& indices = g.input(1);
  return ScatterGradient(g,
                         {[&](const Value& data, const Value& updates, const char* reduction) {
                            return Call("array.ScatterElements", {data, indices, updates},
                                        {{"axis", axis}, {"reduction", reduction}});
                          },
                          [&](const Value& data) {
                            return Call("array.GatherElements", {data, indices}, {{"axis", axis}});
                          }});
}

absl::StatusOr<std::vector<Value>> NDGradient(const GradientContext& g) {
  const Value& indices = g.input(1);
  return ScatterGradient(
      g, {[&](const Value& data, const Value& updates, const char* reduction) {
            return Call("array.ScatterND", {data, indices, updates}, {{"reduction", reduction}});
          },
          [&](const Value& data) {
            return Call("array.GatherND", {data, indices});
          }});
}

OpDef Schema(const char* name) {
  return OpDef(name)
      .TypeVar("T", kAnyType)
      .TypeVar("I", kIndexTypes)
      .Input("data", "T", "of rank 1 or more")
      .Attr("reduction", "none",
            "what becomes of an element: the update, or the sum, product, greater or lesser of the "
            "two (not for bool)")
      .Choices({"none", "add", "mul", "max", "min"});
}

NOMO_REGISTER_OP(
    Schema("array.ScatterElements")
        .Doc("y is `data` but for the elements that `indices` name along `axis`: for axis 0, "
             "y[indices[i, j], j] = updates[i, j], one after the other in row-major order. "
             "Negative indices count from the end; one outside of [-n, n) is an error.")
        .Source("ONNX ScatterElements")
        .Known({.as = "onnx", .name = "Scatter", .since = 9})
        .Known({.as = "onnx", .name = "ScatterElements", .since = 11})
        .Input("indices", "I",
               "of the rank of data, and no larger along the axes other than `axis`")
        .Input("updates", "T", "the shape of indices")
        .Output("y", "T", "the shape of data")
        .Attr("axis", 0, "in [-rank, rank)")
        .Infer(InferElements)
        .Reference(ComputeElements)
        .Gradient(ElementsGradient)
        .Examples(ElementsExamples));

NOMO_REGISTER_OP(Schema("array.ScatterND")
                     .Doc("y is `data` but for the slices at places that the last axis of "
                          "`indices`, of size m, spells out: y[indices[i.., 0], ..., indices[i.., "
                          "m - 1]] = updates[i..], one after the other in row-major order. "
                          "Negative indices count from the end; one that does not fit is an error.")
                     .Source("ONNX ScatterND")
                     .Known({.as = "onnx", .name = "ScatterND"})
                     .Input("indices", "I", "[..., m], m at most the rank of data")
                     .Input("updates", "T",
                            "the shape of indices without m, then that of data without m axes")
                     .Output("y", "T", "the shape of data")
                     .Infer(InferND)
                     .Reference(ComputeND)
                     .Fast(PrepareND)
                     .Gradient(NDGradient)
                     .Examples(NDExamples));

}  // namespace
}  // namespace nomograph
