// nn.LRN: local response normalisation across channels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferLrn(const InferContext& context) {
  if (context.shape(0).has_rank() && context.shape(0).rank() < 2) {
    return InvalidArgument("input x: expected at least 2 axes (batch and channels), found shape ",
                           context.shape(0).ToString());
  }
  return SameAsInput(context);
}

// x as [outer, channels, inner].
struct LrnLayout {
  int64_t outer = 1, channels, inner = 1;

  LrnLayout(const Shape& x, const Attributes& attrs) {
    const int axis = IsChannelsLast(attrs) ? x.rank() - 1 : 1;
    channels = x[axis];
    for (int i = 0; i < axis; ++i) outer *= x[i];
    for (int i = axis + 1; i < x.rank(); ++i) inner *= x[i];
  }
};

// The channels whose squares are summed for one: so many before it and so many behind it, as far as
// there are.
struct LrnWindow {
  int64_t before, behind;
  explicit LrnWindow(int64_t size) : before((size - 1) / 2), behind(size / 2) {}
  int64_t begin(int64_t c) const { return std::max<int64_t>(c - before, 0); }
  int64_t end(int64_t c, int64_t channels) const {
    return behind >= channels - c ? channels : c + behind + 1;
  }
};

template <typename T>
void LrnReference(const KernelContext& context) {
  const Attributes& attrs = context.attrs();
  const LrnLayout layout(context.input_shape(0), attrs);
  const LrnWindow window(attrs.Int("size"));
  const double alpha = attrs.Float("alpha") / static_cast<double>(attrs.Int("size"));
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t c = 0; c < layout.channels; ++c) {
      for (int64_t i = 0; i < layout.inner; ++i) {
        const int64_t row = o * layout.channels * layout.inner + i;
        const T* x = context.input<T>(0).data() + row;
        double squares = 0;
        for (int64_t k = window.begin(c); k < window.end(c, layout.channels); ++k) {
          const double value = static_cast<double>(x[k * layout.inner]);
          squares += value * value;
        }
        const double norm = exact::Pow(attrs.Float("bias") + alpha * squares, attrs.Float("beta"));
        context.output<T>(0)[row + c * layout.inner] =
            static_cast<T>(static_cast<double>(x[c * layout.inner]) / norm);
      }
    }
  }
}

absl::Status LrnCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() { LrnReference<T>(context); });
  return absl::OkStatus();
}

// So many elements of a channel are computed at once.
constexpr int64_t kTile = 512;

class LrnKernel final : public Kernel {
 public:
  LrnKernel(const LrnLayout& layout, const Attributes& attrs, int threads)
      : layout_(layout),
        window_(attrs.Int("size")),
        alpha_(static_cast<float>(attrs.Float("alpha") / static_cast<double>(attrs.Int("size")))),
        beta_(static_cast<float>(attrs.Float("beta"))),
        bias_(static_cast<float>(attrs.Float("bias"))),
        threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const float* x = context.input<float>(0).data();
    float* y = context.output<float>(0).data();
    const int64_t tiles = (layout_.inner + kTile - 1) / kTile;
    ParallelFor(threads_, layout_.outer * tiles, [&](int64_t i, int part) {
      const int64_t first = i % tiles * kTile;
      const int64_t offset = i / tiles * layout_.channels * layout_.inner + first;
      if (layout_.inner == 1) {
        float* sums = reinterpret_cast<float*>(context.scratch()) + part * RowFloats();
        NormalizeRow(x + offset, sums, y + offset);
      } else {
        NormalizeTile(x + offset, std::min(kTile, layout_.inner - first), y + offset);
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    const int64_t floats = layout_.inner == 1 ? threads_ * RowFloats() : 0;
    return floats * static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override { return "lrn loops"; }

 private:
  int64_t RowFloats() const { return ApartFloats(layout_.channels); }

  // The channels of one position, which lie together.
  void NormalizeRow(const float* x, float* sums, float* y) const {
    const int64_t channels = layout_.channels;
    std::fill_n(sums, channels, 0.0f);
    const int64_t first = -std::min(window_.before, channels - 1);
    const int64_t last = std::min(window_.behind, channels - 1);
    for (int64_t k = first; k <= last; ++k) {
      const int64_t begin = std::max<int64_t>(-k, 0), end = channels - std::max<int64_t>(k, 0);
#pragma omp simd
      for (int64_t c = begin; c < end; ++c) sums[c] += x[c + k] * x[c + k];
    }
    Divide(x, sums, channels, y);
  }

  // `count` positions, whose channels lie layout_.inner apart.
  void NormalizeTile(const float* x, int64_t count, float* y) const {
    float sums[kTile];
    for (int64_t c = 0; c < layout_.channels; ++c) {
      std::fill_n(sums, count, 0.0f);
      for (int64_t k = window_.begin(c); k < window_.end(c, layout_.channels); ++k) {
        const float* row = x + k * layout_.inner;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) sums[i] += row[i] * row[i];
      }
      Divide(x + c * layout_.inner, sums, count, y + c * layout_.inner);
    }
  }

  // y = x / (bias + alpha * sums)^beta. The usual exponents need square roots only.
  void Divide(const float* x, const float* sums, int64_t count, float* y) const {
    if (beta_ == 0.75f) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const float root = std::sqrt(bias_ + alpha_ * sums[i]);
        y[i] = x[i] / (root * std::sqrt(root));
      }
    } else if (beta_ == 0.5f) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) y[i] = x[i] / std::sqrt(bias_ + alpha_ * sums[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) y[i] = x[i] / std::pow(bias_ + alpha_ * sums[i], beta_);
    }
  }

  const LrnLayout layout_;
  const LrnWindow window_;
  const float alpha_, beta_, bias_;
  const int threads_;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareLrn(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const LrnLayout layout(context.inputs[0].shape, context.attrs);
  return std::make_unique<LrnKernel>(layout, context.attrs, context.threads);
}

