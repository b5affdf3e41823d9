#include "nomograph/ops/nn/conv/direct_kernel.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/form/form.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/core/window/direct_conv.h"
#include "nomograph/ops/nn/conv/loop_kernel.h"

namespace nomograph::nn {
namespace {

struct DirectLoop {
  using Conv = DirectConv;
  static constexpr absl::string_view kName = "direct sums";
  static constexpr int64_t kWorthThreads = 1 << 17;

  static int64_t ScratchFloats(const Conv& conv, int /*parts*/) {
    return DirectScratchFloats(conv);
  }
  static void Run(const Conv& conv, int part, int parts, float* scratch) {
    ConvolveDirect(conv, part, parts, scratch);
  }
};

// What oneDNN takes for the same, in the units of DirectCost(): channels that fill up its blocks of
// 8, and copies of the input and output into these and back. It reads few channels as they lie.
double OneDnnCost(const DirectConv& conv, bool few_channels) {
  constexpr double kBlock = 8, kFirstLoop = 1.1;
  // With AVX-512 its loop comes near the machine's best, but not along a single axis, and a copied
  // element takes as long as more terms.
  const bool wide = BestVectorTarget() == VectorTarget::kAvx512 && conv.groups == 1;
  const bool line = conv.rows.input == 1 && conv.columns.stride <= 2;
  const double kLoop = !wide ? 1.2 : line ? 1.3 : 1, kCopy = wide && !few_channels ? 40 : 10;
  const auto filled = [](int64_t size) {
    const double channels = static_cast<double>(size);
    return std::ceil(channels / kBlock) * kBlock / channels;
  };
  const double in = static_cast<double>(conv.rows.input * conv.columns.input * conv.in_channels);
  const double out =
      static_cast<double>(conv.rows.output * conv.columns.output * conv.out_channels);
  const double terms = static_cast<double>(conv.in_channels * conv.rows.taps * conv.columns.taps);
  return (few_channels ? kFirstLoop : kLoop * filled(conv.in_channels)) *
             filled(conv.out_channels) +
         kCopy * ((few_channels ? 0 : in) + out) / (out * terms);
}

// Whether the sums take less time than what else there is.
bool Pays(const DirectConv& conv) {
  constexpr int64_t kFewChannels = 4;
  const bool few_channels = conv.groups == 1 && conv.in_channels <= kFewChannels;
  const double cost = DirectCost(conv);
  if (conv.groups > 1 || few_channels) return cost <= OneDnnCost(conv, few_channels);
  // Of many channels, which have to stay in the second cache, those remain whose number leaves
  // oneDNN's blocks half empty, or whose copies weigh much.
  constexpr int64_t kCacheFloats = 1 << 17, kMostPadding = 3;
  constexpr double kWorthwhile = 0.78, kWorthwhileWide = 0.93;
  if (DirectScratchFloats(conv) > 2 * kCacheFloats) return false;
  if (BestVectorTarget() == VectorTarget::kAvx512) {
    return cost <= kWorthwhileWide * OneDnnCost(conv, few_channels);
  }
  if (std::max(conv.columns.pad_begin, conv.rows.pad_begin) <= kMostPadding) {
    return DirectScratchFloats(conv) <= kCacheFloats &&
           cost <= kWorthwhile * OneDnnCost(conv, few_channels);
  }
  // oneDNN has no loop for so much padding. What is under the windows is written out and read
  // again instead, for each block of outputs, unless it is padding.
  constexpr double kWriting = 13;
  const TapConv taps{.rows = conv.rows,
                     .columns = conv.columns,
                     .images = conv.images,
                     .in_channels = conv.in_channels,
                     .out_channels = conv.out_channels,
                     .steps = {}};
  const double all = static_cast<double>(conv.rows.output * conv.columns.output * conv.rows.taps *
                                         conv.columns.taps);
  return cost <= (1 + kWriting / static_cast<double>(conv.out_channels)) *
                     static_cast<double>(CoveredPlaces(taps)) / all;
}

// The node without what is fused behind it; none where the kernel does not serve it.
std::optional<DirectConv> Describe(const WindowOf& window_of, const PrepareContext& context) {
  const std::optional<WindowMatrix> spans = SpansForLoops(window_of, context);
  if (!spans) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  const int64_t groups = context.attrs.Int("groups");
  const DirectConv conv{.rows = spans->rows,
                        .columns = spans->columns,
                        .images = x.batches,
                        .groups = groups,
                        .in_channels = x.channels / groups,
                        .out_channels = y.channels / groups,
                        .steps = {}};
  // Large planes do not stay in the cache, and short rows leave most of a vector empty.
  constexpr int64_t kTaps = 1 << 10, kTerms = 1 << 16, kShortRow = 4;
  constexpr int64_t kScratchFloats = 1 << 18;
  const int64_t taps = spans->rows.taps * spans->columns.taps;
  if (context.outputs[0].shape.num_elements() == 0 || conv.in_channels < 1 ||
      spans->columns.output < kShortRow || spans->rows.taps > kTaps ||
      spans->columns.taps > kTaps || taps < 2 || taps > kTaps || conv.in_channels > kTerms / taps ||
      spans->columns.stride > kTaps) {
    return std::nullopt;
  }
  if (DirectScratchFloats(conv) > kScratchFloats || !TakesForm(DirectLoop::kName, Pays(conv))) {
    return std::nullopt;
  }
  return conv;
}

std::optional<std::vector<FusedStep>> StepsOf(const DirectConv& conv,
                                              const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kLeft, conv.groups * conv.out_channels,
                    conv.rows.output * conv.columns.output);
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(DirectConv conv, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const Tensor& weights = context.constants[1];
  const ConvKernelLayout layout(weights.shape(), context.attrs);
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kFloat32, {PackedDirectFloats(conv)}));
  PackDirect({.data = weights.data<float>().data(),
              .out_stride = layout.out_stride,
              .in_stride = layout.in_stride,
              .tap_stride = layout.tap_stride},
             conv, packed.mutable_data<float>().data());
  const int64_t work = context.outputs[0].shape.num_elements() * conv.in_channels * conv.rows.taps *
                       conv.columns.taps;
  return std::make_unique<LoopKernel<DirectLoop>>(std::move(conv), std::move(packed),
                                                  std::move(steps), work, context);
}

}  // namespace

FastKernel FastDirect(WindowOf window) {
  return FusingKernel(std::bind_front(Describe, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
