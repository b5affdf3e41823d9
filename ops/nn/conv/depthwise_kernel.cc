#include "nomograph/ops/nn/conv/depthwise_kernel.h"

#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/form/form.h"
#include "nomograph/core/window/depthwise_conv.h"
#include "nomograph/ops/nn/conv/loop_kernel.h"

namespace nomograph::nn {
namespace {

struct DepthwiseLoop {
  using Conv = DepthwiseConv;
  static constexpr absl::string_view kName = "depthwise loop";
  static constexpr int64_t kWorthThreads = 1 << 16;

  static int64_t ScratchFloats(const Conv& conv, int /*parts*/) {
    return DepthwiseScratchFloats(conv);
  }
  static void Run(const Conv& conv, int part, int parts, float* scratch) {
    ConvolveChannels(conv, conv.channels * part / parts, conv.channels * (part + 1) / parts,
                     scratch);
  }
};

// The node without what is fused behind it; none where the kernel does not serve it.
std::optional<DepthwiseConv> Describe(const WindowOf& window_of, const PrepareContext& context) {
  const std::optional<WindowMatrix> spans = SpansForLoops(window_of, context);
  if (!spans) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  if (context.attrs.Int("groups") != x.channels || y.channels % x.channels != 0) {
    return std::nullopt;
  }
  DepthwiseConv conv{.rows = spans->rows,
                     .columns = spans->columns,
                     .channels = y.batches * y.channels,
                     .multiplier = y.channels / x.channels,
                     .kernels = y.channels,
                     .steps = {}};
  // Many kernels on one plane are a matrix product, and short rows leave most of a vector empty.
  constexpr int64_t kMultiplier = 4, kShortRow = 4;
  const bool pays = conv.multiplier <= kMultiplier && conv.columns.output >= kShortRow;
  // Larger planes with their padding do not stay in the cache.
  constexpr int64_t kScratchFloats = 1 << 20, kTaps = 1 << 10;
  if (conv.rows.taps > kTaps || conv.columns.taps > kTaps ||
      conv.rows.taps * conv.columns.taps > kTaps || conv.columns.stride > kTaps ||
      DepthwiseScratchFloats(conv) > kScratchFloats || !TakesForm(DepthwiseLoop::kName, pays)) {
    return std::nullopt;
  }
  return conv;
}

std::optional<std::vector<FusedStep>> StepsOf(const DepthwiseConv& conv,
                                              const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kLeft, conv.kernels,
                    conv.rows.output * conv.columns.output);
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(DepthwiseConv conv, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const Tensor& weights = context.constants[1];
  const ConvKernelLayout kernel(weights.shape(), context.attrs);
  const int64_t taps = conv.rows.taps * conv.columns.taps;
  NOMO_ASSIGN_OR_RETURN(Tensor ordered, Tensor::Create(DType::kFloat32, {conv.kernels, taps}));
  float* to = ordered.mutable_data<float>().data();
  for (int64_t o = 0; o < conv.kernels; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      *to++ = weights.data<float>()[kernel.Offset(tap, 0, o)];
    }
  }
  const int64_t work = context.outputs[0].shape.num_elements() * taps;
  return std::make_unique<LoopKernel<DepthwiseLoop>>(std::move(conv), std::move(ordered),
                                                     std::move(steps), work, context);
}

}  // namespace

FastKernel FastDepthwise(WindowOf window) {
  return FusingKernel(std::bind_front(Describe, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
