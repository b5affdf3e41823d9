#include "nomograph/ops/nn/attention/repeat_heads.h"

#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

// x, [B, heads, T, size], or [B, heads, times, T, size], became one with an axis more or less.
bool SplitsOrJoinsHeads(const PartialShape& x, const PartialShape& y) {
  const PartialShape &five = x.has_rank() && x.rank() == 5 ? x : y, &four = &five == &x ? y : x;
  if (!five.fully_known() || !four.fully_known() || five.rank() != 5 || four.rank() != 4) {
    return false;
  }
  return four[0] == five[0] && four[1].size() == five[1].size() * five[2].size() &&
         four[2] == five[3] && four[3] == five[4];
}

}  // namespace

Value RepeatHeads(const Value& x, int64_t times) {
  if (times == 1) return x;
  const PartialShape& shape = x.shape();
  const Value one = Call("array.Unsqueeze", {x}, {{"axes", Ints{2}}});
  const Value many = Call("array.Expand", {one}, {{"shape", Ints{1, 1, times, 1, 1}}});
  return Call("array.Reshape", {many},
              {{"shape", Ints{0, shape[1].size() * times, -1, shape[3].size()}}});
}

Pattern RepeatedHeads(const Pattern& x) {
  const Pattern one =
      Pattern::Op("array.Unsqueeze", {x}).Where([](const InferContext& node, const TensorType& y) {
        return SplitsOrJoinsHeads(node.shape(0), y.shape) && y.shape[2] == Dim(1);
      });
  const Pattern many =
      Pattern::Op("array.Expand", {one}).Where([](const InferContext& node, const TensorType& y) {
        const PartialShape& from = node.shape(0);
        if (!y.shape.fully_known() || y.shape.rank() != from.rank()) return false;
        PartialShape repeated = from;
        repeated[2] = y.shape[2];
        return repeated == y.shape;
      });
  return Pattern::Op("array.Reshape", {many})
      .Where([](const InferContext& node, const TensorType& y) {
        return SplitsOrJoinsHeads(node.shape(0), y.shape);
      });
}

}  // namespace nomograph::nn
