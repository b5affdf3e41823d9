#include "nomograph/ops/array/element_index.h"

namespace nomograph {

absl::Status CheckElementIndices(const InferContext& context) {
  const PartialShape& data = context.shape(0);
  const PartialShape& indices = context.shape(1);
  if (!data.has_rank()) return absl::OkStatus();
  if (data.rank() == 0) return InvalidArgument("data: a scalar has no axis");
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), data.rank()));
  if (!indices.has_rank()) return absl::OkStatus();
  if (indices.rank() != data.rank()) {
    return InvalidArgument("indices: expected the rank of data, ", data.rank(), ", found shape ",
                           indices.ToString());
  }
  for (int a = 0; a < data.rank(); ++a) {
    if (a != axis && data[a].known() && indices[a].known() && indices[a].size() > data[a].size()) {
      return InvalidArgument("indices: axis ", a, " has ", indices[a].size(),
                             " elements, data only ", data[a].size());
    }
  }
  return absl::OkStatus();
}

}  // namespace nomograph
