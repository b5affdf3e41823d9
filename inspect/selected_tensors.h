// The tensors that a selection names.
#ifndef NOMOGRAPH_INSPECT_SELECTED_TENSORS_H_
#define NOMOGRAPH_INSPECT_SELECTED_TENSORS_H_

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {

// The weights among the selected values and among the inputs of the selected nodes, by the names of
// their values, and the tensors among the selected nodes' attributes: a constant by its node's
// name, others as NODE.ATTRIBUTE. Of functions @FUNCTION/NAME. They share memory with the model.
// NotFound where there is none, InvalidArgument where two have one name.
absl::StatusOr<NamedTensors> SelectedTensors(const Selection& selection);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SELECTED_TENSORS_H_
