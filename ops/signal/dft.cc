// signal.Dft: the discrete Fourier transform along an axis, and its inverse.
#include <optional>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/signal/transform.h"

namespace nomograph::signal {
namespace {

// What a node is asked for, as far as it is known.
struct Arguments {
  std::optional<int> axis;
  Dim length;
};

// REQUIRES: the rank of x is known.
absl::StatusOr<Arguments> GetArguments(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (x.rank() < 2 ||
      (x[x.rank() - 1].known() && x[x.rank() - 1] != Dim(1) && x[x.rank() - 1] != Dim(2))) {
    return InvalidArgument(
        "input x: expected at least 2 axes, the last one of size 1 (real) or 2 "
        "(complex), found shape ",
        x.ToString());
  }
  if (context.attrs().Bool("onesided") && x[x.rank() - 1] == Dim(2)) {
    const std::string fault = absl::StrCat("onesided: expected real x, found shape ", x.ToString());
    // ONNX has a meaning for it from opset 20 on: real results of half a spectrum.
    if (context.attrs().Bool("inverse")) return absl::UnimplementedError(fault);
    return InvalidArgument(fault);
  }
  Arguments arguments;
  NOMO_ASSIGN_OR_RETURN(const IntsArg axis, GetInt(context, "axis", 2));
  if (!axis.given || axis.known) {
    const int64_t given = axis.given ? axis.values[0] : -2;
    NOMO_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(given, x.rank()));
    if (normal == x.rank() - 1) {
      return InvalidArgument("axis: expected one ahead of the last, found ", given);
    }
    arguments.axis = normal;
  }
  NOMO_ASSIGN_OR_RETURN(const IntsArg length, GetInt(context, "dft_length", 1));
  if (length.known) {
    arguments.length = length.values[0] < 0 ? 0 : length.values[0];
  } else if (!length.given && arguments.axis) {
    arguments.length = x[*arguments.axis];
  }
  if (arguments.length.known() &&
      (arguments.length.size() < 1 || arguments.length.size() > kMaxLength)) {
    return InvalidArgument("dft_length: expected 1 to ", kMaxLength, ", found ",
                           length.known ? length.values[0] : arguments.length.size());
  }
  return arguments;
}

absl::StatusOr<std::vector<TensorType>> InferDft(const InferContext& context) {
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) return std::vector<TensorType>{{context.dtype(0), shape}};
  NOMO_ASSIGN_OR_RETURN(const Arguments arguments, GetArguments(context));
  if (!arguments.axis) shape = PartialShape::OfRank(shape.rank());
  if (arguments.axis) {
    Dim& size = shape[*arguments.axis];
    size = arguments.length;
    if (context.attrs().Bool("onesided")) size = size.known() ? Dim(size.size() / 2 + 1) : Dim();
  }
  shape[shape.rank() - 1] = 2;
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

// A concrete node.
struct DftNode {
  Transform transform;
  int64_t count;        // elements of x along the axis that take part
  int64_t size, inner;  // x's size along the axis, and of the axes behind but the last
  int64_t lines;

  static absl::StatusOr<std::optional<DftNode>> Create(const InferContext& context) {
    const Shape x = context.shape(0).ToShape();
    NOMO_ASSIGN_OR_RETURN(const Arguments arguments, GetArguments(context));
    if (!arguments.axis || !arguments.length.known()) return std::nullopt;
    const int axis = *arguments.axis;
    const int64_t length = arguments.length.size();
    DftNode node{{length, context.attrs().Bool("onesided") ? length / 2 + 1 : length,
                  x[x.rank() - 1] == 2, context.attrs().Bool("inverse")},
                 std::min(x[axis], length),
                 x[axis],
                 1,
                 1};
    for (int i = 0; i < axis; ++i) node.lines *= x[i];
    for (int i = axis + 1; i < x.rank() - 1; ++i) node.inner *= x[i];
    node.lines *= node.inner;
    return node;
  }

  template <typename T>
  Line<T> LineAt(const KernelContext& context, int64_t i) const {
    const int64_t parts = transform.complex ? 2 : 1;
    const int64_t outer = i / inner, within = i % inner;
    return {context.input<T>(0).data() + (outer * size * inner + within) * parts,
            inner * parts,
            count,
            nullptr,
            context.output<T>(0).data() + (outer * transform.bins * inner + within) * 2,
            inner * 2};
  }
};

absl::Status DftCompute(KernelContext& context) {
  const ConcreteNode concrete(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, concrete, InferDft));
  NOMO_ASSIGN_OR_RETURN(const auto node, DftNode::Create(concrete.context()));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    TransformLines<T>(node->transform, node->lines,
                      [&](int64_t i) { return node->LineAt<T>(context, i); });
  });
  return absl::OkStatus();
}

