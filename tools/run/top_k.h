// The best classes of a classifier's output.
#ifndef NOMOGRAPH_TOOLS_RUN_TOP_K_H_
#define NOMOGRAPH_TOOLS_RUN_TOP_K_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

struct ClassScore {
  int64_t index;
  double score;
};

// The `k` greatest of each row of `scores`, [rows,classes] or [classes]; the lower index first
// among equals, NaN last. InvalidArgument for other shapes.
absl::StatusOr<std::vector<std::vector<ClassScore>>> TopK(const Tensor& scores, int64_t k);

// A table with the classes' names, where there are any, and those of rows, where there is one each.
// The scores are called probabilities if they are in [0, 1] and each row sums to 1. InvalidArgument
// when there are not as many labels as classes; else as TopK().
absl::StatusOr<std::string> TopKText(const Tensor& scores, int64_t k,
                                     const std::vector<std::string>& labels,
                                     const std::vector<std::string>& rows = {});

// A label a line.
absl::StatusOr<std::vector<std::string>> ReadLabels(const std::string& path);
// The labels that the model's metadata has under "labels", separated by commas or lines; none where
// it has none.
std::vector<std::string> LabelsOf(const Model& model);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_TOP_K_H_
