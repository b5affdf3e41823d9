#include "nomograph/train/value_math.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "nomograph/core/types/attributes.h"

namespace nomograph::train_internal {
namespace {

using Ints = std::vector<int64_t>;

Value Reduce(absl::string_view op, const Value& x, std::optional<int64_t> axis, bool keep) {
  Attributes attrs = {{"keepdims", keep}};
  if (axis) attrs.Set("axes", Ints{*axis});
  return Call(op, {x}, attrs);
}

}  // namespace

std::string NamesThatThereAre(absl::string_view name, const std::vector<std::string>& names) {
  const std::string meant = DidYouMean(name, names);
  return meant.empty() ? absl::StrCat("; there are ", absl::StrJoin(names, ", ")) : meant;
}

Value Sum(const Value& x, std::optional<int64_t> axis, bool keep) {
  return Reduce("math.ReduceSum", x, axis, keep);
}

Value Mean(const Value& x, std::optional<int64_t> axis) {
  return Reduce("math.ReduceMean", x, axis, false);
}

Value MaxOf(const Value& x, int64_t axis) { return Reduce("math.ReduceMax", x, axis, false); }

Value ArgMax(const Value& x, int64_t axis) {
  return Call("math.ArgMax", {x}, {{"axis", axis}, {"keepdims", false}});
}

Value Maximum(const Value& x, double least) { return Call("math.Clip", {x}, {{"min", least}}); }

Value Clip(const Value& x, double least, double greatest) {
  return Call("math.Clip", {x}, {{"min", least}, {"max", greatest}});
}

Value Log(const Value& x) { return Call("math.Log", {x}); }
Value Abs(const Value& x) { return Call("math.Abs", {x}); }
Value Square(const Value& x) { return x * x; }

Value Cast(const Value& x, DType dtype) {
  return x.dtype() == dtype ? x : Call("array.Cast", {x}, {{"to", dtype}});
}

Value Flat(const Value& x) { return Call("array.Reshape", {x}, {{"shape", Ints{-1}}}); }

Value WithRank(const Value& x, int rank) {
  if (!x.status().ok() || !x.shape().has_rank() || x.shape().rank() >= rank) return x;
  Ints axes;
  for (int axis = x.shape().rank(); axis < rank; ++axis) axes.push_back(axis);
  return Call("array.Unsqueeze", {x}, {{"axes", axes}});
}

}  // namespace nomograph::train_internal
