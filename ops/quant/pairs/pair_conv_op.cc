#include "nomograph/ops/quant/pairs/pair_conv_op.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/quant/integer_product.h"
#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {
namespace {

// Of so narrow weights oneDNN adds products in 16 bits: with several taps and many channels that
// takes four fifths of the time here, with fewer its copies take more than they save.
constexpr int64_t kManyChannels = 16;
bool HaveSevenBits(const std::vector<int16_t>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *low >= -64 && *high <= 64;
}

class PairConvKernel : public Kernel {
 public:
  PairConvKernel(const PairConvSizes& sizes, const QuantizedConvInputs& inputs, PairConv conv,
                 Tensor packed, int64_t images, int threads)
      : sizes_(sizes),
        inputs_(inputs),
        conv_(std::move(conv)),
        packed_(std::move(packed)),
        images_(images),
        threads_(threads) {
    planes_ = plan_.Add<int32_t>(conv_.plane_elements());
    parts_ = plan_.Add<int32_t>(threads_ * conv_.scratch_elements());
    scales_ = plan_.Add<float>(sizes.out_channels);
    biases_ = plan_.Add<int32_t>(sizes.out_channels);
  }

  int64_t scratch_bytes() const override { return plan_.bytes(); }
  bool ReadsInput(int index) const override {
    return index != inputs_.factors.kernel && index != inputs_.factors.kernel_zero_point;
  }
  std::string Describe() const override {
    return absl::StrCat("pairs of integers ", VectorTargetName(BestVectorTarget()));
  }

  absl::Status Run(KernelContext& context) const override {
    std::byte* const scratch = context.scratch();
    auto* const planes = reinterpret_cast<int32_t*>(scratch + planes_);
    auto* const parts = reinterpret_cast<int32_t*>(scratch + parts_);
    const PairFinish finish =
        FinishOf(context, inputs_, sizes_.out_channels, reinterpret_cast<float*>(scratch + scales_),
                 reinterpret_cast<int32_t*>(scratch + biases_));
    const int64_t y_size = context.output_shape(0).num_elements() / images_;
    for (int64_t image = 0; image < images_; ++image) {
      const PairInput input = ImageOf(context, inputs_.factors, image);
      ParallelFor(threads_, conv_.num_splits(), [&](int64_t piece, int part) {
        conv_.Split(input, piece, parts + part * conv_.scratch_elements(), planes);
      });
      std::byte* const y = context.output_view(0).data + image * y_size;
      ParallelFor(threads_, conv_.num_pieces(), [&](int64_t piece, int part) {
        conv_.Multiply(planes, packed_.data<int32_t>().data(), finish, piece,
                       parts + part * conv_.scratch_elements(), y);
      });
    }
    return absl::OkStatus();
  }

 private:
  const PairConvSizes sizes_;
  const QuantizedConvInputs inputs_;
  const PairConv conv_;
  const Tensor packed_;
  const int64_t images_;
  const int threads_;
  nn::ScratchPlan plan_;
  int64_t planes_, parts_, scales_, biases_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PreparePairConv(const PrepareContext& context,
                                                        const QuantizedConvInputs& inputs) {
  if (BestVectorTarget() == VectorTarget::kBaseline) return nullptr;
  const std::optional<PairConvSizes> sizes = SizesOf(context, inputs.factors);
  if (!sizes) return nullptr;
  const KernelNumbers kernel = KernelLessZeros(context, inputs.factors, *sizes);
  const bool narrow = !sizes->depthwise && kernel.taps > 1 && sizes->in_channels >= kManyChannels &&
                      HaveSevenBits(kernel.values);
  if (!TakesForm("pairs of integers", !HasVnni() && !narrow)) return nullptr;
  PairConv conv(*sizes);
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kInt32, {conv.packed_elements()}));
  conv.Pack(kernel.weights(), packed.mutable_data<int32_t>().data());
  return std::make_unique<PairConvKernel>(*sizes, inputs, std::move(conv), std::move(packed),
                                          context.inputs[inputs.factors.x].shape[0],
                                          ConvThreads(context, kernel.terms));
}

}  // namespace nomograph::quant
