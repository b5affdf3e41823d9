// Batches of images with 1 to 3 spatial axes: [batch, spatial..., channels], or [batch, channels,
// spatial...] where data_format is "channels_first". Ops that sample at points see an image as
// [channel, position] whatever its format; a position counts through the spatial axes in row-major
// order.
#ifndef NOMOGRAPH_OPS_IMAGE_VOLUME_H_
#define NOMOGRAPH_OPS_IMAGE_VOLUME_H_

#include <array>

#include "nomograph/core/op/op.h"

namespace nomograph::image {

// Where channels and the first of the spatial axes are among the axes of a batch.
struct VolumeAxes {
  VolumeAxes(int rank, const Attributes& attrs)
      : spatial_rank(rank - 2),
        spatial(attrs.String("data_format") == "channels_last" ? 1 : 2),
        channels(spatial == 1 ? rank - 1 : 1) {}
  int spatial_rank, spatial, channels;
};

// How the elements of a concrete batch lie: element (n, c, position) is at Offset(n, c) + position
// * position_stride.
struct VolumeLayout {
  VolumeLayout(const Shape& shape, const Attributes& attrs) {
    const VolumeAxes axes(shape.rank(), attrs);
    spatial_rank = axes.spatial_rank;
    batches = shape[0];
    channels = shape[axes.channels];
    for (int i = 0; i < spatial_rank; ++i) {
      sizes[3 - spatial_rank + i] = shape[axes.spatial + i];
      positions *= shape[axes.spatial + i];
    }
    channel_stride = axes.spatial == 1 ? 1 : positions;
    position_stride = axes.spatial == 1 ? channels : 1;
  }
  int64_t Offset(int64_t n, int64_t c) const {
    return n * channels * positions + c * channel_stride;
  }

  int spatial_rank;
  int64_t batches, channels, positions = 1;
  std::array<int64_t, 3> sizes = {1, 1, 1};  // of the spatial axes, which are the last of these
  int64_t channel_stride, position_stride;
};

// InvalidArgument unless x can have 1 to `max_spatial_rank` spatial axes.
inline absl::Status CheckVolumes(const PartialShape& x, int min_spatial_rank = 1,
                                 int max_spatial_rank = 3) {
  if (!x.has_rank() || (x.rank() >= min_spatial_rank + 2 && x.rank() <= max_spatial_rank + 2)) {
    return absl::OkStatus();
  }
  return InvalidArgument(
      "input x: expected a batch of images with ", min_spatial_rank,
      min_spatial_rank == max_spatial_rank ? "" : absl::StrCat(" to ", max_spatial_rank),
      " spatial axes, found shape ", x.ToString());
}

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_VOLUME_H_
