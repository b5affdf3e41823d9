// Sin, Cos, Tan, Asin, Acos, Atan, Atan2. Angles are in radians.
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

Value SquaredDistance(const Value& a, const Value& b) {
  return Call("math.Square", {a}) + Call("math.Square", {b});
}

}  // namespace

NOMO_REGISTER_OP(VectorFunctionOp("math.Sin", exact::Sin, Elementary::kSin, std::sin)
                     .Doc("y = sin(x), x in radians.")
                     .Source("ONNX Sin; NumPy sin")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.sin(x)"})
                     .Known({.as = "onnx", .name = "Sin"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Cos", {x});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.479425538604203},
                                                             {-2, -0.9092974268256817},
                                                             {100, -0.5063656411097588},
                                                             {kInf, kNaN},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Cos", exact::Cos, Elementary::kCos, std::cos)
                     .Doc("y = cos(x), x in radians.")
                     .Source("ONNX Cos; NumPy cos")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.cos(x)"})
                     .Known({.as = "onnx", .name = "Cos"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return -dy * Call("math.Sin", {x});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 1},
                                                             {0.5, 0.8775825618903728},
                                                             {-2, -0.4161468365471424},
                                                             {100, 0.8623188722876839},
                                                             {kInf, kNaN},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Tan", exact::Tan, Elementary::kTan, std::tan)
                     .Doc("y = tan(x), x in radians.")
                     .Source("ONNX Tan; NumPy tan")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.tan(x)"})
                     .Known({.as = "onnx", .name = "Tan"})
                     .Gradient(UnaryGradient([](auto&, auto& y, auto& dy) {
                       return dy * (Call("math.Square", {y}) + 1);
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.5463024898437905},
                                                             {-2, 2.185039863261519},
                                                             {100, -0.5872139151569291},
                                                             {kInf, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Asin", exact::Asin, Elementary::kAsin, std::asin)
                     .Doc("y = the angle in [-pi/2, pi/2] whose sine is x; NaN outside of [-1, 1].")
                     .Source("ONNX Asin; NumPy arcsin")
                     .Known({.as = "python", .name = "{tf,tf.math}.asin,{keras.ops,np}.arcsin(x)"})
                     .Known({.as = "onnx", .name = "Asin"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy * Call("math.Rsqrt", {(1 - x) * (1 + x)});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.5235987755982989},
                                                             {-1, -1.5707963267948966},
                                                             {1, 1.5707963267948966},
                                                             {2, kNaN},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Acos", exact::Acos, Elementary::kAcos, std::acos)
                     .Doc("y = the angle in [0, pi] whose cosine is x; NaN outside of [-1, 1].")
                     .Source("ONNX Acos; NumPy arccos")
                     .Known({.as = "python", .name = "{tf,tf.math}.acos,{keras.ops,np}.arccos(x)"})
                     .Known({.as = "onnx", .name = "Acos"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return -dy * Call("math.Rsqrt", {(1 - x) * (1 + x)});
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 1.5707963267948966},
                                                             {0.5, 1.0471975511965979},
                                                             {-1, 3.141592653589793},
                                                             {1, 0},
                                                             {2, kNaN},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(VectorFunctionOp("math.Atan", exact::Atan, Elementary::kAtan, std::atan)
                     .Doc("y = the angle in [-pi/2, pi/2] whose tangent is x.")
                     .Source("ONNX Atan; NumPy arctan")
                     .Known({.as = "python", .name = "{tf,tf.math}.atan,{keras.ops,np}.arctan(x)"})
                     .Known({.as = "onnx", .name = "Atan"})
                     .Gradient(UnaryGradient([](auto& x, auto&, auto& dy) {
                       return dy / (Call("math.Square", {x}) + 1);
                     }))
                     .Examples(ExampleTable().Rows(kFloats, {{0, 0},
                                                             {0.5, 0.4636476090008061},
                                                             {-2, -1.1071487177940904},
                                                             {kInf, 1.5707963267948966},
                                                             {-kInf, -1.5707963267948966},
                                                             {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Atan2", FloatTypes{}, [](auto a, auto b) { return exact::Atan2(a, b); })
        .Doc("y = the angle in [-pi, pi] of the point with the abscissa b and the ordinate a, with "
             "NumPy broadcasting.")
        .Source("NumPy arctan2")
        .Known({.as = "python", .name = "{tf,tf.math}.atan2,{keras.ops,np}.arctan2(y|x1,x|x2)"})
        .Fast(FastElementwise(TypeList<float>{}, [](float a, float b) { return std::atan2(a, b); }))
        .Gradient(BroadcastGradient(
            [](auto& a, auto& b, auto&, auto& dy) { return dy * b / SquaredDistance(a, b); },
            [](auto& a, auto& b, auto&, auto& dy) { return -dy * a / SquaredDistance(a, b); }))
        .Examples(ExampleTable().Rows(kFloats, {{1, 1, 0.7853981633974483},
                                                {1, -1, 2.356194490192345},
                                                {-1, 0, -1.5707963267948966},
                                                {0, -2, 3.141592653589793},
                                                {-3, 0.5, -1.4056476493802699},
                                                {0, 0, 0},
                                                {kNaN, 1, kNaN},
                                                {kInf, -kInf, 2.356194490192345}})));

}  // namespace nomograph
