// Mod, FloorDiv.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

// The remainder with the sign of the dividend. std::fmod is exact.
template <typename T>
T Truncated(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fmod(a, b);
  else
    return math::Remainder(a, b);
}

// The remainder with the sign of the divisor.
template <typename T>
T Floored(T a, T b) {
  T rest = Truncated(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest = math::Add(rest, b);
  if constexpr (std::is_floating_point_v<T>) {
    if (rest == 0) rest = std::copysign(rest, b);
  }
  return rest;
}

// floor(a / b) of the exact quotient, which the rounded quotient may pass.
template <typename T>
T FloorDiv(T a, T b) {
  const T rest = Truncated(a, b);
  T quotient;
  if constexpr (std::is_floating_point_v<T>) {
    if (b == 0) return a / b;
    quotient = std::nearbyint((a - rest) / b);
  } else {
    quotient = math::Div(a, b);
  }
  return rest != 0 && (rest < 0) != (b < 0) ? math::Sub<T>(quotient, 1) : quotient;
}

// The remainder is a - b * q, whose whole quotient q is constant but for its steps.
absl::StatusOr<std::vector<Value>> ModGradient(const GradientContext& g) {
  const bool fmod = g.attrs().Bool("fmod");
  return BroadcastGradient(
      [](auto&, auto&, auto&, auto& dy) { return dy; },
      [fmod](auto& a, auto& b, auto& y, auto& dy) {
        return -dy * (fmod ? Call("math.Round", {(a - y) / b}) : Call("math.FloorDiv", {a, b}));
      })(g);
}

OpDef Mod() {
  return ElementwiseOp("math.Mod", NumberTypes{},
                       [](const Attributes& attrs) {
                         return [fmod = attrs.Bool("fmod")](auto a, auto b) {
                           return fmod ? Truncated(a, b) : Floored(a, b);
                         };
                       })
      .Doc(
          "The remainder of a / b, with NumPy broadcasting: of the division that rounds down (the "
          "remainder has the sign of b, as in Python), or with fmod of the one that rounds toward "
          "zero (the sign of a, as in C). Where b is 0 it is 0 for integers and NaN for floats.")
      .Source("ONNX Mod; NumPy mod and fmod")
      .Known({.as = "python",
              .name = "{keras.ops,np}.mod,{tf,tf.math}.{floormod,mod},np.remainder(x|x1,y|x2)"})
      .Known({.as = "onnx", .name = "Mod"})
      .Attr("fmod", false, "whether the remainder has the sign of the dividend")
      .Gradient(ModGradient)
      .Examples(
          ExampleTable()
              .Rows(kNumbers, {{7, 3, 1}, {-7, 3, 2}, {7, -3, -2}, {-7, -3, -1}, {6, 3, 0}})
              .Rows(kNumbers, {{7, 3, 1}, {-7, 3, -1}, {7, -3, 1}, {-7, -3, -1}}, {{"fmod", true}})
              .Rows(kInts, {{5, 0, 0}, {-128, -1, 0}})
              .Rows(kFloats,
                    {{5.5, 2, 1.5}, {-5.5, 2, 0.5}, {1, 0, kNaN}, {kInf, 2, kNaN}, {1, kInf, 1}})
              .Rows(kFloats, {{-5.5, 2, -1.5}, {5, -kInf, 5}}, {{"fmod", true}}));
}

}  // namespace

NOMO_REGISTER_OP(Mod());

NOMO_REGISTER_OP(
    ElementwiseOp("math.FloorDiv", NumberTypes{}, [](auto a, auto b) { return FloorDiv(a, b); })
        .Doc("y = floor(a / b), with NumPy broadcasting. An integer divided by zero is zero, and "
             "the least integer divided by -1 is itself.")
        .Source("NumPy floor_divide; Keras ops.floor_divide")
        .Known({.as = "python",
                .name = "{keras.ops,np}.floor_divide,{tf,tf.math}.{floordiv,floor_div}(x|x1,y|x2)"})
        .GradientIsZero()
        .Examples(
            ExampleTable()
                .Rows(kNumbers, {{7, 2, 3}, {-7, 2, -4}, {7, -2, -4}, {-7, -2, 3}, {6, 3, 2}})
                .Rows(kInts, {{5, 0, 0}})
                .Rows({DType::kInt8}, {{-128, -1, -128}, {-128, 3, -43}})
                .Rows(kFloats,
                      {{5.5, 2, 2}, {-0.25, 1, -1}, {1, 0, kInf}, {0, 0, kNaN}, {-1, kInf, -1}})
                // 0.1 is a little more than a tenth, so that it goes 9 times into 1.
                .Rows({DType::kFloat64}, {{1, 0.1, 9}})));

}  // namespace nomograph
