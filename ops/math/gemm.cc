// math.Gemm: y = alpha * a b + beta * c for matrices.
#include <cmath>
#include <limits>
#include <utility>

#include "nomograph/core/form/form.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn_matmul.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/integer.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/math/rounding_kernel.h"

namespace nomograph {
namespace {

absl::Status CheckMatrix(absl::string_view name, const PartialShape& shape) {
  if (!shape.has_rank() || shape.rank() == 2) return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected a matrix, found shape ", shape.ToString());
}

// Axis `axis` of the matrix after transposing; unknown where the rank is.
Dim SizeOf(const PartialShape& shape, bool transposed, int axis) {
  return shape.has_rank() ? shape[transposed ? 1 - axis : axis] : Dim();
}

absl::Status CheckFactor(const InferContext& context, absl::string_view attr) {
  const double factor = context.attrs().Float(attr);
  const bool whole = std::abs(factor) < 0x1p62 && factor == std::trunc(factor);
  if (whole || kFloats.Contains(context.dtype(0))) return absl::OkStatus();
  return InvalidArgument(attr, ": expected a whole number for ", DTypeName(context.dtype(0)),
                         ", found ", factor);
}

absl::StatusOr<std::vector<TensorType>> InferGemm(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckFactor(context, "alpha"));
  NOMO_RETURN_IF_ERROR(CheckFactor(context, "beta"));
  NOMO_RETURN_IF_ERROR(CheckMatrix("a", context.shape(0)));
  NOMO_RETURN_IF_ERROR(CheckMatrix("b", context.shape(1)));
  const bool transpose_a = context.attrs().Bool("transpose_a");
  const bool transpose_b = context.attrs().Bool("transpose_b");
  const Dim a_inner = SizeOf(context.shape(0), transpose_a, 1);
  const Dim b_inner = SizeOf(context.shape(1), transpose_b, 0);
  if (a_inner.known() && b_inner.known() && a_inner != b_inner) {
    return InvalidArgument("expected equal inner sizes of a and b, found ", a_inner.ToString(),
                           " and ", b_inner.ToString());
  }
  const PartialShape output = {SizeOf(context.shape(0), transpose_a, 0),
                               SizeOf(context.shape(1), transpose_b, 1)};
  if (context.has_input(2) && context.shape(2).has_rank()) {
    const auto sum = Broadcast(context.shape(2), output);
    if (!sum.ok() || !Compatible(*sum, output)) {
      return InvalidArgument("input c: expected a shape that broadcasts to ", output.ToString(),
                             ", found ", context.shape(2).ToString());
    }
  }
  return std::vector<TensorType>{{context.dtype(0), output}};
}

// How far apart neighbouring rows and columns of c are, 0 where it is broadcast. The shape is [],
// [N] or [M, N] or has 1 for M or N.
std::pair<int64_t, int64_t> StepsOfC(const Shape& c) {
  const int64_t columns = c.rank() > 0 ? c[c.rank() - 1] : 1;
  const int64_t rows = c.rank() > 1 ? c[0] : 1;
  return {rows == 1 ? 0 : columns, columns == 1 ? 0 : 1};
}

// A factor of the sums: itself, or modulo 2^64.
template <typename Sum>
Sum Factor(double factor) {
  if constexpr (std::is_floating_point_v<Sum>) return factor;
  return static_cast<Sum>(static_cast<int64_t>(factor));
}

template <typename T>
void GemmReference(const KernelContext& context) {
  using Sum = math::WrappingSum<T>;
  const auto wide = [](T x) { return static_cast<Sum>(static_cast<ComputeType<T>>(x)); };
  const bool transpose_a = context.attrs().Bool("transpose_a"),
             transpose_b = context.attrs().Bool("transpose_b");
  const Sum alpha = Factor<Sum>(context.attrs().Float("alpha"));
  const Sum beta = Factor<Sum>(context.attrs().Float("beta"));
  const auto a = context.input<T>(0);
  const auto b = context.input<T>(1);
  const auto y = context.output<T>(0);
  const int64_t rows = context.output_shape(0)[0], columns = context.output_shape(0)[1];
  const int64_t inner = context.input_shape(0)[transpose_a ? 0 : 1];
  const bool adds = context.has_input(2) && beta != 0;
  const auto [c_row, c_column] =
      adds ? StepsOfC(context.input_shape(2)) : std::pair<int64_t, int64_t>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t s = 0; s < columns; ++s) {
      Sum sum = 0;
      for (int64_t k = 0; k < inner; ++k) {
        sum += wide(a[transpose_a ? k * rows + r : r * inner + k]) *
               wide(b[transpose_b ? s * inner + k : k * columns + s]);
      }
      sum *= alpha;
      if (adds) sum += beta * wide(context.input<T>(2)[r * c_row + s * c_column]);
      y[r * columns + s] = static_cast<T>(sum);
    }
  }
}

