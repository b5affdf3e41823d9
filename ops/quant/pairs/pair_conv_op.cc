#include "nomograph/ops/quant/pairs/pair_conv_op.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/nn/window.h"
#include "nomograph/ops/quant/integer_product.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/pairs/pair_conv.h"

namespace nomograph::quant {
namespace {

std::optional<PairConvSizes> SizesOf(const PrepareContext& context, const ConvInputs& inputs) {
  const Attributes& attrs = context.attrs;
  const Shape &x = context.inputs[inputs.x].shape, &w = context.inputs[inputs.kernel].shape;
  if (nn::IsChannelsLast(attrs) || x.num_elements() == 0 || w.num_elements() == 0 ||
      context.outputs[0].shape.num_elements() == 0) {
    return std::nullopt;
  }
  const auto activation = nn::SplitActivation(x, attrs);
  if (!activation.ok()) return std::nullopt;
  const auto window = nn::GetWindow(attrs, activation->spatial, nn::ConvKernelSpatial(w, attrs));
  if (!window.ok() || window->size() > 2 || !nn::FitsIn32Bits(*window)) return std::nullopt;
  const nn::ActivationLayout from(x, attrs), to(context.outputs[0].shape, attrs);
  const int64_t groups = attrs.Int("groups");
  const bool depthwise = groups == from.channels && groups == to.channels && groups > 1;
  if (groups > 1 && !depthwise) return std::nullopt;
  const WindowMatrix spans = nn::SpansOf(*window);
  // Planes are written with their padding, which is not to be more than all there is to do.
  const auto reached = [](const WindowSpan& span) {
    return static_cast<double>(span.output - 1) * static_cast<double>(span.stride) +
           static_cast<double>(span.taps) * static_cast<double>(span.dilation) +
           static_cast<double>(span.stride);
  };
  constexpr double kMost = 8, kSmall = 1 << 16;
  const double planes =
      reached(spans.rows) * reached(spans.columns) * static_cast<double>(from.channels);
  const double elements = static_cast<double>(x.num_elements() / from.batches +
                                              context.outputs[0].shape.num_elements() / to.batches);
  if (planes > kMost * elements + kSmall) return std::nullopt;
  return PairConvSizes{.rows = spans.rows,
                       .columns = spans.columns,
                       .in_channels = from.channels,
                       .out_channels = to.channels,
                       .depthwise = depthwise};
}

// Of so narrow weights oneDNN adds products in 16 bits: with several taps and many channels that
// takes four fifths of the time here, with fewer its copies take more than they save.
constexpr int64_t kManyChannels = 16;
bool HaveSevenBits(const std::vector<int16_t>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *low >= -64 && *high <= 64;
}

int32_t ByteAt(DType dtype, const std::byte* bytes, int64_t i) {
  return dtype == DType::kInt8 ? reinterpret_cast<const int8_t*>(bytes)[i]
                               : reinterpret_cast<const uint8_t*>(bytes)[i];
}
int32_t ByteAt(const Tensor& tensor, int64_t i) {
  return ByteAt(tensor.dtype(), tensor.raw_data(), i);
}
int32_t OneByte(const TensorView& view) { return ByteAt(view.dtype, view.data, 0); }

// [out, in / groups, taps], less the zero points.
std::vector<int16_t> LessZeros(const PrepareContext& context, const ConvInputs& inputs, int64_t out,
                               int64_t taps) {
  const Tensor& w = context.constants[inputs.kernel];
  const Tensor& zeros = context.constants[inputs.kernel_zero_point];
  const nn::ConvKernelLayout layout(w.shape(), context.attrs);
  std::vector<int16_t> values;
  values.reserve(w.num_elements());
  for (int64_t o = 0; o < out; ++o) {
    const int32_t zero = ByteAt(zeros, zeros.num_elements() == 1 ? 0 : o);
    for (int64_t i = 0; i < layout.in; ++i) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        values.push_back(static_cast<int16_t>(ByteAt(w, layout.Offset(tap, i, o)) - zero));
      }
    }
  }
  return values;
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
    const PairFinish finish = FinishOf(context);
    const TensorView& x = context.input_view(inputs_.factors.x);
    const WindowSpan &rows = sizes_.rows, &columns = sizes_.columns;
    const int64_t x_size = sizes_.in_channels * rows.input * columns.input;
    const int64_t y_size = sizes_.out_channels * rows.output * columns.output;
    for (int64_t image = 0; image < images_; ++image) {
      const PairInput input{
          .data = x.data + image * x_size,
          .is_signed = x.dtype == DType::kInt8,
          .zero_point = OneByte(context.input_view(inputs_.factors.x_zero_point))};
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
  // As RequantizeRun() multiplies the scales.
  PairFinish FinishOf(const KernelContext& context) const {
    auto* const scales = reinterpret_cast<float*>(context.scratch() + scales_);
    auto* const biases = reinterpret_cast<int32_t*>(context.scratch() + biases_);
    const float x_scale = context.input<float>(inputs_.x_scale)[0];
    const float y_scale = context.input<float>(inputs_.y_scale)[0];
    const auto kernel = context.input<float>(inputs_.kernel_scale);
    const bool has_bias = context.has_input(inputs_.bias);
    for (int64_t o = 0; o < sizes_.out_channels; ++o) {
      scales[o] = x_scale * kernel[kernel.size() == 1 ? 0 : o] / y_scale;
      biases[o] = has_bias ? context.input<int32_t>(inputs_.bias)[o] : 0;
    }
    return {.scales = scales,
            .biases = biases,
            .zero_point = OneByte(context.input_view(inputs_.y_zero_point)),
            .is_signed = context.output_dtype(0) == DType::kInt8};
  }

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
  const ConvInputs& factors = inputs.factors;
  if (HasVnni() || BestVectorTarget() == VectorTarget::kBaseline ||
      !context.constants[factors.kernel].valid() ||
      !context.constants[factors.kernel_zero_point].valid()) {
    return nullptr;
  }
  const std::optional<PairConvSizes> sizes = SizesOf(context, factors);
  if (!sizes) return nullptr;
  const int64_t images = context.inputs[factors.x].shape[0];
  const int64_t taps = sizes->rows.taps * sizes->columns.taps;
  const int64_t in = sizes->depthwise ? 1 : sizes->in_channels;
  // Helpers that sleep take some microseconds to wake.
  constexpr int64_t kWorthThreads = 1 << 18;
  const int64_t work = context.outputs[0].shape.num_elements() * in * taps;
  const std::vector<int16_t> values = LessZeros(context, factors, sizes->out_channels, taps);
  if (!sizes->depthwise && taps > 1 && in >= kManyChannels && HaveSevenBits(values)) return nullptr;
  const PairWeights weights{
      .data = values.data(), .out_stride = in * taps, .in_stride = taps, .tap_stride = 1};
  PairConv conv(*sizes);
  NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kInt32, {conv.packed_elements()}));
  conv.Pack(weights, packed.mutable_data<int32_t>().data());
  return std::make_unique<PairConvKernel>(*sizes, inputs, std::move(conv), std::move(packed),
                                          images, work < kWorthThreads ? 1 : context.threads);
}

}  // namespace nomograph::quant
