// Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual.
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// Rows for a below, equal to and above b, and for NaN, against everything including itself.
ExampleTable Comparisons(double below, double equal, double above, double nan) {
  return ExampleTable()
      .BoolRows(kNumbers,
                {{1, 2, below}, {2, 2, equal}, {3, 2, above}, {-1, 1, below}, {200, 100, above}})
      .BoolRows(kFloats, {{kNaN, 1, nan},
                          {1, kNaN, nan},
                          {kNaN, kNaN, nan},
                          {-kInf, kInf, below},
                          {-0.0, 0, equal}})
      .Add({.name = "broadcasting",
            .inputs = {Tensor::Of<float>({2, 1}, {1, 2}), Tensor::Vector<float>({1, 2})},
            .outputs = {
                Tensor::Of<bool>({2, 2}, {equal != 0, below != 0, above != 0, equal != 0})}});
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("math.Equal", AllTypes{}, [](auto a, auto b) { return a == b; })
        .Doc("Whether a = b, with NumPy broadcasting. NaN equals nothing; -0 equals 0.")
        .Source("ONNX Equal; NumPy equal")
        .Known({.as = "python", .name = "{keras.backend,keras.ops,tf,tf.math,np}.equal(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Equal", .since = 7})
        .GradientIsZero()
        .Examples(Comparisons(0, 1, 0, 0).BoolRows(kBools, {{0, 0, 1}, {0, 1, 0}, {1, 1, 1}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.NotEqual", AllTypes{}, [](auto a, auto b) { return a != b; })
        .Doc("Whether a differs from b, with NumPy broadcasting. NaN differs from everything.")
        .Source("NumPy not_equal; ONNX Not of Equal")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.not_equal(x|x1,y|x2)"})
        .GradientIsZero()
        .Examples(Comparisons(1, 0, 1, 1).BoolRows(kBools, {{0, 0, 0}, {0, 1, 1}, {1, 1, 0}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Less", NumberTypes{}, [](auto a, auto b) { return a < b; })
                     .Doc("Whether a < b, with NumPy broadcasting. False where either is NaN.")
                     .Source("ONNX Less; NumPy less")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.less(x|x1,y|x2)"})
                     .Known({.as = "onnx", .name = "Less", .since = 7})
                     .GradientIsZero()
                     .Examples(Comparisons(1, 0, 0, 0)));

NOMO_REGISTER_OP(
    ElementwiseOp("math.LessOrEqual", NumberTypes{}, [](auto a, auto b) { return a <= b; })
        .Doc("Whether a <= b, with NumPy broadcasting. False where either is NaN.")
        .Source("ONNX LessOrEqual; NumPy less_equal")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.less_equal(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "LessOrEqual"})
        .GradientIsZero()
        .Examples(Comparisons(1, 1, 0, 0)));

NOMO_REGISTER_OP(ElementwiseOp("math.Greater", NumberTypes{}, [](auto a, auto b) { return a > b; })
                     .Doc("Whether a > b, with NumPy broadcasting. False where either is NaN.")
                     .Source("ONNX Greater; NumPy greater")
                     .Known({.as = "python",
                             .name = "{keras.backend,keras.ops,tf,tf.math,np}.greater(x|x1,y|x2)"})
                     .Known({.as = "onnx", .name = "Greater", .since = 7})
                     .GradientIsZero()
                     .Examples(Comparisons(0, 0, 1, 0)));

NOMO_REGISTER_OP(
    ElementwiseOp("math.GreaterOrEqual", NumberTypes{}, [](auto a, auto b) { return a >= b; })
        .Doc("Whether a >= b, with NumPy broadcasting. False where either is NaN.")
        .Source("ONNX GreaterOrEqual; NumPy greater_equal")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.greater_equal(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "GreaterOrEqual"})
        .GradientIsZero()
        .Examples(Comparisons(0, 1, 1, 0)));

}  // namespace nomograph
