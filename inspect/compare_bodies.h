// Whether kernels do what the bodies say that the file carries for their ops.
#ifndef NOMOGRAPH_INSPECT_COMPARE_BODIES_H_
#define NOMOGRAPH_INSPECT_COMPARE_BODIES_H_

#include <vector>

#include "nomograph/inspect/check_model.h"

namespace nomograph {

// Runs both on the same numbers, for every node that has a kernel here and a body in the file:
// weights as they are, random numbers for the other inputs. Yields kBodyDiffers where outputs
// differ by more than 1e-5 + 1e-4 * |expected|, and kNotCompared for what cannot be compared.
std::vector<Finding> CompareBodies(const Model& model, const OpRegistry& registry,
                                   const ResolveOptions& options);

// How many nodes have both, of the main graph and of all functions.
int64_t CountComparableBodies(const Model& model, const OpRegistry& registry);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_COMPARE_BODIES_H_
