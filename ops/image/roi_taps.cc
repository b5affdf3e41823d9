#include "nomograph/ops/image/roi_taps.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nomograph::image {
namespace {

// Regions that would take forever are refused: they come from data.
constexpr int64_t kMaxAxisSamples = int64_t{1} << 20, kMaxSamples = int64_t{1} << 26;

}  // namespace

void RoiTaps::AddSample(double at, int64_t size, double start, double end) {
  const double last = static_cast<double>(size - 1);
  const bool outside = !(at >= -1 && at <= static_cast<double>(size));
  const double inside = outside ? 0 : std::clamp(at, 0.0, last);
  const int64_t low = static_cast<int64_t>(inside);
  const double high_weight = inside - static_cast<double>(low);
  index.insert(index.end(), {low, std::min(low + 1, size - 1)});
  weight.insert(weight.end(), {outside ? 0 : 1 - high_weight, high_weight});
  const double moves = at >= 0 && at <= last ? 1 : 0;
  slope.insert(slope.end(), {-moves, moves});
  from_start.insert(from_start.end(), 2, start);
  from_end.insert(from_end.end(), 2, end);
}

absl::StatusOr<RoiTaps> SampleAxis(const Attributes& attrs, double start, double end, int64_t bins,
                                   int64_t size) {
  const bool half_pixel = attrs.String("coordinate_transformation_mode") == "half_pixel";
  const double scale = attrs.Float("spatial_scale");
  start = start * scale - (half_pixel ? 0.5 : 0.0);
  double length = end * scale - (half_pixel ? 0.5 : 0.0) - start;
  const bool least = !half_pixel && length < 1;
  if (!half_pixel) length = std::max(length, 1.0);
  const double bin = length / static_cast<double>(bins);
  const int64_t ratio = attrs.Int("sampling_ratio");
  const double samples = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin);
  if (!(std::abs(start) < 1e15 &&
        samples * static_cast<double>(bins) <= static_cast<double>(kMaxAxisSamples))) {
    return InvalidArgument("from ", start, " on, ", length,
                           " long: expected a finite one of at most ", kMaxAxisSamples,
                           " samples along an axis");
  }
  RoiTaps taps{.per_bin = 2 * std::max<int64_t>(static_cast<int64_t>(samples), 0)};
  for (int64_t b = 0; b < bins; ++b) {
    for (double i = 0.5; i < samples; ++i) {
      const double part = (static_cast<double>(b) + i / samples) / static_cast<double>(bins);
      taps.AddSample(start + static_cast<double>(b) * bin + i * bin / samples, size,
                     scale * (least ? 1 : 1 - part), scale * (least ? 0 : part));
    }
  }
  return taps;
}

absl::StatusOr<RoiSamples> SampleRegion(const Attributes& attrs, absl::Span<const double> roi,
                                        int64_t image, const VolumeLayout& x,
                                        const VolumeLayout& y) {
  NOMO_RETURN_IF_ERROR(CheckImage(image, x.batches));
  NOMO_ASSIGN_OR_RETURN(RoiTaps columns, SampleAxis(attrs, roi[0], roi[2], y.sizes[2], x.sizes[2]));
  NOMO_ASSIGN_OR_RETURN(RoiTaps rows, SampleAxis(attrs, roi[1], roi[3], y.sizes[1], x.sizes[1]));
  const int64_t samples = rows.samples() * columns.samples();
  if (samples > kMaxSamples) {
    return InvalidArgument("expected at most ", kMaxSamples, " samples, found ", samples);
  }
  return RoiSamples{image, std::move(rows), std::move(columns)};
}

absl::StatusOr<std::vector<TensorType>> InferRoiAlign(const InferContext& context) {
  const PartialShape& indices = context.shape(2);
  NOMO_ASSIGN_OR_RETURN(Dim count, CheckRois(context, 4));
  if (!Compatible(indices, {count})) {
    return InvalidArgument("input batch_indices: expected shape ", PartialShape{count}.ToString(),
                           ", found ", indices.ToString());
  }
  if (!count.known() && indices.has_rank()) count = indices[0];
  return RoiOutput(context, count, context.attrs().Int("output_height"),
                   context.attrs().Int("output_width"));
}

OpDef WithRoiSampling(OpDef op) {
  return WithRoiFormat(
      op.Attr("mode", "avg", "how a bin's samples are pooled")
          .Choices({"avg", "max"})
          .Attr("output_height", 1, "bins from top to bottom")
          .Min(1)
          .Max(1 << 20)
          .Attr("output_width", 1, "bins from left to right")
          .Min(1)
          .Max(1 << 20)
          .Attr("sampling_ratio", 0, "samples of a bin along each axis; 0: by its size")
          .Min(0)
          .Max(1 << 20)
          .Attr("coordinate_transformation_mode", "half_pixel", "where elements lie")
          .Choices({"half_pixel", "output_half_pixel"}));
}

}  // namespace nomograph::image
