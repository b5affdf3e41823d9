// quant.QLinearMatMul: the product of quantised matrices, quantised.
#include <algorithm>
#include <array>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/integer_matmul.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kBias };
MatMulInputs InputsOf(const Attributes& attrs) {
  return {.a = kA,
          .a_zero_point = kAZero,
          .b = kB,
          .b_zero_point = kBZero,
          .transpose_b = attrs.Bool("transpose_b")};
}

MatMulShape ShapeOf(const KernelContext& context) {
  return *GetMatMulShape(context.input_shape(kA),
                         ShapeOfB(context.input_shape(kB), context.attrs().Bool("transpose_b")));
}

absl::StatusOr<std::vector<TensorType>> InferQLinearMatMul(const InferContext& context) {
  const MatMulInputs inputs = InputsOf(context.attrs());
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferMatMul(context, inputs));
  if (context.shape(kA).has_rank() && context.shape(kB).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(
        const MatMulShape s,
        GetMatMulShape(context.shape(kA), ShapeOfB(context.shape(kB), inputs.transpose_b)));
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

// Calls f(index of the row's first element, columns, a_scale, index of b's
// scale for its first column, step of that index, y_scale, index of y's zero
// point).
template <typename F>
void ForEachRow(const KernelContext& context, F f) {
  const MatMulShape s = ShapeOf(context);
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
  const std::vector<int32_t> sums = MatMulSums(context, InputsOf(context.attrs()));
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

// The rows' columns in parts, so that the scales of a part are made once for
// many rows.
template <typename Q>
void Finish(const KernelContext& context, int threads, const int32_t* sums,
            const int32_t* offsets) {
  const auto a_scale = context.input<float>(kAScale), b_scale = context.input<float>(kBScale),
             y_scale = context.input<float>(kYScale);
  const auto zero = context.input<Q>(kYZero);
  Q* const y = context.output<Q>(0).data();
  const int32_t* const bias =
      context.has_input(kBias) ? context.input<int32_t>(kBias).data() : nullptr;
  constexpr int64_t kPart = 256, kWorthThreads = 1 << 15;
  const int64_t columns = ShapeOf(context).columns.size();
  const int64_t count = context.output_shape(0).num_elements();
  ParallelFor(count >= kWorthThreads ? threads : 1, (columns + kPart - 1) / kPart, [&](int64_t p) {
    const int64_t begin = p * kPart, size = std::min(kPart, columns - begin);
    std::array<float, kPart> scales;
    std::array<int32_t, kPart> biases;
    for (int64_t i = 0; i < size; ++i) {
      const auto of = [&](const int32_t* numbers) {
        return numbers == nullptr ? 0 : static_cast<uint32_t>(numbers[begin + i]);
      };
      biases[i] = static_cast<int32_t>(of(bias) + of(offsets));
    }
    std::array<int64_t, 3> made = {-1, -1, -1};
    ForEachRow(context, [&](int64_t first, int64_t, int64_t a, int64_t b, int64_t b_step,
                            int64_t scale, int64_t zero_point) {
      if (const std::array<int64_t, 3> wanted = {a, b, scale}; made != wanted) {
        for (int64_t i = 0; i < size; ++i) {
          scales[i] = FiniteScale(a_scale[a] * b_scale[b + (begin + i) * b_step] / y_scale[scale]);
        }
        made = wanted;
      }
      RequantizeToBytes(sums + first + begin, size,
                        {.scales = scales.data(),
                         .biases = biases.data(),
                         .zero = zero[zero_point],
                         .is_signed = std::is_signed_v<Q>},
                        y + first + begin);
    });
  });
}

Tensor Transposed(const Tensor& matrix) {
  const int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  Tensor result(matrix.dtype(), {columns, rows});
  const std::byte* const from = matrix.raw_data();
  std::byte* const to = result.mutable_raw_data();
  constexpr int64_t kSquare = 64;  // a cache's line of each of so many rows
  for (int64_t first_row = 0; first_row < rows; first_row += kSquare) {
    const int64_t end_row = std::min(first_row + kSquare, rows);
    for (int64_t first = 0; first < columns; first += kSquare) {
      const int64_t end = std::min(first + kSquare, columns);
      for (int64_t c = first; c < end; ++c) {
        for (int64_t r = first_row; r < end_row; ++r) to[c * rows + r] = from[r * columns + c];
      }
    }
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Kernel>> PreparePlain(const PrepareContext& context) {
  const int threads = context.threads;
  MatMulInputs inputs = InputsOf(context.attrs);
  inputs.transpose_b = false;
  return PrepareProduct(
      context, MatMulSpec(context, inputs),
      [threads](KernelContext& kernel, const int32_t* sums, const int32_t* offsets) {
        Dispatch(ByteTypes{}, kernel.output_dtype(0),
                 [&]<typename Q>() { Finish<Q>(kernel, threads, sums, offsets); });
      });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearMatMul(const PrepareContext& context) {
  if (context.inputs[kAScale].dtype != DType::kFloat32) return nullptr;
  if (!context.attrs.Bool("transpose_b")) return PreparePlain(context);
  // A constant matrix is read no more once it is packed.
  if (!context.constants[kB].valid() || context.inputs[kB].shape.rank() != 2) return nullptr;
  std::vector<TensorSpec> inputs(context.inputs.begin(), context.inputs.end());
  std::vector<Tensor> constants(context.constants.begin(), context.constants.end());
  constants[kB] = Transposed(constants[kB]);
  inputs[kB].shape = constants[kB].shape();
  return PreparePlain({.attrs = context.attrs,
                       .inputs = inputs,
                       .outputs = context.outputs,
                       .constants = constants,
                       .post_ops = context.post_ops,
                       .threads = context.threads});
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
      {.name = "by hand: b transposed, int8, a scale and a zero point for each "
               "column",
       .attrs = {{"transpose_b", true}},
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {2, 4, 7, 1, 0, 3}), Tensor::Scalar<float>(0.5),
                  Tensor::Scalar<uint8_t>(1), Tensor::Of<int8_t>({2, 3}, {3, 1, -2, 5, 0, 4}),
                  Tensor::Vector<float>({1, 2}), Tensor::Vector<int8_t>({1, -1}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<int8_t>(-3)},
       // (1, 3, 6) (2, 0, -3) = -16, (1, 3, 6) (6, 1, 5) = 39, (0, -1, 2) of
       // both -6 and 9
       .outputs = {Tensor::Of<int8_t>({2, 2}, {-19, 75, -9, 15})}},
      // ((2 - 1) * 3 + (4 - 1) * -2 + 10) / 2 = 3.5, ((2 - 1) * 1 + (4 - 1) * 5
      // - 7) / 2 = 4.5
      {.name = "by hand: a bias, ties",
       .inputs = {Tensor::Of<uint8_t>({1, 2}, {2, 4}), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(1), Tensor::Of<int8_t>({2, 2}, {3, 1, -2, 5}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<int8_t>(0), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(100), Tensor::Vector<int32_t>({10, -7})},
       .outputs = {Tensor::Of<uint8_t>({1, 2}, {104, 104})}},
  };
}

Pattern::Condition IsProduct(bool transpose_b) {
  return [transpose_b](const InferContext& node, const TensorType&) {
    const Attributes& attrs = node.attrs();
    if (attrs.Bool("transpose_a") || attrs.Bool("transpose_b") != transpose_b) return false;
    return attrs.Find("alpha") == nullptr ||
           (attrs.Float("alpha") == 1 && attrs.Float("beta") == 1);
  };
}

OpDef AsProductOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  constexpr int kBiasScale = kBias + 1;
  const Pattern a = Dequantized(in(kA), in(kAScale), in(kAZero)),
                bias = DequantizedBias(in(kBias), in(kBiasScale));
  const auto biased = [](const InferContext& found) {
    return IsScaleOfBias(found, kAScale, kBScale, kBiasScale);
  };
  for (const bool transpose_b : {false, true}) {
    const Pattern b = DequantizedChannels(in(kB), in(kBScale), in(kBZero), transpose_b ? 0 : -1);
    const Pattern gemm = Pattern::Op("math.Gemm", {a, b, bias})
                             .GivesAttribute("transpose_b")
                             .Where(IsProduct(transpose_b));
    op.Written(Quantized(gemm, in(kYScale), in(kYZero)),
               [transpose_b, biased](const InferContext& found) {
                 return biased(found) && (!transpose_b || found.constant(kB) != nullptr);
               });
    if (transpose_b) continue;
    const Pattern product = Pattern::Op("math.MatMul", {a, b}).Where(IsProduct(false));
    op.Written(Quantized(product, in(kYScale), in(kYZero)));
    op.Written(Quantized(Pattern::AnyOrder("math.Add", product, bias), in(kYScale), in(kYZero)),
               biased);
  }
  return op;
}

NOMO_REGISTER_OP(
    AsProductOfFloats(OpDef("quant.QLinearMatMul", 1)
                          .Doc("The matrix product of quantised matrices, quantised:\n\n"
                               "y = saturate(round(((a - a_zero_point) (b - b_zero_point) + "
                               "bias) * (a_scale * "
                               "b_scale / y_scale)) + y_zero_point)\n\n"
                               "with sums in 32 bits that wrap around, scales multiplied as "
                               "floats, and ties "
                               "rounded "
                               "to the even integer. The last two axes are the matrices'; "
                               "the axes ahead of them "
                               "are "
                               "batches and broadcast as NumPy's do. An operand with one "
                               "axis is a vector: a is "
                               "then "
                               "one row, b one column, and y lacks that axis. Scales and "
                               "zero points are one "
                               "number, "
                               "or one for each row (of a and y: [M] or [batch..., M, 1]) or "
                               "column (of b: [N] or "
                               "[batch..., 1, N]). It is an error when the shapes do not "
                               "fit. ONNX's op has no "
                               "bias, and does not transpose.")
                          .Source("ONNX QLinearMatMul")
                          .Known({.as = "onnx",
                                  .name = "QLinearMatMul",
                                  .since = 10,
                                  .attrs = {{"transpose_b", KnownAttr::kDefault}}})
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
                          .Output("y", "Y", "[batch..., M, N] without the axes that a vector lacks")
                          .Attr("transpose_b", false, "b is [batch..., N, K], two axes at least"))
        .Infer(InferQLinearMatMul)
        .Reference(QLinearMatMulCompute)
        .Fast(PrepareQLinearMatMul)
        .Work(AllCombinationsWork)
        .GradientIsZero()
        .Examples(QLinearMatMulExamples));

}  // namespace
}  // namespace nomograph::quant
