// The operators of ai.onnx.preview.training: gradients, and steps of optimizers.
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/import/graph_importer.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

constexpr const char* kDomain = "ai.onnx.preview.training";

// Writes arithmetic; the first fault is kept, and what comes of it is kNoValue.
class Formula {
 public:
  explicit Formula(NodeImporter& node) : node_(node) {}

  ValueId Call(absl::string_view op, std::vector<ValueId> inputs, Attributes attrs = {}) {
    if (!status_.ok()) return kNoValue;
    return Keep(node_.Add(op, std::move(inputs), std::move(attrs)));
  }
  ValueId Number(double value, ValueId like) {
    if (!status_.ok()) return kNoValue;
    return Keep(node_.AddScalar(value, like));
  }
  ValueId Add(ValueId a, ValueId b) { return Call("math.Add", {a, b}); }
  ValueId Sub(ValueId a, ValueId b) { return Call("math.Sub", {a, b}); }
  ValueId Mul(ValueId a, ValueId b) { return Call("math.Mul", {a, b}); }
  ValueId Div(ValueId a, ValueId b) { return Call("math.Div", {a, b}); }
  ValueId Scale(double factor, ValueId x) { return factor == 1 ? x : Mul(Number(factor, x), x); }
  ValueId CastLike(ValueId x, ValueId like) {
    if (!status_.ok()) return kNoValue;
    const auto dtype = node_.dtype(like);
    if (!dtype.ok()) return Keep(dtype.status());
    return Call("array.Cast", {x}, {{"to", *dtype}});
  }
  // `x` where the step, an int64, is above 0, else `otherwise`.
  ValueId AfterFirst(ValueId step, ValueId x, ValueId otherwise) {
    return Call("array.Where", {Call("math.Greater", {step, Number(0, step)}), x, otherwise});
  }

  const absl::Status& status() const { return status_; }

 private:
  ValueId Keep(const absl::StatusOr<ValueId>& value) {
    if (value.ok()) return *value;
    status_.Update(value.status());
    return kNoValue;
  }

  NodeImporter& node_;
  absl::Status status_;
};

// The inputs are the rate, the step, and then n tensors of each of `kinds` kinds.
absl::StatusOr<int> CountTensors(NodeImporter& node, int kinds) {
  const int given = node.num_inputs() - 2;
  if (given < kinds || given % kinds != 0) {
    return InvalidArgument("expected the rate, the step and ", kinds,
                           " tensors for each that is optimised, found ", node.num_inputs(),
                           " inputs");
  }
  return given / kinds;
}

// The gradient with what the L2 norm of the tensor adds to it.
ValueId Regularised(Formula& f, double coefficient, ValueId x, ValueId gradient) {
  return coefficient == 0 ? gradient : f.Add(f.Scale(coefficient, x), gradient);
}

absl::Status ImportAdagrad(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const double decay, node.Float("decay_factor", 0));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-6));
  NOMO_ASSIGN_OR_RETURN(const double norm, node.Float("norm_coefficient", 0));
  NOMO_ASSIGN_OR_RETURN(const int n, CountTensors(node, 3));
  Formula f(node);
  const ValueId rate = node.input(0), step = f.CastLike(node.input(1), rate);
  const ValueId decayed = f.Div(rate, f.Add(f.Number(1, rate), f.Scale(decay, step)));
  std::vector<ValueId> results(2 * n);
  for (int i = 0; i < n; ++i) {
    const ValueId x = node.input(2 + i), squares = node.input(2 + 2 * n + i);
    const ValueId gradient = Regularised(f, norm, x, node.input(2 + n + i));
    const ValueId sum = f.Add(squares, f.Mul(gradient, gradient));
    const ValueId adaptive = f.Add(f.Call("math.Sqrt", {sum}), f.Number(epsilon, x));
    results[i] = f.Sub(x, f.Div(f.Mul(f.CastLike(decayed, x), gradient), adaptive));
    results[n + i] = sum;
  }
  NOMO_RETURN_IF_ERROR(f.status());
  return node.Return(results);
}

