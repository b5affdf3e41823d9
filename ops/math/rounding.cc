// Floor, Ceil, Round, Trunc.
#include <cmath>

#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

NOMO_REGISTER_OP(ElementwiseOp("math.Floor", FloatTypes{}, [](auto x) { return std::floor(x); })
                     .Doc("y = the greatest integer that is not above x.")
                     .Source("ONNX Floor; NumPy floor")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.floor(x)"})
                     .Known({.as = "onnx", .name = "Floor"})
                     .Fast(OneDnnEltwise(AlgorithmOf(Elementary::kFloor)))
                     .AsPostOp(EltwisePostOp(AlgorithmOf(Elementary::kFloor)))
                     .GradientIsZero()
                     .Examples(ExampleTable().Rows(
                         kFloats,
                         {{1.5, 1}, {-1.5, -2}, {2, 2}, {-0.25, -1}, {kInf, kInf}, {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Ceil", FloatTypes{}, [](auto x) { return std::ceil(x); })
        .Doc("y = the least integer that is not below x.")
        .Source("ONNX Ceil; NumPy ceil")
        .Known({.as = "python",
                .name = "{tf,tf.math}.ceil,tf.math.ceiling,{keras.ops,"
                        "np}.ceil(x)"})
        .Known({.as = "onnx", .name = "Ceil"})
        .Fast(OneDnnEltwise(AlgorithmOf(Elementary::kCeil)))
        .AsPostOp(EltwisePostOp(AlgorithmOf(Elementary::kCeil)))
        .GradientIsZero()
        .Examples(ExampleTable().Rows(
            kFloats, {{1.5, 2}, {-1.5, -1}, {2, 2}, {-0.25, 0}, {-kInf, -kInf}, {kNaN, kNaN}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Round", FloatTypes{}, [](auto x) { return std::nearbyint(x); })
        .Doc("y = the integer nearest to x; of two that are equally near, the even one.")
        .Source("ONNX Round; NumPy round")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.round,np.{around,rint},{tf,tf."
                        "math}.rint(x|a)"})
        .Known({.as = "onnx", .name = "Round"})
        .Fast(OneDnnEltwise(AlgorithmOf(Elementary::kRound)))
        .AsPostOp(EltwisePostOp(AlgorithmOf(Elementary::kRound)))
        .GradientIsZero()
        .Examples(ExampleTable().Rows(kFloats, {{0.5, 0},
                                                {1.5, 2},
                                                {2.5, 2},
                                                {-0.5, 0},
                                                {-1.5, -2},
                                                {-2.5, -2},
                                                {2.25, 2},
                                                {2.75, 3},
                                                {kInf, kInf},
                                                {kNaN, kNaN}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Trunc", FloatTypes{}, [](auto x) { return std::trunc(x); })
                     .Doc("y = x without its fraction, rounded toward 0.")
                     .Source("NumPy trunc")
                     .Known({.as = "python", .name = "{keras.ops,np}.trunc,tf.truncate(x)"})
                     .Fast(OneDnnEltwise(AlgorithmOf(Elementary::kTrunc)))
                     .AsPostOp(EltwisePostOp(AlgorithmOf(Elementary::kTrunc)))
                     .GradientIsZero()
                     .Examples(ExampleTable().Rows(
                         kFloats,
                         {{1.5, 1}, {-1.5, -1}, {2, 2}, {-0.25, 0}, {kInf, kInf}, {kNaN, kNaN}})));

}  // namespace nomograph