// oneDNN's vectorised kernels, for windows that reach as far on both sides; its others are slower
// than the loops above.
bool BuildLrn(onednn::Builder& b) {
  const PrepareContext& context = b.context();
  const int64_t size = context.attrs.Int("size");
  if (context.inputs[0].dtype != DType::kFloat32 || size % 2 == 0) return false;
  const LrnLayout x(context.inputs[0].shape, context.attrs);
  const int first[] = {0, 1, 2, 3}, last[] = {0, 3, 1, 2};
  const auto data =
      x.inner == 1 ? onednn::Permuted(DType::kFloat32, {1, x.outer, 1, x.channels}, last)
                   : onednn::Permuted(DType::kFloat32, {x.outer, x.channels, x.inner, 1}, first);
  const auto pd = onednn::Describe<dnnl::lrn_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, dnnl::algorithm::lrn_across_channels, data,
      data, size, static_cast<float>(context.attrs.Float("alpha")),
      static_cast<float>(context.attrs.Float("beta")),
      static_cast<float>(context.attrs.Float("bias")));
  if (!absl::StartsWith(pd.impl_info_str(), "jit")) return false;
  b.Add<dnnl::lrn_forward>(pd,
                           {{DNNL_ARG_SRC, b.Input(0, data)}, {DNNL_ARG_DST, b.Output(0, data)}});
  return true;
}

