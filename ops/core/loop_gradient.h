// How core.Loop, core.Scan and core.While are differentiated: they run once more, to keep what each
// iteration began with, then a core.Scan goes through the iterations backwards, and computes each
// once more on its way. A loop of n iterations costs the memory of n times its carried values, and
// the time of two loops beside that of the derivative.
#ifndef NOMOGRAPH_OPS_CORE_LOOP_GRADIENT_H_
#define NOMOGRAPH_OPS_CORE_LOOP_GRADIENT_H_

#include <functional>
#include <vector>

#include "nomograph/core/gradient/gradient.h"

namespace nomograph {

// Slices of all iterations, put together along an axis.
struct Stack {
  Value value;
  int64_t axis = 0;
  bool backwards = false;  // the first iteration has the last slice
};

// A carried value: what each iteration began with, or, where no iteration changes it, the value
// itself.
struct CarriedValue {
  Value stack, constant;
  // Of what it is at the end; absent where it is no floating-point number.
  Value gradient;
};

// What one iteration takes.
struct Iteration {
  std::vector<Value> carried;
  absl::Span<const Value> slices, captured;
};

// A loop to be gone through backwards.
struct DifferentiatedLoop {
  // One iteration, written anew: yields the carried values, then what is stacked of it.
  std::function<absl::StatusOr<std::vector<Value>>(const Iteration&)> step;
  std::vector<CarriedValue> carried;
  std::vector<Stack> slices;
  std::vector<Value> captured;
  // Whether their gradients are wanted.
  std::vector<bool> wants_slice, wants_captured;
  // Of what is stacked of each iteration; absent where nothing flows back.
  std::vector<Stack> stacked_gradients;
  // The attribute `key` of the nodes that run the functions, where it is known, and whether the
  // loop's own calls are numbered backwards.
  Attributes key;
  bool reverse_calls = false;
};

// Which of the carried values, the body's inputs from `first_input` and its outputs from
// `first_output` on, it hands on as they are.
std::vector<bool> Unchanged(const GradientContext& g, int count, int first_input, int first_output);

// The carried values of a node whose inputs have their first ones from `first_input` on, and whose
// outputs begin with the last ones; `stacks` are those of the values that change.
std::vector<CarriedValue> CarriedValues(const GradientContext& g, int first_input,
                                        const std::vector<bool>& unchanged,
                                        absl::Span<const Value> stacks);

// Absent where nothing is wanted or flows back.
struct LoopGradients {
  std::vector<Value> carried, slices, captured;
};

LoopGradients GradientsOfLoop(const DifferentiatedLoop& loop);

// The attribute `key` by which other nodes draw the random numbers that this one's functions draw;
// none where the node has no name.
Attributes KeyOf(const GradientContext& g);

// InvalidArgument where one of the carried values, the node's inputs from `first` on and its first
// `count` outputs, is known to change its shape: those of all iterations are kept in one tensor.
absl::Status CheckKeptShapes(const GradientContext& g, int first, int count);

// The types of a stack's slices.
TensorType SliceType(const Stack& stack);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_CORE_LOOP_GRADIENT_H_
