#include "nomograph/ops/nn/window.h"

#include <algorithm>

namespace nomograph::nn {
namespace {

// Keeps every product of two of these numbers far from overflow.
constexpr int64_t kMaxSize = 2147483647;

// An attribute with one number per spatial axis; empty means `absent` for each.
absl::StatusOr<std::vector<int64_t>> PerAxis(const Attributes& attrs, absl::string_view name,
                                             size_t count, int64_t absent) {
  const std::vector<int64_t>& values = attrs.Ints(name);
  if (values.empty()) return std::vector<int64_t>(count, absent);
  if (values.size() != count) {
    return InvalidArgument("attribute ", name, ": expected ", count,
                           " values for the spatial axes, found ", values.size());
  }
  return values;
}

absl::StatusOr<Window> StridesAndPads(const Attributes& attrs, const std::vector<Dim>& input,
                                      const std::vector<Dim>& kernel) {
  const size_t rank = input.size();
  if (kernel.size() != rank) {
    return InvalidArgument("expected a kernel with ", rank, " spatial axes like x, found ",
                           kernel.size());
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> strides, PerAxis(attrs, "strides", rank, 1));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> dilations, PerAxis(attrs, "dilations", rank, 1));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, PerAxis(attrs, "pads", 2 * rank, 0));
  const std::string& padding = attrs.String("padding");
  if (padding != "explicit" && !attrs.Ints("pads").empty()) {
    return InvalidArgument("attribute pads: expected none with padding \"", padding,
                           "\"; they go with \"explicit\"");
  }
  Window window(rank);
  for (size_t i = 0; i < rank; ++i) {
    if (kernel[i].known() && (kernel[i].size() < 1 || kernel[i].size() > kMaxSize)) {
      return InvalidArgument("expected a kernel size from 1 to ", kMaxSize, " along spatial axis ",
                             i, ", found ", kernel[i].size());
    }
    window[i] = {input[i], kernel[i], Dim(), strides[i], dilations[i], pads[i], pads[rank + i]};
  }
  return window;
}

// The input elements from a window's first tap to its last. REQUIRES: axis.kernel.known().
int64_t Extent(const WindowAxis& axis) { return (axis.kernel.size() - 1) * axis.dilation + 1; }

// Pads by `total` on both sides, as evenly as possible.
void Split(int64_t total, bool more_at_begin, WindowAxis& axis) {
  axis.pad_begin = more_at_begin ? total - total / 2 : total / 2;
  axis.pad_end = total - axis.pad_begin;
}

// Padding such that every stride'th element has its window.
void PadToSame(bool more_at_begin, WindowAxis& axis) {
  if (axis.stride == 1) axis.output = axis.input;  // a symbol stays one
  if (!axis.input.known()) return;
  const int64_t input = axis.input.size();
  axis.output = input / axis.stride + (input % axis.stride != 0);
  if (!axis.kernel.known() || input == 0) return;
  const int64_t covered = (axis.output.size() - 1) * axis.stride + Extent(axis);
  Split(std::max<int64_t>(covered - input, 0), more_at_begin, axis);
}

absl::Status SizeWithPads(bool round_up, int spatial_axis, WindowAxis& axis) {
  if (!axis.kernel.known()) return absl::OkStatus();
  const int64_t grows = axis.pad_begin + axis.pad_end - Extent(axis);
  if (axis.stride == 1 && grows == -1) axis.output = axis.input;  // a symbol stays one
  if (!axis.input.known()) return absl::OkStatus();
  const int64_t room = axis.input.size() + grows;
  if (room < 0) {
    return InvalidArgument("expected at least ", Extent(axis), " elements along spatial axis ",
                           spatial_axis, " for the window, found ", axis.input.size(),
                           " and padding of ", axis.pad_begin, " + ", axis.pad_end);
  }
  int64_t output = room / axis.stride + 1;
  // A window that round-up adds must not begin behind the input, in the padding.
  if (round_up && room % axis.stride != 0 &&
      output * axis.stride < axis.input.size() + axis.pad_begin)
    ++output;
  axis.output = output;
  return absl::OkStatus();
}

absl::Status CheckSpatialSize(const std::vector<Dim>& sizes) {
  for (const Dim& size : sizes) {
    if (size.known() && size.size() > kMaxSize) {
      return InvalidArgument("expected spatial sizes up to ", kMaxSize, ", found ", size.size());
    }
  }
  return absl::OkStatus();
}

