// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitShift.
#include <limits>

#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

// C++ leaves shifts by the width of the type and more undefined.
template <typename T>
T Shift(T a, T by, bool left) {
  if (by >= std::numeric_limits<T>::digits) return 0;
  const auto wide = static_cast<math::Unsigned<T>>(a);
  return static_cast<T>(left ? wide << by : wide >> by);
}

}  // namespace

NOMO_REGISTER_OP(ElementwiseOp("math.BitwiseAnd", IntTypes{}, [](auto a, auto b) { return a & b; })
                     .Doc("The bits that are set in both a and b, with NumPy broadcasting.")
                     .Source("ONNX BitwiseAnd; NumPy bitwise_and")
                     .Known({.as = "python", .name = "{keras.ops,tf.bitwise,np}.bitwise_and(x,y)"})
                     .Known({.as = "onnx", .name = "BitwiseAnd", .since = 18})
                     .Examples(ExampleTable().Rows(kInts,
                                                   {{12, 10, 8}, {-1, 77, 77}, {255, 170, 170}})));

NOMO_REGISTER_OP(ElementwiseOp("math.BitwiseOr", IntTypes{}, [](auto a, auto b) { return a | b; })
                     .Doc("The bits that are set in a or b or both, with NumPy broadcasting.")
                     .Source("ONNX BitwiseOr; NumPy bitwise_or")
                     .Known({.as = "python", .name = "{keras.ops,tf.bitwise,np}.bitwise_or(x,y)"})
                     .Known({.as = "onnx", .name = "BitwiseOr", .since = 18})
                     .Examples(ExampleTable().Rows(kInts,
                                                   {{12, 10, 14}, {-2, 1, -1}, {240, 15, 255}})));

NOMO_REGISTER_OP(ElementwiseOp("math.BitwiseXor", IntTypes{}, [](auto a, auto b) { return a ^ b; })
                     .Doc("The bits that are set in one of a and b, with NumPy broadcasting.")
                     .Source("ONNX BitwiseXor; NumPy bitwise_xor")
                     .Known({.as = "python", .name = "{keras.ops,tf.bitwise,np}.bitwise_xor(x,y)"})
                     .Known({.as = "onnx", .name = "BitwiseXor", .since = 18})
                     .Examples(ExampleTable().Rows(kInts,
                                                   {{12, 10, 6}, {-1, 5, -6}, {255, 15, 240}})));

NOMO_REGISTER_OP(ElementwiseOp("math.BitwiseNot", IntTypes{}, [](auto x) { return ~x; })
                     .Doc("Every bit of x turned over.")
                     .Source("ONNX BitwiseNot; NumPy invert")
                     .Known({.as = "python",
                             .name = "{keras.ops}.bitwise_not,tf.bitwise.invert(x)"})
                     .Known({.as = "onnx", .name = "BitwiseNot", .since = 18})
                     .Examples(ExampleTable()
                                   .Rows(kSignedInts, {{0, -1}, {5, -6}, {-1, 0}})
                                   .Rows({DType::kUInt8}, {{0, 255}, {15, 240}})
                                   .Rows({DType::kUInt32}, {{0, 4294967295.0}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.BitShift", TypeList<uint8_t, uint16_t, uint32_t, uint64_t>{},
                  [](const Attributes& attrs) {
                    return [left = attrs.String("direction") == "LEFT"](auto a, auto b) {
                      return Shift(a, b, left);
                    };
                  })
        .Doc("The bits of a moved by b places, with NumPy broadcasting. Bits that leave the type "
             "are lost, and zeros come in: moving by the width of the type or more yields 0.")
        .Source("ONNX BitShift; NumPy left_shift and right_shift")
        .Known({.as = "onnx", .name = "BitShift"})
        .RequiredAttr("direction", AttrType::kString, "LEFT multiplies by 2^b, RIGHT divides")
        .Choices({"LEFT", "RIGHT"})
        .Examples(ExampleTable()
                      .Rows(kUnsignedInts, {{1, 3, 8}, {5, 0, 5}, {9, 64, 0}},
                            {{"direction", "LEFT"}})
                      .Rows(kUnsignedInts, {{200, 3, 25}, {9, 64, 0}}, {{"direction", "RIGHT"}})
                      .Rows({DType::kUInt8}, {{255, 1, 254}, {1, 8, 0}}, {{"direction", "LEFT"}})));

}  // namespace nomograph
