// CumSum, CumProd.
#include <algorithm>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

constexpr int kAxisInput = 1;

absl::StatusOr<std::vector<TensorType>> InferCumulative(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg axis, GetInt(context, "axis", kAxisInput));
  if (!axis.given)
    return InvalidArgument("axis is required, as an attribute or as input ", kAxisInput);
  if (axis.known && context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(NormalizeAxis(axis.values[0], context.shape(0).rank()).status());
  }
  return SameAsInput(context);
}

// The axis when the node runs.
absl::StatusOr<int> RunAxis(const KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_ASSIGN_OR_RETURN(const IntsArg axis, GetInt(node.context(), "axis", kAxisInput));
  return NormalizeAxis(axis.values[0], context.input_shape(0).rank());
}

template <typename T, bool kProduct>
math::WrappingSum<T> Join(math::WrappingSum<T> sum, T x) {
  const auto element = static_cast<math::WrappingSum<T>>(static_cast<ComputeType<T>>(x));
  return kProduct ? sum * element : sum + element;
}

// A line of `count` elements that lie side by side.
template <typename T, bool kProduct>
void Accumulate(const T* x, T* y, int64_t count, bool exclusive, bool reverse) {
  math::WrappingSum<T> sum = kProduct ? 1 : 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = reverse ? count - 1 - i : i;
    const auto before = sum;
    sum = Join<T, kProduct>(sum, x[place]);
    y[place] = static_cast<T>(exclusive ? before : sum);
  }
}

// Some lines of `count` elements, `step` apart, the first elements of which lie side by side.
constexpr int64_t kLines = 256;
template <typename T, bool kProduct>
void AccumulateLines(const T* x, T* y, int64_t lines, int64_t count, int64_t step, bool exclusive,
                     bool reverse) {
  math::WrappingSum<T> sums[kLines];
  std::fill_n(sums, lines, math::WrappingSum<T>{kProduct ? 1 : 0});
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = (reverse ? count - 1 - i : i) * step;
    const T* const from = x + place;
    T* const to = y + place;  // which may be `from`
    if (exclusive) {
#pragma omp simd
      for (int64_t k = 0; k < lines; ++k) {
        const auto before = sums[k];
        sums[k] = Join<T, kProduct>(before, from[k]);
        to[k] = static_cast<T>(before);
      }
    } else {
#pragma omp simd
      for (int64_t k = 0; k < lines; ++k) {
        sums[k] = Join<T, kProduct>(sums[k], from[k]);
        to[k] = static_cast<T>(sums[k]);
      }
    }
  }
}

template <bool kProduct>
absl::Status Cumulate(KernelContext& context, int threads) {
  NOMO_ASSIGN_OR_RETURN(const int axis, RunAxis(context));
  const bool exclusive = context.attrs().Bool("exclusive");
  const bool reverse = context.attrs().Bool("reverse");
  const Shape& shape = context.input_shape(0);
  if (shape.num_elements() == 0) return absl::OkStatus();
  const int64_t count = shape[axis];
  const int64_t step = shape.Strides()[axis];
  const int64_t outer = shape.num_elements() / count / step;
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* x = context.input<T>(0).data();
    T* y = context.output<T>(0).data();
    const int64_t blocks = (step + kLines - 1) / kLines;
    ParallelFor(threads, outer * blocks, [&](int64_t i) {
      const int64_t first = i % blocks * kLines, begin = i / blocks * count * step + first;
      if (step == 1) {
        Accumulate<T, kProduct>(x + begin, y + begin, count, exclusive, reverse);
      } else {
        AccumulateLines<T, kProduct>(x + begin, y + begin, std::min(kLines, step - first), count,
                                     step, exclusive, reverse);
      }
    });
  });
  return absl::OkStatus();
}

template <bool kProduct>
absl::Status CumulativeReference(KernelContext& context) {
  return Cumulate<kProduct>(context, 1);
}

template <bool kProduct>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareCumulative(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 16;
  if (context.threads == 1 || context.inputs[0].shape.num_elements() < kWorthThreads) {
    return nullptr;
  }
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& run) { return Cumulate<kProduct>(run, threads); },
      "lines by parts");
}

template <bool kProduct>
OpDef CumulativeOp(std::string name) {
  return OpDef(std::move(name))
      .TypeVar("T", kNumbers)
      .TypeVar("I", {DType::kInt32, DType::kInt64})
      .Input("x", "T", "at least one axis")
      .OptionalInput("axis", "I", "one number: the axis, instead of the attribute")
      .Output("y", "T", "the shape of x")
      .OptionalAttr("axis", AttrType::kInt,
                    "the axis to run along, a negative one counted from the end")
      .Attr(
          "exclusive", false,
          "whether an element itself is left out, so that the first result is that of no elements")
      .Attr("reverse", false, "whether to run from the end of the axis to its beginning")
      .Infer(InferCumulative)
      .Reference(CumulativeReference<kProduct>)
      .Fast(PrepareCumulative<kProduct>)
      .InPlace();
}

// The sums of `terms` that run against the node's direction: where y[j] has a term of x[i], that
// of place i has one of place j.
Value SumsBack(const GradientContext& g, const Value& terms) {
  Attributes attrs = g.attrs();
  attrs.Set("reverse", !attrs.Bool("reverse"));
  return Call("math.CumSum", {terms, g.has_input(kAxisInput) ? g.input(kAxisInput) : Value()},
              attrs);
}

