// Control flow that depends on tensors, over values. The branches and bodies become functions of
// the model.
#ifndef NOMOGRAPH_CORE_BUILD_CONTROL_FLOW_H_
#define NOMOGRAPH_CORE_BUILD_CONTROL_FLOW_H_

#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph {

// then_branch(inputs) where `condition` (bool, a scalar) holds, else else_branch(inputs). Both
// yield as many values of the same dtypes. What the branches use besides constants must be among
// `inputs`. Op core.If.
std::vector<Value> If(const Value& condition, std::vector<Value> inputs, TraceFn then_branch,
                      TraceFn else_branch);

// Starting from `initial`, replaces the values by body(values) as long as condition(values), one
// scalar bool, holds. The body yields as many values of the same dtypes. Op core.While.
std::vector<Value> While(std::vector<Value> initial, TraceFn condition, TraceFn body);

// (condition, carried..., scanned...) = body(iteration, condition, carried..., captured...), from
// `initial` on, at most `max_trip_count` times (int64, a scalar) and as long as `condition` (bool,
// a scalar) holds; one of the two may be absent. Yields the carried values at the end, then of each
// scanned value those of all iterations along a new first axis. Op core.Loop.
std::vector<Value> Loop(const Value& max_trip_count, const Value& condition,
                        std::vector<Value> initial, TraceFn body, std::vector<Value> captured = {});

// Of each sequence or scanned value; none given: 0 for all.
struct ScanOptions {
  std::vector<int64_t> input_axes = {}, output_axes = {};              // along which the slices lie
  std::vector<int64_t> input_directions = {}, output_directions = {};  // 1: from the end
};
// (states..., scanned...) = body(states..., slices..., captured...) for one slice of each sequence
// after the other, from `initial` on. Yields the states at the end, then the scanned values. Op
// core.Scan.
std::vector<Value> Scan(std::vector<Value> initial, std::vector<Value> sequences, TraceFn body,
                        std::vector<Value> captured = {}, ScanOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_CONTROL_FLOW_H_