absl::Status GemmCompute(KernelContext& context) {
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() { GemmReference<T>(context); });
  return absl::OkStatus();
}

onednn::Desc MatrixDesc(const TensorSpec& matrix, bool transposed) {
  const int axes[] = {transposed ? 1 : 0, transposed ? 0 : 1};
  return onednn::Permuted(matrix.dtype, matrix.shape, axes);
}

// beta * c with two axes.
onednn::Builder::Buffer ScaledC(onednn::Builder& b, const onednn::Section& section, float beta) {
  const auto c = b.Input(2, section);
  if (beta == 1) return c;
  const onednn::Desc& desc = section.desc;
  const auto scaled = b.Scratch(desc);
  const auto pd = onednn::Describe<dnnl::eltwise_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_linear, desc, desc,
      beta, 0.0f);
  b.Add<dnnl::eltwise_forward>(pd, {{DNNL_ARG_SRC, c}, {DNNL_ARG_DST, scaled}});
  return scaled;
}

// y += c, with the node's post-ops.
bool AddToOutput(onednn::Builder& b, onednn::Builder::Buffer c, const onednn::Desc& c_desc,
                 onednn::Builder::Buffer y, const onednn::Desc& y_desc) {
  const int axes[] = {0, 1};
  if (!b.PostNodeOps(axes)) return false;
  const auto pd =
      onednn::Describe<dnnl::binary>(b.Attr(), dnnl::algorithm::binary_add, y_desc, c_desc, y_desc);
  b.Add<dnnl::binary>(pd, {{DNNL_ARG_SRC_0, y}, {DNNL_ARG_SRC_1, c}, {DNNL_ARG_DST, y}});
  return true;
}

// c joins the product as a bias where it is one row and nothing is scaled, as a post-op where
// oneDNN's fast matmul takes it (a row or a whole matrix), else in a step of its own (a column).
bool BuildGemm(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (!onednn::MultipliesInputs(context) || !TakesForm("oneDNN product", true)) return false;
  const float alpha = static_cast<float>(context.attrs.Float("alpha"));
  const float beta = static_cast<float>(context.attrs.Float("beta"));
  onednn::MatrixProduct product{
      .src = MatrixDesc(context.inputs[0], context.attrs.Bool("transpose_a")),
      .weights = MatrixDesc(context.inputs[1], context.attrs.Bool("transpose_b")),
      .dst = MatrixDesc(context.outputs[0], false)};
  if (!TakePart(b, product)) return false;
  const onednn::Desc &given = product.weights.desc, &dst = product.dst.desc;
  const auto weights = b.is_constant(1) ? onednn::AnyFormat(given) : given;
  const auto y = b.Output(0, product.dst);

  enum class C { kNone, kBias, kPostOp, kStep } kind = C::kNone;
  onednn::Desc c_desc;
  onednn::Builder::Buffer c = -1;
  if (context.has_input(2) && beta != 0) {
    Shape shape = context.inputs[2].shape;
    while (shape.rank() < 2) shape = shape.rank() == 0 ? Shape{1} : Shape{1, shape[0]};
    const bool is_row = shape[0] == 1 && shape[1] == context.outputs[0].shape[1];
    kind = is_row && alpha == 1 && beta == 1             ? C::kBias
           : is_row || shape == context.outputs[0].shape ? C::kPostOp
                                                         : C::kStep;
    // Nothing but a bias is added in bfloat16.
    const DType dtype = context.inputs[2].dtype;
    if (kind != C::kBias && dtype != DType::kFloat32) return false;
    const onednn::Section section = b.OperandPart(onednn::RowMajor(dtype, shape.dims()));
    c_desc = section.desc;
    c = ScaledC(b, section, beta);
  }
  if (alpha != 1 && !b.PostEltwise({dnnl_eltwise_linear, alpha, 0})) return false;
  if (kind == C::kPostOp) b.PostBinary(dnnl_binary_add, c);
  const int axes[] = {0, 1};
  if (kind != C::kStep && !b.PostNodeOps(axes)) return false;

  const auto bias = kind == C::kBias ? c_desc : onednn::Desc();
  const auto pd = onednn::Describe<dnnl::matmul>(b.Attr(), product.src.desc, weights, bias, dst);
  std::vector<onednn::Builder::Argument> arguments = {
      {DNNL_ARG_SRC, b.Input(0, product.src)},
      {DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, product.weights), pd.weights_desc())},
      {DNNL_ARG_DST, y}};
  if (kind == C::kBias) arguments.emplace_back(DNNL_ARG_BIAS, c);
  b.Add<dnnl::matmul>(pd, std::move(arguments));
  return kind != C::kStep || AddToOutput(b, c, c_desc, y, dst);
}

