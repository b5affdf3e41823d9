#include "nomograph/ops/nn/conv/tap_kernel.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/form/form.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/core/window/tap_conv.h"
#include "nomograph/ops/nn/conv/loop_kernel.h"

namespace nomograph::nn {
namespace {

struct TapLoop {
  using Conv = TapConv;
  static constexpr absl::string_view kName = "products of taps";
  static constexpr int64_t kWorthThreads = 1 << 17;

  static int64_t ScratchFloats(const Conv& conv, int parts) {
    return TapScratchFloats(conv, parts);
  }
  static void Run(const Conv& conv, int part, int parts, float* scratch) {
    ConvolveTaps(conv, part, parts, scratch);
  }
};

// oneDNN's loops for AVX2 sum up three places of a row at a time, with copies into blocks and back.
// Where planes are small these are much of the time, and windows along one axis stand on padding
// often, which costs nothing here. Those for AVX-512 are slow where weights do not stay in a cache.
bool BeatsShortLoops(const TapConv& conv) {
  constexpr int64_t kSmallPlane = 300, kManyChannels = 128;
  constexpr int64_t kSmallerPlane = 100, kManyInputs = 256, kManyOutputs = 512;
  const int64_t places = conv.rows.output * conv.columns.output;
  if (conv.rows.input == 1) return false;
  if (BestVectorTarget() == VectorTarget::kAvx512) {
    constexpr int64_t kManyWeights = 1 << 21;
    return places <= kSmallerPlane && conv.rows.stride == 1 && conv.columns.stride == 1 &&
           conv.in_channels * conv.out_channels * conv.rows.taps * conv.columns.taps >=
               kManyWeights;
  }
  const bool line = conv.rows.taps == 1 || conv.columns.taps == 1;
  return (line && places <= kSmallPlane &&
          std::min(conv.in_channels, conv.out_channels) >= kManyChannels) ||
         (places <= kSmallerPlane && conv.in_channels >= kManyInputs &&
          conv.out_channels >= kManyOutputs);
}

// The node without what is fused behind it; none where the kernel does not serve it.
std::optional<TapConv> Describe(const WindowOf& window_of, const PrepareContext& context) {
  const std::optional<WindowMatrix> spans = SpansForLoops(window_of, context);
  if (!spans || context.attrs.Int("groups") != 1) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  const TapConv conv{.rows = spans->rows,
                     .columns = spans->columns,
                     .images = x.batches,
                     .in_channels = x.channels,
                     .out_channels = y.channels,
                     .steps = {}};
  // oneDNN's loops do without padding that is wider than this, and then copy what is under the
  // windows, padding and all. Where a tap adds little the sums must be read and written too often.
  constexpr int64_t kWide = 4, kFewChannels = 32, kTaps = 1 << 10;
  const int64_t taps = spans->rows.taps * spans->columns.taps;
  if (spans->rows.taps > kTaps || spans->columns.taps > kTaps || taps > kTaps || taps == 1) {
    return std::nullopt;
  }
  const bool wide = std::max(spans->rows.dilation, spans->columns.dilation) >= kWide;
  const bool pays = (wide && x.channels >= kFewChannels) || BeatsShortLoops(conv);
  if (!TakesForm(TapLoop::kName, pays)) return std::nullopt;
  return conv;
}

std::optional<std::vector<FusedStep>> StepsOf(const TapConv& conv, const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kLeft, conv.out_channels,
                    conv.rows.output * conv.columns.output);
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(TapConv conv, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const Tensor& weights = context.constants[1];
  const ConvKernelLayout layout(weights.shape(), context.attrs);
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kFloat32, {PackedTapFloats(conv)}));
  PackTaps({.data = weights.data<float>().data(),
            .out_stride = layout.out_stride,
            .in_stride = layout.in_stride,
            .tap_stride = layout.tap_stride},
           conv, packed.mutable_data<float>().data());
  const int64_t work = CoveredPlaces(conv) * conv.in_channels * conv.out_channels;
  return std::make_unique<LoopKernel<TapLoop>>(std::move(conv), std::move(packed), std::move(steps),
                                               work, context);
}

}  // namespace

FastKernel FastTaps(WindowOf window) {
  return FusingKernel(std::bind_front(Describe, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
