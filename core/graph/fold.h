// Constant folding: computing ahead of the run what follows from constants alone. A file decides
// how much there is to compute, so that it happens within a budget, which is asked before anything
// is computed: what is over it stays a node.
#ifndef NOMOGRAPH_CORE_GRAPH_FOLD_H_
#define NOMOGRAPH_CORE_GRAPH_FOLD_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

struct FoldLimits {
  // Of all results of a model together: bytes, and operations on elements (EstimateWork()). What
  // the model itself holds comes on top, so that large weights can be brought into other forms:
  // `bytes_per_byte` and `work_per_element` of each.
  int64_t max_bytes = int64_t{64} << 20;
  int64_t max_work = int64_t{1} << 27;
  int64_t bytes_per_byte = 4;  // 8-bit weights become float32
  int64_t work_per_element = 16;
  // Of one result: larger ones are data, on which no shape depends.
  int64_t max_elements = std::numeric_limits<int64_t>::max();
};

// What is left of the limits while one model is read, typed or compiled.
class FoldBudget {
 public:
  explicit FoldBudget(const FoldLimits& limits = {})
      : limits_(limits), bytes_(limits.max_bytes), work_(limits.max_work) {}

  const FoldLimits& limits() const { return limits_; }
  // Counts a constant that the model holds.
  void AddOwn(const Tensor& constant);
  // Takes so much; false, and nothing is taken, where it is not left.
  bool Take(int64_t bytes, int64_t work);
  // Counts a node that is constant and over the budget.
  void AddRefused() { ++refused_; }
  int64_t refused() const { return refused_; }

 private:
  FoldLimits limits_;
  int64_t bytes_, work_;
  int64_t refused_ = 0;
};

// The outputs of a node, `types` by its shape function, where they are constant and within the
// budget; empty otherwise. A fault in computing them is no fault of the model yet: the node may
// never run (a branch not taken). `fast`: by the kernel that would run it in fast mode.
std::vector<Tensor> FoldNode(const OpDef& op, const InferContext& context,
                             absl::Span<const TensorType> types, FoldBudget& budget,
                             bool fast = false);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_FOLD_H_
