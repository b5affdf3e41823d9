// LpPool, GlobalLpPool.
#include <cmath>
#include <vector>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/pool/pool.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

// Sums up |x|^p and takes the root.
class LpNorm {
 public:
  explicit LpNorm(const Attributes& attrs) : p_(attrs.Int("p")) {}
  void Add(double x) {
    const double magnitude = std::abs(x);
    sum_ += p_ == 1   ? magnitude
            : p_ == 2 ? magnitude * magnitude
                      : exact::Pow(magnitude, static_cast<double>(p_));
  }
  double Result() const {
    if (p_ == 1) return sum_;
    return p_ == 2 ? std::sqrt(sum_) : exact::Pow(sum_, 1 / static_cast<double>(p_));
  }

 private:
  int64_t p_;
  double sum_ = 0;
};

absl::StatusOr<std::vector<TensorType>> InferLpPool(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferPooled(context));
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

template <typename T>
void LpPoolReference(const KernelContext& context, const Window& window) {
  const ActivationLayout x(context.input_shape(0), context.attrs()),
      y(context.output_shape(0), context.attrs());
  const Taps taps(window);
  const LpNorm none(context.attrs());  // of no elements
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t c = 0; c < y.channels; ++c) {
      const T* in = context.input<T>(0).data() + x.Offset(n, c);
      T* out = context.output<T>(0).data() + y.Offset(n, c);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        LpNorm norm = none;
        taps.ForEach(at, [&](int64_t, int64_t position) {
          norm.Add(static_cast<double>(in[position * x.position_stride]));
        });
        *out = static_cast<T>(norm.Result());
        out += y.position_stride;
      });
    }
  }
}

absl::Status LpPoolCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attrs(), context.input_shape(0)));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { LpPoolReference<T>(context, window); });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferGlobalLpPool(const InferContext& context) {
  if (!context.shape(0).has_rank()) {
    return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  }
  NOMO_ASSIGN_OR_RETURN(Activation x, SplitActivation(context.shape(0), context.attrs()));
  for (Dim& size : x.spatial) size = 1;
  if (!context.attrs().Bool("keepdims")) x.spatial.clear();
  return std::vector<TensorType>{{context.dtype(0), JoinActivation(x, context.attrs())}};
}

absl::Status GlobalLpPoolCompute(KernelContext& context) {
  const ActivationLayout x(context.input_shape(0), context.attrs());
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    T* y = context.output<T>(0).data();
    for (int64_t n = 0; n < x.batches; ++n) {
      for (int64_t c = 0; c < x.channels; ++c) {
        const T* in = context.input<T>(0).data() + x.Offset(n, c);
        LpNorm norm(context.attrs());
        for (int64_t p = 0; p < x.positions; ++p) {
          norm.Add(static_cast<double>(in[p * x.position_stride]));
        }
        *y++ = static_cast<T>(norm.Result());
      }
    }
  });
  return absl::OkStatus();
}

// Of y = (sum of |x|^p)^(1 / p): what each sum's gradient is, and by what that is multiplied at x.
// Where y is 0, so is the gradient.
Value OfSum(const Value& y, const Value& dy, int64_t p) {
  if (p == 1) return dy;
  const Value divisor = Call("array.Where", {y > 0, y, ConstantLike(1, y)});
  if (p == 2) return dy / divisor;
  return dy * Call("math.Pow", {divisor, ConstantLike(static_cast<double>(1 - p), y)});
}

Value OfTerm(const Value& x, int64_t p) {
  if (p == 1) return Call("math.Sign", {x});
  if (p == 2) return x;
  const Value power = ConstantLike(static_cast<double>(p - 1), x);
  return Call("math.Sign", {x}) * Call("math.Pow", {Call("math.Abs", {x}), power});
}

absl::StatusOr<std::vector<Value>> LpPoolGradient(const GradientContext& g) {
  const Value x = g.input(0);
  const int64_t p = g.attrs().Int("p");
  Attributes attrs = Without(g.attrs(), {"p"});
  attrs.Set("divide", false);
  const Value sums = OfSum(g.output(0), g.gradient(0), p);
  return std::vector<Value>{Call("nn.AveragePoolGrad", {sums, x}, attrs) * OfTerm(x, p)};
}

