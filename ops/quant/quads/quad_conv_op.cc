#include "nomograph/ops/quant/quads/quad_conv_op.h"

#include <optional>
#include <string>
#include <utility>

#include "nomograph/core/form/form.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/quant/quads/depthwise_bytes.h"
#include "nomograph/ops/quant/quads/quad_conv.h"

namespace nomograph::quant {
namespace {

// What both kernels share: the memory, and the numbers of what happens to the sums.
class QuadKernel : public Kernel {
 public:
  QuadKernel(const PrepareContext& context, const QuantizedConvInputs& inputs,
             const KernelNumbers& kernel, int64_t out_channels)
      : inputs_(inputs),
        out_channels_(out_channels),
        images_(context.inputs[inputs.factors.x].shape[0]),
        threads_(ProductThreads(context, kernel.terms)),
        sums_(kernel.values.data(), out_channels, kernel.terms) {
    scales_ = plan_.Add<float>(out_channels);
    biases_ = plan_.Add<int32_t>(out_channels);
  }

  int64_t scratch_bytes() const override { return plan_.bytes(); }
  bool ReadsInput(int index) const override {
    return index != inputs_.factors.kernel && index != inputs_.factors.kernel_zero_point;
  }

 protected:
  QuadFinish Finish(const KernelContext& context, const PairInput& x) const {
    auto* const scales = reinterpret_cast<float*>(context.scratch() + scales_);
    auto* const biases = reinterpret_cast<int32_t*>(context.scratch() + biases_);
    return sums_.Finish(x, FinishOf(context, inputs_, out_channels_, scales, biases), biases);
  }
  // Calls f(an image of x, what happens to its sums, where its output is).
  template <typename F>
  void ForEachImage(KernelContext& context, F f) const {
    const int64_t size = context.output_shape(0).num_elements() / images_;
    for (int64_t image = 0; image < images_; ++image) {
      const PairInput x = ImageOf(context, inputs_.factors, image);
      f(x, Finish(context, x),
        reinterpret_cast<uint8_t*>(context.output_view(0).data + image * size));
    }
  }

  const QuantizedConvInputs inputs_;
  const int64_t out_channels_, images_;
  const int threads_;
  const QuadSums sums_;
  nn::ScratchPlan plan_;
  int64_t scales_, biases_;
};

class QuadConvKernel : public QuadKernel {
 public:
  QuadConvKernel(const PrepareContext& context, const QuantizedConvInputs& inputs,
                 const PairConvSizes& sizes, const KernelNumbers& kernel, Tensor packed)
      : QuadKernel(context, inputs, kernel, sizes.out_channels),
        conv_(sizes),
        packed_(std::move(packed)) {
    planes_ = plan_.Add<int32_t>(conv_.plane_elements());
    parts_ = plan_.Add(threads_ * conv_.scratch_bytes());
  }
  std::string Describe() const override { return "quads of bytes"; }

  absl::Status Run(KernelContext& context) const override {
    auto* const planes = reinterpret_cast<int32_t*>(context.scratch() + planes_);
    auto* const parts = reinterpret_cast<uint8_t*>(context.scratch() + parts_);
    ForEachImage(context, [&](const PairInput& x, const QuadFinish& finish, uint8_t* y) {
      ParallelFor(threads_, conv_.num_splits(), [&](int64_t piece, int part) {
        conv_.Split(x, piece, parts + part * conv_.scratch_bytes(), planes);
      });
      ParallelFor(threads_, conv_.num_pieces(), [&](int64_t piece, int part) {
        conv_.Multiply(planes, packed_.data<int32_t>().data(), finish, piece,
                       parts + part * conv_.scratch_bytes(), y);
      });
    });
    return absl::OkStatus();
  }

 private:
  const QuadConv conv_;
  const Tensor packed_;
  int64_t planes_, parts_;
};

class DepthwiseKernel : public QuadKernel {
 public:
  DepthwiseKernel(const PrepareContext& context, const QuantizedConvInputs& inputs,
                  const PairConvSizes& sizes, const KernelNumbers& kernel, Tensor packed)
      : QuadKernel(context, inputs, kernel, sizes.out_channels),
        conv_(sizes),
        packed_(std::move(packed)) {}
  std::string Describe() const override { return "quads of bytes, depthwise"; }

  absl::Status Run(KernelContext& context) const override {
    ForEachImage(context, [&](const PairInput& x, const QuadFinish& finish, uint8_t* y) {
      ParallelFor(threads_, out_channels_, [&](int64_t channel) {
        conv_.Multiply(x, channel, packed_.data<int32_t>().data(), finish, y);
      });
    });
    return absl::OkStatus();
  }

 private:
  const DepthwiseBytes conv_;
  const Tensor packed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQuadConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs) {
  if (!HasQuads()) return nullptr;
  const std::optional<PairConvSizes> sizes = SizesOf(context, inputs.factors);
  if (!sizes || (sizes->depthwise && !DepthwiseBytes::Serves(*sizes))) return nullptr;
  const KernelNumbers kernel = KernelLessZeros(context, inputs.factors, *sizes);
  if (!FitQuads(kernel.values) || !TakesForm("quads of bytes", true)) return nullptr;
  return sizes->depthwise
             ? CreatePacked<DepthwiseBytes, DepthwiseKernel>(context, inputs, *sizes, kernel)
             : CreatePacked<QuadConv, QuadConvKernel>(context, inputs, *sizes, kernel);
}

}  // namespace nomograph::quant
