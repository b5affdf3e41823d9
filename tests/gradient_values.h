// For tests of Gradients() over values: vectors, what they are, and what central differences say.
#ifndef NOMOGRAPH_TESTS_GRADIENT_VALUES_H_
#define NOMOGRAPH_TESTS_GRADIENT_VALUES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/session.h"

namespace nomograph {

inline const TensorType kNumber = {DType::kFloat64, Shape{}};
inline const TensorType kVector = {DType::kFloat64, Shape{3}};

inline Tensor Vector3(double a, double b, double c) { return Tensor::Vector<double>({a, b, c}); }
inline Value Sum(const Value& x) { return Call("math.ReduceSum", {x}, {{"keepdims", false}}); }
inline Value Sin(const Value& x) { return Call("math.Sin", {x}); }

// What `outputs` are in exact mode, for these inputs.
absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs,
                                             const std::vector<Value>& outputs,
                                             const std::vector<Tensor>& tensors,
                                             const RunOptions& options = {});

// Element by element, relative to those expected that are above 1.
void ExpectNear(const Tensor& found, const std::vector<double>& expected, double tolerance = 1e-12);

// Compares the gradients of the scalar `y` for all inputs with central differences at `at`.
void ExpectAsCentralDifferences(const std::vector<Value>& inputs, const Value& y,
                                const std::vector<Tensor>& at, const RunOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_GRADIENT_VALUES_H_