// The output size and padding of a transposed window, given the sizes that it would have without
// padding (`full`) and that it was asked to have (`wanted`), if any.
absl::Status CropTransposed(const std::string& padding, int64_t full, std::optional<int64_t> wanted,
                            int spatial_axis, WindowAxis& axis) {
  const bool same = padding == "same" || padding == "same_lower";
  if (!wanted && same) wanted = axis.input.size() * axis.stride;
  if (wanted) {
    // Padding crops the output; what exceeds the full size is not reached by any tap and holds the
    // bias.
    const int64_t total = std::max<int64_t>(full - *wanted, 0);
    if (padding == "valid") {
      axis.pad_end = total;
    } else {
      Split(total, padding != "same", axis);
    }
    axis.output = *wanted;
    return absl::OkStatus();
  }
  if (full - axis.pad_begin - axis.pad_end < 0) {
    return InvalidArgument("expected padding up to ", full, " along spatial axis ", spatial_axis,
                           ", found ", axis.pad_begin, " + ", axis.pad_end);
  }
  axis.output = full - axis.pad_begin - axis.pad_end;
  return absl::OkStatus();
}

}  // namespace

OpDef WithDataFormat(OpDef op) {
  return op
      .Attr("data_format", "channels_last",
            "\"channels_last\": [batch, spatial..., channels]; \"channels_first\": [batch, "
            "channels, spatial...]")
      .Choices({"channels_last", "channels_first"});
}

bool IsChannelsLast(const Attributes& attrs) {
  return attrs.String("data_format") == "channels_last";
}

absl::StatusOr<Activation> SplitActivation(const PartialShape& shape, const Attributes& attrs) {
  if (shape.rank() < 3 || shape.rank() > 5) {
    return InvalidArgument(
        "input x: expected 3 to 5 axes (batch, channels and 1 to 3 spatial ones), found shape ",
        shape.ToString());
  }
  const std::vector<int> axes = ChannelsFirstAxes(shape.rank(), attrs);
  Activation result{shape[axes[0]], shape[axes[1]], {}};
  for (size_t i = 2; i < axes.size(); ++i) result.spatial.push_back(shape[axes[i]]);
  NOMO_RETURN_IF_ERROR(Annotate(CheckSpatialSize(result.spatial), "input x"));
  return result;
}

PartialShape JoinActivation(const Activation& activation, const Attributes& attrs) {
  PartialShape shape = {activation.batch};
  if (!IsChannelsLast(attrs)) shape.Append(activation.channels);
  for (const Dim& size : activation.spatial) shape.Append(size);
  if (IsChannelsLast(attrs)) shape.Append(activation.channels);
  return shape;
}

std::vector<int> ChannelsFirstAxes(int rank, const Attributes& attrs) {
  const bool last = IsChannelsLast(attrs);
  std::vector<int> axes = {0, last ? rank - 1 : 1};
  for (int i = 0; i < rank - 2; ++i) axes.push_back(i + (last ? 1 : 2));
  return axes;
}

ActivationLayout::ActivationLayout(const Shape& shape, const Attributes& attrs) {
  const bool last = IsChannelsLast(attrs);
  batches = shape[0];
  channels = shape[last ? shape.rank() - 1 : 1];
  positions = 1;
  for (int i = 0; i < shape.rank() - 2; ++i) positions *= shape[i + (last ? 1 : 2)];
  batch_stride = channels * positions;
  channel_stride = last ? 1 : positions;
  position_stride = last ? channels : 1;
}

OpDef WithWindow(OpDef op) {
  op.Attr("strides", std::vector<int64_t>{},
          "the window's step along each spatial axis; none given: 1")
      .Min(1)
      .Max(static_cast<double>(kMaxSize))
      .Attr("dilations", std::vector<int64_t>{},
            "the distance between neighbouring taps along each spatial axis; none given: 1")
      .Min(1)
      .Max(static_cast<double>(kMaxSize))
      .Attr("padding", "valid",
            "\"valid\": none; \"same\": as much as it takes for the output to have ceil(input / "
            "stride) elements, evenly, an odd one at the end; \"same_lower\": the odd one at the "
            "beginning; \"explicit\": what pads says")
      .Choices({"valid", "same", "same_lower", "explicit"})
      .Attr("pads", std::vector<int64_t>{},
            "with padding \"explicit\": the padding at the beginning of each spatial axis, then at "
            "the end of each; none given: 0")
      .Min(0)
      .Max(static_cast<double>(kMaxSize));
  return WithDataFormat(std::move(op));
}

