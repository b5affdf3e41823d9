// array.Range: evenly spaced numbers from a start up to a limit.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxCount = int64_t{1} << 62;

absl::Status TooMany() {
  return InvalidArgument("from start to limit there are more than 2^62 steps");
}

// max(0, ceil((limit - start) / delta)), for integers.
template <typename T>
requires std::is_integral_v<T> absl::StatusOr<int64_t> Count(T start, T limit, T delta) {
  __extension__ using Wide = __int128;  // the difference of two 64-bit integers has 65 bits
  const Wide distance = delta > 0 ? Wide{limit} - Wide{start} : Wide{start} - Wide{limit};
  const Wide step = delta > 0 ? Wide{delta} : -Wide{delta};
  if (distance <= 0) return 0;
  const Wide count = (distance - 1) / step + 1;
  if (count > kMaxCount) return TooMany();
  return static_cast<int64_t>(count);
}

absl::StatusOr<int64_t> Count(double start, double limit, double delta) {
  const double count = std::ceil((limit - start) / delta);
  if (std::isnan(count)) return InvalidArgument("start, limit and delta must be finite");
  if (count > static_cast<double>(kMaxCount)) return TooMany();
  return count > 0 ? static_cast<int64_t>(count) : 0;
}

// Element i, start + i * delta: in double rounded once, or in modular arithmetic, which passes over
// the overflow of i * delta.
template <typename T>
T Element(T start, T delta, int64_t i) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(start) +
                          static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
  } else {
    return static_cast<T>(static_cast<double>(start) +
                          static_cast<double>(i) * static_cast<double>(delta));
  }
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  bool known = true;
  for (int i = 0; i < 3; ++i) {
    const PartialShape& shape = context.shape(i);
    if (shape.fully_known() && (shape.rank() > 1 || shape.ToShape().num_elements() != 1)) {
      return InvalidArgument("input ", i, ": expected one element, found shape ", shape.ToString());
    }
    known &= context.constant(i) != nullptr;
  }
  if (!known) return std::vector<TensorType>{{context.dtype(0), PartialShape::OfRank(1)}};
  absl::StatusOr<int64_t> count = 0;
  Dispatch(NumberTypes{}, context.dtype(0), [&]<typename T>() {
    const auto value = [&](int i) {
      return static_cast<ComputeType<T>>(context.constant(i)->data<T>()[0]);
    };
    count = value(2) == 0 ? InvalidArgument("delta must not be 0")
                          : Count(value(0), value(1), value(2));
  });
  NOMO_RETURN_IF_ERROR(count.status());
  return std::vector<TensorType>{{context.dtype(0), Shape{*count}}};
}

absl::Status Compute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, Infer));
  Dispatch(NumberTypes{}, context.output_dtype(0), [&]<typename T>() {
    const T start = context.input<T>(0)[0], delta = context.input<T>(2)[0];
    const absl::Span<T> y = context.output<T>(0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = Element(start, delta, static_cast<int64_t>(i));
  });
  return absl::OkStatus();
}

template <typename T>
Example Case(const char* name, T start, T limit, T delta, std::initializer_list<T> values) {
  return {.name = name,
          .inputs = {Tensor::Scalar(start), Tensor::Scalar(limit), Tensor::Scalar(delta)},
          .outputs = {Tensor::Vector(values)}};
}

std::vector<Example> Examples() {
  return {
      Case<float>("ONNX range_float_type_positive_delta", 1, 5, 2, {1, 3}),
      Case<int32_t>("ONNX range_int32_type_negative_delta", 10, 6, -3, {10, 7}),
      Case<float>("steps that float32 does not hold exactly", 0, 0.45f, 0.1f,
                  {0, 0.1f, 0.2f, 0.3f, 0.4f}),
      Case<uint8_t>("up to the greatest", 250, 255, 2, {250, 252, 254}),
      Case<int64_t>("nothing", 3, 3, 1, {}),
      Case<double>("the wrong way", 0, 5, -1, {}),
      Case<Half>("float16", Half(1.0f), Half(2.0f), Half(0.5f), {Half(1.0f), Half(1.5f)}),
  };
}

// Element i is start + i * delta; the limit decides only how many there are.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value dy = g.gradient(0);
  const auto sum = [](const Value& x, const Value& like) {
    return ReshapeLike(Call("math.ReduceSum", {x}, {{"keepdims", true}}), like);
  };
  std::vector<Value> result(3);
  if (g.wants(0)) result[0] = sum(dy, g.input(0));
  if (g.wants(2)) {
    const auto number = [](int64_t value) { return Constant(Tensor::Scalar(value)); };
    const Value i = Call("array.Range", {number(0), Call("array.Size", {dy}), number(1)});
    result[2] = sum(dy * CastLike(i, dy), g.input(2));
  }
  return result;
}

NOMO_REGISTER_OP(OpDef("array.Range")
                     .Doc("The vector start, start + delta, start + 2 * delta, ... up to `limit`, "
                          "which is not included: max(0, ceil((limit - start) / delta)) elements, "
                          "each rounded once. A delta of 0 is an error.")
                     .Source("ONNX Range; numpy.arange")
                     .Known({.as = "onnx", .name = "Range"})
                     .TypeVar("T", kNumbers)
                     .Input("start", "T", "one element")
                     .Input("limit", "T", "one element")
                     .Input("delta", "T", "one element, not 0")
                     .Output("y", "T", "a vector")
                     .Infer(Infer)
                     .Reference(Compute)
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
