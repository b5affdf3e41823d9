#include "nomograph/core/op/work.h"

#include <algorithm>
#include <cmath>

namespace nomograph {
namespace {

int64_t Elements(const InferContext& context, int i) {
  return context.has_input(i) && context.shape(i).fully_known()
             ? context.shape(i).ToShape().num_elements()
             : 0;
}

}  // namespace

int64_t SaturatingAdd(int64_t a, int64_t b) { return a > kMaxWork - b ? kMaxWork : a + b; }

int64_t SaturatingMultiply(int64_t a, int64_t b) {
  return b != 0 && a > kMaxWork / b ? kMaxWork : a * b;
}

int64_t EstimateWork(const OpDef& op, const InferContext& context, const WorkSizes& sizes) {
  const int64_t moved = SaturatingAdd(sizes.inputs, sizes.outputs);
  return op.work == nullptr ? moved : std::max(moved, op.work(context, sizes));
}

// The square root of mk * kn * mn is mkn; where the matrices come in a batch, each of the three
// factors has it, and the root is larger than the work.
int64_t ProductWork(const InferContext& context, const WorkSizes& sizes) {
  const double product = std::sqrt(static_cast<double>(Elements(context, 0))) *
                         std::sqrt(static_cast<double>(Elements(context, 1))) *
                         std::sqrt(static_cast<double>(sizes.outputs));
  return product < static_cast<double>(kMaxWork) ? static_cast<int64_t>(product) : kMaxWork;
}

int64_t WeightedWork(const InferContext& context, const WorkSizes& sizes) {
  return SaturatingMultiply(sizes.outputs, Elements(context, 1));
}

int64_t AllCombinationsWork(const InferContext& context, const WorkSizes& sizes) {
  int64_t work = std::max<int64_t>(sizes.outputs, 1);
  for (int i = 0; i < context.num_inputs(); ++i) {
    work = SaturatingMultiply(work, std::max<int64_t>(Elements(context, i), 1));
  }
  return work;
}

}  // namespace nomograph
