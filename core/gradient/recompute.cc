#include "nomograph/core/gradient/recompute.h"

#include <utility>

#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// What has an effect has it once, and what is made of nothing costs nothing.
bool MayRepeat(const Expr& expr) {
  if (expr.kind != Expr::Kind::kCall || expr.inputs.empty()) return false;
  const OpDef* op = ScopedRegistry::Current().Find(expr.node.op, expr.node.version);
  return op == nullptr || op->effects == Effects::kPure || op->effects == Effects::kRandom;
}

}  // namespace

Recomputation::Recomputation(const std::vector<std::shared_ptr<const Expr>>& order,
                             const std::function<std::string(const Node& node)>& part) {
  for (const auto& expr : order) {
    if (!MayRepeat(*expr)) continue;
    std::string name = part(expr->node);
    if (name.empty()) continue;
    parts_[name].push_back(expr);
    part_of_[expr.get()] = std::move(name);
  }
}

absl::StatusOr<std::shared_ptr<const Expr>> Recomputation::Again(
    const std::shared_ptr<const Expr>& expr, const Value& gradient) {
  const auto part = part_of_.find(expr.get());
  if (part == part_of_.end()) return expr;
  if (!again_.contains(expr.get())) {
    NOMO_RETURN_IF_ERROR(Write(parts_[part->second], gradient));
  }
  return again_[expr.get()];
}

absl::Status Recomputation::Write(const std::vector<std::shared_ptr<const Expr>>& part,
                                  const Value& gradient) {
  for (const auto& expr : part) {
    auto copy = std::make_shared<Expr>(*expr);
    copy->id = Expr(Expr::Kind::kCall).id;
    if (KeyedByName(expr->node)) {
      if (expr->node.name.empty()) {
        return InvalidArgument("a node of ", Escape(expr->node.op),
                               " draws random numbers, and needs a name to be computed again");
      }
      copy->node.attrs.Set("key", expr->node.name);
    }
    if (!copy->node.name.empty()) copy->node.name += "/again";
    for (Value& input : copy->inputs) input = Late(input, gradient);
    again_[expr.get()] = std::move(copy);
  }
  return absl::OkStatus();
}

Value Recomputation::Late(const Value& value, const Value& gradient) {
  if (!value.valid()) return value;
  if (const auto again = again_.find(value.expr().get()); again != again_.end())
    return Value(again->second, value.output());
  if (value.expr()->inputs.empty()) return value;  // a weight, an input, a constant
  Value& late = late_[{value.expr().get(), value.output()}];
  if (!late.valid()) late = Call("core.After", {value, gradient});
  return late;
}

}  // namespace nomograph