template <typename T>
class DftKernel final : public Kernel {
 public:
  DftKernel(const DftNode& node, int threads)
      : node_(node), transform_(node.transform, node.lines, threads) {}
  absl::Status Run(KernelContext& context) const override {
    transform_.Run([&](int64_t i) { return node_.LineAt<T>(context, i); }, context.scratch());
    return absl::OkStatus();
  }
  int64_t scratch_bytes() const override { return transform_.scratch_bytes(); }
  std::string Describe() const override { return "fft"; }

 private:
  const DftNode node_;
  const FastTransform<T> transform_;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareDft(const PrepareContext& context) {
  std::vector<TensorType> types;
  for (const TensorSpec& input : context.inputs) types.push_back({input.dtype, input.shape});
  NOMO_ASSIGN_OR_RETURN(const auto node,
                        DftNode::Create(InferContext(context.attrs, types, context.constants, 1)));
  std::unique_ptr<Kernel> kernel;
  if (!node) return kernel;
  Dispatch(TypeList<float, double>{}, types[0].dtype,
           [&]<typename T>() { kernel = std::make_unique<DftKernel<T>>(*node, context.threads); });
  return kernel;
}

std::vector<Example> DftExamples() {
  return {
      {.name = "real, the axis ahead of the last",
       .inputs = {Tensor::Of<float>({2, 6, 1},
                                    {0.5, -0.5, 1.5, 0, -1, 0.5, 2.5, 2, -1.5, -2.5, -1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 6, 2}, {1,    0,          0.25, -1.299038,    0.25, 3.0310888, 1,    1.110223e-16,
                       0.25, -3.0310888, 0.25, 1.299038,     -0.5, 0,         7.25, -1.299038,
                       0.25, -2.1650636, 0.5,  1.110223e-16, 0.25, 2.1650636, 7.25, 1.299038})},
       .atol = 1e-5},
      {.name = "onesided",
       .attrs = {{"onesided", true}},
       .inputs = {Tensor::Of<float>({2, 6, 1},
                                    {0.5, -0.5, 1.5, 0, -1, 0.5, 2.5, 2, -1.5, -2.5, -1, 0})},
       .outputs = {Tensor::Of<float>({2, 4, 2}, {1, 0, 0.25, -1.299038, 0.25, 3.0310888, 1, 0, -0.5,
                                                 0, 7.25, -1.299038, 0.25, -2.1650636, 0.5, 0})},
       .atol = 1e-5},
      {.name = "complex, a prime length, ONNX 17",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 5, 2},
                                    {-4.5, -1.5, -0.5, 0.5, -2.5, 2,   -1.5, 0,  -1,  -1.5,
                                     -0.5, -2,   1,    -1,  2,    0.5, -0.5, -2, 2.5, -0.5})},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2},
           {-1e+01,    -0.5,      1.350226,    -3.314794,  -5.249085,  -1.3178982, -3.796,
            1.1720002, -4.805141, -3.539308,   4.5,        -5,         0.36196887, -1.2928784,
            -5.539568, 2.009319,  -0.19650008, -4.5093193, -1.6259009, -1.2071216})},
       .atol = 1e-5},
      {.name = "inverse",
       .attrs = {{"inverse", true}},
       .inputs = {Tensor::Of<float>({2, 5, 2},
                                    {-4.5, -1.5, -0.5, 0.5, -2.5, 2,   -1.5, 0,  -1,  -1.5,
                                     -0.5, -2,   1,    -1,  2,    0.5, -0.5, -2, 2.5, -0.5})},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2},
           {-2,           -0.1,       -0.9610282, -0.7078616, -0.7592,     0.23440002,  -1.049817,
            -0.26357964,  0.2700452,  -0.6629588, 0.9,        -1,          -0.32518017, -0.24142432,
            -0.039300013, -0.9018638, -1.1079136, 0.40186384, 0.072393775, -0.25857568})},
       .atol = 1e-5},
      {.name = "another axis as an input",
       .inputs = {Tensor::Of<float>({2, 5, 2},
                                    {-4.5, -1.5, -0.5, 0.5, -2.5, 2,   -1.5, 0,  -1,  -1.5,
                                     -0.5, -2,   1,    -1,  2,    0.5, -0.5, -2, 2.5, -0.5}),
                  Tensor(), Tensor::Scalar<int64_t>(-3)},
       .outputs = {Tensor::Of<float>({2, 5, 2},
                                     {-5, -3.5, 0.5,  -0.5, -0.5, 2.5, -2, -2, 1.5,  -2,
                                      -4, 0.5,  -1.5, 1.5,  -4.5, 1.5, -1, 2,  -3.5, -1})},
       .atol = 1e-5},
      {.name = "cut off",
       .attrs = {{"dft_length", 4}},
       .inputs = {Tensor::Of<float>({2, 6, 1},
                                    {0.5, -0.5, 1.5, 0, -1, 0.5, 2.5, 2, -1.5, -2.5, -1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 4, 2}, {1.5, 0, -1, 0.5, 2.5, 0, -1, -0.5, 0.5, 0, 4, -4.5, 1.5, 0, 4, 4.5})},
       .atol = 1e-5},
      {.name = "filled up",
       .attrs = {{"onesided", true}},
       .inputs = {Tensor::Of<float>({2, 6, 1},
                                    {0.5, -0.5, 1.5, 0, -1, 0.5, 2.5, 2, -1.5, -2.5, -1, 0}),
                  Tensor::Scalar<int32_t>(9)},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2},
           {1,         0,          0.84729636,  -0.64278764, -1.3793852, -0.9848077, 0.25,
            3.0310888, 2.032089,   -0.34202015, -0.5,        0,          5.9613094,  2.69872,
            4.740791,  -4.2644362, 0.25,        -2.1650636,  0.5478999,  -0.46796593})},
       .atol = 1e-5},
      {.name = "a middle axis, three axes",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 3, 2, 1},
                                    {-0.5, 1, 0.5, 0.5, -1.5, -0.5, 1.5, 3, -2.5, 3, 2.5, 1.5})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 2, 2},
           {-1.5, 0, 1,   0, 0,   -1.7320508, 1,    -0.8660254, 0,   1.7320508,  1,    0.8660254,
            1.5,  0, 7.5, 0, 1.5, 4.3301272,  0.75, -1.299038,  1.5, -4.3301272, 0.75, 1.299038})},
       .atol = 1e-5},
      {.name = "inverse of real, onesided",
       .attrs = {{"inverse", true}, {"onesided", true}},
       .inputs = {Tensor::Of<float>({2, 6, 1},
                                    {0.5, -0.5, 1.5, 0, -1, 0.5, 2.5, 2, -1.5, -2.5, -1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 4, 2}, {0.16666667, 0, 0.041666668, 0.21650635, 0.041666668, -0.5051815, 0.16666667,
                       -1.8503718e-17, -0.083333336, 0, 1.2083334, 0.21650635, 0.041666668,
                       0.36084393, 0.083333336, -1.8503718e-17})},
       .atol = 1e-5},
      {.name = "a length with a great factor, float64",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<double>({17, 1}, {0.5, -0.5, 3, 4, 3.5, 2.5, 0.5, -2.5, 0, 1.5, -2.5,
                                               1, 1, 1.5, -2.5, -1.5, -1})},
       .outputs = {Tensor::Of<double>({17, 2}, {8.5,
                                                0,
                                                2.2546079720068155,
                                                -11.790386550295311,
                                                -10.505166184562361,
                                                -10.605389704656735,
                                                -1.66676203465205,
                                                1.0601765265941823,
                                                7.545449572543583,
                                                3.5595377736117952,
                                                -5.895942475061984,
                                                4.900261488402174,
                                                5.156005800956085,
                                                1.015975773899596,
                                                -2.7471833232641285,
                                                -0.11846823731135836,
                                                5.858990672034038,
                                                -3.678913783516237,
                                                5.858990672034038,
                                                3.678913783516237,
                                                -2.7471833232641285,
                                                0.11846823731135836,
                                                5.156005800956085,
                                                -1.015975773899596,
                                                -5.895942475061984,
                                                -4.900261488402174,
                                                7.545449572543583,
                                                -3.5595377736117952,
                                                -1.66676203465205,
                                                -1.0601765265941823,
                                                -10.505166184562361,
                                                10.605389704656735,
                                                2.2546079720068155,
                                                11.790386550295311})},
       .rtol = 1e-13,
       .atol = 1e-13},
      {.name = "one element",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<float>({1, 2}, {3, 4})},
       .outputs = {Tensor::Of<float>({1, 2}, {3, 4})}},
      {.name = "float16",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<Half>({2, 1}, {Half(1), Half(2)})},
       .outputs = {Tensor::Of<Half>({2, 2}, {Half(3), Half(0), Half(-1), Half(0)})},
       .atol = 1e-3},
      {.name = "no lines",
       .inputs = {Tensor::Of<float>({0, 4, 1}, {})},
       .outputs = {Tensor::Of<float>({0, 4, 2}, {})}},
  };
}