absl::StatusOr<std::vector<Value>> GlobalLpPoolGradient(const GradientContext& g) {
  const Value x = g.input(0);
  if (!x.shape().has_rank()) return InvalidArgument("the number of axes of x must be known");
  const int64_t p = g.attrs().Int("p");
  const Value sums = OfSum(g.output(0), g.gradient(0), p);
  return std::vector<Value>{OverSpatial(sums, x, g.attrs()) * OfTerm(x, p)};
}

OpDef WithExponent(OpDef op) { return op.Attr("p", 2, "the exponent").Min(1).Max(1 << 20); }

std::vector<Example> LpPoolExamples() {
  const Tensor x = Tensor::Of<float>(
      {1, 2, 5, 4}, {-1,   -2.5, 3.5,  -1, 0.5, -0.5, 3,   2.5,  1.5, -4.5, 0,    1.5, 2, -1,
                     3.5,  -2.5, -1.5, 2,  0,   4,    0.5, -1.5, -1,  -2,   -2.5, 1.5, 1, 2.5,
                     -1.5, 3.5,  -0.5, 3,  -1,  -1.5, 0.5, 2,    0.5, -1,   -2.5, -3});
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 2}, {-1,  0.5, -2.5, -1.5, 3.5,  -1,  -1, -2,   0.5, -2.5, -0.5, 1.5, 3,  1,
                          2.5, 2.5, 1.5,  -1.5, -4.5, 3.5, 0,  -0.5, 1.5, 3,    2,    -1,  -1, -1.5,
                          3.5, 0.5, -2.5, 2,    -1.5, 0.5, 2,  -1,   0,   -2.5, 4,    -3})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {2.7838821, 3.3166249, 5.338539, 3.5, 5.2440443,
                                                    4.2130747, 4.555217, 3.6742346})}},
      {.name = "p = 1",
       .attrs = {{"data_format", "channels_first"}, {"kernel_shape", Ints{2, 3}}, {"p", 1}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 2, 4, 2}, {11, 13, 1e+01, 12, 12.5, 13, 1e+01, 13, 8, 9.5,
                                                    10.5, 12, 8.5, 11, 7, 10.5})}},
      {.name = "p = 3, pads and dilations",
       .attrs = {{"data_format", "channels_first"},
                 {"kernel_shape", Ints{2, 2}},
                 {"p", 3},
                 {"dilations", Ints{2, 1}},
                 {"padding", "explicit"},
                 {"pads", Ints{1, 0, 0, 1}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 4, 4},
           {0.62996054, 3.0046225, 3.493184,  2.5,       4.8076987, 5.3088613, 3.6152134,
            1.6355332,  2.0991683, 4.1408176, 4.65893,   3.1498027, 4.7307625, 4.628011,
            4.0691113,  4.0691113, 2.6684017, 1.6355332, 2.5522344, 2.5,       3.6778812,
            3.6183987,  3.3057444, 3.2710664, 2.8592396, 1.9895287, 2.9142385, 2.8693967,
            3.6183987,  3.9066947, 4.116373,  3.7797632})}},
      {.name = "same",
       .attrs = {{"data_format", "channels_first"},
                 {"kernel_shape", Ints{2, 2}},
                 {"padding", "same"}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 5, 4},
           {2.7838821, 5.267827,  5.338539,  2.6925824, 4.7958317, 5.4313903, 4.1833,    2.9154758,
            5.2440443, 5.7879186, 4.555217,  2.9154758, 3.354102,  4.1533117, 5.87367,   4.7169905,
            2.5,       2,         4,         4,         3.3166249, 2.5495098, 3.5,       3.2015622,
            4.7958317, 3.968627,  4.0620193, 3.905125,  4.2130747, 3.8729835, 3.6742346, 3.6055512,
            2.1213202, 3.122499,  4.41588,   3.6055512, 1.118034,  2.6925824, 3.905125,  3})}},
      {.name = "same_lower",
       .attrs = {{"data_format", "channels_first"},
                 {"kernel_shape", Ints{2, 2}},
                 {"padding", "same_lower"}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 5, 4},
           {1,         2.6925824, 4.3011627, 3.640055,  1.118034,  2.7838821, 5.267827,
            5.338539,  1.5811388, 4.7958317, 5.4313903, 4.1833,    2.5,       5.2440443,
            5.7879186, 4.555217,  2.5,       3.354102,  4.1533117, 5.87367,   0.5,
            1.5811388, 1.8027756, 2.236068,  2.5495098, 3.3166249, 2.5495098, 3.5,
            2.9154758, 4.7958317, 3.968627,  4.0620193, 1.8027756, 4.2130747, 3.8729835,
            3.6742346, 1.118034,  2.1213202, 3.122499,  4.41588})}},
      {.name = "ceil_mode",
       .attrs = {{"data_format", "channels_first"},
                 {"kernel_shape", Ints{2, 3}},
                 {"strides", Ints{2, 3}},
                 {"ceil_mode", true}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 2}, {5.3851647, 2.6925824, 6.30476, 2.9154758, 2.5, 4, 3.6055512, 3.2015622,
                          4.2720017, 3.6055512, 2.738613, 3})}},
      {.name = "1-D, float64",
       .attrs = {{"data_format", "channels_first"}, {"kernel_shape", Ints{2}}, {"p", 2}},
       .inputs = {Tensor::Of<double>({1, 2, 4}, {-1, -2.5, 3.5, -1, 0.5, -1.5, -1, -2})},
       .outputs = {Tensor::Of<double>(
           {1, 2, 3}, {2.692582403567252, 4.301162633521313, 3.640054944640259, 1.5811388300841898,
                       1.8027756377319946, 2.23606797749979})},
       .rtol = 1e-14},
  };
}