absl::StatusOr<Window> GetWindow(const Attributes& attrs, const std::vector<Dim>& input,
                                 const std::vector<Dim>& kernel) {
  NOMO_ASSIGN_OR_RETURN(Window window, StridesAndPads(attrs, input, kernel));
  const std::string& padding = attrs.String("padding");
  const bool round_up = attrs.Has("ceil_mode") && attrs.Bool("ceil_mode");
  for (size_t i = 0; i < window.size(); ++i) {
    if (padding == "same" || padding == "same_lower") {
      PadToSame(padding == "same_lower", window[i]);
    } else {
      NOMO_RETURN_IF_ERROR(SizeWithPads(round_up, static_cast<int>(i), window[i]));
    }
  }
  return window;
}

absl::StatusOr<Window> GetTransposedWindow(const Attributes& attrs, const std::vector<Dim>& input,
                                           const std::vector<Dim>& kernel) {
  NOMO_ASSIGN_OR_RETURN(Window window, StridesAndPads(attrs, input, kernel));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> extra,
                        PerAxis(attrs, "output_padding", window.size(), 0));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                        PerAxis(attrs, "output_shape", window.size(), -1));
  const std::string& padding = attrs.String("padding");
  if (!attrs.Ints("output_shape").empty() && !attrs.Ints("pads").empty()) {
    return InvalidArgument("attributes output_shape and pads: expected one of them, found both");
  }
  for (size_t i = 0; i < window.size(); ++i) {
    WindowAxis& axis = window[i];
    const std::optional<int64_t> wanted =
        sizes[i] >= 0 ? std::optional<int64_t>(sizes[i]) : std::nullopt;
    if (axis.input.known() && axis.kernel.known()) {
      const int64_t full = axis.input.size() == 0
                               ? 0
                               : (axis.input.size() - 1) * axis.stride + Extent(axis) + extra[i];
      NOMO_RETURN_IF_ERROR(CropTransposed(padding, full, wanted, static_cast<int>(i), axis));
    } else if (wanted) {
      axis.output = *wanted;
    } else if (axis.stride == 1 && padding != "valid" && padding != "explicit") {
      axis.output = axis.input;  // a symbol stays one
    }
  }
  NOMO_RETURN_IF_ERROR(Annotate(CheckSpatialSize(OutputSizes(window)), "output"));
  return window;
}

std::optional<Attributes> WithPadding(const Attributes& attrs, const Window& window,
                                      const Padding& padding) {
  const std::vector<int> axes = ChannelsFirstAxes(static_cast<int>(padding.before.size()), attrs);
  for (const int axis : {axes[0], axes[1]}) {
    if (padding.before[axis] != 0 || padding.after[axis] != 0) return std::nullopt;
  }
  std::vector<int64_t> begin, end;
  for (size_t i = 0; i < window.size(); ++i) {
    begin.push_back(window[i].pad_begin + padding.before[axes[i + 2]]);
    end.push_back(window[i].pad_end + padding.after[axes[i + 2]]);
    // Kernels go through windows of padding alone as through others.
    const int64_t extent = Extent(window[i]);
    if (begin.back() >= extent || end.back() >= extent) return std::nullopt;
  }
  begin.insert(begin.end(), end.begin(), end.end());
  Attributes result = attrs;
  result.Set("padding", "explicit");
  result.Set("pads", std::move(begin));
  return result;
}

std::vector<Dim> OutputSizes(const Window& window) {
  std::vector<Dim> sizes;
  for (const WindowAxis& axis : window) sizes.push_back(axis.output);
  return sizes;
}

bool FitsIn32Bits(const Window& window) {
  constexpr int64_t kLimit = int64_t{1} << 28;
  return std::all_of(window.begin(), window.end(), [](const WindowAxis& axis) {
    return std::max({Extent(axis), axis.stride, axis.output.size(),
                     axis.input.size() + axis.pad_begin + axis.pad_end}) <= kLimit;
  });
}

Taps::Taps(const Window& window, bool transposed) : transposed_(transposed) {
  const size_t missing = 3 - window.size();
  for (size_t i = 0; i < window.size(); ++i) {
    const size_t a = missing + i;
    input_[a] = window[i].input.size();
    kernel_[a] = window[i].kernel.size();
    output_[a] = window[i].output.size();
    stride_[a] = window[i].stride;
    dilation_[a] = window[i].dilation;
    pad_[a] = window[i].pad_begin;
  }
}

}  // namespace nomograph::nn
