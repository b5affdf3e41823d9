// quant.QLinearMatMul: the product of quantised matrices, quantised.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/integer_matmul.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/loops.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kBias };
constexpr MatMulInputs kInputs = {.a = kA, .a_zero_point = kAZero, .b = kB, .b_zero_point = kBZero};

absl::StatusOr<std::vector<TensorType>> InferQLinearMatMul(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferMatMul(context, kInputs));
  if (context.shape(kA).has_rank() && context.shape(kB).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const MatMulShape s,
                          GetMatMulShape(context.shape(kA), context.shape(kB)));
    const struct {
      Input input;
      absl::string_view name;
      const PartialShape& batch;
      const Dim& size;
    } checks[] = {{kAScale, "a_scale", s.a_batch, s.rows},
                  {kBScale, "b_scale", s.b_batch, s.columns},
                  {kYScale, "y_scale", s.batch, s.rows},
                  {kYZero, "y_zero_point", s.batch, s.rows}};
    for (const auto& check : checks) {
      NOMO_RETURN_IF_ERROR(CheckMatrixParameter(context, check.input, check.name, check.batch,
                                                check.size, check.input != kBScale));
    }
  }
  if (context.has_input(kBias) && shape.has_rank() && shape.rank() > 0 &&
      !Compatible(context.shape(kBias), {shape[shape.rank() - 1]})) {
    return InvalidArgument("input bias: expected shape [", shape[shape.rank() - 1].ToString(),
                           "] (one element per column), found ", context.shape(kBias).ToString());
  }
  return std::vector<TensorType>{{context.dtype(kYZero), shape}};
}

// Calls f(index of the row's first element, columns, a_scale, index of b's scale for its first
// column, step of that index, y_scale, index of y's zero point).
template <typename F>
void ForEachRow(const KernelContext& context, F f) {
  const MatMulShape s = *GetMatMulShape(context.input_shape(kA), context.input_shape(kB));
  const MatrixParameter a_scale(context.input_shape(kAScale)),
      b_scale(context.input_shape(kBScale)), y_scale(context.input_shape(kYScale)),
      y_zero(context.input_shape(kYZero));
  const int64_t rows = s.rows.size(), columns = s.columns.size();
  for (int64_t m = 0; m < s.matrices(); ++m) {
    const int64_t a_matrix = s.MatrixOf(s.a_batch, m), b_matrix = s.MatrixOf(s.b_batch, m);
    for (int64_t r = 0; r < rows; ++r) {
      f((m * rows + r) * columns, columns, a_scale.Index(a_matrix, r), b_scale.Index(b_matrix, 0),
        b_scale.step, y_scale.Index(m, r), y_zero.Index(m, r));
    }
  }
}

template <typename Q>
void Reference(const KernelContext& context) {
  const std::vector<int32_t> sums = MatMulSums(context, kInputs);
  const auto a_scale = FloatsOf(context, kAScale), b_scale = FloatsOf(context, kBScale),
             y_scale = FloatsOf(context, kYScale);
  const auto zero = context.input<Q>(kYZero);
  const auto y = context.output<Q>(0);
  ForEachRow(context, [&](int64_t first, int64_t count, int64_t a, int64_t b, int64_t b_step,
                          int64_t scale, int64_t zero_point) {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t bias = context.has_input(kBias) ? context.input<int32_t>(kBias)[i] : 0;
      const uint32_t sum = static_cast<uint32_t>(sums[first + i]) + bias;
      y[first + i] = Requantized<Q>(static_cast<int32_t>(sum), a_scale[a], b_scale[b + i * b_step],
                                    y_scale[scale], zero[zero_point]);
    }
  });
}

absl::Status QLinearMatMulCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.output_dtype(0), [&]<typename Q>() { Reference<Q>(context); });
  return absl::OkStatus();
}

