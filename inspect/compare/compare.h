// How two models, or two modes of one, differ in what they compute: value by value, and where they
// part first.
#ifndef NOMOGRAPH_INSPECT_COMPARE_COMPARE_H_
#define NOMOGRAPH_INSPECT_COMPARE_COMPARE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/compare/tensor_difference.h"
#include "nomograph/inspect/find_non_finite.h"

namespace nomograph {

// Of a value's elements. Integers and bools are always finite.
struct NonFinite {
  int64_t nan = 0, inf = 0;
  bool any() const { return nan > 0 || inf > 0; }
};

struct ValueComparison {
  std::string a, b;      // the value's names
  std::string node, op;  // of A, that yields it; empty where that is not known
  std::string type_a, type_b;
  // B measured against A; none where the shapes differ.
  std::optional<TensorDifference> difference;
  NonFinite non_finite_a, non_finite_b;
  // Of the node's inputs that were compared: the greatest difference, which is what its own is to
  // be seen beside. None where none was compared.
  std::optional<double> inputs_max_abs;
  bool is_output = false;  // of the model, as it runs, with all that is fused
  bool ok() const { return difference && difference->within(); }
};

struct Comparison {
  std::vector<ValueComparison> values;      // in A's order, or by name
  std::vector<std::string> only_a, only_b;  // that have no counterpart
  // Indices into `values`: the first that is out of tolerance, and the first with a NaN or an
  // infinity in A or in B; -1 where there is none.
  int first_apart = -1, first_non_finite = -1;
  // Where in the functions that its node calls the latter's first NaN or infinity is, in A if that
  // has any; none where it calls none.
  std::optional<NonFiniteStep> first_non_finite_step;
  bool ok() const { return first_apart < 0; }
};

struct CompareOptions {
  // Of a tensor; atol times the root mean square of A's finite elements, where that is above 1.
  Tolerance tolerance;
  SessionOptions session_a = {}, session_b = {};
  RunOptions run;
};

// Both run on `inputs`, which have A's names. Values are those that DiffModels() takes for the same
// ones; where it finds a fold, what stands behind the folded node is compared. InvalidArgument
// where B has inputs that A does not; errors of the runs say which model.
absl::StatusOr<Comparison> CompareModels(const Model& a, const Model& b, const NamedTensors& inputs,
                                         const CompareOptions& options = {});

// B is the model; `expected` has values of it by name, as another program computed them, and is A.
absl::StatusOr<Comparison> CompareWithValues(const NamedTensors& expected, const Model& model,
                                             const NamedTensors& inputs,
                                             const CompareOptions& options = {});

// Values of one name; the tolerance as in CompareOptions.
Comparison CompareValues(const NamedTensors& a, const NamedTensors& b, const Tolerance& tolerance);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_COMPARE_H_
