// IsNaN, IsInf, IsFinite.
#include <cmath>

#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

OpDef IsInf() {
  return ElementwiseOp("math.IsInf", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [positive = attrs.Bool("detect_positive"),
                                 negative = attrs.Bool("detect_negative")](auto x) {
                           return std::isinf(x) && (x > 0 ? positive : negative);
                         };
                       })
      .Doc("Whether x is infinite.")
      .Source("ONNX IsInf; NumPy isinf")
      .Known({.as = "python", .name = "{keras.ops,np}.isinf,{tf,tf.math}.is_inf(x)"})
      .Known({.as = "onnx", .name = "IsInf", .since = 10})
      .Attr("detect_positive", true, "whether positive infinity counts")
      .Attr("detect_negative", true, "whether negative infinity counts")
      .GradientIsZero()
      .Examples(
          ExampleTable()
              .BoolRows(kFloats, {{1, 0}, {kInf, 1}, {-kInf, 1}, {kNaN, 0}})
              .BoolRows(kFloats, {{1, 0}, {kInf, 1}, {-kInf, 0}}, {{"detect_negative", false}})
              .BoolRows(kFloats, {{-1, 0}, {kInf, 0}, {-kInf, 1}}, {{"detect_positive", false}}));
}

}  // namespace

NOMO_REGISTER_OP(IsInf());

NOMO_REGISTER_OP(
    ElementwiseOp("math.IsNaN", FloatTypes{}, [](auto x) { return bool{std::isnan(x)}; })
        .Doc("Whether x is not a number.")
        .Source("ONNX IsNaN; NumPy isnan")
        .Known({.as = "python", .name = "{keras.ops,np}.isnan,{tf,tf.math}.is_nan(x)"})
        .Known({.as = "onnx", .name = "IsNaN"})
        .GradientIsZero()
        .Examples(ExampleTable().BoolRows(kFloats, {{1, 0}, {kInf, 0}, {kNaN, 1}, {0, 0}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.IsFinite", FloatTypes{}, [](auto x) { return bool{std::isfinite(x)}; })
        .Doc("Whether x is a number and not infinite.")
        .Source("NumPy isfinite")
        .Known({.as = "python", .name = "{keras.ops,np}.isfinite,{tf,tf.math}.is_finite(x)"})
        .GradientIsZero()
        .Examples(ExampleTable().BoolRows(kFloats, {{1, 1}, {kInf, 0}, {-kInf, 0}, {kNaN, 0}})));

}  // namespace nomograph
