// What flows through an input pipeline, and the names of what is common to its stages.
#ifndef NOMOGRAPH_DATA_PIPELINE_ELEMENT_H_
#define NOMOGRAPH_DATA_PIPELINE_ELEMENT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// The components of one element, e.g. {x, y} or {x, y, sample_weight}; of a whole batch of them
// behind Batch(). Tensors are references: who changes one in place clones it first.
using Element = std::vector<Tensor>;

// Numbers of elements that are no numbers; tf.data has the same two.
inline constexpr int64_t kInfiniteCardinality = -1;
inline constexpr int64_t kUnknownCardinality = -2;

// What becomes of an element that cannot be read or computed.
enum class OnError {
  kFail,  // the iteration ends with its status
  kSkip,  // it is left out, and counted (StageStats::skipped)
};

// What a function that draws random numbers keys them by: PhiloxStream(seed, stream, index) has the
// same numbers on any number of threads, and after a restored position.
struct MapContext {
  uint64_t seed = 0;  // of this stage in this epoch
  int64_t index = 0;  // of the element among those that came into the stage in this epoch
  // Becomes true when the iteration is being ended: a function that takes long may ask, and return
  // any error.
  const std::atomic<bool>* cancel = nullptr;
};

// A function of elements. It may be called from several threads at once.
using MapFn = std::function<absl::StatusOr<Element>(Element)>;
using MapWithContextFn = std::function<absl::StatusOr<Element>(Element, const MapContext&)>;
using FilterFn = std::function<absl::StatusOr<bool>(const Element&)>;

// Yields one element a call, nullopt at the end. Each iteration has one of its own, which is called
// by one thread at a time.
using GeneratorFn = std::function<absl::StatusOr<std::optional<Element>>()>;

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_ELEMENT_H_
