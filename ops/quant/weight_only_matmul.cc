// quant.WeightOnlyMatMul: rows by a matrix of quantised weights, which are not expanded.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/narrow_kernel.h"
#include "nomograph/ops/quant/granularity.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

enum Input { kA, kB, kScale, kZero, kBias };

using WeightTypes = TypeList<int8_t, uint8_t, Int4, UInt4>;

Attributes DequantizeAttributes(const Attributes& attrs) {
  return {{"axis", attrs.Int("axis")}, {"block_size", attrs.Int("block_size")}};
}

Attributes MatMulAttributes(const Attributes& attrs) {
  return {{"transpose_a", false}, {"transpose_b", attrs.Bool("transpose_b")}};
}

absl::StatusOr<TensorType> InferOther(const char* name, const Attributes& attrs,
                                      const std::vector<TensorType>& inputs) {
  const OpDef* op = OpRegistry::Default().Find(name);
  if (op == nullptr) return absl::InternalError(absl::StrCat(name, " is not registered"));
  NOMO_ASSIGN_OR_RETURN(const auto outputs, InferNode(*op, InferContext(attrs, inputs, {}, 1)));
  return outputs[0];
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  std::vector<TensorType> weights = {context.input(kB), context.input(kScale)};
  if (context.has_input(kZero)) weights.push_back(context.input(kZero));
  if (!Compatible(weights[0].shape, PartialShape::OfRank(2))) {
    return InvalidArgument("input b: expected a matrix, found shape ", weights[0].shape.ToString());
  }
  NOMO_ASSIGN_OR_RETURN(
      const TensorType b,
      InferOther("quant.DequantizeLinear", DequantizeAttributes(context.attrs()), weights));
  NOMO_ASSIGN_OR_RETURN(
      const TensorType y,
      InferOther("math.MatMul", MatMulAttributes(context.attrs()), {context.input(kA), b}));
  if (context.has_input(kBias) && y.shape.has_rank() && y.shape.rank() > 0) {
    const Dim columns = y.shape[y.shape.rank() - 1];
    if (!Compatible(context.shape(kBias), {columns})) {
      return InvalidArgument("input bias: expected shape [", columns.ToString(),
                             "] (one element per column), found ", context.shape(kBias).ToString());
    }
  }
  return std::vector<TensorType>{y};
}

// What the elements of b stand for, in b's order.
template <typename Q, typename S>
std::vector<S> Weights(const KernelContext& context) {
  const Granularity granularity(context.input_shape(kB), context.input_shape(kScale),
                                context.attrs());
  const auto b = context.input<Q>(kB);
  const auto scale = context.input<S>(kScale);
  const auto zeros = context.has_input(kZero) ? IntsOf(context, kZero) : std::vector<int64_t>();
  std::vector<S> weights(b.size());
  for (int64_t i = 0; i < granularity.runs(); ++i) {
    const Run run = granularity.run(i);
    for (int64_t j = 0; j < run.count; ++j) {
      const int64_t parameter = run.parameter + j * run.step;
      const int64_t steps =
          static_cast<int64_t>(b[run.first + j]) - (zeros.empty() ? 0 : zeros[parameter]);
      weights[run.first + j] =
          static_cast<S>(static_cast<double>(steps) * static_cast<double>(scale[parameter]));
    }
  }
  return weights;
}

template <typename Q, typename S>
void Reference(const KernelContext& context) {
  const bool transposed = context.attrs().Bool("transpose_b");
  const Shape& shape = context.input_shape(kB);
  const int64_t inner = shape[transposed ? 1 : 0], columns = shape[transposed ? 0 : 1];
  const std::vector<S> weights = Weights<Q, S>(context);
  const auto a = context.input<S>(kA);
  const auto y = context.output<S>(0);
  const int64_t rows = columns == 0 ? 0 : static_cast<int64_t>(y.size()) / columns;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k) {
        sum += static_cast<double>(a[r * inner + k]) *
               static_cast<double>(weights[transposed ? c * inner + k : k * columns + c]);
      }
      if (context.has_input(kBias)) sum += static_cast<double>(context.input<S>(kBias)[c]);
      y[r * columns + c] = static_cast<S>(sum);
    }
  }
}

absl::Status Compute(KernelContext& context) {
  Dispatch(WeightTypes{}, context.input_dtype(kB), [&]<typename Q>() {
    Dispatch(FloatTypes{}, context.input_dtype(kA),
             [&]<typename S>() { Reference<Q, S>(context); });
  });
  return absl::OkStatus();
}

// How scales lie: element (block, column) at block * row_stride + column * column_stride.
struct Layout {
  int64_t inner, columns, block, row_stride, column_stride;
};