absl::Status ImportAdam(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", 0.9));
  NOMO_ASSIGN_OR_RETURN(const double beta, node.Float("beta", 0.999));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, node.Float("epsilon", 1e-6));
  NOMO_ASSIGN_OR_RETURN(const double norm, node.Float("norm_coefficient", 0));
  NOMO_ASSIGN_OR_RETURN(const double norm_post, node.Float("norm_coefficient_post", 0));
  NOMO_ASSIGN_OR_RETURN(const int n, CountTensors(node, 4));
  Formula f(node);
  const ValueId rate = node.input(0), step = f.CastLike(node.input(1), rate);
  const ValueId one = f.Number(1, rate);
  // 1 - base^step
  const auto rest = [&](double base) {
    return f.Sub(one, f.Call("math.Pow", {f.Number(base, rate), step}));
  };
  const ValueId adjusted = f.AfterFirst(
      node.input(1), f.Div(f.Mul(rate, f.Call("math.Sqrt", {rest(beta)})), rest(alpha)), rate);
  std::vector<ValueId> results(3 * n);
  for (int i = 0; i < n; ++i) {
    const ValueId x = node.input(2 + i), mean = node.input(2 + 2 * n + i),
                  squares = node.input(2 + 3 * n + i);
    const ValueId gradient = Regularised(f, norm, x, node.input(2 + n + i));
    const ValueId next_mean = f.Add(f.Scale(alpha, mean), f.Scale(1 - alpha, gradient));
    const ValueId next_squares =
        f.Add(f.Scale(beta, squares), f.Scale(1 - beta, f.Mul(gradient, gradient)));
    const ValueId root = f.Add(f.Call("math.Sqrt", {next_squares}), f.Number(epsilon, x));
    const ValueId moved = f.Sub(x, f.Div(f.Mul(f.CastLike(adjusted, x), next_mean), root));
    results[i] = f.Scale(1 - norm_post, moved);
    results[n + i] = next_mean;
    results[2 * n + i] = next_squares;
  }
  NOMO_RETURN_IF_ERROR(f.status());
  return node.Return(results);
}

absl::Status ImportMomentum(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const double alpha, node.Float("alpha", 0));
  NOMO_ASSIGN_OR_RETURN(const double beta, node.Float("beta", 0));
  NOMO_ASSIGN_OR_RETURN(const double norm, node.Float("norm_coefficient", 0));
  NOMO_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", ""));
  if (mode != "standard" && mode != "nesterov") {
    return InvalidArgument("mode: expected \"standard\" or \"nesterov\", found ", Quoted(mode));
  }
  NOMO_ASSIGN_OR_RETURN(const int n, CountTensors(node, 3));
  Formula f(node);
  const ValueId rate = node.input(0);
  const ValueId factor = f.AfterFirst(node.input(1), f.Number(beta, rate), f.Number(1, rate));
  std::vector<ValueId> results(2 * n);
  for (int i = 0; i < n; ++i) {
    const ValueId x = node.input(2 + i), momentum = node.input(2 + 2 * n + i);
    const ValueId gradient = Regularised(f, norm, x, node.input(2 + n + i));
    const ValueId next = f.Add(f.Scale(alpha, momentum), f.Mul(f.CastLike(factor, x), gradient));
    const ValueId direction = mode == "standard" ? next : f.Add(gradient, f.Scale(alpha, next));
    results[i] = f.Sub(x, f.Mul(f.CastLike(rate, x), direction));
    results[n + i] = next;
  }
  NOMO_RETURN_IF_ERROR(f.status());
  return node.Return(results);
}

// The part of a graph between some values and one that is made of them.
struct Part {
  Graph graph;                  // with its own nodes alone
  std::vector<ValueId> leaves;  // what it is made of
};

Part PartBetween(const Graph& graph, const std::vector<ValueId>& from, ValueId to) {
  Part part{.leaves = from};
  part.graph.values = graph.values;
  absl::flat_hash_set<ValueId> cut(from.begin(), from.end()), needed = {to};
  std::vector<bool> taken(graph.nodes.size(), false);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    for (const ValueId id : node.outputs)
      taken[n] = taken[n] || (needed.contains(id) && !cut.contains(id));
    if (!taken[n]) continue;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) needed.insert(id);
    }
  }
  absl::flat_hash_set<ValueId> made;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!taken[n]) continue;
    part.graph.nodes.push_back(graph.nodes[n]);
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue && !made.contains(id) && cut.insert(id).second) part.leaves.push_back(id);
    }
    for (const ValueId id : graph.nodes[n].outputs) {
      if (!cut.contains(id)) made.insert(id);
    }
  }
  return part;
}

