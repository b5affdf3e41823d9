#include "nomograph/ops/nn/conv/transposed_kernel.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/overlap/overlap_add.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {
namespace {

// The node without what is fused behind it.
struct TransposedConv {
  // As of the convolution from the output to the input: places are elements of x.
  WindowMatrix window;
  int64_t images, groups, in, out;  // channels of a group
  bool forward;                     // the node is a convolution
  // What is computed at a time: some output channels of a group, in whole panels of the packed
  // matrix, and some rows of the output.
  int64_t channels, rows;

  int64_t taps() const { return window.rows.taps * window.columns.taps; }
  int64_t places() const { return window.rows.output * window.columns.output; }
  int64_t plane() const { return window.rows.input * window.columns.input; }
  // Which the weights are of a product. One place is a row of terms, as more of them are columns of
  // vectors.
  ProductSide side() const { return places() == 1 ? ProductSide::kRight : ProductSide::kLeft; }
  // So many channels, or a multiple, are whole panels.
  int64_t unit() const {
    const int64_t panel = PackedPanel(side());
    return panel / std::gcd(panel, taps());
  }
  // Some of the weights as that side, of which taps of channels and terms lie so far apart.
  MatrixView Side(const float* weights, int64_t count, int64_t tap_step, int64_t term_step) const {
    if (side() == ProductSide::kLeft) return {weights, count, in, tap_step, term_step};
    return {weights, in, count, term_step, tap_step};
  }
  // Of a group's matrix: each tap of each output channel has one.
  int64_t matrix_rows() const { return out * taps(); }
  int64_t channel_parts() const { return (out + channels - 1) / channels; }
  int64_t row_parts() const { return (window.rows.input + rows - 1) / rows; }
  // Rows of places under `rows` rows of the output.
  int64_t PlaceRows() const {
    const WindowSpan& r = window.rows;
    const int64_t reach = (r.taps - 1) * r.dilation + rows;
    return std::min(r.output, reach / r.stride + 1);
  }
  int64_t PartFloats() const { return channels * taps() * PlaceRows() * window.columns.output; }
};

// Sets what is computed at a time: parts that stay in the second cache, and one for each thread.
void SetParts(int threads, TransposedConv& conv) {
  constexpr int64_t kFloats = 1 << 16;
  const int64_t unit = conv.unit();
  const auto shrink = [&] {
    // Rows of places that two parts need are computed twice.
    const int64_t reach = (conv.window.rows.taps - 1) * conv.window.rows.dilation;
    const int64_t few = std::max(conv.window.rows.stride, 4 * reach);
    if (conv.channels > unit) {
      conv.channels = ((conv.channels + 1) / 2 + unit - 1) / unit * unit;
    } else if (conv.rows > few) {
      conv.rows = std::max(few, (conv.rows + 1) / 2);
    } else {
      return false;
    }
    return true;
  };
  conv.channels = conv.out;
  conv.rows = conv.window.rows.input;
  while (conv.PartFloats() > kFloats && shrink()) {
  }
  const int64_t parts = conv.images * conv.groups;
  while (parts * conv.channel_parts() * conv.row_parts() < threads && shrink()) {
  }
}

// The window whose places are x's elements, of a convolution with stride 1 from x to y.
WindowSpan Backwards(const WindowSpan& span) {
  WindowSpan back = span;
  std::swap(back.input, back.output);
  back.pad_begin = (span.taps - 1) * span.dilation - span.pad_begin;
  return back;
}

// Whether a convolution is better computed so. Rows of the product are output channels, those of
// other ways are filled up to a block of them; and what is added up costs some terms.
bool ForwardPays(const TransposedConv& conv) {
  constexpr int64_t kFewChannels = 4, kManyTerms = 8;
  return conv.groups == 1 && conv.out <= kFewChannels && conv.in >= kManyTerms && conv.taps() > 1;
}

// Whether a group's matrix lies row by row for each term, as ONNX has it.
bool RowsInOrder(const TransposedConv& conv, const ConvKernelLayout& layout) {
  return !conv.forward && layout.out_stride == conv.taps() * layout.tap_stride;
}

// Whether each element of x becomes a tile of y, and nothing else is in it.
bool MakesTiles(const WindowMatrix& window) {
  const auto is = [](const WindowSpan& span) {
    return span.taps == span.stride && span.dilation == 1 && span.pad_begin == 0 &&
           span.input == span.output * span.stride;
  };
  return is(window.rows) && is(window.columns);
}

// What the plans take of how blocks add up to the rows of each part.
int64_t OverlapBytes(const TransposedConv& conv) {
  return SaturatingMultiply(conv.row_parts(), OverlapPlan::MostBytes(conv.window, conv.rows));
}

std::optional<TransposedConv> Describe(ConvDirection direction, const WindowOf& window_of,
                                       const PrepareContext& context) {
  if (BestVectorTarget() == VectorTarget::kBaseline || context.inputs[0].dtype != DType::kFloat32 ||
      IsChannelsLast(context.attrs)) {
    return std::nullopt;
  }
  const auto window = window_of(context);
  if (!window.ok() || window->size() > 2 || !FitsIn32Bits(*window)) return std::nullopt;
  const ActivationLayout x(context.inputs[0].shape, context.attrs);
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  if (x.batches * x.channels * x.positions == 0 || y.channels * y.positions == 0) {
    return std::nullopt;
  }
  const int64_t groups = context.attrs.Int("groups");
  const bool forward = direction == ConvDirection::kForward;
  WindowMatrix spans = SpansOf(*window);
  if (forward) {
    if (spans.rows.stride != 1 || spans.columns.stride != 1 || groups != 1) return std::nullopt;
    spans.rows = Backwards(spans.rows);
    spans.columns = Backwards(spans.columns);
  } else {
    std::swap(spans.rows.input, spans.rows.output);
    std::swap(spans.columns.input, spans.columns.output);
  }
  TransposedConv conv{.window = spans,
                      .images = x.batches,
                      .groups = groups,
                      .in = x.channels / groups,
                      .out = y.channels / groups,
                      .forward = forward,
                      .channels = 0,
                      .rows = 0};
  constexpr int64_t kTaps = 1 << 10, kStride = 1 << 10, kPartFloats = 1 << 22;
  constexpr int64_t kOverlapBytes = int64_t{1} << 24;
  if (spans.rows.taps > kTaps || spans.columns.taps > kTaps || conv.taps() > kTaps ||
      spans.rows.stride > kStride || spans.columns.stride > kStride) {
    return std::nullopt;
  }
  SetParts(context.threads, conv);
  // Weights that a run computes are packed in it, which must be quick.
  constexpr int64_t kWorthPacking = 16;
  if (!context.constants[1].valid() &&
      (!RowsInOrder(conv, ConvKernelLayout(context.inputs[1].shape, context.attrs)) ||
       conv.images * conv.places() < kWorthPacking)) {
    return std::nullopt;
  }
  // Where each group has one channel there is no product to speak of.
  const bool pays = forward ? ForwardPays(conv) : conv.in > 1;
  if (conv.PartFloats() > kPartFloats || OverlapBytes(conv) > kOverlapBytes) return std::nullopt;
  // In bfloat16 there are other ways to tiles, and to convolutions, but none to blocks that overlap
  // which is as fast as this one in float32: it is named, so that the node stays in that.
  const bool other_ways = forward || MakesTiles(spans);
  if (other_ways && RoundsFactors(context)) return std::nullopt;
  if (context.inputs[1].dtype != DType::kFloat32) {
    if (!other_ways) TakesForm("transposed product", false);
    return std::nullopt;
  }
  return TakesForm("transposed product", pays) ? std::optional(conv) : std::nullopt;
}

int64_t PackedGroupFloats(const TransposedConv& conv) {
  const MatrixView matrix = conv.Side(nullptr, conv.matrix_rows(), 0, 0);
  return PackedFloats(conv.side(), matrix.rows, matrix.columns);
}

// Packs part number `part` of `parts` of what a group's product multiplies, for all groups.
void PackKernel(const TransposedConv& conv, const ConvKernelLayout& layout, const float* weights,
                int part, int parts, float* packed) {
  const int64_t panel = PackedPanel(conv.side()), taps = conv.taps();
  const int64_t rows = conv.matrix_rows(), panels = (rows + panel - 1) / panel;
  const bool in_order = RowsInOrder(conv, layout);
  std::vector<float> ordered(in_order ? 0 : panel * conv.in);
  for (int64_t group = 0; group < conv.groups; ++group) {
    float* const to = packed + group * panels * panel * conv.in;
    const float* const from = weights + group * conv.in * layout.in_stride;
    const int64_t begin = panels * part / parts * panel;
    const int64_t end = std::min(panels * (part + 1) / parts * panel, rows);
    if (begin >= end) continue;
    if (in_order) {
      PackMatrix(conv.side(),
                 conv.Side(from + begin * layout.tap_stride, end - begin, layout.tap_stride,
                           layout.in_stride),
                 to + begin * conv.in);
      continue;
    }
    for (int64_t first = begin; first < end; first += panel) {
      const int64_t count = std::min(panel, end - first);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t place = (first + r) % taps, o = (first + r) / taps;
        const int64_t tap = conv.forward ? taps - 1 - place : place;
        for (int64_t i = 0; i < conv.in; ++i) {
          ordered[r * conv.in + i] = from[layout.Offset(tap, i, o)];
        }
      }
      PackMatrix(conv.side(), conv.Side(ordered.data(), count, conv.in, 1), to + first * conv.in);
    }
  }
}