template <typename Q>
void Finish(const KernelContext& context, const int32_t* sums) {
  const auto a_scale = context.input<float>(kAScale), b_scale = context.input<float>(kBScale),
             y_scale = context.input<float>(kYScale);
  const auto zero = context.input<Q>(kYZero);
  Q* const y = context.output<Q>(0).data();
  const int32_t no_bias = 0;
  const bool biased = context.has_input(kBias);
  const int32_t* const bias = biased ? context.input<int32_t>(kBias).data() : &no_bias;
  ForEachRow(context, [&](int64_t first, int64_t count, int64_t a, int64_t b, int64_t b_step,
                          int64_t scale, int64_t zero_point) {
    RequantizeRun(sums + first, count, a_scale[a], {&b_scale[b], b_step == 1}, {bias, biased},
                  y_scale[scale], zero[zero_point], y + first);
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearMatMul(const PrepareContext& context) {
  if (context.inputs[kAScale].dtype != DType::kFloat32) return nullptr;
  return PrepareProduct(context, MatMulSpec(context, kInputs),
                        [](KernelContext& kernel, const int32_t* sums) {
                          Dispatch(ByteTypes{}, kernel.output_dtype(0),
                                   [&]<typename Q>() { Finish<Q>(kernel, sums); });
                        });
}

std::vector<Example> QLinearMatMulExamples() {
  return {
      {.name = "ONNX: matrices",
       .inputs = {Tensor::Of<uint8_t>({2, 4}, {208, 236, 0, 238, 3, 214, 255, 29}),
                  Tensor::Vector<float>({0.0066}), Tensor::Vector<uint8_t>({113}),
                  Tensor::Of<uint8_t>({4, 3},
                                      {152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247}),
                  Tensor::Vector<float>({0.00705}), Tensor::Vector<uint8_t>({114}),
                  Tensor::Vector<float>({0.0107}), Tensor::Vector<uint8_t>({118})},
       .outputs = {Tensor::Of<uint8_t>({2, 3}, {168, 115, 255, 1, 66, 151})}},
      {.name = "ONNX: batches",
       .inputs = {Tensor::Of<uint8_t>({2, 2, 4}, {208, 236, 0, 238, 3, 214, 255, 29, 208, 236, 0,
                                                  238, 3, 214, 255, 29}),
                  Tensor::Vector<float>({0.0066}), Tensor::Vector<uint8_t>({113}),
                  Tensor::Of<uint8_t>({2, 4, 3},
                                      {152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247,
                                       152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247}),
                  Tensor::Vector<float>({0.00705}), Tensor::Vector<uint8_t>({114}),
                  Tensor::Vector<float>({0.0107}), Tensor::Vector<uint8_t>({118})},
       .outputs = {Tensor::Of<uint8_t>({2, 2, 3},
                                       {168, 115, 255, 1, 66, 151, 168, 115, 255, 1, 66, 151})}},
      {.name = "NumPy: per row and column, int8",
       .inputs = {Tensor::Of<int8_t>({2, 3}, {112, 88, 53, 35, -118, 61}),
                  Tensor::Vector<float>({0.01, 0.02}), Tensor::Vector<int8_t>({-7, -105}),
                  Tensor::Of<int8_t>({3, 2}, {-66, 10, 58, 1, 28, 95}),
                  Tensor::Vector<float>({0.005, 0.01}), Tensor::Vector<int8_t>({0, 1}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<int8_t>(-3)},
       .outputs = {Tensor::Of<int8_t>({2, 2}, {-3, -2, -4, 4})}},
      {.name = "NumPy: y per row",
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {175, 92, 164, 153, 27, 15}),
                  Tensor::Vector<float>({0.01, 0.02}), Tensor::Vector<uint8_t>({169, 99}),
                  Tensor::Of<int8_t>({3, 2}, {25, -46, -71, -90, -31, 80}),
                  Tensor::Vector<float>({0.005}), Tensor::Vector<int8_t>({3}),
                  Tensor::Vector<float>({0.5, 0.25}), Tensor::Vector<uint8_t>({1, 200})},
       .outputs = {Tensor::Of<uint8_t>({2, 2}, {2, 2, 204, 199})}},
      {.name = "NumPy: float16 scales",
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {102, 97, 147, 250, 100, 151}),
                  Tensor::Scalar<Half>(Half(0.015625f)), Tensor::Scalar<uint8_t>(100),
                  Tensor::Of<uint8_t>({3, 2}, {112, 154, 114, 163, 140, 173}),
                  Tensor::Scalar<Half>(Half(0.03125f)), Tensor::Scalar<uint8_t>(90),
                  Tensor::Scalar<Half>(Half(0.125f)), Tensor::Scalar<uint8_t>(128)},
       .outputs = {Tensor::Of<uint8_t>({2, 2}, {137, 143, 151, 182})}},
      // ((2 - 1) * 3 + (4 - 1) * -2 + 10) / 2 = 3.5, ((2 - 1) * 1 + (4 - 1) * 5 - 7) / 2 = 4.5
      {.name = "by hand: a bias, ties",
       .inputs = {Tensor::Of<uint8_t>({1, 2}, {2, 4}), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(1), Tensor::Of<int8_t>({2, 2}, {3, 1, -2, 5}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<int8_t>(0), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(100), Tensor::Vector<int32_t>({10, -7})},
       .outputs = {Tensor::Of<uint8_t>({1, 2}, {104, 104})}},
  };
}

bool IsPlainProduct(const InferContext& node, const TensorType&) {
  if (node.attrs().Bool("transpose_a") || node.attrs().Bool("transpose_b")) return false;
  return node.attrs().Find("alpha") == nullptr ||
         (node.attrs().Float("alpha") == 1 && node.attrs().Float("beta") == 1);
}

OpDef AsProductOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  constexpr int kBiasScale = kBias + 1;
  const Pattern a = Dequantized(in(kA), in(kAScale), in(kAZero)),
                b = DequantizedChannels(in(kB), in(kBScale), in(kBZero), -1),
                bias = DequantizedBias(in(kBias), in(kBiasScale));
  const Pattern product = Pattern::Op("math.MatMul", {a, b}).Where(IsPlainProduct);
  const auto biased = [](const InferContext& found) {
    return IsScaleOfBias(found, kAScale, kBScale, kBiasScale);
  };
  op.Written(Quantized(product, in(kYScale), in(kYZero)));
  op.Written(Quantized(Pattern::AnyOrder("math.Add", product, bias), in(kYScale), in(kYZero)),
             biased);
  op.Written(Quantized(Pattern::Op("math.Gemm", {a, b, bias}).Where(IsPlainProduct), in(kYScale),
                       in(kYZero)),
             biased);
  return op;
}

