// Datasets of tensors that lie in memory.
#ifndef NOMOGRAPH_DATA_PIPELINE_TENSOR_SOURCE_H_
#define NOMOGRAPH_DATA_PIPELINE_TENSOR_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {

// An element for each row of these tensors. `name` is the stage's.
absl::StatusOr<std::shared_ptr<const DatasetNode>> TensorSlices(std::string name,
                                                                std::vector<Tensor> components);

// Row `index` of a tensor, without its first axis; it cannot be written to, and `owner` keeps the
// memory.
Tensor Slice(const Tensor& tensor, int64_t index, const std::shared_ptr<const void>& owner);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_TENSOR_SOURCE_H_
