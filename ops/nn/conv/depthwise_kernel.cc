#include "nomograph/ops/nn/conv/depthwise_kernel.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/core/window/depthwise_conv.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {
namespace {

// The node without what is fused behind it; none where the kernel does not serve it.
std::optional<DepthwiseConv> Describe(const WindowOf& window_of, const PrepareContext& context) {
  if (BestVectorTarget() == VectorTarget::kBaseline || context.inputs[0].dtype != DType::kFloat32 ||
      !context.constants[1].valid() || IsChannelsLast(context.attrs)) {
    return std::nullopt;
  }
  if (context.inputs[1].dtype != DType::kFloat32) return std::nullopt;
  const auto window = window_of(context);
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  if (!window.ok() || !FitsIn32Bits(*window) || window->size() > 2 ||
      context.attrs.Int("groups") != x.channels || y.channels % x.channels != 0) {
    return std::nullopt;
  }
  const WindowMatrix spans = SpansOf(*window);
  DepthwiseConv conv{.rows = spans.rows,
                     .columns = spans.columns,
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
      DepthwiseScratchFloats(conv) > kScratchFloats || !TakesForm("depthwise loop", pays)) {
    return std::nullopt;
  }
  return conv;
}

class DepthwiseKernel : public Kernel {
 public:
  DepthwiseKernel(DepthwiseConv conv, Tensor taps, std::vector<FusedStep> steps, bool has_bias,
                  int threads)
      : conv_(std::move(conv)),
        taps_(std::move(taps)),
        steps_(std::move(steps)),
        has_bias_(has_bias),
        threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    DepthwiseConv conv = conv_;
    conv.input = context.input<float>(0).data();
    conv.taps = taps_.data<float>().data();
    if (has_bias_) conv.bias = context.input<float>(2).data();
    conv.output = context.output<float>(0).data();
    conv.steps = StepsOfRun(steps_, context);
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) {
      ConvolveChannels(conv, conv.channels * part / parts, conv.channels * (part + 1) / parts,
                       scratch + part * ScratchFloats());
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * ScratchFloats() * static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != 1; }
  std::string Describe() const override {
    return absl::StrCat("depthwise loop ", VectorTargetName(BestVectorTarget()));
  }

 private:
  int64_t ScratchFloats() const { return ApartFloats(DepthwiseScratchFloats(conv_)); }

  const DepthwiseConv conv_;
  const Tensor taps_;
  const std::vector<FusedStep> steps_;
  const bool has_bias_;
  const int threads_;
};

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
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 16;
  const int64_t work = context.outputs[0].shape.num_elements() * taps;
  const int threads = work < kWorthThreads ? 1 : context.threads;
  return std::make_unique<DepthwiseKernel>(std::move(conv), std::move(ordered), std::move(steps),
                                           context.has_input(2), threads);
}

}  // namespace

FastKernel FastDepthwise(WindowOf window) {
  return FusingKernel(std::bind_front(Describe, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
