#include "nomograph/ops/nn/conv/winograd_kernel.h"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/form/overwritten_input.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/keep_nan.h"
#include "nomograph/core/packing/shared_packing.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/core/window/winograd_conv.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {
namespace {

bool IsDense3(const WindowAxis& axis) {
  return axis.kernel.size() == 3 && axis.stride == 1 && axis.dilation == 1 && axis.pad_begin >= 0 &&
         axis.pad_end >= 0;
}

// The node without what is fused behind it; none where the kernel cannot serve it.
std::optional<WinogradConv> ConvOf(const WindowOf& window_of, const PrepareContext& context) {
  if (BestVectorTarget() == VectorTarget::kBaseline || context.inputs[0].dtype != DType::kFloat32 ||
      IsChannelsLast(context.attrs) || context.attrs.Int("groups") != 1) {
    return std::nullopt;
  }
  const auto window = window_of(context);
  if (!window.ok() || window->size() < 2 || !FitsIn32Bits(*window) ||
      !std::all_of(window->end() - 2, window->end(), IsDense3)) {
    return std::nullopt;
  }
  const ConvKernelLayout kernel(context.inputs[1].shape, context.attrs);
  const WindowMatrix spans = SpansOf(*window);
  // The taps of the third axis are terms as the input channels are.
  if (!spans.flat() && kernel.in_stride != spans.taps() * kernel.tap_stride) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  const WinogradConv conv{.images = x.batches,
                          .in_channels = x.channels,
                          .out_channels = y.channels,
                          .in_rows = spans.rows.input,
                          .in_columns = spans.columns.input,
                          .out_rows = spans.rows.output,
                          .out_columns = spans.columns.output,
                          .pad_top = spans.rows.pad_begin,
                          .pad_left = spans.columns.pad_begin,
                          .depth = spans.depth,
                          .threads = context.threads,
                          .steps = {}};
  return conv;
}

// Floats of the weights of all points of a tile.
int64_t TransformedFloats(const WinogradConv& conv) {
  return PackedWinogradFloats(conv.terms(), conv.out_channels);
}

// `packs`: in each run.
bool Pays(const WinogradConv& conv, bool packs, double cost) {
  constexpr double kSmallWork = 1 << 20;
  // What it takes to pack the weights of a pair of channels, by their sum at one pixel.
  constexpr double kPacking = 160;
  // The weights are four times as large as they were. Those of three axes are many from the start,
  // and so are kept only where they are few after all or many tiles share them.
  constexpr int64_t kManyPixels = 16 * 96, kFewFloats = 1 << 21;
  const bool stacks = conv.depth.input > 1 || conv.depth.taps > 1;
  const int64_t pixels = conv.images * conv.depth.output * conv.out_rows * conv.out_columns;
  if (stacks && pixels < kManyPixels && TransformedFloats(conv) > kFewFloats) return false;
  const double work = 9.0 * pixels * conv.terms() * conv.out_channels;
  const double packing = packs ? kPacking / static_cast<double>(pixels) : 0;
  return work >= kSmallWork && WinogradCost(conv) + packing <= cost;
}

// None where the kernel does not serve it.
std::optional<WinogradConv> Describe(const WindowOf& window_of, const PrepareContext& context) {
  const std::optional<WinogradConv> conv = ConvOf(window_of, context);
  if (!conv || context.inputs[1].dtype != DType::kFloat32) return std::nullopt;
  // The stages wait for one another, and a plain sum is not at the machine's best for long, either:
  // without AVX-512 least of all.
  constexpr double kWorthwhile = 0.9, kWorthFewFloats = 1.15;
  constexpr int64_t kFewFloats = 1 << 22;
  const bool lenient =
      BestVectorTarget() == VectorTarget::kAvx2 && TransformedFloats(*conv) <= kFewFloats;
  if (!TakesForm("Winograd", Pays(*conv, !context.constants[1].valid(),
                                  lenient ? kWorthFewFloats : kWorthwhile))) {
    return std::nullopt;
  }
  return conv;
}

// How the weights lie, without their address.
WinogradKernel LayoutOf(const WinogradConv& conv, const PrepareContext& context) {
  const ConvKernelLayout layout(context.inputs[1].shape, context.attrs);
  return {.out_stride = layout.out_stride,
          .in_stride = conv.depth.taps > 1 ? 9 * layout.tap_stride : layout.in_stride,
          .tap_stride = layout.tap_stride};
}

class WinogradConvKernel : public Kernel, public LossyKernel, public OverwritingKernel {
 public:
  // `packed` is invalid where the weights are packed in each run.
  WinogradConvKernel(WinogradConv conv, WinogradKernel weights, Tensor packed,
                     std::vector<FusedStep> steps, bool has_bias, int threads)
      : conv_(std::move(conv)),
        weights_(weights),
        packed_(std::move(packed)),
        steps_(std::move(steps)),
        has_bias_(has_bias),
        threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    WinogradConv conv = conv_;
    conv.input = context.input<float>(0).data();
    float* const memory = reinterpret_cast<float*>(context.scratch()) + PackedScratchFloats();
    std::atomic<bool> finite = true;
    if (packed_.valid()) {
      conv.packed = packed_.data<float>().data();
    } else {
      const absl::Span<const float> weights = context.input<float>(1);
      WinogradKernel kernel = weights_;
      kernel.data = weights.data();
      float* const packed = reinterpret_cast<float*>(context.scratch());
      ParallelParts(threads_, [&](int part, int parts) {
        PackWinogradKernel(kernel, conv.terms(), conv.out_channels, packed, part, parts);
      });
      conv.packed = packed;
      finite = AllFinite(weights);
    }
    if (has_bias_) conv.bias = context.input<float>(2).data();
    conv.output = context.output<float>(0).data();
    conv.steps = StepsOfRun(steps_, context);
    const int64_t blocks = WinogradBlocks(conv);
    const auto run = [&](int64_t block, WinogradStage stage, int part, int parts, float* shared,
                         float* scratch) {
      const bool good = RunWinogradStage(conv, block, stage, part, parts, shared, scratch);
      if (stage == WinogradStage::kTransformInput && !good) finite = false;
    };
    constexpr WinogradStage kStages[] = {WinogradStage::kTransformInput, WinogradStage::kMultiply,
                                         WinogradStage::kTransformOutput};
    if (WinogradByBlocks(conv)) {
      ParallelParts(threads_, [&](int part, int parts) {
        float* const shared = memory + part * (SharedFloats() + ScratchFloats());
        for (int64_t b = blocks * part / parts; b < blocks * (part + 1) / parts; ++b) {
          for (const WinogradStage stage : kStages) {
            run(b, stage, 0, 1, shared, shared + SharedFloats());
          }
        }
      });
    } else {
      for (int64_t b = 0; b < blocks; ++b) {
        for (const WinogradStage stage : kStages) {
          ParallelParts(threads_, [&](int part, int parts) {
            run(b, stage, part, parts, memory, memory + SharedFloats() + part * ScratchFloats());
          });
        }
      }
    }
    // Infinities and NaN would spread to neighbours.
    if (!finite) std::feraiseexcept(FE_INVALID);
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    const int64_t sharers = WinogradByBlocks(conv_) ? threads_ : 1;
    return (PackedScratchFloats() + sharers * SharedFloats() + threads_ * ScratchFloats()) *
           static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != 1 || !packed_.valid(); }
  bool MayLoseNan() const override { return true; }
  // Steps go from the sums in scratch memory to the output, each on what the one before it left.
  int OverwritableInput() const override { return WholeInputOf(steps_); }
  std::string Describe() const override {
    return absl::StrCat("Winograd 4x4 ", VectorTargetName(BestVectorTarget()));
  }

