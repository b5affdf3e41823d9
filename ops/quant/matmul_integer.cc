// quant.MatMulInteger: products of matrices of 8-bit integers with 32-bit sums.
#include <algorithm>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/integer_matmul.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

constexpr MatMulInputs kInputs = {.a = 0, .a_zero_point = 2, .b = 1, .b_zero_point = 3};

absl::StatusOr<std::vector<TensorType>> InferMatMulInteger(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferMatMul(context, kInputs));
  return std::vector<TensorType>{{DType::kInt32, shape}};
}

absl::Status MatMulIntegerCompute(KernelContext& context) {
  const std::vector<int32_t> sums = MatMulSums(context, kInputs);
  std::copy(sums.begin(), sums.end(), context.output<int32_t>(0).begin());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareMatMulInteger(const PrepareContext& context) {
  return PrepareProduct(context, MatMulSpec(context, kInputs));
}

std::vector<Example> MatMulIntegerExamples() {
  return {
      {.name = "nothing to sum",
       .inputs = {Tensor(DType::kInt8, {2, 0}), Tensor(DType::kInt8, {0, 1})},
       .outputs = {Tensor::Of<int32_t>({2, 1}, {0, 0})}},
      {.name = "ONNX: one zero point",
       .inputs = {Tensor::Of<uint8_t>({4, 3}, {11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0}),
                  Tensor::Of<uint8_t>({3, 2}, {1, 4, 2, 5, 3, 6}), Tensor::Vector<uint8_t>({12}),
                  Tensor::Vector<uint8_t>({0})},
       .outputs = {Tensor::Of<int32_t>({4, 2}, {-38, -83, -44, -98, -50, -113, -56, -128})}},
      {.name = "NumPy: without zero points",
       .inputs = {Tensor::Of<int8_t>({2, 3}, {113, 32, 47, 101, 20, 70}),
                  Tensor::Of<int8_t>({3, 2}, {85, -71, -114, -52, -56, 95})},
       .outputs = {Tensor::Of<int32_t>({2, 2}, {3325, -5222, 2385, -1561})}},
      {.name = "NumPy: the greatest products",
       .inputs = {Tensor::Of<uint8_t>({1, 4}, {255, 255, 255, 255}),
                  Tensor::Of<int8_t>({4, 2}, {-128, -128, -128, -128, -128, -128, -128, -128}),
                  Tensor::Scalar<uint8_t>(0), Tensor::Scalar<int8_t>(127)},
       .outputs = {Tensor::Of<int32_t>({1, 2}, {-260100, -260100})}},
      {.name = "NumPy: zero points for rows and columns",
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {233, 1, 127, 210, 33, 204}),
                  Tensor::Of<int8_t>({3, 2}, {-98, -9, 81, -51, -41, -57}),
                  Tensor::Vector<uint8_t>({184, 65}), Tensor::Vector<int8_t>({125, -15})},
       .outputs = {Tensor::Of<int32_t>({2, 2}, {6587, 9276, -54001, -3816})}},
      {.name = "NumPy: batches broadcast, zero points for the rows and columns of each",
       .inputs = {Tensor::Of<uint8_t>({2, 1, 1, 2}, {122, 129, 149, 141}),
                  Tensor::Of<uint8_t>({2, 2, 2}, {130, 254, 206, 202, 179, 159, 87, 253}),
                  Tensor::Of<uint8_t>({2, 1, 1, 1}, {119, 55}),
                  Tensor::Of<uint8_t>({2, 1, 2}, {216, 41, 219, 156})},
       .outputs = {Tensor::Of<int32_t>({2, 2, 1, 2},
                                       {-358, 2249, -1440, 979, -8944, 33868, -15112, 8624})}},
      {.name = "NumPy: a vector by a matrix",
       .inputs = {Tensor::Vector<int8_t>({-99, -117, -15}),
                  Tensor::Of<uint8_t>({3, 2}, {9, 36, 131, 248, 119, 206}), Tensor(),
                  Tensor::Vector<uint8_t>({7})},
       .outputs = {Tensor::Vector<int32_t>({-16386, -34053})}},
      {.name = "NumPy: vectors",
       .inputs = {Tensor::Vector<int8_t>({106, 82, 33}), Tensor::Vector<uint8_t>({112, 131, 68}),
                  Tensor::Scalar<int8_t>(-3)},
       .outputs = {Tensor::Scalar<int32_t>(25791)}},
      {.name = "NumPy: small weights",
       .inputs = {Tensor::Of<int8_t>({2, 5}, {-1, -31, -65, 126, -125, -104, -79, 120, 49, 97}),
                  Tensor::Of<int8_t>({5, 3},
                                     {-12, 8, -6, -1, -20, 4, 13, 6, -14, 1, -10, 18, 15, -13, 0}),
                  Tensor::Scalar<int8_t>(-9)},
       .outputs = {Tensor::Of<int32_t>({2, 3}, {-2407, 326, 3078, 4535, -544, -472})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("quant.MatMulInteger", 1)
        .Doc("The matrix product of integers, y = (a - a_zero_point) (b - b_zero_point), with sums "
             "in 32 bits that wrap around.\n\n"
             "The last two axes are the matrices'; the axes ahead of them are batches and "
             "broadcast as NumPy's do. An operand with one axis is a vector: a is then one row, b "
             "one column, and y lacks that axis. It is an error when the inner sizes differ, the "
             "batches do not broadcast, or the zero points do not fit.")
        .Source("ONNX MatMulInteger")
        .Known({.as = "onnx", .name = "MatMulInteger", .since = 10})
        .TypeVar("A", kBytes)
        .TypeVar("B", kBytes)
        .Input("a", "A", "[batch..., M, K], or [K]")
        .Input("b", "B", "[batch..., K, N], or [K]")
        .OptionalInput("a_zero_point", "A",
                       "one number, or one for each row: [M] or [batch..., M, 1]; 0 where it is "
                       "absent")
        .OptionalInput("b_zero_point", "B",
                       "one number, or one for each column: [N] or [batch..., 1, N]; 0 where it is "
                       "absent")
        .Output("y", "int32", "[batch..., M, N] without the axes that a vector lacks")
        .Infer(InferMatMulInteger)
        .Reference(MatMulIntegerCompute)
        .Fast(PrepareMatMulInteger)
        .Work(ProductWork)
        .Examples(MatMulIntegerExamples));

}  // namespace
}  // namespace nomograph::quant
