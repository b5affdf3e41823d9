// Control flow that depends on tensors, over values. The branches and bodies become functions of
// the model.
#ifndef NOMOGRAPH_CORE_CONTROL_FLOW_H_
#define NOMOGRAPH_CORE_CONTROL_FLOW_H_

#include <vector>

#include "nomograph/core/value.h"

namespace nomograph {

// then_branch(inputs) where `condition` (bool, a scalar) holds, else else_branch(inputs). Both
// yield as many values of the same dtypes. What the branches use besides constants must be among
// `inputs`. Op core.If.
std::vector<Value> If(const Value& condition, std::vector<Value> inputs, TraceFn then_branch,
                      TraceFn else_branch);

// Starting from `initial`, replaces the values by body(values) as long as condition(values), one
// scalar bool, holds. The body yields as many values of the same dtypes. Op core.While.
std::vector<Value> While(std::vector<Value> initial, TraceFn condition, TraceFn body);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_CONTROL_FLOW_H_
