// What image.RoiAlign and its gradient share: which elements of an image the bins of a region are
// made of.
#ifndef NOMOGRAPH_OPS_IMAGE_ROI_TAPS_H_
#define NOMOGRAPH_OPS_IMAGE_ROI_TAPS_H_

#include <vector>

#include "nomograph/ops/image/roi.h"

namespace nomograph::image {

// What the samples of a region are made of along one axis: `per_bin` weighted elements for each of
// its bins, two for each sample. Outside of the image weights are 0.
struct RoiTaps {
  int64_t per_bin;
  std::vector<int64_t> index;
  std::vector<double> weight;
  std::vector<double> slope;  // how the weight changes with the sample's place
  // How the place changes with the start and the end of the region.
  std::vector<double> from_start, from_end;

  int64_t samples() const { return static_cast<int64_t>(index.size()) / 2; }
  void AddSample(double at, int64_t size, double start, double end);
};

// A region from `start` to `end`, in the units of rois. InvalidArgument where it is not finite or
// has too many samples.
absl::StatusOr<RoiTaps> SampleAxis(const Attributes& attrs, double start, double end, int64_t bins,
                                   int64_t size);

// A region's image and samples.
struct RoiSamples {
  int64_t image;
  RoiTaps rows, columns;
};

// InvalidArgument where there is no such image, and where both axes together have too many samples.
absl::StatusOr<RoiSamples> SampleRegion(const Attributes& attrs, absl::Span<const double> roi,
                                        int64_t image, const VolumeLayout& x,
                                        const VolumeLayout& y);

// Those of region `index` of a running node, whose inputs begin with x, rois and batch_indices.
template <typename T>
absl::StatusOr<RoiSamples> RegionSamples(const KernelContext& context, const VolumeLayout& x,
                                         const VolumeLayout& y, int64_t index) {
  const auto roi = context.input<T>(1).subspan(index * 4, 4);
  const double numbers[] = {static_cast<double>(roi[0]), static_cast<double>(roi[1]),
                            static_cast<double>(roi[2]), static_cast<double>(roi[3])};
  const int64_t image = context.input_dtype(2) == DType::kInt64 ? context.input<int64_t>(2)[index]
                                                                : context.input<int32_t>(2)[index];
  return SampleRegion(context.attrs(), numbers, image, x, y);
}

// The shape function of image.RoiAlign.
absl::StatusOr<std::vector<TensorType>> InferRoiAlign(const InferContext& context);

// Declares its attributes.
OpDef WithRoiSampling(OpDef op);

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_ROI_TAPS_H_
