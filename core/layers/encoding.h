// What layers of categories have in common. Not for users.
#ifndef NOMOGRAPH_CORE_LAYERS_ENCODING_H_
#define NOMOGRAPH_CORE_LAYERS_ENCODING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "nomograph/core/build/value.h"

namespace nomograph::internal {

// One-hot rows of `count` places of integers: a row for each element, or one for all elements of
// the last axis that says which there are (mode "multi_hot"), or how many of each ("count").
absl::StatusOr<Value> EncodeCategories(const Value& categories, int64_t count,
                                       const std::string& mode);

}  // namespace nomograph::internal

#endif  // NOMOGRAPH_CORE_LAYERS_ENCODING_H_