std::vector<Example> LrnExamples() {
  const Tensor x = Tensor::Of<float>(
      {2, 5, 2, 3},
      {2,  -2, 6,  0,  -4,    2,  1e+01,  8,  -6, -1e+01, -4,     0,  -18,   -2,     -1e+01,
       -6, -4, -2, 4,  8,     -2, 1e+01,  -6, 2,  8,      0,      -6, -8,    -4,     2,
       -8, -2, -2, 4,  2,     2,  -6,     -2, 6,  12,     -1e+01, 12, 1e+01, 6,      2,
       -2, 12, 16, 14, 1e+01, 2,  -1e+01, 0,  6,  -1e+01, 4,      4,  6,     -1e+01, -6});
  return {
      {.name = "default",
       .attrs = {{"data_format", "channels_first"}, {"size", 3}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2, 3},
           {1.9948157,  -1.9966068, 5.9892225,  0,          -3.996803,  1.9998002,  9.894319,
            7.98563,    -5.974329,  -9.966134,  -3.9952068, 0,          -17.804506, -1.9934254,
            -9.965142,  -5.9648423, -3.9932137, -1.9996,    3.9600704,  7.9864273,  -1.9930285,
            9.95029,    -5.9898205, 1.9994004,  7.984037,   0,          -5.994007,  -7.9673557,
            -3.9948077, 1.9996,     -7.980058,  -1.9996,    -1.9980024, 3.9840744,  1.9948157,
            1.9926318,  -5.970174,  -1.9978027, 5.993408,   11.951034,  -9.938445,  11.880211,
            9.917795,   5.9790854,  1.9978027,  -1.987689,  11.927318,  15.82779,   13.862982,
            9.962169,   1.9988008,  -9.965142,  0,          5.951266,   -9.926633,  3.9884393,
            3.998001,   5.9796805,  -9.975073,  -5.9892225})}},
      {.name = "strong, channels last",
       .attrs = {{"size", 5}, {"alpha", 0.5}},
       .inputs = {Tensor::Of<float>(
           {2, 2, 3, 5},
           {2,      1e+01, -18,    4,      8,  -2, 8,      -2, 8,  0,  6, -6, -1e+01, -2, -6, 0,
            -1e+01, -6,    1e+01,  -8,     -4, -4, -4,     -6, -4, 2,  0, -2, 2,      2,  -8, -6,
            1e+01,  14,    -1e+01, -2,     -2, 6,  1e+01,  4,  -2, 6,  2, 2,  4,      4,  12, -2,
            -1e+01, 6,     2,      -1e+01, 12, 0,  -1e+01, 2,  12, 16, 6, -6})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3, 5},
           {0.1174693,   0.57175255, -0.9322346,  0.20837119,  0.4901621,  -0.41273338, 1.0710884,
            -0.2677721,  1.0936383,  0,           0.68092257,  -0.6699101, -0.9777667,  -0.22330336,
            -0.78719586, 0,          -0.9053128,  -0.45669892, 0.76116484, -0.81550294, -1.0702592,
            -0.74509925, -0.6622401, -1.1176488,  -0.85701615, 1.2869914,  0,           -0.97678727,
            1.1071666,   1.1071666,  -0.81550294, -0.37304115, 0.5270929,  0.81669766,  -0.6217352,
            -0.56459194, -0.2572702, 0.71666235,  1.215959,    0.49536318, -0.56459194, 1.6053889,
            0.44576523,  0.4647362,  1.5975364,   0.4695135,   1.0020014,  -0.15223297, -0.79202616,
            0.78719586,  0.17470898, -0.8735449,  0.8199153,   0,          -0.8838422,  0.122540526,
            0.69067204,  0.8692462,  0.32799405,  -0.42801967})}},
      {.name = "a square root",
       .attrs = {{"data_format", "channels_first"},
                 {"size", 3},
                 {"alpha", 0.25},
                 {"beta", 0.5},
                 {"bias", 2.0}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2, 3},
           {0.6123724,  -0.72231513, 2.1213205,  0,           -1.85164,    1.3093073,  1.6293763,
            2.828427,   -1.484615,   -2.7386127, -1.6329931,  0,           -2.8947039, -0.5547002,
            -2.705009,  -1.2890068,  -1.4446303, -1.2247448,  0.66977465,  2.8892605,  -0.5410018,
            2.3145504,  -2.1669452,  1.1547005,  2.717465,    0,           -2.5980763, -2.0211647,
            -1.5894388, 1.2247448,   -2.4886842, -1.2247448,  -0.86602545, 1.0215079,  0.6123724,
            0.52827054, -1.3887302,  -0.840168,  2.520504,    3.0317469,   -2.1004202, 2.0093238,
            1.8359702,  1.6230053,   0.840168,   -0.42008406, 2.5392442,   2.584233,   2.3664317,
            2.6111648,  1,           -2.705009,  0,           1.1078234,   -1.9364917, 1.17108,
            2.088932,   1.6431676,   -3.110855,  -2.1213205})}},
      {.name = "another exponent",
       .attrs = {{"data_format", "channels_first"},
                 {"size", 1},
                 {"alpha", 0.5},
                 {"beta", 1.25},
                 {"bias", 0.5}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {2, 5, 2, 3},
           {0.6362166,    -0.6362166, 0.15638193,  0,           -0.27560452, 0.6362166,
            0.07428237,   0.10309457, -0.15638193, -0.07428237, -0.27560452, 0,
            -0.031024572, -0.6362166, -0.07428237, -0.15638193, -0.27560452, -0.6362166,
            0.27560452,   0.10309457, -0.6362166,  0.07428237,  -0.15638193, 0.6362166,
            0.10309457,   0,          -0.15638193, -0.10309457, -0.27560452, 0.6362166,
            -0.10309457,  -0.6362166, -0.6362166,  0.27560452,  0.6362166,   0.6362166,
            -0.15638193,  -0.6362166, 0.15638193,  0.056722943, -0.07428237, 0.056722943,
            0.07428237,   0.15638193, 0.6362166,   -0.6362166,  0.056722943, 0.036982056,
            0.045116223,  0.07428237, 0.6362166,   -0.07428237, 0,           0.15638193,
            -0.07428237,  0.27560452, 0.27560452,  0.15638193,  -0.07428237, -0.15638193})}},
      {.name = "an even size, 1-D",
       .attrs = {{"data_format", "channels_first"}, {"size", 4}, {"alpha", 0.5}},
       .inputs = {Tensor::Of<float>(
           {2, 5, 3}, {2,  -2, 6,  1e+01, 8,  -6, -18,   -2, -1e+01, 4,  8,     -2, 8,      0, -6,
                       -8, -2, -2, -6,    -2, 6,  1e+01, 6,  2,      14, 1e+01, 2,  -1e+01, 4, 4})},
       .outputs = {Tensor::Of<float>(
           {2, 5, 3},
           {0.0997086,   -0.35565588, 0.5807836,   0.4852479,   0.91545206, -0.57128835,
            -0.79549515, -0.23374991, -0.95214725, 0.20806766,  1.4784181,  -0.22420804,
            1.3244802,   0,           -1.5650846,  -0.69480026, -0.491298,  -0.491298,
            -0.31672528, -0.21976817, 1.3942084,   0.49513996,  0.6227817,  0.40175918,
            0.73902565,  1.0573713,   0.70710677,  -0.6533747,  0.51204866, 1.5631799})}},
      {.name = "wider than all channels, no spatial axis",
       .attrs = {{"size", 100}, {"alpha", 3.0}},
       .inputs = {Tensor::Of<float>({2, 5}, {2, 1e+01, -18, 4, 8, -8, -6, 1e+01, 14, -1e+01})},
       .outputs = {Tensor::Of<float>(
           {2, 5}, {0.24722391, 1.2361195, -2.2250152, 0.49444783, 0.98889565, -1.0056622,
                    -0.75424665, 1.2570777, 1.7599088, -1.2570777})}},
      {.name = "float64",
       .attrs = {{"data_format", "channels_first"}, {"size", 3}, {"alpha", 0.5}},
       .inputs = {Tensor::Of<double>({1, 5, 1}, {2, 1e+01, -18, 4, 8})},
       .outputs = {Tensor::Of<double>({1, 5, 1},
                                      {0.2257350095287305, 0.40317736360236034, -0.7110248818668972,
                                       0.16830055051904347, 1.0859994025904813})},
       .rtol = 1e-14},
  };
}

