// Pow, Square, Sqrt, Rsqrt, Reciprocal.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/elementary/functions.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/elementwise_loop.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

// The exponent is a double, or a 64-bit integer.
template <typename T, typename Exponent>
T Pow(T base, Exponent exponent) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(exact::Pow(base, static_cast<double>(exponent)));
  } else if constexpr (std::is_floating_point_v<Exponent>) {
    const double power = exact::Pow(static_cast<double>(base), exponent);
    T result;
    ConvertElements(DType::kFloat64, reinterpret_cast<const std::byte*>(&power), kDTypeOf<T>,
                    reinterpret_cast<std::byte*>(&result), 1);
    return result;
  } else {
    if constexpr (std::is_signed_v<Exponent>) {
      if constexpr (std::is_signed_v<T>) {
        if (exponent < 0 && base == -1) return exponent % 2 == 0 ? 1 : -1;
      }
      if (exponent < 0) return base == 1 ? 1 : 0;
    }
    T power = 1;
    for (; exponent != 0; exponent /= 2) {
      if (exponent % 2 != 0) power = math::Mul(power, base);
      base = math::Mul(base, base);
    }
    return power;
  }
}

// The output may lie where the bases or the exponents do.
void PowRow(const float* base, const float* exponents, float* y, int64_t count) {
  const float first = exponents[0];
  if (IsEasyPower(first) &&
      std::all_of(exponents, exponents + count, [=](float e) { return e == first; })) {
    const VectorStep step{.kind = VectorStep::Kind::kPower, .a = first};
    return FindStep(step.kind)(step, 0, 0, count, base, y);
  }
  PowOfRow(base, exponents, y, count);
}

// The step that the node is, where its exponents are one easy number and a is float32.
std::optional<PostOp> PowerStep(absl::Span<const TensorSpec> inputs,
                                absl::Span<const Tensor> constants, const Shape& y) {
  const Tensor exponents = constants.size() > 1 ? constants[1] : Tensor();
  if (inputs[0].dtype != DType::kFloat32 || inputs[0].shape != y || !exponents.valid() ||
      exponents.num_elements() == 0) {
    return std::nullopt;
  }
  const double exponent = exponents.AsDouble(0);
  for (int64_t i = 1; i < exponents.num_elements(); ++i) {
    if (exponents.AsDouble(i) != exponent) return std::nullopt;
  }
  if (!(std::abs(exponent) < 100) || !IsEasyPower(static_cast<float>(exponent)) ||
      static_cast<float>(exponent) != exponent) {
    return std::nullopt;
  }
  return PostOp{.algorithm = kEltwisePower, .alpha = static_cast<float>(exponent)};
}

bool PowTakesPostOps(const PrepareContext& context) {
  const auto step = PowerStep(context.inputs, context.constants, context.outputs[0].shape);
  return step && onednn::ElementwiseRowsServe(context, 0, *step);
}

std::optional<PostOp> PowAsPostOp(const FusionQuery& query) {
  if (query.fused_input != 0 || query.output.dtype != DType::kFloat32) return std::nullopt;
  return PowerStep(query.inputs, query.constants, query.output.shape);
}

// The step of a node that divides 1 by its input.
constexpr PostOp kInverse{.algorithm = kEltwisePower, .alpha = -1};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReciprocal(const PrepareContext& context) {
  auto loop = onednn::PrepareElementwiseLoop(context, 0, kInverse);
  return loop != nullptr ? std::move(loop) : onednn::PrepareElementwiseRows(context, 0, kInverse);
}

// y = f(base, exponent), with the exponents converted to `Exponent`, a block at a time: the output
// may lie where they lie.
template <typename T, typename Exponent, typename F>
void ForEachPower(KernelContext& context, F f) {
  constexpr int64_t kBlock = 256;
  const DType from = context.input_dtype(1);
  ForEachRow(context, [&](const std::byte* const* inputs, std::byte* output, int64_t count) {
    std::array<Exponent, kBlock> exponents;
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      const int64_t size = std::min(kBlock, count - begin);
      ConvertElements(from, inputs[1] + begin * DTypeSize(from), kDTypeOf<Exponent>,
                      reinterpret_cast<std::byte*>(exponents.data()), size);
      const T* base = reinterpret_cast<const T*>(inputs[0]) + begin;
      T* y = reinterpret_cast<T*>(output) + begin;
      for (int64_t i = 0; i < size; ++i) {
        y[i] = static_cast<T>(f(static_cast<ComputeType<T>>(base[i]), exponents[i]));
      }
    }
  });
}

