#include "nomograph/core/gradient/gradient.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "nomograph/core/build/expr.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

CallOptions Typed(TensorType type) {
  CallOptions options;
  options.output_types.push_back(std::move(type));
  return options;
}

bool SameSize(const Dim& a, const Dim& b) { return a == b && (a.known() || !a.symbol().empty()); }

// The axes of `from` that `to` lacks or has with size 1; none where the sizes do not say it.
std::optional<Ints> SummedAxes(const PartialShape& from, const PartialShape& to) {
  if (!from.has_rank() || !to.has_rank() || from.rank() < to.rank()) return std::nullopt;
  const int extra = from.rank() - to.rank();
  Ints axes;
  for (int axis = 0; axis < from.rank(); ++axis) {
    if (axis < extra) {
      axes.push_back(axis);
    } else if (!SameSize(from[axis], to[axis - extra])) {
      if (to[axis - extra] != Dim(1) || !from[axis].known()) return std::nullopt;
      axes.push_back(axis);
    }
  }
  return axes;
}

}  // namespace

Value GradientContext::gradient(int i) const {
  return has_gradient(i) ? gradients_[i] : ZerosLike(outputs_[i]);
}

const TracedFunction* GradientContext::function(absl::string_view attr) const {
  for (const auto& [name, traced] : expr_->functions) {
    if (name == attr) return traced.get();
  }
  return nullptr;
}

GradientFn UnaryGradient(std::function<Value(const Value& x, const Value& y, const Value& dy)> dx) {
  return [dx = std::move(dx)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    return std::vector<Value>{dx(g.input(0), g.output(0), g.gradient(0))};
  };
}

GradientFn BroadcastGradient(BinaryGradientPart da, BinaryGradientPart db) {
  return [parts = std::vector{std::move(da), std::move(db)}](
             const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    std::vector<Value> result(2);
    for (int i = 0; i < 2; ++i) {
      if (!g.wants(i) || !parts[i]) continue;
      result[i] = SumTo(parts[i](g.input(0), g.input(1), g.output(0), g.gradient(0)), g.input(i));
    }
    return result;
  };
}

GradientFn PassGradient() {
  return [](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    return std::vector<Value>{g.gradient(0)};
  };
}

Value SumTo(const Value& gradient, const Value& like) {
  if (!gradient.valid() || !gradient.status().ok()) return gradient;
  const auto axes = SummedAxes(gradient.shape(), like.shape());
  if (!axes) return Call("math.SumTo", {gradient, like});
  if (axes->empty()) return gradient;
  const bool flat = like.shape().rank() == 0;
  const Value sum = Call("math.ReduceSum", {gradient}, {{"axes", *axes}, {"keepdims", !flat}});
  if (gradient.shape().rank() == like.shape().rank() || flat) return sum;
  Ints extra;
  for (int axis = 0; axis < gradient.shape().rank() - like.shape().rank(); ++axis)
    extra.push_back(axis);
  return Call("array.Squeeze", {sum}, {{"axes", extra}});
}

Value ZerosLike(const Value& x) {
  return Call("array.Expand", {ConstantLike(0, x), ShapeOf(x)}, {}, Typed(x.type()));
}

Value OnesLike(const Value& x) {
  return Call("array.Expand", {ConstantLike(1, x), ShapeOf(x)}, {}, Typed(x.type()));
}

Value CastLike(const Value& value, const Value& like) {
  if (value.dtype() == like.dtype()) return value;
  return Call("array.Cast", {value}, {{"to", like.dtype()}});
}

Value ShapeOf(const Value& x) {
  if (x.status().ok() && x.shape().fully_known()) {
    const Shape shape = x.shape().ToShape();
    Tensor sizes(DType::kInt64, {shape.rank()});
    absl::c_copy(shape.dims(), sizes.mutable_data<int64_t>().data());
    return Constant(sizes);
  }
  return Call("array.Shape", {x});
}

Value ReshapeLike(const Value& x, const Value& like) {
  if (x.status().ok() && like.status().ok() && x.shape() == like.shape() &&
      x.shape().fully_known()) {
    return x;
  }
  return Call("array.Reshape", {x, ShapeOf(like)}, {{"allowzero", true}},
              Typed({x.dtype(), like.shape()}));
}

}  // namespace nomograph