// With y = x / d^beta, d = bias + alpha / size * (sum of squares around x): dx = dy / d^beta - 2
// alpha beta / size * x * (sum of dy x / d^(beta + 1) over those around which x is).
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  using Ints = std::vector<int64_t>;
  const Attributes& attrs = g.attrs();
  const int64_t size = attrs.Int("size"), before = (size - 1) / 2, behind = size / 2;
  // [outer, channels, inner], along whose middle axis the mean with zeros is a sum over size.
  const auto constant = [](int64_t i) { return Constant(Tensor::Of<int64_t>({1}, {i})); };
  const auto rows = [&](const Value& v) {
    if (!IsChannelsLast(attrs)) return Call("array.Reshape", {v}, {{"shape", Ints{0, 0, -1}}});
    const Value channels = Call("array.Shape", {v}, {{"start", -1}});
    return Call("array.Reshape", {v, Call("array.Concat", {constant(-1), channels, constant(1)})});
  };
  const auto mean = [&](const Value& v, int64_t ahead, int64_t after) {
    return Call("nn.AveragePool", {v},
                {{"kernel_shape", Ints{size}},
                 {"padding", "explicit"},
                 {"pads", Ints{ahead, after}},
                 {"count_include_pad", true}});
  };
  const double alpha = attrs.Float("alpha"), beta = attrs.Float("beta");
  const Value x = rows(g.input(0)), dy = rows(g.gradient(0));
  const Value base = attrs.Float("bias") + alpha * mean(x * x, before, behind);
  const Value part = dy * Call("math.Pow", {base, ConstantLike(-beta, x)});
  const Value around = mean(part * x / base, behind, before);
  return std::vector<Value>{ReshapeLike(part - x * around * (2 * alpha * beta), g.input(0))};
}

NOMO_REGISTER_OP(
    WithDataFormat(
        OpDef("nn.LRN")
            .Doc("Local response normalisation across channels.\n\n"
                 "y[n, p, c] = x[n, p, c] / (bias + alpha / size * sum over k of x[n, p, "
                 "k]^2)^beta, "
                 "with k from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2), as far as "
                 "there are such channels.")
            .Source("ONNX LRN; torch.nn.LocalResponseNorm; Krizhevsky et al., ImageNet "
                    "Classification with Deep Convolutional Neural Networks (2012)")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, ..., channels], see data_format")
            .Output("y", "T", "as x")
            .RequiredAttr("size", AttrType::kInt, "how many channels are summed")
            .Min(1)
            .Max(2147483647)
            .Attr("alpha", 1e-4, "the factor of the mean square")
            .Attr("beta", 0.75, "the exponent")
            .Attr("bias", 1.0, "keeps the base from 0"))
        .Infer(InferLrn)
        .Gradient(Gradient)
        .Reference(LrnCompute)
        .Fast(onednn::Prepare(BuildLrn))
        .Fast(PrepareLrn)
        .Work(AllCombinationsWork)
        .Examples(LrnExamples));

}  // namespace
}  // namespace nomograph::nn
