// What the ops share that cut regions of interest out of images.
#ifndef NOMOGRAPH_OPS_IMAGE_ROI_H_
#define NOMOGRAPH_OPS_IMAGE_ROI_H_

#include <utility>
#include <vector>

#include "nomograph/ops/image/volume.h"

namespace nomograph::image {

// Declares spatial_scale and data_format.
inline OpDef WithRoiFormat(OpDef op) {
  return op.Attr("spatial_scale", 1.0, "elements of x for one unit of the regions' coordinates")
      .Attr("data_format", "channels_last",
            "\"channels_last\": [batch, height, width, channels]; \"channels_first\": [batch, "
            "channels, height, width]")
      .Choices({"channels_last", "channels_first"});
}

// How many regions there are. InvalidArgument unless input 0 can be a batch of images and input 1
// regions of `numbers` each.
inline absl::StatusOr<Dim> CheckRois(const InferContext& context, int64_t numbers) {
  const PartialShape &x = context.shape(0), &rois = context.shape(1);
  NOMO_RETURN_IF_ERROR(CheckVolumes(x, 2, 2));
  if (!Compatible(rois, {Dim(), numbers})) {
    return InvalidArgument("input rois: expected shape [regions, ", numbers, "], found ",
                           rois.ToString());
  }
  const int first = VolumeAxes(4, context.attrs()).spatial;
  if (x.has_rank() && (x[first] == Dim(0) || x[first + 1] == Dim(0))) {
    return InvalidArgument("input x: expected spatial sizes of at least 1, found shape ",
                           x.ToString());
  }
  return rois.has_rank() ? rois[0] : Dim();
}

// The type of output 0 for so many regions.
inline std::vector<TensorType> RoiOutput(const InferContext& context, Dim count, int64_t height,
                                         int64_t width) {
  const VolumeAxes axes(4, context.attrs());
  PartialShape y = PartialShape::OfRank(4);
  y[0] = std::move(count);
  if (context.shape(0).has_rank()) y[axes.channels] = context.shape(0)[axes.channels];
  y[axes.spatial] = height;
  y[axes.spatial + 1] = width;
  return {{context.dtype(0), y}};
}

inline absl::Status CheckImage(int64_t image, int64_t count) {
  if (0 <= image && image < count) return absl::OkStatus();
  return InvalidArgument("expected an image from 0 to ", count - 1, ", found ", image);
}

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_ROI_H_
