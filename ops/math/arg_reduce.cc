// ArgMax, ArgMin.
#include <limits>
#include <memory>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/reduction/arg_reduction.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> InferArgReduce(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return std::vector<TensorType>{{DType::kInt64, PartialShape()}};
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
  if (x[axis].known() && x[axis].size() == 0) {
    return InvalidArgument("axis ", axis, " of shape ", x.ToString(),
                           " has no elements to choose from");
  }
  PartialShape y = PartialShape::OfRank(0);
  for (int a = 0; a < x.rank(); ++a) {
    if (a != axis)
      y.Append(x[a]);
    else if (context.attrs().Bool("keepdims"))
      y.Append(1);
  }
  return std::vector<TensorType>{{DType::kInt64, std::move(y)}};
}

// Whether `x` is chosen rather than `y`; NaN rather than any number.
template <bool kMax, typename T>
bool Precedes(T x, T y) {
  if (x != x || y != y) return y == y;
  return kMax ? x > y : x < y;
}

// The place of the chosen one among `count` elements that lie `step` apart.
template <bool kMax, typename T>
int64_t Choose(const T* x, int64_t count, int64_t step, bool select_last) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i) {
    const ComputeType<T> candidate = x[i * step], champion = x[best * step];
    const bool better =
        select_last ? !Precedes<kMax>(champion, candidate) : Precedes<kMax>(candidate, champion);
    if (better) best = i;
  }
  return best;
}

template <bool kMax>
absl::Status ArgReduceReference(KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
  const bool select_last = context.attrs().Bool("select_last_index");
  const int64_t count = shape[axis];
  const int64_t step = shape.Strides()[axis];
  const auto y = context.output<int64_t>(0);
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* x = context.input<T>(0).data();
    for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
      y[i] = Choose<kMax>(x + i / step * step * count + i % step, count, step, select_last);
    }
  });
  return absl::OkStatus();
}

// float32 by loops of vectors.
template <bool kMax>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareArgReduce(const PrepareContext& context) {
  const Shape& shape = context.inputs[0].shape;
  if (context.inputs[0].dtype != DType::kFloat32 || shape.num_elements() == 0) return nullptr;
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs.Int("axis"), shape.rank()));
  ArgReduction r{.greatest = kMax,
                 .last = context.attrs.Bool("select_last_index"),
                 .count = shape[axis],
                 .inner = shape.Strides()[axis]};
  if (r.count > std::numeric_limits<int32_t>::max()) return nullptr;
  const int64_t results = shape.num_elements() / r.count;
  r.outer = results / r.inner;
  constexpr int64_t kWorthThreads = 1 << 16;
  const int threads = shape.num_elements() < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [=](KernelContext& run) {
        const float* const x = run.input<float>(0).data();
        int64_t* const y = run.output<int64_t>(0).data();
        ParallelParts(threads, [&](int part, int parts) {
          const int64_t begin = results * part / parts;
          ArgReduce(r, x, y + begin, begin, results * (part + 1) / parts);
        });
        return absl::OkStatus();
      },
      "loop");
}

template <bool kMax>
OpDef ArgReduceOp(std::string name) {
  return OpDef(std::move(name))
      .TypeVar("T", kNumbers)
      .Input("x", "T", "at least one axis")
      .Output("y", "int64", "the shape of x, whose axis has size 1 or is gone")
      .Attr("axis", 0, "the axis to search, a negative one counted from the end")
      .Attr("keepdims", true, "whether the axis stays, with size 1")
      .Attr("select_last_index", false,
            "whether the last of equal elements is chosen, not the first")
      .Infer(InferArgReduce)
      .Reference(ArgReduceReference<kMax>)
      .Fast(PrepareArgReduce<kMax>)
      .GradientIsZero();
}

// Rows with a tie, with NaN and with infinities.
ExampleTable ArgExamples(std::initializer_list<int64_t> first, std::initializer_list<int64_t> last,
                         std::initializer_list<int64_t> columns,
                         std::initializer_list<int64_t> small) {
  const Tensor rows = Tensor::Of<double>(
      {4, 4}, {3, 1, 3, 1, 2, kNaN, kNaN, -5, kInf, 0, -kInf, 7, -2, -8, -1, -8});
  const Tensor ints = Tensor::Of<double>({2, 2, 2}, {1, 5, 5, 5, 2, 1, 0, 1});
  ExampleTable examples;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    examples
        .Add({.name = "last axis",
              .attrs = {{"axis", -1}, {"keepdims", false}},
              .inputs = {rows.Cast(dtype)},
              .outputs = {Tensor::Of<int64_t>({4}, first)}})
        .Add({.name = "last index",
              .attrs = {{"axis", 1}, {"select_last_index", true}},
              .inputs = {rows.Cast(dtype)},
              .outputs = {Tensor::Of<int64_t>({4, 1}, last)}})
        .Add({.name = "first axis",
              .inputs = {rows.Cast(dtype)},
              .outputs = {Tensor::Of<int64_t>({1, 4}, columns)}});
  }
  for (const DType dtype : {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64,
                            DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64}) {
    examples.Add({.name = "middle axis",
                  .attrs = {{"axis", 1}, {"keepdims", false}},
                  .inputs = {ints.Cast(dtype)},
                  .outputs = {Tensor::Of<int64_t>({2, 2}, small)}});
  }
  examples.Add({.name = "empty batch",
                .attrs = {{"axis", 1}},
                .inputs = {Tensor(DType::kFloat32, {0, 3})},
                .outputs = {Tensor(DType::kInt64, {0, 1})}});
  return examples;
}

}  // namespace

NOMO_REGISTER_OP(ArgReduceOp<true>("math.ArgMax")
                     .Doc("The index of the greatest element along an axis. NaN counts as greater "
                          "than all numbers.")
                     .Source("ONNX ArgMax; NumPy argmax")
                     .Known({.as = "onnx", .name = "ArgMax"})
                     .Examples(ArgExamples({0, 1, 0, 2}, {2, 2, 0, 2}, {2, 1, 1, 2},
                                           {1, 0, 0, 0})));

NOMO_REGISTER_OP(
    ArgReduceOp<false>("math.ArgMin")
        .Doc("The index of the least element along an axis. NaN counts as less than all numbers.")
        .Source("ONNX ArgMin; NumPy argmin")
        .Known({.as = "onnx", .name = "ArgMin"})
        .Examples(ArgExamples({1, 1, 2, 1}, {3, 2, 2, 3}, {3, 1, 1, 3}, {0, 0, 1, 0})));

}  // namespace nomograph
