#include "nomograph/ops/image/grid_taps.h"

namespace nomograph::image {

absl::StatusOr<PartialShape> SampledShape(const PartialShape& x, const PartialShape& grid,
                                          const Attributes& attrs) {
  NOMO_RETURN_IF_ERROR(CheckVolumes(x));
  if (!x.has_rank() && !grid.has_rank()) return PartialShape();
  const int rank = x.has_rank() ? x.rank() : grid.rank();
  if (rank < 3 || rank > 5) {
    return InvalidArgument("input grid: expected 3 to 5 axes, found shape ", grid.ToString());
  }
  const PartialShape volumes = x.has_rank() ? x : PartialShape::OfRank(rank);
  const PartialShape points = grid.has_rank() ? grid : PartialShape::OfRank(rank);
  const VolumeAxes axes(rank, attrs);
  if (points.rank() != rank || !Compatible({points[rank - 1]}, {Dim(rank - 2)}) ||
      !Compatible({points[0]}, {volumes[0]})) {
    return InvalidArgument("input grid: expected shape [", volumes[0].ToString(), ", ", rank - 2,
                           " sizes, ", rank - 2, "] for x of shape ", volumes.ToString(),
                           ", found ", points.ToString());
  }
  PartialShape y = PartialShape::OfRank(rank);
  y[0] = volumes[0].known() ? volumes[0] : points[0];
  y[axes.channels] = volumes[axes.channels];
  for (int i = 0; i < axes.spatial_rank; ++i) {
    const Dim& size = volumes[axes.spatial + i];
    y[axes.spatial + i] = points[1 + i];
    if (size == Dim(0) && points[1 + i].size() > 0) {
      return InvalidArgument("input x: expected spatial sizes of at least 1, found shape ",
                             volumes.ToString());
    }
  }
  return y;
}

OpDef WithGridSampling(OpDef op) {
  return op.Attr("mode", "linear", "how elements are computed")
      .Choices({"linear", "nearest", "cubic"})
      .Attr("padding_mode", "zeros", "what lies outside of x")
      .Choices({"zeros", "border", "reflection"})
      .Attr("nearest_ties", "away",
            "in 3-D, which of two elements that are as near: away from 0, as PyTorch has it, or "
            "that of even number, as ONNX has it")
      .Choices({"away", "even"})
      .Attr("align_corners", false, "whether -1 and 1 are the middles of elements")
      .Attr("data_format", "channels_last",
            "\"channels_last\": [batch, spatial..., channels]; \"channels_first\": [batch, "
            "channels, spatial...]")
      .Choices({"channels_last", "channels_first"});
}

}  // namespace nomograph::image
