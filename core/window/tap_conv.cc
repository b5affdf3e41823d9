#include "nomograph/core/window/tap_conv.h"

#include <algorithm>
#include <vector>

#include "nomograph/core/vector/vector_target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nomograph/core/window/tap_conv_kernel.h"
#include "hwy/foreach_target.h"
//
#include "nomograph/core/window/tap_conv_kernel.h"

namespace nomograph {
namespace {

struct Target {
  void (*add_rows)(const float* from, int64_t rows, int64_t columns, float* to,
                   int64_t stride) = NOMO_BEST(AddRows);
  void (*finish_plane)(const TapConv& conv, int64_t image, int64_t channel,
                       int64_t size) = NOMO_BEST(FinishPlane);
};

const Target& Best() {
  static const Target target;
  return target;
}

// The places from `first` on whose element under a tap is on the plane, and that of the first.
struct Places {
  int64_t first, count, element;
};

Places PlacesOf(const WindowSpan& span, int64_t tap) {
  const int64_t at = tap * span.dilation - span.pad_begin, s = span.stride;
  const int64_t first = at >= 0 ? 0 : (-at + s - 1) / s;
  const int64_t end = at >= span.input ? 0 : (span.input - 1 - at) / s + 1;
  return {first, std::max<int64_t>(0, std::min(end, span.output) - first), at + first * s};
}

// Where a tap meets the plane.
struct Tap {
  Tap(const TapConv& conv, int64_t tap)
      : number(tap),
        rows(PlacesOf(conv.rows, tap / conv.columns.taps)),
        columns(PlacesOf(conv.columns, tap % conv.columns.taps)) {}
  int64_t places() const { return rows.count * columns.count; }
  // Whether its places lie side by side in the output.
  bool together(const TapConv& conv) const {
    return rows.count == 1 || columns.count == conv.columns.output;
  }

  int64_t number;
  Places rows, columns;
};

int64_t PlaneSize(const TapConv& conv) { return conv.rows.output * conv.columns.output; }

// Those that meet it, the one with the most places first.
std::vector<Tap> TapsOf(const TapConv& conv) {
  std::vector<Tap> taps;
  for (int64_t t = 0; t < conv.rows.taps * conv.columns.taps; ++t) {
    const Tap tap(conv, t);
    if (tap.places() > 0) taps.push_back(tap);
  }
  const auto most = std::max_element(
      taps.begin(), taps.end(), [](const Tap& a, const Tap& b) { return a.places() < b.places(); });
  if (most != taps.end()) std::iter_swap(taps.begin(), most);
  return taps;
}

// The output channels of a part: whole panels of the packed weights.
struct Channels {
  int64_t begin, end;
};
Channels PartOf(const TapConv& conv, int part, int parts) {
  const int64_t panel = PackedPanel(ProductSide::kLeft);
  const int64_t panels = (conv.out_channels + panel - 1) / panel;
  const auto at = [&](int k) { return std::min(conv.out_channels, panels * k / parts * panel); };
  return {at(part), at(part + 1)};
}

int64_t ProductFloats() {
  constexpr int64_t kAligned = 16;
  const int64_t floats = ProductScratchFloats({.side = ProductSide::kLeft, .other = {}});
  return (floats + kAligned - 1) / kAligned * kAligned;
}

// Along one axis, a window of one element at a tap's places.
WindowSpan SpanAt(const WindowSpan& span, const Places& places) {
  return {.input = span.input,
          .output = places.count,
          .stride = span.stride,
          .pad_begin = -places.element};
}

// The products of one tap for some of the output channels of an image.
void AddTap(const TapConv& conv, const Tap& tap, const float* packed, int64_t image,
            Channels channels, bool first, float* scratch) {
  const int64_t plane_in = conv.rows.input * conv.columns.input, plane_out = PlaneSize(conv);
  const float* const input = conv.input + image * conv.in_channels * plane_in;
  float* const output = conv.output + (image * conv.out_channels + channels.begin) * plane_out +
                        tap.rows.first * conv.columns.output + tap.columns.first;
  const WindowMatrix window{.rows = SpanAt(conv.rows, tap.rows),
                            .columns = SpanAt(conv.columns, tap.columns)};
  PackedProduct product{.side = ProductSide::kLeft, .packed = packed, .other = {}};
  product.other = {input, conv.in_channels, tap.places(), plane_in, 1};
  product.size = channels.end - channels.begin;
  // Whole rows are a matrix as they lie.
  const bool whole_rows =
      conv.rows.stride == 1 && conv.columns.stride == 1 && tap.columns.count == conv.columns.input;
  if (whole_rows) {
    product.other.data += tap.rows.element * conv.columns.input;
  } else {
    product.window = &window;
  }
  if (tap.together(conv)) {
    product.output = output;
    product.output_stride = plane_out;
    product.accumulate = !first;
    return MultiplyPart(product, 0, 1, scratch);
  }
  product.output = scratch + ProductFloats();
  product.output_stride = tap.places();
  MultiplyPart(product, 0, 1, scratch);
  for (int64_t o = 0; o < product.size; ++o) {
    Best().add_rows(product.output + o * tap.places(), tap.rows.count, tap.columns.count,
                    output + o * plane_out, conv.columns.output);
  }
}

}  // namespace

int64_t CoveredPlaces(const TapConv& conv) {
  int64_t places = 0;
  for (const Tap& tap : TapsOf(conv)) places += tap.places();
  return places;
}

int64_t PackedTapFloats(const TapConv& conv) {
  return static_cast<int64_t>(TapsOf(conv).size()) *
         PackedFloats(ProductSide::kLeft, conv.out_channels, conv.in_channels);
}

void PackTaps(const TapWeights& weights, const TapConv& conv, float* packed) {
  for (const Tap& tap : TapsOf(conv)) {
    PackMatrix(ProductSide::kLeft,
               {weights.data + tap.number * weights.tap_stride, conv.out_channels, conv.in_channels,
                weights.out_stride, weights.in_stride},
               packed);
    packed += PackedFloats(ProductSide::kLeft, conv.out_channels, conv.in_channels);
  }
}

int64_t TapScratchFloats(const TapConv& conv, int parts) {
  int64_t places = 0, channels = 0;
  for (const Tap& tap : TapsOf(conv)) {
    if (!tap.together(conv)) places = std::max(places, tap.places());
  }
  for (int part = 0; part < parts; ++part) {
    const Channels some = PartOf(conv, part, parts);
    channels = std::max(channels, some.end - some.begin);
  }
  return ProductFloats() + places * channels;
}

void ConvolveTaps(const TapConv& conv, int part, int parts, float* scratch) {
  const Channels channels = PartOf(conv, part, parts);
  const int64_t size = PlaneSize(conv);
  const int64_t floats = PackedFloats(ProductSide::kLeft, conv.out_channels, conv.in_channels);
  const std::vector<Tap> taps = TapsOf(conv);
  if (channels.begin == channels.end) return;
  for (int64_t image = 0; image < conv.images; ++image) {
    const bool covers = !taps.empty() && taps.front().places() == size;
    if (!covers) {
      std::fill_n(conv.output + (image * conv.out_channels + channels.begin) * size,
                  (channels.end - channels.begin) * size, 0.0f);
    }
    const float* packed = conv.packed + channels.begin * conv.in_channels;
    for (const Tap& tap : taps) {
      AddTap(conv, tap, packed, image, channels, covers && &tap == taps.data(), scratch);
      packed += floats;
    }
    for (int64_t o = channels.begin; o < channels.end; ++o) {
      Best().finish_plane(conv, image, o, size);
    }
  }
}

}  // namespace nomograph