// Some rows of all planes.
struct RowPart {
  PlaceRange places;
  OverlapPlan plan;
};

std::vector<RowPart> RowPartsOf(const TransposedConv& conv) {
  std::vector<RowPart> parts;
  parts.reserve(conv.row_parts());
  const int64_t rows = conv.window.rows.input;
  for (int64_t row = 0; row < rows; row += conv.rows) {
    const int64_t end = std::min(row + conv.rows, rows);
    const PlaceRange places = PlacesOver(conv.window.rows, row, end);
    const int64_t count = (places.end - places.begin) * conv.window.columns.output;
    parts.push_back({places, OverlapPlan(conv.window, count, places.begin, row, end)});
  }
  return parts;
}

class TransposedKernel : public Kernel {
 public:
  // Without `packed` it packs the weights, which lie as `layout` says, in each run.
  TransposedKernel(TransposedConv conv, const ConvKernelLayout& layout, Tensor packed,
                   std::vector<FusedStep> steps, bool has_bias, int threads)
      : conv_(std::move(conv)),
        row_parts_(RowPartsOf(conv_)),
        layout_(layout),
        packed_(std::move(packed)),
        steps_(std::move(steps)),
        has_bias_(has_bias),
        threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const std::vector<VectorStep> steps = StepsOfRun(steps_, context);
    float* scratch = reinterpret_cast<float*>(context.scratch());
    const float* packed = scratch;
    if (packed_.valid()) {
      packed = packed_.data<float>().data();
    } else {
      ParallelParts(threads_, [&](int part, int parts) {
        PackKernel(conv_, layout_, context.input<float>(1).data(), part, parts, scratch);
      });
      scratch += PackedScratchFloats();
    }
    const int64_t in_group = conv_.channel_parts() * conv_.row_parts();
    const int64_t count = conv_.images * conv_.groups * in_group;
    ParallelParts(threads_, [&](int part, int parts) {
      for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
        RunPart(context, packed, steps, i / in_group,
                i % in_group / conv_.row_parts() * conv_.channels,
                row_parts_[i % conv_.row_parts()], scratch + part * ScratchFloats());
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return (PackedScratchFloats() + threads_ * ScratchFloats()) *
           static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != 1 || !packed_.valid(); }
  std::string Describe() const override {
    return absl::StrCat("transposed product ", VectorTargetName(BestVectorTarget()));
  }

 private:
  int64_t PackedScratchFloats() const {
    return packed_.valid() ? 0 : ApartFloats(conv_.groups * PackedGroupFloats(conv_));
  }
  int64_t ScratchFloats() const {
    return ApartFloats(conv_.PartFloats()) +
           ApartFloats(ProductScratchFloats({.side = conv_.side(), .other = {}}));
  }

  // The channels of group `group` of all images from `channel` on.
  void RunPart(const KernelContext& context, const float* packed,
               const std::vector<VectorStep>& steps, int64_t group, int64_t channel,
               const RowPart& rows, float* scratch) const {
    const int64_t channels = std::min(conv_.channels, conv_.out - channel);
    const PlaceRange& places = rows.places;
    const int64_t width = conv_.window.columns.output;
    const int64_t count = (places.end - places.begin) * width;
    float* const work = scratch + ApartFloats(conv_.PartFloats());
    const int64_t taps = conv_.taps(), of_image = group % conv_.groups;
    if (count > 0) {
      const float* const x = context.input<float>(0).data() + group * conv_.in * conv_.places();
      const bool left = conv_.side() == ProductSide::kLeft;
      const MatrixView columns{x + places.begin * width, conv_.in, count, conv_.places()};
      const PackedProduct product{
          .side = conv_.side(),
          .packed = packed + of_image * PackedGroupFloats(conv_) + channel * taps * conv_.in,
          .other = left ? columns : MatrixView{x, 1, conv_.in, conv_.in},
          .size = channels * taps,
          .output = scratch,
          .output_stride = left ? count : channels * taps,
          .steps = {}};
      MultiplyPart(product, 0, 1, work);
    }
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t of_group = channel + c;
      const int64_t plane = group * conv_.out + of_group;  // of all images
      const int64_t of_all = of_image * conv_.out + of_group;
      float* const y = context.output<float>(0).data() + plane * conv_.plane();
      AddOverlaps(rows.plan, scratch + c * taps * count,
                  has_bias_ ? context.input<float>(2)[of_all] : 0.0f, y);
      const int64_t columns = conv_.window.columns.input, first = rows.plan.begin * columns;
      for (const VectorStep& step : steps) {
        float* const at = y + first;
        FindStep(step.kind)(step, step.column_stride != 0 ? plane : of_all, first,
                            (rows.plan.end - rows.plan.begin) * columns, at, at);
      }
    }
  }