// Where c is a row that is added to the product as it is, or nothing, its input's number or -1;
// none where y is anything else.
std::optional<int> PlainBias(const PrepareContext& context) {
  const Attributes& attrs = context.attrs;
  if (attrs.Float("alpha") != 1) return std::nullopt;
  if (!context.has_input(2) || attrs.Float("beta") == 0) return -1;
  const Shape& c = context.inputs[2].shape;
  const int64_t columns = context.outputs[0].shape[1];
  const bool is_row = c.rank() > 0 && c[c.rank() - 1] == columns && c.num_elements() == columns;
  if (!is_row || attrs.Float("beta") != 1) return std::nullopt;
  return 2;
}

// A dense layer on rows: a constant b.
std::optional<PackedNode> DescribePacked(const PrepareContext& context) {
  const Tensor& b = context.constants[1];
  const std::optional<int> bias = PlainBias(context);
  if (!b.valid() || context.attrs.Bool("transpose_a") || !bias) return std::nullopt;
  const bool transposed = context.attrs.Bool("transpose_b");
  const int64_t inner = b.shape()[transposed ? 1 : 0], columns = b.shape()[transposed ? 0 : 1];
  return PackedNode{
      .side = ProductSide::kRight,
      .constant = {FloatsOf(b), inner, columns, transposed ? 1 : columns, transposed ? inner : 1},
      .other_size = context.inputs[0].shape[0],
      .bias_input = *bias};
}

// Matrices that may both differ from run to run.
std::optional<FactorsNode> DescribeFactors(const PrepareContext& context) {
  const std::optional<int> bias = PlainBias(context);
  if (!bias) return std::nullopt;
  const auto factor = [&](int input, absl::string_view transpose) {
    const Shape& shape = context.inputs[input].shape;
    MatrixView view{nullptr, shape[0], shape[1], shape[1], 1};
    if (context.attrs.Bool(transpose)) view = {nullptr, shape[1], shape[0], 1, shape[1]};
    return FactorsNode::Factor{view, {0}};
  };
  return FactorsNode{factor(0, "transpose_a"), factor(1, "transpose_b"), *bias};
}

// dA = alpha dY B^T and dB = alpha A^T dY, each transposed as the operand is.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const double beta = g.attrs().Float("beta");
  const bool transpose_a = g.attrs().Bool("transpose_a");
  const bool transpose_b = g.attrs().Bool("transpose_b");
  const Value &a = g.input(0), &b = g.input(1), dy = g.gradient(0);
  const auto product = [&](const Value& left, bool left_transposed, const Value& right,
                           bool right_transposed) {
    return Call("math.Gemm", {left, right},
                {{"alpha", g.attrs().Float("alpha")},
                 {"transpose_a", left_transposed},
                 {"transpose_b", right_transposed}});
  };
  std::vector<Value> result(g.num_inputs());
  if (g.wants(0)) {
    result[0] =
        transpose_a ? product(b, transpose_b, dy, true) : product(dy, false, b, !transpose_b);
  }
  if (g.wants(1)) {
    result[1] =
        transpose_b ? product(dy, true, a, transpose_a) : product(a, !transpose_a, dy, false);
  }
  if (g.wants(2) && beta != 0) {
    const Value sum = SumTo(dy, g.input(2));
    result[2] = beta == 1 ? sum : sum * beta;
  }
  return result;
}

