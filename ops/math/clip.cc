// Clip.
#include <algorithm>
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

constexpr int kMinInput = 1, kMaxInput = 2;

// The nearest value of T that lies in the interval which the limit bounds from below, or else from
// above; no limit at all for NaN, which compares with nothing.
template <typename T>
T Rounded(double limit, bool from_below) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(limit);
  } else {
    using Limits = std::numeric_limits<T>;
    if (std::isnan(limit)) return from_below ? Limits::min() : Limits::max();
    const double whole = from_below ? std::ceil(limit) : std::floor(limit);
    // One past the greatest integer is a power of two, which a double holds exactly.
    if (whole >= std::ldexp(1.0, Limits::digits)) return Limits::max();
    if (whole <= static_cast<double>(Limits::min())) return Limits::min();
    return static_cast<T>(whole);
  }
}

template <typename T>
ComputeType<T> Limit(const KernelContext& context, const char* attr, int input) {
  using C = ComputeType<T>;
  const bool from_below = input == kMinInput;
  if (context.has_input(input)) return context.input<T>(input)[0];
  const AttrValue* value = context.attrs().Find(attr);
  return Rounded<C>(value != nullptr ? *value->As<double>()
                    : from_below     ? -kInf
                                     : kInf,
                    from_below);
}

absl::Status ClipReference(KernelContext& context) {
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    const auto low = Limit<T>(context, "min", kMinInput);
    const auto high = Limit<T>(context, "max", kMaxInput);
    const T* x = context.input<T>(0).data();
    T* y = context.output<T>(0).data();
    const int64_t count = context.input_shape(0).num_elements();
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      ComputeType<T> value = x[i];
      value = value < low ? low : value;
      y[i] = static_cast<T>(value > high ? high : value);
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferClip(const InferContext& context) {
  for (const auto& [attr, input] : {std::pair("min", kMinInput), std::pair("max", kMaxInput)}) {
    if (!context.has_input(input)) continue;
    if (context.attrs().Has(attr)) {
      return InvalidArgument(attr, " is given twice, as an attribute and as input ", input);
    }
    const PartialShape& shape = context.shape(input);
    if (!Compatible(shape, Shape{}) && !Compatible(shape, Shape{1})) {
      return InvalidArgument("input ", attr, ": expected one number, found shape ",
                             shape.ToString());
    }
  }
  return SameAsInput(context);
}

void ClipFloats(const float* x, int64_t count, float low, float high, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float value = x[i] < low ? low : x[i];
    y[i] = value > high ? high : value;
  }
}

// The same on several processors. oneDNN's loop would take the lower limit for NaN.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareClip(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) {
        const float low = Limit<float>(kernel, "min", kMinInput);
        const float high = Limit<float>(kernel, "max", kMaxInput);
        const float* x = kernel.input<float>(0).data();
        float* y = kernel.output<float>(0).data();
        const int64_t count = kernel.input_shape(0).num_elements();
        ParallelRanges(threads, count, [&](int64_t begin, int64_t end) {
          ClipFloats(x + begin, end - begin, low, high, y + begin);
        });
        return absl::OkStatus();
      },
      "clip loop");
}

// With limits that are known. oneDNN refuses an empty interval.
std::optional<PostOp> AsPostOp(const FusionQuery& query) {
  if (query.fused_input != 0 || query.output.dtype != DType::kFloat32) return std::nullopt;
  bool known = true;
  const auto limit = [&](absl::string_view attr, int input, double none) -> double {
    if (input < static_cast<int>(query.inputs.size()) &&
        query.inputs[input].dtype != DType::kInvalid) {
      const Tensor& value = query.constants[input];
      known &= value.valid();
      return value.valid() ? value.data<float>()[0] : none;
    }
    return query.attrs.Has(attr) ? query.attrs.Float(attr) : none;
  };
  const double low = limit("min", kMinInput, -kInf), high = limit("max", kMaxInput, kInf);
  if (!known || !(low <= high)) return std::nullopt;
  return PostOp{PostOp::Kind::kEltwise, dnnl_eltwise_clip, static_cast<float>(low),
                static_cast<float>(high)};
}

