// quant.QLinearMaxPool: the greatest of quantised numbers in each window, quantised.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/nn/pool/pool.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kX, kXScale, kXZero, kYScale, kYZero, kMore, kMoreScale, kMoreZero };

int ChannelAxis(const Attributes& attrs, int rank) {
  return nn::IsChannelsLast(attrs) ? rank - 1 : 1;
}

absl::StatusOr<std::vector<TensorType>> InferQLinearMaxPool(const InferContext& context) {
  for (const auto& [input, name] :
       {std::pair(kXScale, "x_scale"), std::pair(kXZero, "x_zero_point"),
        std::pair(kYScale, "y_scale"), std::pair(kYZero, "y_zero_point")}) {
    NOMO_RETURN_IF_ERROR(CheckSingle(context, input, name));
  }
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, nn::InferPooled(context));
  if (context.has_input(kMore) != context.has_input(kMoreScale) ||
      context.has_input(kMore) != context.has_input(kMoreZero)) {
    return InvalidArgument("expected a scale and a zero point with input more");
  }
  if (context.has_input(kMore) && shape.has_rank()) {
    const int axis = ChannelAxis(context.attrs(), shape.rank());
    const PartialShape &x = context.shape(kX), &more = context.shape(kMore);
    PartialShape expected = x;
    expected[axis] = Dim();
    if (!Compatible(more, expected)) {
      return InvalidArgument("input more: expected shape ", expected.ToString(), ", found ",
                             more.ToString());
    }
    const bool known = more.has_rank() && more[axis].known() && x[axis].known();
    shape[axis] = known ? Dim(x[axis].size() + more[axis].size()) : Dim();
  }
  return std::vector<TensorType>{{context.dtype(kX), shape}};
}

// Of the channels of one of the parts, which are channels `first` and so on of the output.
template <typename Q>
void PoolPart(const KernelContext& context, int input, int64_t first, const nn::Window& window) {
  const nn::ActivationLayout x(context.input_shape(input), context.attrs()),
      y(context.output_shape(0), context.attrs());
  const float scale = context.input<float>(input + 1)[0],
              y_scale = context.input<float>(kYScale)[0];
  const Q zero = context.input<Q>(input + 2)[0], y_zero = context.input<Q>(kYZero)[0];
  const nn::Taps taps(window);
  for (int64_t n = 0; n < x.batches; ++n) {
    for (int64_t c = 0; c < x.channels; ++c) {
      int64_t y_offset = y.Offset(n, first + c);
      nn::ForEachIndex(taps.output_sizes(), [&](const nn::Index3& at) {
        float greatest = -std::numeric_limits<float>::infinity();
        taps.ForEach(at, [&](int64_t, int64_t position) {
          const Q value = context.input<Q>(input)[x.Offset(n, c) + position * x.position_stride];
          greatest = std::max(greatest, static_cast<float>(value - zero) * scale);
        });
        context.output<Q>(0)[y_offset] = Quantized<Q>(greatest / y_scale, y_zero);
        y_offset += y.position_stride;
      });
    }
  }
}

absl::Status QLinearMaxPoolCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const nn::Window window,
                        nn::PoolWindow(context.attrs(), context.input_shape(kX)));
  Dispatch(ByteTypes{}, context.output_dtype(0), [&]<typename Q>() {
    PoolPart<Q>(context, kX, 0, window);
    if (!context.has_input(kMore)) return;
    const Shape& x = context.input_shape(kX);
    PoolPart<Q>(context, kMore, x[ChannelAxis(context.attrs(), x.rank())], window);
  });
  return absl::OkStatus();
}

