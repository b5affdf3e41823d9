// The memory plan: where each value of a LoweredGraph lies while a Program runs.
#ifndef NOMOGRAPH_CORE_COMPILE_MEMORY_PLAN_H_
#define NOMOGRAPH_CORE_COMPILE_MEMORY_PLAN_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/form/copied_ranges.h"

namespace nomograph {

enum class Storage {
  kInput,     // the caller's memory
  kVariable,  // the session's
  kConstant,  // the model's
  kArena,     // at an offset of the arena
  kResult,    // a tensor made for this run and given to the caller
  kDynamic,   // allocated when the shape is known, during the run
};

struct ValuePlan {
  Storage storage = Storage::kDynamic;
  int64_t offset = 0;  // kArena: in bytes, a multiple of 64
  // The value whose memory, or a part of it, this one shares (a view, computed in place, or a part
  // of a whole); its own id where it has its own.
  ValueId root = kNoValue;
};

struct MemoryPlan {
  std::vector<ValuePlan> values;  // by ValueId
  // The values that share another's memory. Their roots have memory of their own.
  std::vector<ValueId> views;
  // The values that are a variable's own memory, which nothing writes to until they have been read,
  // and the variable's name.
  std::vector<std::pair<ValueId, std::string>> variables;
  // Nodes that are views of their input, or of a variable, or whose inputs have been written where
  // they would be copied to: nothing runs.
  std::vector<bool> is_view;  // by node
  int64_t arena_bytes = 0;
  // The most bytes that are alive at one time: what no plan can go below.
  int64_t peak_bytes = 0;
};

// By node: what its kernel copies (RangeCopyingKernel).
using CopiesByNode = absl::flat_hash_map<int, std::vector<CopiedRange>>;
// By node: the input that its kernel may write over (OverwritingKernel).
using OverwritesByNode = absl::flat_hash_map<int, int>;

// In n log n of the values, unless few are alive at one time: then a better plan is made, whose
// time grows with the number of pairs of values that are.
//
// Where a node of `copies` copies whole inputs, these lie in its output from the beginning, if
// nobody wants them elsewhere; where it copies a range to a whole output, that is the range. What
// then is still to be copied has two places.
MemoryPlan PlanMemory(const LoweredGraph& graph, const CopiesByNode& copies = {},
                      const OverwritesByNode& overwrites = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_MEMORY_PLAN_H_
