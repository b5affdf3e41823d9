// Neg, Abs, Sign.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

template <typename T>
T Abs(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::abs(x);
  else if constexpr (std::is_signed_v<T>)
    return x < 0 ? math::Neg(x) : x;
  else
    return x;
}

template <typename T>
T Sign(T x) {
  if (x != x) return x;  // NaN
  return static_cast<T>((x > 0) - (x < 0));
}

// Without branches, so that loops are vectorised.
float FastSign(float x) {
  const float sign = std::copysign(1.0f, x), y = x == 0 ? 0 : sign;
  return x != x ? x : y;
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("math.Neg", SignedTypes{}, [](auto x) { return math::Neg(x); })
        .Doc("y = -x. The least integer of a type has no counterpart and yields itself.")
        .Source("ONNX Neg; NumPy negative")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.negative,tf.{neg}(x)"})
        .Known({.as = "onnx", .name = "Neg"})
        // -x - 0: what is added to -0 is to leave it.
        .Fast(OneDnnEltwise(dnnl_eltwise_linear, -1, -0.0f))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_linear, -1, -0.0f))
        .Gradient(UnaryGradient([](auto&, auto&, auto& dy) { return -dy; }))
        .Examples(ExampleTable()
                      .Rows(kSigned,
                            {{0, 0}, {3, -3}, {-5, 5}, {0.5, -0.5}, {kInf, -kInf}, {kNaN, kNaN}})
                      .Rows({DType::kInt8}, {{-128, -128}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Abs", NumberTypes{}, [](auto x) { return Abs(x); })
        .Doc("y = |x|. The least integer of a signed type has no counterpart and yields itself.")
        .Source("ONNX Abs; NumPy absolute")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math}.abs,{keras.ops,np}.absolute,np.{abs,"
                        "fabs}(x|a)"})
        .Known({.as = "onnx", .name = "Abs"})
        .Fast(OneDnnEltwise(dnnl_eltwise_abs))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_abs))
        .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
          return dy * Call("math.Sign", {x});
        }))
        .Examples(ExampleTable()
                      .Rows(kNumbers,
                            {{0, 0}, {3, 3}, {-5, 5}, {-0.5, 0.5}, {-kInf, kInf}, {kNaN, kNaN}})
                      .Rows({DType::kInt8}, {{-128, -128}})
                      .Rows({DType::kUInt8}, {{255, 255}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Sign", NumberTypes{}, [](auto x) { return Sign(x); })
        .Doc("y = 1 where x > 0, 0 where x = 0, -1 where x < 0, NaN where x is NaN.")
        .Source("ONNX Sign; NumPy sign")
        .Known({.as = "python", .name = "{keras.backend,keras.ops,tf,tf.math,np}.sign(x)"})
        .Known({.as = "onnx", .name = "Sign"})
        .Fast(FastElementwise(TypeList<float>{}, [](float x) { return FastSign(x); }))
        .GradientIsZero()
        .Examples(ExampleTable()
                      .Rows(kNumbers,
                            {{0, 0}, {3, 1}, {-5, -1}, {0.25, 1}, {-kInf, -1}, {kNaN, kNaN}})
                      .Rows({DType::kUInt64}, {{18446744073709549568.0, 1}})));

}  // namespace nomograph
