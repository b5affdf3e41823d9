// What group normalisation, instance normalisation and their gradient share.
#ifndef NOMOGRAPH_OPS_NN_NORM_GROUPS_H_
#define NOMOGRAPH_OPS_NN_NORM_GROUPS_H_

#include <algorithm>

#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph::nn {

// x as [batch, before, channels, after].
struct GroupAxes {
  int64_t batch = 1, before = 1, channels = 1, after = 1;
  int64_t groups = 1;
  int64_t group_channels() const { return channels / groups; }
  int64_t row_size() const { return before * channels * after; }
};

inline GroupAxes GetGroupAxes(const Shape& x, const Attributes& attrs) {
  const int channel_axis = *NormalizeAxis(attrs.Int("axis"), x.rank());
  GroupAxes axes;
  axes.batch = x[0];
  axes.channels = x[channel_axis];
  for (int i = 1; i < channel_axis; ++i) axes.before *= x[i];
  for (int i = channel_axis + 1; i < x.rank(); ++i) axes.after *= x[i];
  axes.groups =
      attrs.Has("num_groups") ? attrs.Int("num_groups") : std::max<int64_t>(axes.channels, 1);
  return axes;
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_NORM_GROUPS_H_