// The layout where the kernel takes it: one scale, one for each column, or one for each column and
// each block along the inner axis.
std::optional<Layout> LayoutOf(const Attributes& attrs, const Shape& b, const Shape& scale) {
  const int inner_axis = attrs.Bool("transpose_b") ? 1 : 0;
  Layout layout{b[inner_axis], b[1 - inner_axis], b[inner_axis], 0, 0};
  const int64_t block_size = attrs.Int("block_size");
  if (block_size == 0 && scale.num_elements() == 1) return layout;
  const auto axis = NormalizeAxis(attrs.Int("axis"), 2);
  if (!axis.ok()) return std::nullopt;
  if (block_size == 0) {
    layout.column_stride = 1;
    return *axis == inner_axis ? std::nullopt : std::make_optional(layout);
  }
  if (*axis != inner_axis) return std::nullopt;
  if (block_size < layout.inner && block_size % kNarrowGroup != 0) return std::nullopt;
  const int64_t blocks = scale[inner_axis];
  layout.block = block_size;
  layout.row_stride = inner_axis == 0 ? layout.columns : 1;
  layout.column_stride = inner_axis == 0 ? 1 : blocks;
  return layout;
}

std::optional<Layout> Served(const PrepareContext& context) {
  const auto is_constant = [&](int i) {
    return !context.has_input(i) || context.constants[i].valid();
  };
  if (context.inputs[kA].dtype != DType::kFloat32 || !is_constant(kB) || !is_constant(kScale) ||
      !is_constant(kZero)) {
    return std::nullopt;
  }
  return LayoutOf(context.attrs, context.inputs[kB].shape, context.inputs[kScale].shape);
}

int64_t RowsOf(const PrepareContext& context, const Layout& layout) {
  return context.outputs[0].shape.num_elements() / std::max<int64_t>(layout.columns, 1);
}

std::optional<std::vector<FusedStep>> StepsOf(const Layout& layout, const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kRight, RowsOf(context, layout), layout.columns);
}

absl::StatusOr<Tensor> PackedParameters(const NarrowMatrix& matrix, const Layout& layout,
                                        const Tensor& floats) {
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kFloat32, {NarrowParameters(matrix)}));
  PackParameters(matrix,
                 {floats.data<float>().data(), matrix.blocks(), matrix.columns, layout.row_stride,
                  layout.column_stride},
                 packed.mutable_data<float>().data());
  return packed;
}

// Unsigned integers and their zero points are moved into the signed range.
int ToSigned(DType dtype) { return dtype == DType::kUInt8 ? 128 : dtype == DType::kUInt4 ? 8 : 0; }

// The zero points as floats, of integers that are signed; invalid where all are 0.
absl::StatusOr<Tensor> SignedZeros(const PrepareContext& context) {
  const int minus = ToSigned(context.inputs[kB].dtype);
  const bool given = context.has_input(kZero);
  NOMO_ASSIGN_OR_RETURN(Tensor zeros,
                        Tensor::Create(DType::kFloat32, context.inputs[kScale].shape));
  const auto data = zeros.mutable_data<float>();
  bool any = false;
  for (size_t i = 0; i < data.size(); ++i) {
    const double zero = given ? context.constants[kZero].AsDouble(static_cast<int64_t>(i)) : 0;
    data[i] = static_cast<float>(zero - minus);
    any = any || data[i] != 0;
  }
  return any ? zeros : Tensor();
}

absl::StatusOr<std::unique_ptr<NarrowWeights>> Pack(const PrepareContext& context,
                                                    const Layout& layout) {
  const Tensor& b = context.constants[kB];
  auto weights = std::make_unique<NarrowWeights>();
  NarrowMatrix& matrix = weights->matrix;
  matrix.type = kInt4s.Contains(b.dtype()) ? NarrowType::kInt4 : NarrowType::kInt8;
  matrix.rows = layout.inner;
  matrix.columns = layout.columns;
  matrix.block = layout.block;
  NOMO_ASSIGN_OR_RETURN(weights->packed, Tensor::Create(DType::kUInt8, {NarrowBytes(matrix)}));
  const bool transposed = context.attrs.Bool("transpose_b");
  PackNarrow(matrix,
             ByteMatrixView{b.raw_data(), transposed ? 1 : layout.columns,
                            transposed ? layout.inner : 1, ToSigned(b.dtype())},
             weights->packed.mutable_raw_data());
  matrix.packed = weights->packed.raw_data();
  NOMO_ASSIGN_OR_RETURN(weights->scales,
                        PackedParameters(matrix, layout, context.constants[kScale]));
  matrix.scales = weights->scales.data<float>().data();
  NOMO_ASSIGN_OR_RETURN(const Tensor zeros, SignedZeros(context));
  if (zeros.valid()) {
    NOMO_ASSIGN_OR_RETURN(weights->zeros, PackedParameters(matrix, layout, zeros));
    matrix.zeros = weights->zeros.data<float>().data();
  }
  return weights;
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(const Layout& layout, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<NarrowWeights> weights, Pack(context, layout));
  return MakeNarrowKernel(std::move(weights),
                          {.rows = RowsOf(context, layout),
                           .other_input = kA,
                           .constant_input = kB,
                           .bias_input = context.has_input(kBias) ? kBias : -1},
                          std::move(steps), context.threads);
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  std::vector<Value> weights = {in[kB], in[kScale]};
  const auto has = [&](size_t i) { return in.size() > i && in[i].valid(); };
  if (has(kZero)) weights.push_back(in[kZero]);
  const Value b = Call("quant.DequantizeLinear", std::move(weights), DequantizeAttributes(attrs));
  const Value product = Call("math.MatMul", {in[kA], b}, MatMulAttributes(attrs));
  return std::vector<Value>{has(kBias) ? product + in[kBias] : product};
}