 private:
  int64_t PackedScratchFloats() const {
    return packed_.valid() ? 0 : ApartFloats(TransformedFloats(conv_));
  }
  int64_t SharedFloats() const { return ApartFloats(WinogradSharedFloats(conv_)); }
  int64_t ScratchFloats() const { return ApartFloats(WinogradScratchFloats(conv_)); }

  const WinogradConv conv_;
  const WinogradKernel weights_;
  const Tensor packed_;
  const std::vector<FusedStep> steps_;
  const bool has_bias_;
  const int threads_;
};

std::optional<std::vector<FusedStep>> StepsOf(const WinogradConv& conv,
                                              const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kLeft, conv.out_channels,
                    conv.depth.output * conv.out_rows * conv.out_columns);
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(WinogradConv conv, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const Tensor& weights = context.constants[1];
  WinogradKernel layout = LayoutOf(conv, context);
  const auto pack = [&]() -> absl::StatusOr<Tensor> {
    NOMO_ASSIGN_OR_RETURN(Tensor packed,
                          Tensor::Create(DType::kFloat32, {TransformedFloats(conv)}));
    const absl::Span<const float> original = weights.data<float>();
    layout.data = original.data();
    PackWinogradKernel(layout, conv.terms(), conv.out_channels,
                       packed.mutable_data<float>().data());
    MappedFile::GiveBack(original.data(), original.size() * sizeof(float));
    return packed;
  };
  Tensor packed;
  if (weights.valid()) {
    NOMO_ASSIGN_OR_RETURN(
        packed,
        PackedOnce(weights, absl::StrCat("Winograd ", conv.out_channels, " ", layout.out_stride),
                   pack));
    if (!AllFinite(packed.data<float>())) return nullptr;
  }
  return std::make_unique<WinogradConvKernel>(std::move(conv), layout, std::move(packed),
                                              std::move(steps), context.has_input(2),
                                              context.threads);
}

}  // namespace

bool WinogradPays(const WindowOf& window, const PrepareContext& context, double cost) {
  const std::optional<WinogradConv> conv = ConvOf(window, context);
  return conv && context.constants[1].valid() && Pays(*conv, /*packs=*/false, cost);
}

FastKernel FastWinograd(WindowOf window) {
  return FusingKernel(std::bind_front(Describe, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