// A few bytes, for which a call would take longer: the ends of what is moved at once may overlap.
inline void CopyFew(const uint8_t* from, int64_t count, uint8_t* to) {
  const auto move = [&](auto size) {
    int64_t i = 0;
    for (; i + size.value <= count; i += size.value) std::memcpy(to + i, from + i, size.value);
    if (i < count) std::memcpy(to + count - size.value, from + count - size.value, size.value);
  };
  if (count >= 16) return move(std::integral_constant<int64_t, 16>());
  if (count >= 8) return move(std::integral_constant<int64_t, 8>());
  if (count >= 4) return move(std::integral_constant<int64_t, 4>());
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

// Of the bytes themselves, for a scale is positive. Those of int8 move by 128, so that they are
// ordered as bytes without a sign are, and the least one is 0.
class BytePlanes : public Kernel {
 public:
  BytePlanes(const WindowMatrix& spans, int threads)
      : rows_(spans.rows), columns_(spans.columns), threads_(threads) {
    pitch_ = std::max(Reach(columns_), columns_.pad_begin + columns_.input);
    pitch_ += pitch_ % columns_.stride;
    reach_rows_ = Reach(rows_);
    // Short rows fill vectors together, with their padding.
    constexpr int64_t kShort = 32;
    is_short_ = columns_.output < kShort;
    line_bytes_ = InVectors(is_short_ ? first_rows() * pitch_ : pitch_);
    part_bytes_ = is_short_ ? InVectors(reach_rows_ * pitch_) + 2 * line_bytes_ : line_bytes_;
  }

  int64_t scratch_bytes() const override { return threads_ * part_bytes_; }
  std::string Describe() const override { return "loop over bytes"; }

  absl::Status Run(KernelContext& context) const override {
    const int64_t in = rows_.input * columns_.input, out = rows_.output * columns_.output;
    const bool joined = context.has_input(kMore);
    const Shape& x = context.input_shape(kX);
    const int64_t first = x[1], more = joined ? context.input_shape(kMore)[1] : 0;
    const Part parts[] = {PartOf(context, kX), PartOf(context, joined ? kMore : kX)};
    auto* const y = reinterpret_cast<uint8_t*>(context.output_view(0).data);
    const int64_t planes = x[0] * (first + more);
    ParallelParts(threads_, [&](int thread, int threads) {
      auto* const scratch = reinterpret_cast<uint8_t*>(context.scratch()) + thread * part_bytes_;
      // What has moved to 0 is padding.
      std::fill_n(scratch, part_bytes_, is_short_ ? parts[0].flip : uint8_t{0});
      for (int64_t p = planes * thread / threads; p < planes * (thread + 1) / threads; ++p) {
        const int64_t image = p / (first + more), channel = p % (first + more);
        const bool is_first = channel < first;
        const Part& part = parts[is_first ? 0 : 1];
        const int64_t plane = is_first ? image * first + channel : image * more + channel - first;
        if (is_short_) {
          ShortRows(part.x + plane * in, part.flip, scratch, y + p * out);
        } else {
          Rows(part.x + plane * in, part.flip, scratch, y + p * out);
        }
        LookUpBytes(part.table, y + p * out, out, y + p * out);
      }
    });
    return absl::OkStatus();
  }

  // Taps of rows that are looked at together.
  static constexpr int64_t kMostRows = 16;

 private:
  // What MaxOfTaps() may read behind a line.
  static constexpr int64_t kSlack = 2 * 64;

  struct Part {
    const uint8_t* x;
    uint8_t flip;
    ByteTable table;  // of bytes that have moved
  };

  static Part PartOf(const KernelContext& context, int input) {
    const bool is_signed = context.output_dtype(0) == DType::kInt8;
    const auto scale = [&](int i) {
      const std::byte zero = context.input_view(i + 1).data[0];
      return ByteScale{context.input<float>(i)[0],
                       is_signed ? static_cast<int8_t>(zero) : static_cast<uint8_t>(zero)};
    };
    const ByteTable table = RequantizingTable(scale(input + 1), scale(kYScale), is_signed);
    Part part{.x = reinterpret_cast<const uint8_t*>(context.input_view(input).data),
              .flip = static_cast<uint8_t>(is_signed ? 0x80 : 0)};
    part.table.is_identity = table.is_identity && !is_signed;
    for (int i = 0; i < 256; ++i) part.table.entries[i] = table.entries[i ^ part.flip];
    return part;
  }

  static int64_t Reach(const WindowSpan& span) {
    return (span.output - 1) * span.stride + (span.taps - 1) * span.dilation + 1;
  }
  static int64_t InVectors(int64_t bytes) { return (bytes + kSlack + 63) / 64 * 64; }

  // From the first row that a window begins in to the last one.
  int64_t first_rows() const { return (rows_.output - 1) * rows_.stride + 1; }

  // A plane with its padding, the maxima of its columns, and those of windows, also of those that
  // begin between the strides and the rows.
  void ShortRows(const uint8_t* x, uint8_t flip, uint8_t* padded, uint8_t* y) const {
    uint8_t* const maxima = padded + InVectors(reach_rows_ * pitch_);
    uint8_t* const windows = maxima + line_bytes_;
    for (int64_t r = 0; r < reach_rows_; ++r) {
      const int64_t row = r - rows_.pad_begin;
      if (row < 0 || row >= rows_.input) continue;
      CopyFew(x + row * columns_.input, columns_.input, padded + r * pitch_ + columns_.pad_begin);
    }
    const uint8_t* lines[kMostRows];
    for (int64_t t = 0; t < rows_.taps; ++t) lines[t] = padded + t * rows_.dilation * pitch_;
    const int64_t rows = first_rows();
    MaxOfLines(lines, rows_.taps, flip, rows * pitch_, maxima);
    const int64_t width = pitch_ / columns_.stride;
    MaxOfTaps(maxima, columns_.taps, columns_.dilation, columns_.stride, rows * width, windows);
    for (int64_t r = 0; r < rows_.output; ++r) {
      CopyFew(windows + r * rows_.stride * width, columns_.output, y + r * columns_.output);
    }
  }

  void Rows(const uint8_t* x, uint8_t flip, uint8_t* line, uint8_t* y) const {
    for (int64_t r = 0; r < rows_.output; ++r, y += columns_.output) {
      const uint8_t* lines[kMostRows];
      int64_t count = 0;
      for (int64_t t = 0; t < rows_.taps; ++t) {
        const int64_t row = r * rows_.stride + t * rows_.dilation - rows_.pad_begin;
        if (row >= 0 && row < rows_.input) lines[count++] = x + row * columns_.input;
      }
      MaxOfLines(lines, count, flip, columns_.input, line + columns_.pad_begin);
      MaxOfTaps(line, columns_.taps, columns_.dilation, columns_.stride, columns_.output, y);
    }
  }

  const WindowSpan rows_, columns_;
  const int threads_;
  int64_t pitch_;       // of a row with its padding
  int64_t reach_rows_;  // with their padding
  bool is_short_;
  int64_t line_bytes_, part_bytes_;
};

// Whether no window is one of padding alone, of which a byte cannot tell.
bool MeetsInput(const WindowSpan& span) {
  const bool first = span.dilation == 1 ? span.pad_begin < span.taps : span.pad_begin == 0;
  return span.pad_begin >= 0 && first &&
         (span.output - 1) * span.stride - span.pad_begin < span.input;
}

bool IsPositive(const Tensor& scale) {
  return scale.valid() && scale.AsDouble(0) > 0 && std::isfinite(scale.AsDouble(0));
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareBytePlanes(const PrepareContext& context) {
  if (nn::IsChannelsLast(context.attrs) || !IsPositive(context.constants[kXScale]) ||
      (context.has_input(kMore) && !IsPositive(context.constants[kMoreScale]))) {
    return nullptr;
  }
  const Shape& x = context.inputs[kX].shape;
  const auto window = nn::PoolWindow(context.attrs, x);
  if (!window.ok() || !nn::FitsIn32Bits(*window) || window->size() > 2) return nullptr;
  const WindowMatrix spans = nn::SpansOf(*window);
  constexpr int64_t kMostReach = 64;
  if (!MeetsInput(spans.rows) || !MeetsInput(spans.columns) || spans.columns.stride > 2 ||
      spans.rows.taps > BytePlanes::kMostRows ||
      spans.columns.taps * spans.columns.dilation > kMostReach) {
    return nullptr;
  }
  constexpr int64_t kWorthThreads = 1 << 17;
  return std::make_unique<BytePlanes>(spans,
                                      x.num_elements() < kWorthThreads ? 1 : context.threads);
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  Value x = Call("quant.DequantizeLinear", {in[kX], in[kXScale], in[kXZero]});
  if (in.size() > kMore && in[kMore].valid()) {
    const Value more = Call("quant.DequantizeLinear", {in[kMore], in[kMoreScale], in[kMoreZero]});
    x = Call("array.Concat", {x, more}, {{"axis", nn::IsChannelsLast(attrs) ? -1 : 1}});
  }
  return std::vector<Value>{
      Call("quant.QuantizeLinear", {Call("nn.MaxPool", {x}, attrs), in[kYScale], in[kYZero]})};
}

std::vector<Example> QLinearMaxPoolExamples() {
  const std::vector<int64_t> two = {2, 2};
  return {
      // the greatest are 9, 8, 7, 20: less 5, times 0.5 / 0.25 and 1 more
      {.name = "by hand: uint8, 2x2, stride 2",
       .attrs = {{"kernel_shape", two}, {"strides", two}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<uint8_t>({1, 1, 4, 4},
                                      {1, 9, 8, 0, 2, 3, 4, 5, 7, 0, 20, 1, 6, 7, 2, 3}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<uint8_t>(5),
                  Tensor::Scalar<float>(0.25), Tensor::Scalar<uint8_t>(1)},
       .outputs = {Tensor::Of<uint8_t>({1, 1, 2, 2}, {9, 7, 5, 31})}},
      // a window of 3 that moves by 2 with an element of padding: -128 stays less than all
      {.name = "by hand: int8, padding",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3}},
                 {"strides", std::vector<int64_t>{2}},
                 {"pads", std::vector<int64_t>{1, 1}},
                 {"padding", "explicit"},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<int8_t>({1, 2, 5}, {-128, -128, -3, -7, -100, 5, 6, 127, -1, 0}),
                  Tensor::Scalar<float>(1), Tensor::Scalar<int8_t>(0), Tensor::Scalar<float>(2),
                  Tensor::Scalar<int8_t>(10)},
       .outputs = {Tensor::Of<int8_t>({1, 2, 3}, {-54, 8, 6, 13, 74, 10})}},
      // (6 - 1) * 2 = 10, 7 * 0.5 = 3.5, a tie
      {.name = "by hand: channels of two parts",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2}}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<uint8_t>({2, 1, 2}, {6, 5, 1, 0}), Tensor::Scalar<float>(2),
                  Tensor::Scalar<uint8_t>(1), Tensor::Scalar<float>(1), Tensor::Scalar<uint8_t>(0),
                  Tensor::Of<uint8_t>({2, 2, 2}, {7, 1, 0, 0, 2, 255, 4, 6}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<uint8_t>(0)},
       .outputs = {Tensor::Of<uint8_t>({2, 3, 1}, {10, 4, 0, 0, 128, 3})}},
      {.name = "by hand: channels last",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2}}},
       .inputs = {Tensor::Of<uint8_t>({1, 3, 2}, {1, 9, 3, 8, 2, 255}), Tensor::Scalar<float>(1),
                  Tensor::Scalar<uint8_t>(0), Tensor::Scalar<float>(1), Tensor::Scalar<uint8_t>(0)},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 2}, {3, 9, 3, 255})}},
  };
}

