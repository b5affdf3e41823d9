#include "nomograph/core/build/expr_writer.h"

#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

absl::string_view AfterDot(absl::string_view op) {
  const size_t dot = op.rfind('.');
  return dot == absl::string_view::npos ? op : op.substr(dot + 1);
}

std::string Prefixed(absl::string_view layer, absl::string_view name) {
  return layer.empty() ? std::string(name) : absl::StrCat(layer, "/", name);
}

}  // namespace

const std::string& LayerNames::Of(const std::shared_ptr<const LayerScope>& layer) {
  static const std::string* const none = new std::string;
  if (layer == nullptr) return *none;
  const auto it = names_.find(layer);
  if (it != names_.end()) return it->second;
  const std::string own = layer->name.empty() ? SnakeCase(layer->class_name) : layer->name;
  const std::string full = Prefixed(Of(layer->parent), own);
  order_.push_back(layer);
  return names_[layer] = layer->name.empty() ? unique_.Take(full) : full;
}

absl::Status LayerNames::Reserve(const std::shared_ptr<const LayerScope>& layer) {
  if (layer == nullptr || !reserved_.insert(layer).second) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(Reserve(layer->parent));
  if (layer->name.empty()) return absl::OkStatus();
  const std::string full = Prefixed(Of(layer->parent), layer->name);
  if (absl::StrContains(layer->name, '/')) {
    return InvalidArgument("layer ", Quoted(full), ": the name of a layer must not contain '/'");
  }
  if (!unique_.Reserve(full)) return InvalidArgument("two layers are named ", Quoted(full));
  return absl::OkStatus();
}

std::vector<std::shared_ptr<const Expr>> ReachableExprs(
    absl::Span<const Value> outputs, const std::function<bool(const Expr&)>& enter) {
  std::vector<std::shared_ptr<const Expr>> order;
  absl::flat_hash_set<const Expr*> seen;
  // Depth first with a stack of our own, because graphs are deeper than call stacks.
  struct Frame {
    std::shared_ptr<const Expr> expr;
    size_t next_input;
  };
  std::vector<Frame> stack;
  const auto push = [&](const Value& value) {
    if (value.valid() && enter(*value.expr()) && seen.insert(value.expr().get()).second) {
      stack.push_back({value.expr(), 0});
    }
  };
  for (const Value& output : outputs) {
    push(output);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_input < top.expr->inputs.size()) {
        const Value input = top.expr->inputs[top.next_input++];
        push(input);
      } else {
        order.push_back(std::move(top.expr));
        stack.pop_back();
      }
    }
  }
  return order;
}

ValueId ExprWriter::AddInput(const Value& value, absl::string_view name) {
  const ValueId id = builder_.AddInput(name, value.type());
  ids_[{value.expr(), value.output()}] = id;
  return id;
}

ValueId ExprWriter::IdOf(const Value& value) const {
  if (!value.valid()) return kNoValue;
  const auto it = ids_.find(std::make_pair(value.expr(), value.output()));
  return it == ids_.end() ? kNoValue : it->second;
}

void ExprWriter::ReserveName(const std::shared_ptr<const Expr>& expr) {
  if (expr->kind == Expr::Kind::kCall && !expr->node.name.empty())
    node_names_[expr.get()] = builder_.FreeNodeName(expr->node.name);
}

absl::Status ExprWriter::Write(const std::shared_ptr<const Expr>& expr, uint64_t seed) {
  switch (expr->kind) {
    case Expr::Kind::kInput:
    case Expr::Kind::kError:
      return absl::OkStatus();
    case Expr::Kind::kWeight:
      return WriteWeight(expr, seed);
    case Expr::Kind::kCall:
      return WriteCall(expr);
  }
  return absl::OkStatus();
}

absl::Status ExprWriter::WriteWeight(const std::shared_ptr<const Expr>& expr, uint64_t seed) {
  const WeightSpec& spec = *expr->weight;
  const ValueId id = builder_.AddValue(Prefixed(layers_.Of(expr->layer), spec.name), spec.type);
  const uint64_t key = MixKeys(seed, StableHash(builder_.graph().value(id).name));
  auto tensor = spec.initializer(spec.type.shape.ToShape(), spec.type.dtype, key);
  NOMO_RETURN_IF_ERROR(Annotate(tensor.status(), absl::StrCat("weight ", spec.name)));
  builder_.graph().weights.push_back({id, *std::move(tensor), spec.trainable, ""});
  ids_[{expr, 0}] = id;
  return absl::OkStatus();
}

absl::Status ExprWriter::WriteCall(const std::shared_ptr<const Expr>& expr) {
  const std::string& layer = layers_.Of(expr->layer);
  Node node = expr->node;
  if (node.name.empty()) {
    node.name = Prefixed(layer, node.op.empty() ? "lambda" : AfterDot(node.op));
  }
  const auto reserved = node_names_.find(expr.get());
  node.name = reserved != node_names_.end() ? reserved->second : builder_.FreeNodeName(node.name);
  node.layer = layer;
  node.inputs.clear();
  for (const auto& [attr, traced] : expr->functions) {
    node.attrs.Set(attr, FunctionRef{ImportFunctions(traced, absl::StrCat(node.name, "/", attr))});
  }
  if (expr->body != nullptr) {
    node.body = ImportFunctions(
        expr->body,
        node.op.empty() ? absl::StrCat("local.", layer.empty() ? "lambda" : layer) : node.op);
    // An anonymous Lambda's op is named after its body.
    if (node.op.empty()) node.op = node.body;
  }
  if (expr->variable != nullptr) node.attrs.Set("variable", VariableName(*expr));
  for (const Value& input : expr->inputs) node.inputs.push_back(IdOf(input));
  const std::vector<ValueId> outputs = builder_.AddTyped(std::move(node), expr->outputs);
  for (size_t i = 0; i < outputs.size(); ++i) ids_[{expr, static_cast<int>(i)}] = outputs[i];
  return absl::OkStatus();
}

// Copies the functions into the library under names that are free there; yields the main one's.
std::string ExprWriter::ImportFunctions(const std::shared_ptr<const TracedFunction>& traced,
                                        absl::string_view name) {
  const auto known = imported_.find(traced);
  if (known != imported_.end()) return known->second;
  absl::flat_hash_map<std::string, std::string> renamed;
  for (const auto& [old_name, function] : traced->functions) {
    renamed[old_name] = function_names_.Take(
        old_name == traced->main ? std::string(name) : absl::StrCat(name, "/", old_name));
  }
  for (const auto& [old_name, function] : traced->functions) {
    Function copy = function;
    copy.name = copy.graph.name = renamed[old_name];
    for (Node& node : copy.graph.nodes) {
      if (node.op == node.body && renamed.contains(node.body)) node.op = renamed[node.body];
      if (renamed.contains(node.body)) node.body = renamed[node.body];
      const Attributes attrs = node.attrs;
      for (const auto& [attr, value] : attrs) {
        if (const auto* ref = value.As<FunctionRef>())
          node.attrs.Set(attr, FunctionRef{renamed[ref->name]});
      }
    }
    library_[copy.name] = std::move(copy);
  }
  return imported_[traced] = renamed[traced->main];
}

std::string ExprWriter::VariableName(const Expr& expr) {
  const auto known = known_variables_.find(expr.variable);
  if (known != known_variables_.end()) return known->second;
  const std::string name =
      variable_names_.Take(Prefixed(layers_.Of(expr.layer), expr.variable->name));
  variables_.push_back({name, expr.variable->initial, "", ""});
  return known_variables_[expr.variable] = name;
}

}  // namespace nomograph
