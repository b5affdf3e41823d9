// And, Or, Xor, Not.
#include <cstddef>
#include <memory>

#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// As the bytes 0 and 1 that they are, which the compiler vectorises.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareNot(const PrepareContext& context) {
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& kernel) {
        const auto row = [](const std::byte* const* inputs, std::byte* output, int64_t count) {
          const std::byte* const input = inputs[0];
#pragma omp simd
          for (int64_t i = 0; i < count; ++i) output[i] = input[i] ^ std::byte{1};
        };
        ForEachRow(kernel, row, threads);
        return absl::OkStatus();
      },
      "loop");
}

}  // namespace

NOMO_REGISTER_OP(
    ElementwiseOp("math.And", BoolTypes{}, [](bool a, bool b) { return a && b; })
        .Doc("Whether both a and b are true, with NumPy broadcasting.")
        .Source("ONNX And; NumPy logical_and")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.logical_and(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "And", .since = 7})
        .Examples(ExampleTable().Rows(kBools, {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 1, 1}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Or", BoolTypes{}, [](bool a, bool b) { return a || b; })
        .Doc("Whether a or b or both are true, with NumPy broadcasting.")
        .Source("ONNX Or; NumPy logical_or")
        .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.logical_or(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Or", .since = 7})
        .Examples(ExampleTable().Rows(kBools, {{0, 0, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}})));

NOMO_REGISTER_OP(
    ElementwiseOp("math.Xor", BoolTypes{}, [](bool a, bool b) { return a != b; })
        .Doc("Whether one of a and b is true and the other is not, with NumPy broadcasting.")
        .Source("ONNX Xor; NumPy logical_xor")
        .Known({.as = "python",
                .name = "{keras.ops,tf.math,np}.logical_xor,tf.logical_xor(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Xor", .since = 7})
        .Examples(ExampleTable().Rows(kBools, {{0, 0, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 0}})));

NOMO_REGISTER_OP(ElementwiseOp("math.Not", BoolTypes{}, [](bool x) { return !x; })
                     .Doc("Whether x is false.")
                     .Source("ONNX Not; NumPy logical_not")
                     .Known({.as = "python", .name = "{keras.ops,tf,tf.math,np}.logical_not(x)"})
                     .Known({.as = "onnx", .name = "Not"})
                     .Fast(PrepareNot)
                     .Examples(ExampleTable().Rows(kBools, {{0, 1}, {1, 0}})));

}  // namespace nomograph