Pattern PoolOfFloats(const Pattern& x) {
  return Quantized(Pattern::Op("nn.MaxPool", {x})
                       .GivesAttributes()
                       .Where([](const InferContext& node, const TensorType& output) {
                         return !nn::IsChannelsLast(node.attrs()) && output.shape.has_rank() &&
                                output.shape.rank() <= 4;
                       }),
                   Pattern::Input(kYScale), Pattern::Input(kYZero));
}

bool HasPositiveScales(const InferContext& found) {
  for (const int i : {kXScale, kMoreScale}) {
    if (i < found.num_inputs() && (found.constant(i) == nullptr || !IsPositive(*found.constant(i))))
      return false;
  }
  return true;
}

OpDef AsPoolOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  const Pattern x = Dequantized(in(kX), in(kXScale), in(kXZero)),
                more = Dequantized(in(kMore), in(kMoreScale), in(kMoreZero));
  op.Written(PoolOfFloats(x), HasPositiveScales);
  const auto joins_two = [](const InferContext& node, const TensorType&) {
    return node.num_inputs() == 2 && node.attrs().Int("axis") == 1;
  };
  op.Written(PoolOfFloats(Pattern::Op("array.Concat", {x, more}).Where(joins_two)),
             HasPositiveScales);
  return op;
}