// `value` of input 0's dtype, from an integer that is the attribute or the input, or else `absent`.
Value Argument(const GradientContext& g, absl::string_view name, int input, const Value& absent) {
  if (g.attrs().Has(name)) return Constant(Tensor::Scalar(g.attrs().Int(name)));
  return g.has_input(input) ? Call("array.Cast", {g.input(input)}, {{"to", DType::kInt64}})
                            : absent;
}

Value AsVector(const Value& x) {
  return Call("array.Reshape", {x}, {{"shape", std::vector<int64_t>{1}}});
}

// The transform is a matrix F with F^H = n F^-1: what flows back is n times the inverse of dy,
// which is filled up with zeros where it is onesided; of that as many elements as x gave, and their
// real parts where x is real.
absl::StatusOr<std::vector<Value>> DftGradient(const GradientContext& g) {
  const Value &x = g.input(0), dy = g.gradient(0);
  const bool inverse = g.attrs().Bool("inverse");
  const Value axis = Argument(g, "axis", 2, Constant(Tensor::Scalar<int64_t>(-2)));
  const Value shape = ShapeOf(x);
  const Value size = Call("array.Gather", {shape, AsVector(axis)});
  const Value length = AsVector(Argument(g, "dft_length", 1, size));
  const Value n =
      Call("array.Reshape", {CastLike(length, dy)}, {{"shape", std::vector<int64_t>{}}});
  Value full = Call("signal.Dft", {dy, length, axis}, {{"inverse", !inverse}});
  full = inverse ? full / n : full * n;
  // Along the axis, then the last one.
  const Value minus_one = Constant(Tensor::Vector<int64_t>({-1}));
  const Value axes = Call("array.Concat", {AsVector(axis), minus_one}, {{"axis", 0}});
  const Value starts = Constant(Tensor::Vector<int64_t>({0, 0}));
  const Value parts = Call("array.Gather", {shape, minus_one});
  const Value there =
      Call("array.Slice", {full, starts, Call("array.Concat", {size, parts}, {{"axis", 0}}), axes});
  CallOptions options;
  options.output_types = {x.type()};
  const Value ends = Call("array.Concat", {length, parts}, {{"axis", 0}});
  return std::vector<Value>{
      Call("array.SliceGrad", {there, shape, starts, ends, axes}, {}, options)};
}

