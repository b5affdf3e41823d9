// What an op's derivative is made of: OpDef::Gradient() takes a function that writes the gradients
// of a node's inputs with other nodes, as a body is written.
//
//   .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
//     return std::vector<Value>{g.gradient(0) * g.output(0)};  // of y = e^x
//   })
#ifndef NOMOGRAPH_CORE_GRADIENT_GRADIENT_H_
#define NOMOGRAPH_CORE_GRADIENT_GRADIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

struct TracedFunction;

// A node whose inputs' gradients are asked for. The gradient of a value has its dtype and shape.
class GradientContext {
 public:
  const OpDef& op() const { return *op_; }
  // With the op's defaults.
  const Attributes& attrs() const { return attrs_; }
  // The node's name; empty where it has none yet.
  const std::string& node() const { return node_; }
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  bool has_input(int i) const { return i < num_inputs() && inputs_[i].valid(); }
  bool has_output(int i) const { return i < num_outputs() && outputs_[i].valid(); }
  const Value& input(int i) const { return inputs_[i]; }
  const Value& output(int i) const { return outputs_[i]; }
  // Whether the gradient of input i is wanted: those of the others may be left absent.
  bool wants(int i) const { return i < num_inputs() && wanted_[i]; }
  // Whether something flows back into output i.
  bool has_gradient(int i) const { return i < num_outputs() && gradients_[i].valid(); }
  // The gradient of output i; zeros where nothing flows back into it.
  Value gradient(int i) const;

  // The function that the attribute names, null where it names none; and what it yields for these
  // inputs, its nodes written anew.
  const TracedFunction* function(absl::string_view attr) const;
  absl::StatusOr<std::vector<Value>> Inline(absl::string_view attr,
                                            absl::Span<const Value> inputs) const;

 private:
  friend class BackwardPass;
  const OpDef* op_ = nullptr;
  Attributes attrs_;
  std::string node_;
  std::vector<Value> inputs_, outputs_, gradients_;
  std::vector<bool> wanted_;
  std::shared_ptr<const Expr> expr_;
};

// Of an op y = f(x): dx from x, y and dy.
GradientFn UnaryGradient(std::function<Value(const Value& x, const Value& y, const Value& dy)> dx);

// Of an op y = f(a, b) whose operands are broadcast: their gradients from a, b, y and dy, in y's
// shape; they are summed to the operands' own. Null: nothing flows into that operand.
using BinaryGradientPart =
    std::function<Value(const Value& a, const Value& b, const Value& y, const Value& dy)>;
GradientFn BroadcastGradient(BinaryGradientPart da, BinaryGradientPart db);

// Of an op that is linear in input 0, which the gradient passes through unchanged.
GradientFn PassGradient();

// `gradient`, summed over the axes along which `like` was broadcast to its shape: of like's shape.
Value SumTo(const Value& gradient, const Value& like);
// Tensors of x's dtype and shape.
Value ZerosLike(const Value& x);
Value OnesLike(const Value& x);
// `value` cast to like's dtype, where it has another.
Value CastLike(const Value& value, const Value& like);
// x's shape, int64[rank], as a node.
Value ShapeOf(const Value& x);
// x with the shape of `like`, which has as many elements.
Value ReshapeLike(const Value& x, const Value& like);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_GRADIENT_H_