NOMO_REGISTER_OP(AsPoolOfFloats(
    nn::WithPoolWindow(
        OpDef("quant.QLinearMaxPool", 1)
            .Doc(
                "The greatest of quantised numbers in each window, quantised anew:\n\n"
                "y = quant.QuantizeLinear(nn.MaxPool(quant.DequantizeLinear(x, x_scale, "
                "x_zero_point)), y_scale, y_zero_point)\n\n"
                "of x, or of the channels of x and behind them those of another tensor. Scales and "
                "zero points are one number each. It is an error when the window is larger than "
                "the padded input, or the two do not have the same other sizes.")
            .TypeVar("Q", kBytes)
            .Input("x", "Q", "[batch, spatial..., channels], see data_format")
            .Input("x_scale", "float32")
            .Input("x_zero_point", "Q")
            .Input("y_scale", "float32")
            .Input("y_zero_point", "Q")
            .OptionalInput("more", "Q", "like x with other channels")
            .OptionalInput("more_scale", "float32")
            .OptionalInput("more_zero_point", "Q")
            .Output("y", "Q", "like x, with the channels of both and other spatial sizes")
            .Attr("storage_order", 0, "as nn.MaxPool has it; nothing follows from it")
            .Min(0)
            .Max(1))
        .Infer(InferQLinearMaxPool)
        .Reference(QLinearMaxPoolCompute)
        .Fast(PrepareBytePlanes)
        .Body(Body)
        .Work(AllCombinationsWork)
        .GradientIsZero()
        .Examples(QLinearMaxPoolExamples)));

}  // namespace
}  // namespace nomograph::quant