absl::Status PowReference(KernelContext& context) {
  const auto pow = [](auto base, auto exponent) { return Pow(base, exponent); };
  const DType exponent = context.input_dtype(1);
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    if (std::is_floating_point_v<ComputeType<T>> || kFloats.Contains(exponent)) {
      ForEachPower<T, double>(context, pow);
    } else if (kSignedInts.Contains(exponent)) {
      ForEachPower<T, int64_t>(context, pow);
    } else {
      ForEachPower<T, uint64_t>(context, pow);
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PreparePow(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  if (const auto step = PowerStep(context.inputs, context.constants, context.outputs[0].shape)) {
    auto loop = onednn::PrepareElementwiseLoop(context, 0, *step);
    if (loop == nullptr) loop = onednn::PrepareElementwiseRows(context, 0, *step);
    if (loop != nullptr) return loop;
  }
  if (context.inputs[1].dtype == DType::kFloat32) {
    return MakeComputeKernel(
        [threads = context.threads](KernelContext& kernel) {
          ForEachRow(
              kernel,
              [](const std::byte* const* inputs, std::byte* output, int64_t count) {
                PowRow(reinterpret_cast<const float*>(inputs[0]),
                       reinterpret_cast<const float*>(inputs[1]), reinterpret_cast<float*>(output),
                       count);
              },
              threads);
          return absl::OkStatus();
        },
        "loop");
  }
  return MakeComputeKernel(
      [](KernelContext& kernel) {
        ForEachPower<float, float>(
            kernel, [](float base, float exponent) { return std::pow(base, exponent); });
        return absl::OkStatus();
      },
      "loop");
}

// The number that all elements of a constant are.
std::optional<double> UniformConstant(const Value& value) {
  const Expr& expr = *value.expr();
  if (expr.node.op != "core.Constant") return std::nullopt;
  const AttrValue* attr = expr.node.attrs.Find("value");
  const Tensor* tensor = attr == nullptr ? nullptr : attr->As<Tensor>();
  if (tensor == nullptr || tensor->num_elements() == 0) return std::nullopt;
  const double first = tensor->AsDouble(0);
  for (int64_t i = 1; i < tensor->num_elements(); ++i) {
    if (tensor->AsDouble(i) != first) return std::nullopt;
  }
  return first;
}

// dy * b * a^(b - 1). Where a and b are 0 that would be 0 times infinity: there the power is that
// to 0, so that the gradient is 0.
Value PowByBase(const Value& a, const Value& b, const Value& y, const Value& dy) {
  if (const auto exponent = UniformConstant(b); exponent && *exponent != 0) {
    if (*exponent == 1) return dy;
    if (*exponent == 2) return dy * (a * 2);
    if (*exponent == 0.5) return dy * 0.5 / y;
    return dy * (Call("math.Pow", {a, ConstantLike(*exponent - 1, a)}) * *exponent);
  }
  const Value exponent = CastLike(b, a);
  const Value less =
      Call("array.Where", {a == 0 && exponent == 0, ConstantLike(0, a), exponent - 1});
  return dy * (exponent * Call("math.Pow", {a, less}));
}

// dy * y * ln(a). Nothing flows where a is 0 or negative: there a power has no derivative by its
// exponent, and that NaN would spread to the exponents of all others.
Value PowByExponent(const Value& a, const Value& b, const Value& y, const Value& dy) {
  const Value positive = Call("array.Where", {a > 0, a, ConstantLike(1, a)});
  return CastLike(dy * (y * Call("math.Log", {positive})), b);
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();

Example OtherExponent(std::string name, Tensor a, Tensor b, Tensor y) {
  return {.name = std::move(name), .inputs = {std::move(a), std::move(b)}, .outputs = {y}};
}

std::vector<Example> PowExamples() {
  return ExampleTable()
      .Rows(kNumbers, {{2, 3, 8}, {5, 0, 1}, {-3, 3, -27}, {7, 2, 49}, {0, 0, 1}})
      .Rows(kFloats, {{2, 0.5, 1.4142135623730951},
                      {2, -1.5, 0.3535533905932738},
                      {-8, 0.5, kNaN},
                      {0, -1, kInf},
                      {kNaN, 0, 1},
                      {1, kNaN, 1},
                      {-2, 2, 4},
                      {kInf, -1, 0}})
      .Rows(kSignedInts, {{2, -1, 0}, {1, -5, 1}, {-1, -5, -1}, {-1, -2, 1}, {0, -1, 0}})
      .Rows({DType::kInt32}, {{3, 21, 1870418611}, {2, 32, 0}})
      .Rows({DType::kUInt8}, {{3, 6, 217}})
      .Add(OtherExponent("float32 to int64, broadcast",
                         Tensor::Of<float>({2, 3}, {1, 2, 3, -4, 0.5, -6}),
                         Tensor::Vector<int64_t>({4, -1, 3}),
                         Tensor::Of<float>({2, 3}, {1, 0.5, 27, 256, 2, -216})))
      .Add(OtherExponent("squares", Tensor::Of<float>({2, 3}, {1, 2, 3, -4, 0.5, -6}),
                         Tensor::Vector<float>({2}),
                         Tensor::Of<float>({2, 3}, {1, 4, 9, 16, 0.25, 36})))
      .Add(OtherExponent("cubes", Tensor::Of<float>({2, 3}, {1, 2, 3, -4, 0.5, -6}),
                         Tensor::Vector<float>({3}),
                         Tensor::Of<float>({2, 3}, {1, 8, 27, -64, 0.125, -216})))
      .Add(OtherExponent("roots", Tensor::Vector<float>({0, -0.0f, kInfinity, -kInfinity, 4, -4}),
                         Tensor::Vector<float>({0.5f}),
                         Tensor::Vector<float>({0, 0, kInfinity, kInfinity, 2, kNotANumber})))
      .Add(OtherExponent("inverse roots",
                         Tensor::Vector<float>({0, -0.0f, kInfinity, -kInfinity, 4, -4}),
                         Tensor::Vector<float>({-0.5f}),
                         Tensor::Vector<float>({kInfinity, kInfinity, 0, 0, 0.5f, kNotANumber})))
      .Add(OtherExponent("inverse squares", Tensor::Vector<float>({0, 2, -4, kInfinity}),
                         Tensor::Vector<int64_t>({-2}),
                         Tensor::Vector<float>({kInfinity, 0.25f, 0.0625f, 0})))
      .Add(OtherExponent("float16 to uint8", Tensor::Vector<Half>({Half(2.0f), Half(-1.5f)}),
                         Tensor::Vector<uint8_t>({10, 3}),
                         Tensor::Vector<Half>({Half(1024.0f), Half(-3.375f)})))
      .Add(OtherExponent("float64 to float32", Tensor::Vector<double>({2, 9}),
                         Tensor::Vector<float>({0.5f, -0.5f}),
                         Tensor::Vector<double>({1.4142135623730951, 1.0 / 3})))
      .Add(OtherExponent("int32 to float32 is cut off", Tensor::Vector<int32_t>({2, 3, -2, 10}),
                         Tensor::Vector<float>({0.5f, 1.5f, 3, 20}),
                         Tensor::Vector<int32_t>({1, 5, -8, 2147483647})))
      .Add(OtherExponent("uint8 to int64", Tensor::Vector<uint8_t>({2, 1, 3}),
                         Tensor::Vector<int64_t>({-1, -7, 5}),
                         Tensor::Vector<uint8_t>({0, 1, 243})))
      .Add(OtherExponent("int8 to uint64", Tensor::Vector<int8_t>({-1, 3}),
                         Tensor::Vector<uint64_t>({~uint64_t{0}, 3}),
                         Tensor::Vector<int8_t>({-1, 27})))();
}

}  // namespace

NOMO_REGISTER_OP(
    OpDef("math.Pow")
        .Doc("y = a^b, with NumPy broadcasting. a^0 is 1. A negative float to a power that is no "
             "integer is NaN. Integers wrap around, and their negative powers are rounded toward "
             "zero: 0 unless a is 1 or -1. The exponents may have another dtype than a, which is "
             "that of y; powers of integers to floats are computed in float64 and converted as "
             "array.Cast does.")
        .Source("ONNX Pow; NumPy power")
        .Known({.as = "python",
                .name = "{keras.ops,np}.power,{tf,tf.math,keras.backend}.pow,np.float_power(x|x1,y|"
                        "x2|a|exponent)"})
        .Known({.as = "onnx", .name = "Pow", .since = 7})
        .TypeVar("T", kNumbers)
        .TypeVar("E", kNumbers)
        .Input("a", "T", "broadcast to the other")
        .Input("b", "E", "broadcast to the other")
        .Output("y", "T", "the shape to which the inputs broadcast")
        .Infer(BroadcastInputs)
        .Reference(PowReference)
        .Fast(PreparePow, PowTakesPostOps)
        .AsPostOp(PowAsPostOp)
        .InPlace()
        .Gradient(BroadcastGradient(PowByBase, PowByExponent))
        .Examples(PowExamples));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Square", NumberTypes{}, [](auto x) { return math::Mul(x, x); })
        .Doc("y = x * x. Integers wrap around.")
        .Source("NumPy square; Keras ops.square")
        .Known({.as = "python", .name = "{keras.backend,keras.ops,tf,tf.math,np}.square(x)"})
        .Fast(OneDnnEltwise(dnnl_eltwise_square))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_square))
        .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) { return dy * (x * 2); }))
        .Examples(ExampleTable()
                      .Rows(kNumbers, {{0, 0}, {3, 9}, {-5, 25}, {0.5, 0.25}, {-kInf, kInf}})
                      .Rows({DType::kInt8}, {{-128, 0}, {16, 0}, {12, -112}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Sqrt", FloatTypes{}, [](auto x) { return std::sqrt(x); })
                     .Doc("y = the square root of x; NaN where x < 0.")
                     .Source("ONNX Sqrt; NumPy sqrt")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.sqrt(x)"})
                     .Known({.as = "onnx", .name = "Sqrt"})
                     .Fast(OneDnnEltwise(dnnl_eltwise_sqrt))
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_sqrt))
                     .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) { return dy * 0.5 / y; }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {2, 1.4142135623730951},
                                                             {0.25, 0.5},
                                                             {100, 10},
                                                             {-1, kNaN},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Rsqrt", FloatTypes{},
                               [](auto x) { return 1 / std::sqrt(static_cast<double>(x)); })
                     .Doc("y = 1 / sqrt(x): inf at 0, NaN below.")
                     .Source("Keras ops.rsqrt; ONNX Reciprocal of Sqrt")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math}.rsqrt(x)"})
                     .Fast(FastElementwise(TypeList<float>{},
                                           [](float x) { return 1 / std::sqrt(x); }))
                     .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) {
                       return dy * -0.5 * (y * Call("math.Square", {y}));
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{4, 0.5},
                                                             {2, 0.7071067811865475},
                                                             {0.25, 2},
                                                             {100, 0.1},
                                                             {0, kInf},
                                                             {-1, kNaN},
                                                             {kInf, 0}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Reciprocal", FloatTypes{}, [](auto x) { return 1 / x; })
                     .Doc("y = 1 / x")
                     .Source("ONNX Reciprocal; NumPy reciprocal")
                     .Known({.as = "python",
                             .name = "{keras.ops,tf.math,np}.reciprocal,tf.reciprocal(x)"})
                     .Known({.as = "onnx", .name = "Reciprocal"})
                     .Fast(PrepareReciprocal,
                           [](const PrepareContext& context) {
                             return onednn::ElementwiseRowsServe(context, 0, kInverse);
                           })
                     .AsPostOp([](const FusionQuery& query) -> std::optional<PostOp> {
                       if (query.output.dtype != DType::kFloat32) return std::nullopt;
                       return kInverse;
                     })
                     .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) {
                       return -dy * Call("math.Square", {y});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{2, 0.5},
                                                             {-4, -0.25},
                                                             {3, 0.3333333333333333},
                                                             {0.5, 2},
                                                             {0, kInf},
                                                             {kInf, 0},
                                                             {kNaN, kNaN}})));

}  // namespace nomograph
