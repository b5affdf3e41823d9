#include "nomograph/core/gradient/gradients.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/expr_writer.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/recompute.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

bool IsFloat(const Value& value) { return value.valid() && kFloats.Contains(value.dtype()); }

std::string NodeName(const Expr& expr) {
  return expr.node.name.empty() ? absl::StrCat("a node of ", expr.node.op) : Quoted(expr.node.name);
}

// What a function yields for these inputs, its nodes written anew. Those that draw random numbers
// draw those of the function's own, which are keyed by their names behind `prefix`: a body is
// inlined under the name of its node, functions of control flow run under their own.
absl::StatusOr<std::vector<Value>> InlineTraced(const TracedFunction& traced,
                                                absl::Span<const Value> inputs,
                                                const std::string& prefix, bool has_name) {
  const Node* drawing = has_name ? nullptr : DrawingNode(traced.functions);
  if (drawing != nullptr) {
    return InvalidArgument("it draws random numbers, by ", Quoted(drawing->name),
                           ", and needs a name to be differentiated, by which its gradient draws "
                           "the same");
  }
  Graph graph = traced.functions.at(traced.main).graph;
  for (Node& inner : graph.nodes) {
    inner.name = absl::StrCat(prefix, inner.name);
    if (has_name && KeyedByName(inner)) inner.attrs.Set("key", inner.name);
  }
  ReopenLeaves leaves;
  leaves.values.resize(graph.values.size());
  for (size_t i = 0; i < graph.inputs.size() && i < inputs.size(); ++i)
    leaves.values[graph.inputs[i]] = inputs[i];
  for (const Weight& weight : graph.weights) leaves.values[weight.value] = Constant(weight.tensor);
  const std::vector<Value> values = Reopen(graph, traced.functions, std::move(leaves));
  std::vector<Value> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(values[id]);
  return outputs;
}

// A body, as it is inlined for the node of this name, which may be empty.
absl::StatusOr<std::vector<Value>> InlineNamed(const TracedFunction& traced,
                                               absl::Span<const Value> inputs,
                                               const std::string& node) {
  return InlineTraced(traced, inputs, node.empty() ? "" : absl::StrCat(node, "/"), !node.empty());
}

std::vector<TensorType> TypesOf(absl::Span<const Value> values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

// What all passes of one call share, and those that gradients of nodes ask for in turn: of the
// functions of control flow.
struct Budget {
  const GradientOptions& options;
  int64_t nodes = 0;
  int depth = 0;                    // of the pass that runs
  std::vector<std::string> faults;  // of nodes that have no gradient
};

// That of the call in which this thread is.
thread_local Budget* current_budget = nullptr;

class ScopedBudget {
 public:
  explicit ScopedBudget(Budget& budget) { current_budget = &budget; }
  ~ScopedBudget() { current_budget = nullptr; }
  ScopedBudget(const ScopedBudget&) = delete;
  ScopedBudget& operator=(const ScopedBudget&) = delete;
};

}  // namespace

// One reverse sweep. A pass of its own serves each function, and each body of an op, on the way.
class BackwardPass {
 public:
  BackwardPass(Budget& budget, int depth)
      : budget_(budget), depth_(depth), outer_depth_(std::exchange(budget.depth, depth)) {}
  ~BackwardPass() { budget_.depth = outer_depth_; }
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;