NOMO_REGISTER_OP(
    AsProductOfFloats(
        OpDef("quant.QLinearMatMul", 1)
            .Doc(
                "The matrix product of quantised matrices, quantised:\n\n"
                "y = saturate(round(((a - a_zero_point) (b - b_zero_point) + bias) * (a_scale * "
                "b_scale / y_scale)) + y_zero_point)\n\n"
                "with sums in 32 bits that wrap around, scales multiplied as floats, and ties "
                "rounded "
                "to the even integer. The last two axes are the matrices'; the axes ahead of them "
                "are "
                "batches and broadcast as NumPy's do. An operand with one axis is a vector: a is "
                "then "
                "one row, b one column, and y lacks that axis. Scales and zero points are one "
                "number, "
                "or one for each row (of a and y: [M] or [batch..., M, 1]) or column (of b: [N] or "
                "[batch..., 1, N]). It is an error when the shapes do not fit. ONNX's op has no "
                "bias.")
            .Source("ONNX QLinearMatMul")
            .Known({.as = "onnx", .name = "QLinearMatMul", .since = 10})
            .TypeVar("A", kBytes)
            .TypeVar("B", kBytes)
            .TypeVar("Y", kBytes)
            .TypeVar("S", kScales)
            .Input("a", "A", "[batch..., M, K], or [K]")
            .Input("a_scale", "S")
            .Input("a_zero_point", "A")
            .Input("b", "B", "[batch..., K, N], or [K]")
            .Input("b_scale", "S")
            .Input("b_zero_point", "B")
            .Input("y_scale", "S")
            .Input("y_zero_point", "Y")
            .OptionalInput("bias", "int32", "[N]; 0 where it is absent")
            .Output("y", "Y", "[batch..., M, N] without the axes that a vector lacks"))
        .Infer(InferQLinearMatMul)
        .Reference(QLinearMatMulCompute)
        .Fast(PrepareQLinearMatMul)
        .Work(AllCombinationsWork)
        .GradientIsZero()
        .Examples(QLinearMatMulExamples));

}  // namespace
}  // namespace nomograph::quant