// Products of floats whose constant operand has been dequantised. Where the other one has been,
// too, the product is one of integers (QLinearMatMul).
OpDef AsProductOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  const Pattern a = in(kA).NotFrom("quant.DequantizeLinear");
  const auto without_zero = [](const InferContext& node, const TensorType&) {
    return !node.has_input(2);
  };
  const auto is_product = [](const InferContext& node, const TensorType&) {
    const Attributes& attrs = node.attrs();
    return !attrs.Bool("transpose_a") &&
           (attrs.Find("alpha") == nullptr ||
            (attrs.Float("alpha") == 1 && (!node.has_input(2) || attrs.Float("beta") == 1)));
  };
  const auto without_c = [is_product](const InferContext& node, const TensorType& output) {
    return is_product(node, output) && !node.has_input(2);
  };
  const auto holds = [](const InferContext& found) {
    const Tensor *b = found.constant(kB), *scale = found.constant(kScale);
    if (b == nullptr || scale == nullptr || b->shape().rank() != 2) return false;
    if (found.has_input(kZero) && found.constant(kZero) == nullptr) return false;
    return LayoutOf(found.attrs(), b->shape(), scale->shape()).has_value();
  };
  for (const bool zero : {true, false}) {
    Pattern b =
        zero ? Pattern::Op("quant.DequantizeLinear", {in(kB), in(kScale), in(kZero)})
             : Pattern::Op("quant.DequantizeLinear", {in(kB), in(kScale)}).Where(without_zero);
    b = b.GivesAttribute("axis").GivesAttribute("block_size");
    for (const Pattern& product : {Pattern::Op("math.MatMul", {a, b}).Where(is_product),
                                   Pattern::Op("math.Gemm", {a, b, in(kBias)}).Where(is_product),
                                   Pattern::Op("math.Gemm", {a, b}).Where(without_c)}) {
      op.Written(product.GivesAttribute("transpose_b"), holds);
    }
  }
  return op;
}

