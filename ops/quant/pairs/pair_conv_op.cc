#include "nomograph/ops/quant/pairs/pair_conv_op.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/quant/integer_product.h"
#include "nomograph/ops/quant/pairs/depthwise_halves.h"
#include "nomograph/ops/quant/pairs/pair_conv.h"
#include "nomograph/ops/quant/pairs/pair_winograd.h"

namespace nomograph::quant {
namespace {

// Forms.
constexpr absl::string_view kDirect = "pairs of integers";
constexpr absl::string_view kWinograd = "Winograd with pairs of integers";

// Of so narrow weights oneDNN adds products in 16 bits: with several taps and many channels that
// takes four fifths of the time here, with fewer its copies take more than they save.
constexpr int64_t kManyChannels = 16;
bool HaveSevenBits(const std::vector<int16_t>& values) { return AreWithin(values, -64, 64); }

// What the kernels share: the packed weights, the memory, and the numbers of what happens to sums.
template <typename Conv>
class PairKernel : public Kernel {
 public:
  PairKernel(const PrepareContext& context, const QuantizedConvInputs& inputs,
             const PairConvSizes& sizes, const KernelNumbers& kernel, Tensor packed)
      : inputs_(inputs),
        out_channels_(sizes.out_channels),
        images_(context.inputs[inputs.factors.x].shape[0]),
        threads_(ProductThreads(context, kernel.terms)),
        conv_(sizes),
        packed_(std::move(packed)) {
    parts_ = plan_.Add<int32_t>(threads_ * conv_.scratch_elements());
    scales_ = plan_.Add<float>(out_channels_);
    biases_ = plan_.Add<int32_t>(out_channels_);
  }

  int64_t scratch_bytes() const override { return plan_.bytes(); }
  bool ReadsInput(int index) const override {
    return index != inputs_.factors.kernel && index != inputs_.factors.kernel_zero_point;
  }
  std::string Describe() const override {
    return absl::StrCat(std::is_same_v<Conv, PairWinograd> ? kWinograd : kDirect, " ",
                        VectorTargetName(BestVectorTarget()));
  }

 protected:
  // Calls f(an image of x, what happens to its sums, where its output is).
  template <typename F>
  void ForEachImage(const KernelContext& context, F f) const {
    const PairFinish finish = FinishOf(context, inputs_, out_channels_,
                                       reinterpret_cast<float*>(context.scratch() + scales_),
                                       reinterpret_cast<int32_t*>(context.scratch() + biases_));
    const int64_t size = context.output_shape(0).num_elements() / images_;
    for (int64_t image = 0; image < images_; ++image) {
      f(ImageOf(context, inputs_.factors, image), finish,
        context.output_view(0).data + image * size);
    }
  }
  const int32_t* packed() const { return packed_.data<int32_t>().data(); }
  int32_t* part(const KernelContext& context, int part) const {
    return reinterpret_cast<int32_t*>(context.scratch() + parts_) + part * conv_.scratch_elements();
  }

  const QuantizedConvInputs inputs_;
  const int64_t out_channels_, images_;
  const int threads_;
  const Conv conv_;
  const Tensor packed_;
  nn::ScratchPlan plan_;
  int64_t parts_, scales_, biases_;
};

// Conv is PairConv or PairWinograd.
template <typename Conv>
class PlanesKernel : public PairKernel<Conv> {
 public:
  PlanesKernel(const PrepareContext& context, const QuantizedConvInputs& inputs,
               const PairConvSizes& sizes, const KernelNumbers& kernel, Tensor packed)
      : PairKernel<Conv>(context, inputs, sizes, kernel, std::move(packed)) {
    planes_ = this->plan_.template Add<int32_t>(this->conv_.plane_elements());
  }

  absl::Status Run(KernelContext& context) const override {
    auto* const planes = reinterpret_cast<int32_t*>(context.scratch() + planes_);
    this->ForEachImage(context, [&](const PairInput& x, const PairFinish& finish, void* y) {
      ParallelFor(this->threads_, this->conv_.num_splits(), [&](int64_t piece, int part) {
        this->conv_.Split(x, piece, this->part(context, part), planes);
      });
      ParallelFor(this->threads_, this->conv_.num_pieces(), [&](int64_t piece, int part) {
        this->conv_.Multiply(planes, this->packed(), finish, piece, this->part(context, part), y);
      });
    });
    return absl::OkStatus();
  }

 private:
  int64_t planes_;
};

class DepthwiseKernel : public PairKernel<DepthwiseHalves> {
 public:
  using PairKernel::PairKernel;

  absl::Status Run(KernelContext& context) const override {
    ForEachImage(context, [&](const PairInput& x, const PairFinish& finish, void* y) {
      ParallelFor(threads_, out_channels_, [&](int64_t channel, int part) {
        conv_.Multiply(x, channel, packed(), finish, this->part(context, part), y);
      });
    });
    return absl::OkStatus();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PreparePairConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs) {
  if (BestVectorTarget() == VectorTarget::kBaseline) return nullptr;
  const std::optional<PairConvSizes> sizes = SizesOf(context, inputs.factors);
  if (!sizes || (sizes->depthwise && !DepthwiseHalves::Serves(*sizes))) return nullptr;
  const KernelNumbers kernel = KernelLessZeros(context, inputs.factors, *sizes);
  if (PairWinograd::Serves(*sizes) && PairWinograd::Fits(*sizes, kernel.weights()) &&
      TakesForm(kWinograd, !HasVnni() && PairWinograd::Pays(*sizes))) {
    return CreatePacked<PairWinograd, PlanesKernel<PairWinograd>>(context, inputs, *sizes, kernel);
  }
  const bool narrow = !sizes->depthwise && kernel.taps > 1 && sizes->in_channels >= kManyChannels &&
                      HaveSevenBits(kernel.values);
  if (!TakesForm(kDirect, !HasVnni() && !narrow)) return nullptr;
  return sizes->depthwise
             ? CreatePacked<DepthwiseHalves, DepthwiseKernel>(context, inputs, *sizes, kernel)
             : CreatePacked<PairConv, PlanesKernel<PairConv>>(context, inputs, *sizes, kernel);
}

}  // namespace nomograph::quant