absl::StatusOr<std::vector<std::string>> Names(NodeImporter& node, absl::string_view attr) {
  std::vector<std::string> names;
  if (const AttributeProto* proto = node.Attribute(attr))
    names.assign(proto->strings().begin(), proto->strings().end());
  return names;
}

// The node becomes a call of a function that computes the value anew, and its gradients; what both
// compute is computed once.
absl::Status ImportGradient(NodeImporter& node) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> xs, Names(node, "xs"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> zs, Names(node, "zs"));
  NOMO_ASSIGN_OR_RETURN(const std::string y, node.String("y", ""));
  if (xs.empty() || node.num_inputs() != static_cast<int>(xs.size() + zs.size())) {
    return InvalidArgument("expected one input for each name in xs and zs, found ",
                           node.num_inputs(), " for ", xs.size(), " and ", zs.size());
  }
  GraphImporter& importer = node.graph();
  std::vector<ValueId> from;
  for (const std::vector<std::string>* names : {&xs, &zs}) {
    for (const std::string& name : *names) {
      NOMO_ASSIGN_OR_RETURN(const ValueId id, importer.Lookup(name));
      from.push_back(id);
    }
  }
  NOMO_ASSIGN_OR_RETURN(const ValueId to, importer.Lookup(y));
  Part part = PartBetween(importer.graph(), from, to);

  std::vector<TensorType> types;
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < part.leaves.size(); ++i) {
    types.push_back(node.type(part.leaves[i]));
    inputs.push_back(i < from.size() ? node.input(static_cast<int>(i)) : part.leaves[i]);
  }
  absl::Status status;
  const TraceFn gradients = [&](absl::Span<const Value> values) {
    ReopenLeaves leaves;
    leaves.values.resize(part.graph.values.size());
    for (size_t i = 0; i < values.size(); ++i) leaves.values[part.leaves[i]] = values[i];
    const std::vector<Value> all =
        Reopen(part.graph, importer.state().functions, std::move(leaves));
    auto found = Gradients({all[to]}, values.first(xs.size()));
    status = found.status();
    if (!found.ok()) return std::vector<Value>();
    for (size_t i = 0; i < found->size(); ++i) {
      if (!(*found)[i].valid())
        (*found)[i] = Call("math.Mul", {values[i], ConstantLike(0, values[i])});
    }
    return *std::move(found);
  };
  auto traced = Trace(gradients, types, "gradient");
  NOMO_RETURN_IF_ERROR(status);
  NOMO_RETURN_IF_ERROR(traced.status());
  std::map<std::string, std::string> renamed;
  for (const auto& [name, function] : (*traced)->functions) {
    renamed[name] = importer.state().FreeFunctionName(
        name == (*traced)->main ? QualifiedName("local", absl::StrCat(node.name(), "_gradient"))
                                : name);
  }
  for (const auto& [name, function] : (*traced)->functions) {
    Graph graph = function.graph;
    for (Node& inner : graph.nodes) {
      if (const auto body = renamed.find(inner.body); body != renamed.end())
        inner.body = body->second;
      for (const auto& [attr, value] : Attributes(inner.attrs)) {
        const auto* called = value.As<FunctionRef>();
        if (called != nullptr && renamed.contains(called->name))
          inner.attrs.Set(attr, FunctionRef{renamed[called->name]});
      }
    }
    graph.name = renamed[name];
    importer.state().functions.emplace(renamed[name],
                                       Function{.name = renamed[name], .graph = std::move(graph)});
  }
  const std::string& main = renamed[(*traced)->main];
  Node call;
  call.op = main;
  call.body = main;
  NOMO_ASSIGN_OR_RETURN(
      const auto outputs,
      node.AddNode(std::move(call), std::move(inputs), std::vector<bool>(xs.size(), true),
                   std::vector<TensorType>(types.begin(), types.begin() + xs.size())));
  return node.Return(outputs);
}

const OperatorRegistrar kTraining({
    {"Adagrad", "math.Sub", 1, ImportAdagrad, kDomain},
    {"Adam", "math.Sub", 1, ImportAdam, kDomain},
    {"Gradient", "math.Mul", 1, ImportGradient, kDomain},
    {"Momentum", "math.Sub", 1, ImportMomentum, kDomain},
});

}  // namespace
}  // namespace nomograph::onnx