  // Expressions that are older than `first_id` are not looked at.
  absl::StatusOr<std::vector<Value>> Run(absl::Span<const Value> outputs,
                                         absl::Span<const Value> gradients,
                                         absl::Span<const Value> values, uint64_t first_id) {
    if (depth_ > budget_.options.max_depth) {
      return absl::ResourceExhaustedError(
          absl::StrCat("functions within functions are differentiated to a depth of max_depth = ",
                       budget_.options.max_depth));
    }
    order_ = ReachableExprs(outputs, [&](const Expr& expr) { return expr.id >= first_id; });
    budget_.nodes += static_cast<int64_t>(order_.size());
    if (budget_.nodes > budget_.options.max_nodes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "more than max_nodes = ", budget_.options.max_nodes, " nodes would be looked at"));
    }
    for (const Value& value : values) {
      if (IsFloat(value)) wanted_.insert(KeyOf(value));
    }
    for (const auto& expr : order_) {
      NOMO_RETURN_IF_ERROR(expr->status);
      MarkActive(*expr);
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (gradients[i].valid()) Add(outputs[i], gradients[i]);
    }
    // The nodes of functions and bodies are parts of their node.
    if (depth_ == 0 && budget_.options.recompute)
      recomputation_ = std::make_unique<Recomputation>(order_, budget_.options.recompute);
    for (auto expr = order_.rbegin(); expr != order_.rend(); ++expr) {
      if (active_.contains(expr->get())) NOMO_RETURN_IF_ERROR(Differentiate(*expr));
    }
    std::vector<Value> result;
    for (const Value& value : values) result.push_back(IsFloat(value) ? Total(value) : Value());
    return result;
  }

 private:
  using Key = std::pair<const Expr*, int>;
  static Key KeyOf(const Value& value) { return {value.expr().get(), value.output()}; }

  // Whether something that is wanted flows into the value.
  bool Wants(const Value& value) const {
    return IsFloat(value) &&
           (wanted_.contains(KeyOf(value)) || active_.contains(value.expr().get()));
  }

  void MarkActive(const Expr& expr) {
    if (std::any_of(expr.inputs.begin(), expr.inputs.end(),
                    [&](const Value& input) { return Wants(input); })) {
      active_.insert(&expr);
    }
  }

  void Add(const Value& value, Value gradient) {
    gradients_[KeyOf(value)].push_back(std::move(gradient));
  }

  // The sum of what flows back into the value; absent where nothing does.
  Value Total(const Value& value) {
    const auto found = gradients_.find(KeyOf(value));
    if (found == gradients_.end()) return Value();
    std::vector<Value>& parts = found->second;
    if (parts.size() == 2) parts = {parts[0] + parts[1]};
    if (parts.size() > 2) parts = {Call("math.Sum", std::move(parts))};
    return parts[0];
  }

  absl::Status Differentiate(const std::shared_ptr<const Expr>& expr) {
    GradientContext context;
    bool any = false;
    for (size_t i = 0; i < expr->outputs.size(); ++i) {
      const Value output(expr, static_cast<int>(i));
      const bool there = output.dtype() != DType::kInvalid;
      context.outputs_.push_back(there ? output : Value());
      context.gradients_.push_back(there && IsFloat(output) ? Total(output) : Value());
      any |= context.gradients_.back().valid();
    }
    if (!any) return absl::OkStatus();
    context.inputs_ = expr->inputs;
    if (recomputation_ != nullptr) NOMO_RETURN_IF_ERROR(ComputeAgain(expr, context));
    for (const Value& input : expr->inputs) context.wanted_.push_back(Wants(input));
    context.node_ = expr->node.name;
    context.expr_ = expr;

    auto gradients = GradientsOf(*expr, context);
    NOMO_RETURN_IF_ERROR(
        Annotate(gradients.status(), absl::StrCat("the gradient of ", NodeName(*expr))));
    for (size_t i = 0; i < gradients->size(); ++i) {
      Value& gradient = (*gradients)[i];
      if (!gradient.valid() || !context.wants(static_cast<int>(i))) continue;
      NOMO_RETURN_IF_ERROR(CheckType(*expr, i, gradient));
      Add(expr->inputs[i], std::move(gradient));
    }
    return absl::OkStatus();
  }

  // The gradient sees the values of the second computation.
  absl::Status ComputeAgain(const std::shared_ptr<const Expr>& expr, GradientContext& context) {
    Value gradient;
    for (const Value& some : context.gradients_) gradient = some.valid() ? some : gradient;
    NOMO_ASSIGN_OR_RETURN(const auto again, recomputation_->Again(expr, gradient));
    for (size_t i = 0; i < context.outputs_.size(); ++i) {
      if (context.outputs_[i].valid()) context.outputs_[i] = Value(again, static_cast<int>(i));
    }
    context.inputs_ = again->inputs;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> GradientsOf(const Expr& expr, GradientContext& context) {
    const OpDef* op = ScopedRegistry::Current().Find(expr.node.op, expr.node.version);
    if (op != nullptr) {
      NOMO_ASSIGN_OR_RETURN(context.attrs_, ResolveAttributes(op->attrs, expr.node.attrs));
      context.op_ = op;
      if (op->gradient) return op->gradient(context);
      if (op->gradient_is_zero) return std::vector<Value>();
      if (!op->no_gradient.empty()) return Report(expr, op->no_gradient);
    }
    // What the node itself brings along comes ahead of what an op of that name has here.
    if (expr.body != nullptr) {
      return ThroughBody(context, [&](absl::Span<const Value> inputs) {
        return InlineNamed(*expr.body, inputs, expr.node.name);
      });
    }
    if (op == nullptr) return Report(expr, "no such op is registered");
    if (op->body) {
      return ThroughBody(
          context, [&](absl::Span<const Value> inputs) { return WriteBody(*op, context, inputs); });
    }
    return Report(expr, "the op has none");
  }

  // The op's body. Where it draws random numbers, its nodes need the names that they have when the
  // body is inlined.
  static absl::StatusOr<std::vector<Value>> WriteBody(const OpDef& op,
                                                      const GradientContext& context,
                                                      absl::Span<const Value> inputs) {
    const uint64_t first_id = Expr(Expr::Kind::kInput).id;
    NOMO_ASSIGN_OR_RETURN(std::vector<Value> outputs, op.body(inputs, context.attrs()));
    const auto exprs =
        ReachableExprs(outputs, [&](const Expr& expr) { return expr.id >= first_id; });
    if (std::none_of(exprs.begin(), exprs.end(),
                     [](const auto& expr) { return KeyedByName(expr->node); }))
      return outputs;
    NOMO_ASSIGN_OR_RETURN(const auto traced, TraceOpBody(op, context.attrs(), TypesOf(inputs)));
    return InlineNamed(*traced, inputs, context.node());
  }

  // The node as what it contains.
  template <typename Write>
  absl::StatusOr<std::vector<Value>> ThroughBody(const GradientContext& context, Write write) {
    const uint64_t first_id = Expr(Expr::Kind::kInput).id;
    NOMO_ASSIGN_OR_RETURN(std::vector<Value> outputs, write(context.inputs_));
    outputs.resize(context.gradients_.size());
    std::vector<Value> ends, gradients;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].valid() || !context.gradients_[i].valid()) continue;
      ends.push_back(outputs[i]);
      gradients.push_back(context.gradients_[i]);
    }
    std::vector<Value> wanted;
    for (int i = 0; i < context.num_inputs(); ++i)
      wanted.push_back(context.wants(i) ? context.inputs_[i] : Value());
    // An input that is given twice has its gradient once.
    NOMO_ASSIGN_OR_RETURN(std::vector<Value> result,
                          BackwardPass(budget_, depth_ + 1).Run(ends, gradients, wanted, first_id));
    absl::flat_hash_set<Key> seen;
    for (size_t i = 0; i < result.size(); ++i) {
      if (wanted[i].valid() && !seen.insert(KeyOf(wanted[i])).second) result[i] = Value();
    }
    return result;
  }

  absl::StatusOr<std::vector<Value>> Report(const Expr& expr, absl::string_view reason) {
    budget_.faults.push_back(
        absl::StrCat(NodeName(expr), " (", Escape(expr.node.op), "): ", reason));
    return std::vector<Value>();
  }

  static absl::Status CheckType(const Expr& expr, size_t i, const Value& gradient) {
    NOMO_RETURN_IF_ERROR(gradient.status());
    const TensorType& expected = expr.inputs[i].type();
    if (gradient.dtype() == expected.dtype && Merge(gradient.shape(), expected.shape).ok())
      return absl::OkStatus();
    return absl::InternalError(absl::StrCat(
        "the gradient of ", NodeName(expr), " (", Escape(expr.node.op), ") for input ", i,
        ": expected ", expected.ToString(), ", found ", gradient.type().ToString()));
  }

  Budget& budget_;
  const int depth_, outer_depth_;
  std::vector<std::shared_ptr<const Expr>> order_;
  absl::flat_hash_set<Key> wanted_;
  absl::flat_hash_set<const Expr*> active_;
  absl::flat_hash_map<Key, std::vector<Value>> gradients_;
  std::unique_ptr<Recomputation> recomputation_;
};