// What lies within the limits, or at one of them, has the gradient; what lies outside, its limit.
// Where the interval is empty, all of it goes to max.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const auto limit = [&](const char* attr, int input) {
    if (g.has_input(input)) return g.input(input);
    return g.attrs().Has(attr) ? ConstantLike(g.attrs().Float(attr), g.input(0)) : Value();
  };
  const Value &x = g.input(0), dy = g.gradient(0);
  const Value low = limit("min", kMinInput), high = limit("max", kMaxInput);
  const Value empty = low.valid() && high.valid() ? low > high : Value();
  const auto only_where = [&](const Value& mask, const Value& like) {
    return SumTo(Call("array.Where", {mask, dy, ConstantLike(0, x)}), like);
  };
  std::vector<Value> result(g.num_inputs());
  if (g.wants(0)) {
    const Value within = x == g.output(0);
    result[0] = only_where(empty.valid() ? within && !empty : within, x);
  }
  if (g.wants(kMinInput)) {
    result[kMinInput] = only_where(empty.valid() ? x < low && !empty : x < low, low);
  }
  if (g.wants(kMaxInput)) {
    result[kMaxInput] = only_where(empty.valid() ? x > high || empty : x > high, high);
  }
  return result;
}

Example InputsExample(std::string name, Tensor min, Tensor max,
                      std::initializer_list<float> expected) {
  return {.name = std::move(name),
          .inputs = {Tensor::Vector<float>({-2, -1, 0, 0.5, 3}), std::move(min), std::move(max)},
          .outputs = {Tensor::Vector<float>(expected)}};
}

ExampleTable ClipExamples() {
  return ExampleTable()
      .Rows(kNumbers, {{-5, 1}, {0, 1}, {2, 2}, {9, 6}}, {{"min", 1.0}, {"max", 6.0}})
      .Rows(kNumbers, {{-5, -5}, {3, 2}}, {{"max", 2.0}})
      .Rows(kFloats, {{-kInf, -0.5}, {0.25, 0.25}, {kInf, kInf}, {kNaN, kNaN}}, {{"min", -0.5}})
      .Rows(kFloats, {{-1, 2}, {3, 2}, {9, 2}}, {{"min", 4.0}, {"max", 2.0}})
      .Rows(kInts, {{0, 1}, {1, 1}, {2, 2}, {3, 2}}, {{"min", 0.5}, {"max", 2.5}})
      .Rows({DType::kInt8}, {{-128, -128}, {127, 127}}, {{"min", -1e9}, {"max", 1e9}})
      .Rows({DType::kUInt8}, {{0, 255}, {255, 255}}, {{"min", 256.0}})
      .Rows(kNumbers, {{0, 0}, {7, 7}})
      .Add(InputsExample("limits as inputs", Tensor::Scalar<float>(-1),
                         Tensor::Scalar<float>(0.25f), {-1, -1, 0, 0.25f, 0.25f}))
      .Add(InputsExample("upper limit as input", Tensor(), Tensor::Vector<float>({1}),
                         {-2, -1, 0, 0.5f, 1}))
      .Add({.name = "integer limits as inputs",
            .inputs = {Tensor::Vector<int64_t>({-5, 1, 9}), Tensor::Scalar<int64_t>(0),
                       Tensor::Scalar<int64_t>(4)},
            .outputs = {Tensor::Vector<int64_t>({0, 1, 4})}});
}

OpDef Clip() {
  return OpDef("math.Clip")
      .Doc(
          "y = min(max(x, min), max): x limited to [min, max]. Where min > max every element is "
          "max. NaN stays NaN in x, and is no limit. Each limit is an attribute or an input or "
          "neither, which is none. For integer types attributes are rounded into the interval, and "
          "to the nearest end of the type's range.")
      .Source("ONNX Clip; NumPy clip; Keras ReLU(max_value)")
      .Known({.as = "onnx",
              .name = "Clip",
              .since = 11,
              .attrs = {{"min", KnownAttr::kLike, "", 1}, {"max", KnownAttr::kLike, "", 2}}})
      .TypeVar("T", kNumbers)
      .Input("x", "T", "any shape")
      .OptionalInput("min", "T", "one number")
      .OptionalInput("max", "T", "one number")
      .Output("y", "T", "the shape of x")
      .OptionalAttr("min", AttrType::kFloat, "the least value; none unless given")
      .OptionalAttr("max", AttrType::kFloat, "the greatest value; none unless given")
      .Infer(InferClip)
      .Reference(ClipReference)
      .InLowPrecision(LowPrecision::kFollows)
      .Fast(PrepareClip)
      .InPlace()
      .AsPostOp(AsPostOp)
      .Gradient(Gradient)
      .Examples(ClipExamples());
}

}  // namespace

NOMO_REGISTER_OP(Clip());

}  // namespace nomograph