std::vector<Example> GlobalLpPoolExamples() {
  const Tensor x = Tensor::Of<float>(
      {1, 2, 5, 4}, {-1,   -2.5, 3.5,  -1, 0.5, -0.5, 3,   2.5,  1.5, -4.5, 0,    1.5, 2, -1,
                     3.5,  -2.5, -1.5, 2,  0,   4,    0.5, -1.5, -1,  -2,   -2.5, 1.5, 1, 2.5,
                     -1.5, 3.5,  -0.5, 3,  -1,  -1.5, 0.5, 2,    0.5, -1,   -2.5, -3});
  return {
      {.name = "p = 1",
       .attrs = {{"data_format", "channels_first"}, {"p", 1}, {"keepdims", true}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {38.5, 33})}},
      {.name = "p = 2",
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 2}, {-1,  0.5, -2.5, -1.5, 3.5,  -1,  -1, -2,   0.5, -2.5, -0.5, 1.5, 3,  1,
                          2.5, 2.5, 1.5,  -1.5, -4.5, 3.5, 0,  -0.5, 1.5, 3,    2,    -1,  -1, -1.5,
                          3.5, 0.5, -2.5, 2,    -1.5, 0.5, 2,  -1,   0,   -2.5, 4,    -3})},
       .outputs = {Tensor::Of<float>({1, 2}, {10.331989, 8.426149})}},
      {.name = "p = 4",
       .attrs = {{"data_format", "channels_first"}, {"p", 4}, {"keepdims", true}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 2, 1, 1}, {5.9035892, 4.6946497})}},
  };
}

NOMO_REGISTER_OP(
    WithExponent(
        WithPoolWindow(
            OpDef("nn.LpPool")
                .Doc("The Lp norm of each window, channel by channel.\n\n"
                     "y[n, o, c] = (sum over taps t of |x[n, o * strides + t * dilations - pads, "
                     "c]|^p)^(1 / p), where x is 0 outside. It is an error when the window is "
                     "larger than the padded input.")
                .Source("ONNX LpPool; torch.nn.LPPool2d, which leaves away the magnitude")
                .TypeVar("T", kFloats)
                .Input("x", "T", "[batch, spatial..., channels], see data_format")
                .Output("y", "T", "like x with other spatial sizes")))
        .Infer(InferLpPool)
        .Gradient(LpPoolGradient)
        .Reference(LpPoolCompute)
        .Work(AllCombinationsWork)
        .Examples(LpPoolExamples));

NOMO_REGISTER_OP(
    WithExponent(
        WithDataFormat(
            OpDef("nn.GlobalLpPool")
                .Doc("The Lp norm of each channel: y[n, c] = (sum over positions q of |x[n, q, "
                     "c]|^p)^(1 / p).")
                .Source("ONNX GlobalLpPool, with keepdims")
                .TypeVar("T", kFloats)
                .Input("x", "T", "[batch, spatial..., channels], see data_format")
                .Output("y", "T", "[batch, channels]; with keepdims like x with spatial sizes of 1")
                .Attr("keepdims", false, "whether the spatial axes stay, with size 1")))
        .Infer(InferGlobalLpPool)
        .Gradient(GlobalLpPoolGradient)
        .Reference(GlobalLpPoolCompute)
        .Work(AllCombinationsWork)
        .Examples(GlobalLpPoolExamples));

}  // namespace
}  // namespace nomograph::nn
