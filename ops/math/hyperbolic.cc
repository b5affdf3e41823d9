// Sinh, Cosh, Tanh, Asinh, Acosh, Atanh.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

NOMO_REGISTER_OP(VectorFunctionOp("math.Sinh", exact::Sinh, Elementary::kSinh, std::sinh)
                     .Doc("y = (e^x - e^-x) / 2")
                     .Source("ONNX Sinh; NumPy sinh")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.sinh(x)"})
                     .Known({.as = "onnx", .name = "Sinh"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Cosh", {x});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.5210953054937474},
                                                             {-2, -3.626860407847019},
                                                             {0x1p-20, 9.536743164063946e-07},
                                                             {kInf, kInf},
                                                             {-kInf, -kInf}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Cosh", exact::Cosh, Elementary::kCosh, std::cosh)
                     .Doc("y = (e^x + e^-x) / 2")
                     .Source("ONNX Cosh; NumPy cosh")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.cosh(x)"})
                     .Known({.as = "onnx", .name = "Cosh"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Sinh", {x});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 1},
                                                             {0.5, 1.1276259652063807},
                                                             {-2, 3.7621956910836314},
                                                             {kInf, kInf},
                                                             {-kInf, kInf}})));

NOMO_REGISTER_OP(
    FloatFunctionOp("math.Tanh", exact::Tanh)
        .Doc("y = tanh(x) = (e^x - e^-x) / (e^x + e^-x), in [-1, 1].")
        .Source("ONNX Tanh; NumPy tanh; Keras activation tanh")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,keras.activations,tf,tf.math,tf.nn,np}.tanh(x)"})
        .Known({.as = "onnx", .name = "Tanh"})
        .Fast(OneDnnEltwise(dnnl_eltwise_tanh))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_tanh))
        .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) {
          return dy * (1 - Call("math.Square", {y}));
        }))
        .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                {0.5, 0.46211715726000974},
                                                {-2, -0.9640275800758169},
                                                {0x1p-20, 9.536743164059608e-07},
                                                {30, 1},
                                                {-kInf, -1},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Asinh", exact::Asinh, Elementary::kAsinh, std::asinh)
                     .Doc("y = the number whose hyperbolic sine is x.")
                     .Source("ONNX Asinh; NumPy arcsinh")
                     .Known({.as = "python",
                             .name = "{tf,tf.math}.asinh,{keras.ops,np}.arcsinh(x)"})
                     .Known({.as = "onnx", .name = "Asinh"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Rsqrt", {Call("math.Square", {x}) + 1});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.48121182505960347},
                                                             {-2, -1.4436354751788103},
                                                             {100, 5.298342365610589},
                                                             {-kInf, -kInf}})));

NOMO_REGISTER_OP(
    VectorFunctionOp("math.Acosh", exact::Acosh, Elementary::kAcosh, std::acosh)
        .Doc("y = the number of at least 0 whose hyperbolic cosine is x; NaN where x < 1.")
        .Source("ONNX Acosh; NumPy arccosh")
        .Known({.as = "python", .name = "{tf,tf.math}.acosh,{keras.ops,np}.arccosh(x)"})
        .Known({.as = "onnx", .name = "Acosh"})
        .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
          return dy * (Call("math.Rsqrt", {x - 1}) * Call("math.Rsqrt", {x + 1}));
        }))
        .Examples(ExampleTable().Rows(kFloats, {{1, 0},
                                                {1.5, 0.9624236501192069},
                                                {100, 5.298292365610484},
                                                {0.5, kNaN},
                                                {kInf, kInf}})));

NOMO_REGISTER_OP(
    VectorFunctionOp("math.Atanh", exact::Atanh, Elementary::kAtanh, std::atanh)
        .Doc("y = the number whose hyperbolic tangent is x; NaN outside of [-1, 1].")
        .Source("ONNX Atanh; NumPy arctanh")
        .Known({.as = "python", .name = "{tf,tf.math}.atanh,{keras.ops,np}.arctanh(x)"})
        .Known({.as = "onnx", .name = "Atanh"})
        .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) { return dy / ((1 - x) * (1 + x)); }))
        .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                {0.5, 0.5493061443340548},
                                                {-0.75, -0.9729550745276566},
                                                {1, kInf},
                                                {-1, -kInf},
                                                {2, kNaN}})));

}  // namespace nomograph
