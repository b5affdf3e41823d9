#include "nomograph/ops/array/nd_index.h"

#include <algorithm>

namespace nomograph {

absl::StatusOr<PartialShape> SlicesShape(const PartialShape& data, const PartialShape& indices,
                                         int64_t batch) {
  if (!data.has_rank() || !indices.has_rank()) return PartialShape();
  if (data.rank() == 0 || indices.rank() == 0) {
    return InvalidArgument("data and indices: expected a rank of 1 or more, found shapes ",
                           data.ToString(), " and ", indices.ToString());
  }
  if (batch >= std::min(data.rank(), indices.rank())) {
    return InvalidArgument("batch_dims: ", batch, " leaves no axis of shapes ", data.ToString(),
                           " and ", indices.ToString());
  }
  for (int a = 0; a < batch; ++a) {
    if (data[a].known() && indices[a].known() && data[a] != indices[a]) {
      return InvalidArgument("batch axis ", a, " is ", data[a].size(), " for data, ",
                             indices[a].size(), " for indices");
    }
  }
  const Dim& depth = indices[indices.rank() - 1];
  if (!depth.known()) return PartialShape();
  if (depth.size() > data.rank() - batch) {
    return InvalidArgument("indices: places of ", depth.size(), " axes in data of shape ",
                           data.ToString(), batch == 0 ? "" : " behind the batch axes");
  }
  std::vector<Dim> dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), data.dims().begin() + batch + depth.size(), data.dims().end());
  return PartialShape(std::move(dims));
}

}  // namespace nomograph
