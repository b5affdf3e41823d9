// Pow, Square, Sqrt, Rsqrt, Reciprocal.
#include <cmath>

#include "nomograph/core/elementwise.h"
#include "nomograph/core/exact_math.h"
#include "nomograph/core/onednn.h"
#include "nomograph/core/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

template <typename T>
T Pow(T base, T exponent) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(exact::Pow(base, exponent));
  } else {
    if constexpr (std::is_signed_v<T>) {
      if (exponent < 0 && base == -1) return exponent % 2 == 0 ? 1 : -1;
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

float FastPow(float base, float exponent) {
  if (exponent == 2) return base * base;  // by far the most frequent
  return std::pow(base, exponent);
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("math.Pow", NumberTypes{}, [](auto a, auto b) { return Pow(a, b); })
        .Doc("y = a^b, with NumPy broadcasting. a^0 is 1. A negative float to a power that is no "
             "integer is NaN. Integers wrap around, and their negative powers are rounded toward "
             "zero: 0 unless a is 1 or -1.")
        .Source("ONNX Pow, with one dtype for both; NumPy power")
        .Fast(FastElementwise(TypeList<float>{}, FastPow))
        .Examples(ExampleTable()
                      .Rows(kNumbers, {{2, 3, 8}, {5, 0, 1}, {-3, 3, -27}, {7, 2, 49}, {0, 0, 1}})
                      .Rows(kFloats, {{2, 0.5, 1.4142135623730951},
                                      {2, -1.5, 0.3535533905932738},
                                      {-8, 0.5, kNaN},
                                      {0, -1, kInf},
                                      {kNaN, 0, 1},
                                      {1, kNaN, 1},
                                      {-2, 2, 4},
                                      {kInf, -1, 0}})
                      .Rows(kSignedInts,
                            {{2, -1, 0}, {1, -5, 1}, {-1, -5, -1}, {-1, -2, 1}, {0, -1, 0}})
                      .Rows({DType::kInt32}, {{3, 21, 1870418611}, {2, 32, 0}})
                      .Rows({DType::kUInt8}, {{3, 6, 217}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Square", NumberTypes{}, [](auto x) { return math::Mul(x, x); })
                     .Doc("y = x * x. Integers wrap around.")
                     .Source("NumPy square; Keras ops.square")
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_square))
                     .Examples(ExampleTable()
                                   .Rows(kNumbers,
                                         {{0, 0}, {3, 9}, {-5, 25}, {0.5, 0.25}, {-kInf, kInf}})
                                   .Rows({DType::kInt8}, {{-128, 0}, {16, 0}, {12, -112}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Sqrt", FloatTypes{}, [](auto x) { return std::sqrt(x); })
                     .Doc("y = the square root of x; NaN where x < 0.")
                     .Source("ONNX Sqrt; NumPy sqrt")
                     .Fast(OneDnnEltwise(dnnl_eltwise_sqrt))
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_sqrt))
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
                     .Fast(FastElementwise(TypeList<float>{},
                                           [](float x) { return 1 / std::sqrt(x); }))
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
                     .Examples(ExampleTable().Rows(kFloats, {{2, 0.5},
                                                             {-4, -0.25},
                                                             {3, 0.3333333333333333},
                                                             {0.5, 2},
                                                             {0, kInf},
                                                             {kInf, 0},
                                                             {kNaN, kNaN}})));

}  // namespace nomograph
