// The stage that Map() and those like it have in common.
#ifndef NOMOGRAPH_DATA_PIPELINE_MAP_H_
#define NOMOGRAPH_DATA_PIPELINE_MAP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {

// A function of each element of `input`, under the stage's name `name`.
absl::StatusOr<std::shared_ptr<const DatasetNode>> MakeMap(
    std::string name, const std::shared_ptr<const DatasetNode>& input, MapWithContextFn function,
    MapOptions options);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_MAP_H_