std::vector<Example> Examples() {
  return {
      {.name = "NumPy: int8, a scale for each column",
       .inputs = {Tensor::Of<float>({2, 3}, {1.25, -1.75, -1.25, -1, -1.25, 1.25}),
                  Tensor::Of<int8_t>({3, 4},
                                     {94, 21, -118, -104, -43, -18, 31, -6, -61, -88, 49, 60}),
                  Tensor::Vector<float>({0.5, 0.25, 1, 2})},
       .outputs = {Tensor::Of<float>({2, 4},
                                     {134.5, 41.9375, -263, -389, -58.25, -27.125, 140.5, 373})}},
      {.name = "NumPy: uint4, transposed, blocks of 8 with zero points, a bias",
       .attrs = {{"transpose_b", true}, {"block_size", 8}},
       .inputs = {Tensor::Of<float>({1, 2, 10},
                                    {-2,   -1.75, -0.25, -0.5, 1.75, 0,  -0.25, -0.25, 0.75, 0.25,
                                     -1.5, 1,     1,     2,    1.25, -1, -0.75, 0.75,  0.75, 0.75}),
                  Tensor::Of<uint8_t>({3, 10}, {13, 4, 15, 0, 1, 15, 15, 4, 2, 5, 0, 14, 10, 9, 3,
                                                7,  3, 12, 7, 0, 4,  11, 8, 5, 4, 1, 9,  10, 8, 14})
                      .Cast(DType::kUInt4),
                  Tensor::Of<float>({3, 2}, {1, 0.25, 0.625, 0.75, 0.25, 0.375}),
                  Tensor::Of<uint8_t>({3, 2}, {7, 11, 4, 11, 10, 3}).Cast(DType::kUInt4),
                  Tensor::Vector<float>({-0.5, 1.5, 1.5})},
       .outputs = {Tensor::Of<float>({1, 2, 3},
                                     {-19.5625, -13.4375, 4.6875, -45.0625, 14.625, 6.0625})}},
      {.name = "NumPy: int4, blocks of 8 along axis 0, a vector",
       .attrs = {{"axis", 0}, {"block_size", 8}},
       .inputs = {Tensor::Vector<float>({0.75, -2, 0.75, -1.25, 1.25, 1.75, -0.25, 2, 1}),
                  Tensor::Of<int8_t>(
                      {9, 2}, {-3, 6, -2, -7, 1, 5, 2, -2, 6, -1, -2, -6, -5, 3, 4, -4, 2, 5})
                      .Cast(DType::kInt4),
                  Tensor::Of<float>({2, 2}, {0.25, 0.375, 0.625, 0.625})},
       .outputs = {Tensor::Vector<float>({4.5625, 4.71875})}},
      {.name = "NumPy: uint8, one scale",
       .inputs = {Tensor::Of<float>({2, 2}, {-0.5, -0.5, -1.5, 0.5}),
                  Tensor::Of<uint8_t>({2, 3}, {238, 50, 204, 46, 11, 191}),
                  Tensor::Scalar<float>(0.125), Tensor::Scalar<uint8_t>(130)},
       .outputs = {Tensor::Of<float>({2, 3}, {-1.5, 12.4375, -8.4375, -25.5, 7.5625, -10.0625})}},
      {.name = "NumPy: a scale for each row",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<float>({2, 2}, {-1.25, 1, -0.75, 0.25}),
                  Tensor::Of<int8_t>({2, 3}, {112, 107, -7, -76, -64, 89}),
                  Tensor::Vector<float>({0.125, 2}), Tensor::Vector<int8_t>({1, -2})},
       .outputs = {Tensor::Of<float>({2, 3},
                                     {-165.34375, -140.5625, 183.25, -47.40625, -40.9375, 46.25})}},
      {.name = "NumPy: float16",
       .inputs = {Tensor::Of<float>({1, 3}, {0.5, -1.5, 1.75}).Cast(DType::kFloat16),
                  Tensor::Of<int8_t>({3, 2}, {7, 7, 1, 7, 1, 0}).Cast(DType::kInt4),
                  Tensor::Vector<float>({0.5, 0.25}).Cast(DType::kFloat16)},
       .outputs = {Tensor::Of<float>({1, 2}, {1.875, -1.75}).Cast(DType::kFloat16)}},
      {.name = "nothing to sum",
       .inputs = {Tensor(DType::kFloat32, {2, 0}), Tensor(DType::kInt8, {0, 3}),
                  Tensor::Scalar<float>(1), Tensor(), Tensor::Vector<float>({1, 2, 3})},
       .outputs = {Tensor::Of<float>({2, 3}, {1, 2, 3, 1, 2, 3})}},
  };
}

NOMO_REGISTER_OP(
    AsProductOfFloats(
        WithGranularity(
            OpDef("quant.WeightOnlyMatMul", 1)
                .Doc(
                    "y = math.MatMul(a, w) + bias, where w = quant.DequantizeLinear(b, b_scale, "
                    "b_zero_point) with the same axis and block_size: a matrix of weights, which "
                    "alone are quantised. The fast kernel reads constant weights as they are, 8 or "
                    "4 bits each, and multiplies the sum over each block by its scale.\n\n"
                    "It is an error when b is no matrix or the shapes do not fit.")
                .Source("ONNX DequantizeLinear and MatMul; com.microsoft MatMulNBits")
                .TypeVar("T", kFloats)
                .TypeVar("Q", DTypesOf(WeightTypes{}))
                .Input("a", "T", "[batch..., M, K], or [K]")
                .Input("b", "Q", "[K, N]; [N, K] with transpose_b")
                .Input("b_scale", "T", "as quant.DequantizeLinear has it for b")
                .OptionalInput("b_zero_point", "Q", "the shape of b_scale; 0 where it is absent")
                .OptionalInput("bias", "T", "[N]; 0 where it is absent")
                .Output("y", "T", "[batch..., M, N] without the axis that a vector lacks")
                .Attr("transpose_b", false, "swaps the axes of b, dequantised")))
        .Infer(Infer)
        .Reference(Compute)
        .Fast(FusingKernel(Served, StepsOf, Make))
        .Body(Body)
        .Work(ProductWork)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::quant