std::vector<Example> GemmExamples() {
  const Tensor a = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = Tensor::Of<float>({3, 2}, {1, -1, 0, 2, 0.5, 4});
  return {
      {.name = "a dense layer",
       .inputs = {a, b, Tensor::Vector<float>({10, 20})},
       .outputs = {Tensor::Of<float>({2, 2}, {12.5, 35, 17, 50})}},
      {.name = "without c",
       .inputs = {a, b},
       .outputs = {Tensor::Of<float>({2, 2}, {2.5, 15, 7, 30})}},
      {.name = "scaled, transposed, c a column",
       .attrs = {{"alpha", 2.0}, {"beta", 0.5}, {"transpose_a", true}, {"transpose_b", true}},
       .inputs = {Tensor::Of<float>({3, 2}, {1, 4, 2, 5, 3, 6}),
                  Tensor::Of<float>({2, 3}, {1, 0, 0.5, -1, 2, 4}),
                  Tensor::Of<float>({2, 1}, {100, 200})},
       .outputs = {Tensor::Of<float>({2, 2}, {55, 80, 114, 160})}},
      {.name = "c a scalar",
       .attrs = {{"alpha", 0.5}},
       .inputs = {a, b, Tensor::Scalar<float>(1)},
       .outputs = {Tensor::Of<float>({2, 2}, {2.25, 8.5, 4.5, 16})}},
      {.name = "beta 0 ignores c",
       .attrs = {{"beta", 0.0}},
       .inputs = {a, b, Tensor::Scalar<float>(std::numeric_limits<float>::quiet_NaN())},
       .outputs = {Tensor::Of<float>({2, 2}, {2.5, 15, 7, 30})}},
      {.name = "nothing to sum",
       .inputs = {Tensor(DType::kFloat64, {1, 0}), Tensor(DType::kFloat64, {0, 2}),
                  Tensor::Vector<double>({3, 4})},
       .outputs = {Tensor::Of<double>({1, 2}, {3, 4})}},
      {.name = "integers wrap around",
       .attrs = {{"alpha", -2.0}, {"beta", 3.0}},
       .inputs = {Tensor::Of<int8_t>({1, 2}, {100, -3}), Tensor::Of<int8_t>({2, 2}, {1, 2, 5, 7}),
                  Tensor::Vector<int8_t>({10, -50})},
       .outputs = {Tensor::Of<int8_t>({1, 2}, {116, 4})}},
      {.name = "uint64",
       .inputs = {Tensor::Of<uint64_t>({1, 1}, {uint64_t{1} << 63}),
                  Tensor::Of<uint64_t>({1, 1}, {3}), Tensor::Scalar<uint64_t>(7)},
       .outputs = {Tensor::Of<uint64_t>({1, 1}, {(uint64_t{1} << 63) + 7})}},
  };
}

std::optional<QuantizedInputs> QuantizedGemm(const InferContext& node) {
  const Attributes& attrs = node.attrs();
  if (node.constant(1) == nullptr || attrs.Float("alpha") != 1 || attrs.Float("beta") != 1) {
    return std::nullopt;
  }
  return QuantizedInputs{
      .activations = {0}, .weight = 1, .channels = attrs.Bool("transpose_b") ? 0 : 1, .bias = 2};
}

NOMO_REGISTER_OP(
    OpDef("math.Gemm", 1)
        .Doc("y = alpha * a b + beta * c for matrices a and b, each of which may be transposed "
             "first, and c broadcast to the product. Where beta is 0, c is not read. For integers "
             "alpha and beta must be whole numbers, and all wraps around.\n\n"
             "It is an error when a or b is no matrix, the inner sizes differ, or c does not "
             "broadcast to [M, N].")
        .Source("ONNX Gemm; Keras Dense on matrices")
        .Known({.as = "onnx",
                .name = "Gemm",
                .since = 7,
                .attrs = {{"transpose_a", KnownAttr::kAttribute, "transA"},
                          {"transpose_b", KnownAttr::kAttribute, "transB"}}})
        .TypeVar("T", kNumbers)
        .Input("a", "T", "[M, K]; [K, M] with transpose_a")
        .Input("b", "T", "[K, N]; [N, K] with transpose_b")
        .OptionalInput("c", "T", "a shape that broadcasts to [M, N]")
        .Output("y", "T", "[M, N]")
        .Attr("alpha", 1.0, "the factor of the product")
        .Attr("beta", 1.0, "the factor of c")
        .Attr("transpose_a", false, "transposes a")
        .Attr("transpose_b", false, "transposes b")
        .Infer(InferGemm)
        .Reference(GemmCompute)
        .Fast(FastRounding(DescribeFactors))
        .Fast(FastBFloat16(DescribePacked))
        .Fast(FastPacked(DescribePacked))
        .Fast(onednn::FastInParts(BuildGemm))
        .Quantizes(QuantizedGemm)
        .InLowPrecision(LowPrecision::kGains)
        .Work(ProductWork)
        .Gradient(Gradient)
        .Examples(GemmExamples));

}  // namespace
}  // namespace nomograph
