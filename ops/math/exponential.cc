// Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Erf.
//
// oneDNN's exp turns NaN into infinity, and its log is off by 1e-6 near 1: loops of our own serve
// better.
#include <cmath>
#include <numbers>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
NOMO_REGISTER_OP(VectorFunctionOp("math.Exp", exact::Exp, Elementary::kExp, std::exp)
                     .Doc("y = e^x")
                     .Source("ONNX Exp; NumPy exp; Keras activation exponential")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.exp(x)"})
                     .Known({.as = "onnx", .name = "Exp"})
                     .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) { return dy * y; }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 1},
                                                             {1, 2.718281828459045},
                                                             {-2.5, 0.0820849986238988},
                                                             {0.125, 1.1331484530668263},
                                                             {-kInf, 0},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN},
                                                             {1000, kInf}})));

NOMO_REGISTER_OP(
    FloatFunctionOp("math.Exp2", exact::Exp2, std::exp2)
        .Doc("y = 2^x")
        .Source("NumPy exp2")
        .Known({.as = "python", .name = "{keras.ops,np}.exp2(x)"})
        .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) {
          return dy * (y * std::numbers::ln2);
        }))
        .Examples(ExampleTable().Rows(
            kFloats,
            {{0, 1}, {3, 8}, {-2, 0.25}, {0.5, 1.4142135623730951}, {-kInf, 0}, {kInf, kInf}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Expm1", exact::Expm1, Elementary::kExpm1, std::expm1)
                     .Doc("y = e^x - 1, accurate also where x is near 0.")
                     .Source("NumPy expm1")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.expm1(x)"})
                     // y + 1 has lost the digits of e^x where x is far below 0.
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Exp", {x});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {1, 1.718281828459045},
                                                             {-2.5, -0.9179150013761013},
                                                             {0x1p-20, 9.536747711537455e-07},
                                                             {-kInf, -1},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Log", exact::Log, Elementary::kLog, std::log)
                     .Doc("y = ln(x), the natural logarithm: -inf at 0, NaN below.")
                     .Source("ONNX Log; NumPy log")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.log(x)"})
                     .Known({.as = "onnx", .name = "Log"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) { return dy / x; }))
                     .Examples(ExampleTable().Rows(kFloats, {{1, 0},
                                                             {0.5, -0.6931471805599453},
                                                             {10, 2.302585092994046},
                                                             {0x1p-20, -13.862943611198906},
                                                             {0, -kInf},
                                                             {-1, kNaN},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Log2", exact::Log2, Elementary::kLog2, std::log2)
                     .Doc("y = the logarithm of x to base 2: -inf at 0, NaN below.")
                     .Source("NumPy log2")
                     .Known({.as = "python", .name = "{keras.ops,np}.log2(x)"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy / (x * std::numbers::ln2);
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{1, 0},
                                                             {8, 3},
                                                             {0.125, -3},
                                                             {10, 3.321928094887362},
                                                             {0, -kInf},
                                                             {-1, kNaN},
                                                             {kInf, kInf}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Log10", exact::Log10, Elementary::kLog10, std::log10)
                     .Doc("y = the logarithm of x to base 10: -inf at 0, NaN below.")
                     .Source("NumPy log10")
                     .Known({.as = "python", .name = "{keras.ops,np}.log10(x)"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy / (x * std::numbers::ln10);
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{1, 0},
                                                             {1000, 3},
                                                             {0.5, -0.3010299956639812},
                                                             {0, -kInf},
                                                             {-1, kNaN},
                                                             {kInf, kInf}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Log1p", exact::Log1p, Elementary::kLog1p, std::log1p)
                     .Doc("y = ln(1 + x), accurate also where x is near 0: -inf at -1, NaN below.")
                     .Source("NumPy log1p")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.log1p(x)"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) { return dy / (x + 1); }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {1, 0.6931471805599453},
                                                             {-0.5, -0.6931471805599453},
                                                             {0x1p-20, 9.536738616591883e-07},
                                                             {-1, -kInf},
                                                             {-2, kNaN},
                                                             {kInf, kInf},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    VectorFunctionOp("math.Erf", exact::Erf, Elementary::kErf, std::erf)
        .Doc("y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, the error function.")
        .Source("ONNX Erf")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math}.erf(x)"})
        .Known({.as = "onnx", .name = "Erf"})
        .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
          return dy *
                 (Call("math.Exp", {-Call("math.Square", {x})}) * (2 * std::numbers::inv_sqrtpi));
        }))
        .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                {0.5, 0.5204998778130465},
                                                {-1, -0.8427007929497149},
                                                {2, 0.9953222650189527},
                                                {-6, -1},
                                                {0x1p-20, 1.0761062308265404e-06},
                                                {kInf, 1},
                                                {-kInf, -1},
                                                {kNaN, kNaN}})));

}  // namespace nomograph