absl::StatusOr<std::vector<Value>> GradientContext::Inline(absl::string_view attr,
                                                           absl::Span<const Value> inputs) const {
  const TracedFunction* traced = function(attr);
  if (traced == nullptr) return InvalidArgument("the node has no function ", Quoted(attr));
  return InlineTraced(*traced, inputs, "", !node_.empty() || attrs_.Has("key"));
}

absl::StatusOr<std::vector<Value>> Gradients(absl::Span<const Value> outputs,
                                             absl::Span<const Value> values,
                                             const GradientOptions& options) {
  std::vector<Value> gradients = options.output_gradients;
  if (!gradients.empty() && gradients.size() != outputs.size()) {
    return InvalidArgument("output_gradients: expected ", outputs.size(), ", one for each output, ",
                           "found ", gradients.size());
  }
  if (gradients.empty()) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].valid()) return InvalidArgument("output ", i, " is absent");
      NOMO_RETURN_IF_ERROR(outputs[i].status());
      if (!IsFloat(outputs[i])) {
        return InvalidArgument("output ", i, " is ", outputs[i].type().ToString(),
                               "; only floating-point values have gradients");
      }
      gradients.push_back(OnesLike(outputs[i]));
    }
  }
  if (current_budget != nullptr) {  // its faults are told there
    return BackwardPass(*current_budget, current_budget->depth + 1)
        .Run(outputs, gradients, values, 0);
  }
  Budget budget{options};
  const ScopedBudget scope(budget);
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> result,
                        BackwardPass(budget, 0).Run(outputs, gradients, values, 0));
  if (budget.faults.empty()) return result;
  ErrorList errors;
  for (const std::string& fault : budget.faults) errors.Add(InvalidArgument(fault));
  return errors.ToStatus("nodes on the way have no gradient");
}

}  // namespace nomograph