  const TransposedConv conv_;
  const std::vector<RowPart> row_parts_;
  const ConvKernelLayout layout_;
  const Tensor packed_;  // for each group a row for each tap of each output channel
  const std::vector<FusedStep> steps_;
  const bool has_bias_;
  const int threads_;
};

std::optional<std::vector<FusedStep>> StepsOf(const TransposedConv& conv,
                                              const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kLeft, conv.groups * conv.out, conv.plane());
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(TransposedConv conv, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const Tensor& weights = context.constants[1];
  const ConvKernelLayout layout(context.inputs[1].shape, context.attrs);
  Tensor packed;
  if (weights.valid()) {
    NOMO_ASSIGN_OR_RETURN(packed,
                          Tensor::Create(DType::kFloat32, {conv.groups, PackedGroupFloats(conv)}));
    PackKernel(conv, layout, weights.data<float>().data(), 0, 1,
               packed.mutable_data<float>().data());
  }
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 17;
  const int64_t work = context.inputs[0].shape.num_elements() * conv.matrix_rows();
  const int threads = work < kWorthThreads ? 1 : context.threads;
  return std::make_unique<TransposedKernel>(std::move(conv), layout, std::move(packed),
                                            std::move(steps), context.has_input(2), threads);
}

}  // namespace

FastKernel FastTransposed(ConvDirection direction, WindowOf window) {
  return FusingKernel(std::bind_front(Describe, direction, std::move(window)), StepsOf, Make);
}

}  // namespace nomograph::nn