absl::StatusOr<std::vector<Value>> SumGradient(const GradientContext& g) {
  return std::vector<Value>{SumsBack(g, g.gradient(0)), Value()};
}

// dx[i] is the sum of dy[j] y[j] / x[i]. Where x[i] is the first 0 on its line the quotient is the
// product without x[i]; behind another 0 nothing is left of it.
absl::StatusOr<std::vector<Value>> ProductGradient(const GradientContext& g) {
  const Value &x = g.input(0), one = ConstantLike(1, x);
  const std::vector<Value> axis = {g.has_input(kAxisInput) ? g.input(kAxisInput) : Value()};
  const auto along = [&](const char* op, const Value& value, const Attributes& attrs) {
    return Call(op, {value, axis[0]}, attrs);
  };
  Attributes inclusive = g.attrs();
  inclusive.Set("exclusive", false);
  const Value is_zero = x == 0;
  const Value zeros =
      along("math.CumSum", Call("array.Cast", {is_zero}, {{"to", DType::kInt64}}), inclusive);
  const Value first_zero = is_zero && zeros == 1;
  const Value without = along("math.CumProd", Call("array.Where", {first_zero, one, x}), g.attrs());
  const Value dy = g.gradient(0);
  const Value quotients = SumsBack(g, dy * g.output(0)) / Call("array.Where", {is_zero, one, x});
  return std::vector<Value>{Call("array.Where", {first_zero, SumsBack(g, dy * without), quotients}),
                            Value()};
}

// The results for [[1, 2, 3], [4, 5, 6]].
ExampleTable CumulativeExamples(std::initializer_list<double> rows,
                                std::initializer_list<double> columns,
                                std::initializer_list<double> exclusive,
                                std::initializer_list<double> reverse) {
  const Tensor x = Tensor::Of<double>({2, 3}, {1, 2, 3, 4, 5, 6});
  return ExampleTable()
      .AddForEach(kFloats | DTypeSet{DType::kInt16, DType::kInt32, DType::kInt64, DType::kUInt16,
                                     DType::kUInt32, DType::kUInt64},
                  {.name = "rows",
                   .attrs = {{"axis", -1}},
                   .inputs = {x},
                   .outputs = {Tensor::Of<double>({2, 3}, rows)}})
      .AddForEach(kNumbers, {.name = "columns",
                             .attrs = {{"axis", 0}},
                             .inputs = {x},
                             .outputs = {Tensor::Of<double>({2, 3}, columns)}})
      .AddForEach(kNumbers, {.name = "exclusive",
                             .attrs = {{"axis", 1}, {"exclusive", true}},
                             .inputs = {x},
                             .outputs = {Tensor::Of<double>({2, 3}, exclusive)}})
      .AddForEach({DType::kFloat32},
                  {.name = "reverse, exclusive",
                   .attrs = {{"axis", 1}, {"exclusive", true}, {"reverse", true}},
                   .inputs = {x},
                   .outputs = {Tensor::Of<double>({2, 3}, reverse)}})
      .Add({.name = "axis as input",
            .inputs = {x, Tensor::Scalar<int32_t>(0)},
            .outputs = {Tensor::Of<double>({2, 3}, columns)}})
      .Add({.name = "empty",
            .attrs = {{"axis", 0}},
            .inputs = {Tensor(DType::kFloat32, {0, 2})},
            .outputs = {Tensor(DType::kFloat32, {0, 2})}});
}

}  // namespace

NOMO_REGISTER_OP(
    CumulativeOp<false>("math.CumSum")
        .Doc("y[i] = x[0] + … + x[i] along an axis. Integers wrap around.")
        .Source("ONNX CumSum; NumPy cumsum")
        .Known({.as = "onnx", .name = "CumSum", .attrs = {{"axis", KnownAttr::kScalar, "", 1}}})
        .Gradient(SumGradient)
        .Examples(CumulativeExamples({1, 3, 6, 4, 9, 15}, {1, 2, 3, 5, 7, 9}, {0, 1, 3, 0, 4, 9},
                                     {5, 3, 0, 11, 6, 0})
                      .Add({.name = "integers wrap around",
                            .attrs = {{"axis", 0}, {"reverse", true}},
                            .inputs = {Tensor::Vector<int8_t>({-100, 100, 100})},
                            .outputs = {Tensor::Vector<int8_t>({100, -56, 100})}})));

NOMO_REGISTER_OP(CumulativeOp<true>("math.CumProd")
                     .Doc("y[i] = x[0] * … * x[i] along an axis. Integers wrap around.")
                     .Source("NumPy cumprod")
                     .Known({.as = "onnx",
                             .name = "CumProd",
                             .since = 26,
                             .attrs = {{"axis", KnownAttr::kScalar, "", 1}}})
                     .Gradient(ProductGradient)
                     .Examples(CumulativeExamples({1, 2, 6, 4, 20, 120}, {1, 2, 3, 4, 10, 18},
                                                  {1, 1, 2, 1, 4, 20}, {6, 3, 1, 30, 6, 1})
                                   .Add({.name = "integers wrap around",
                                         .attrs = {{"axis", 0}},
                                         .inputs = {Tensor::Vector<uint8_t>({16, 15, 2})},
                                         .outputs = {Tensor::Vector<uint8_t>({16, 240, 224})}})));

}  // namespace nomograph