NOMO_REGISTER_OP(
    OpDef("signal.Dft")
        .Doc(
            "The discrete Fourier transform along an axis.\n\n"
            "y[k] = sum over j of x[j] e^(-2 pi i j k / n), or with inverse 1 / n times the sum of "
            "x[j] e^(2 pi i j k / n). The last axis is no element of the sum: it has the real part "
            "of each number, in x perhaps, and in y always also the imaginary part. n is "
            "dft_length; x is cut off or filled up with zeros to that length. With onesided, for "
            "real x only, y has the first floor(n / 2) + 1 elements; the others are conjugate to "
            "them. axis and dft_length are attributes or inputs. It is an error when n is not from "
            "1 to 2^26.")
        .Source("ONNX DFT; numpy.fft")
        .Known({.as = "onnx",
                .name = "DFT",
                .since = 20,
                .attrs = {{"dft_length", KnownAttr::kScalar, "", 1},
                          {"axis", KnownAttr::kScalar, "", 2}}})
        .TypeVar("T", kFloats)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("x", "T", "[..., 1] or [..., 2]")
        .OptionalInput("dft_length", "I", "one number; absent: x's size along the axis")
        .OptionalInput("axis", "int64", "one number")
        .Output("y", "T", "[..., 2]")
        .OptionalAttr("dft_length", AttrType::kInt, "as the input")
        .OptionalAttr("axis", AttrType::kInt,
                      "in [-rank, rank), but not the last; absent, also as an input: -2")
        .Attr("inverse", false, "the inverse transform")
        .Attr("onesided", false, "leaves out what follows from the symmetry")
        .Infer(InferDft)
        .Reference(DftCompute)
        .Fast(PrepareDft)
        .Gradient(DftGradient)
        .Examples(DftExamples));

}  // namespace
}  // namespace nomograph::signal
