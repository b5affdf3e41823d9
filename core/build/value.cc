#include "nomograph/core/build/value.h"

#include <atomic>
#include <cmath>
#include <limits>

#include "absl/strings/str_join.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

thread_local std::shared_ptr<const LayerScope> current_layer;
thread_local const OpRegistry* current_registry = nullptr;

std::shared_ptr<Expr> NewExpr(Expr::Kind kind) {
  auto expr = std::make_shared<Expr>(kind);
  expr->layer = current_layer;
  return expr;
}

// Whether a fault among the inputs makes this call meaningless.
bool AnyFault(const std::vector<Value>& inputs) {
  for (const Value& input : inputs) {
    if (input.valid() && (!input.status().ok() || input.dtype() == DType::kInvalid)) return true;
  }
  return false;
}

std::vector<TensorType> TypesOf(const std::vector<Value>& values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

// The inputs' values where they are constants.
std::vector<Tensor> ConstantsOf(const std::vector<Value>& values) {
  std::vector<Tensor> constants;
  for (const Value& value : values) {
    const bool constant = value.valid() && value.expr()->node.op == "core.Constant";
    constants.push_back(constant ? value.expr()->node.attrs.TensorValue("value") : Tensor());
  }
  return constants;
}

// Makes the traced functions the call's attributes, and puts them into `library`.
absl::Status SetFunctions(std::vector<std::pair<std::string, TracedFunctionPtr>> functions,
                          Expr& expr, FunctionLibrary& library) {
  for (const auto& [attr, traced] : functions) {
    if (!traced->captured.empty()) {
      return InvalidArgument("function ", attr,
                             " uses values from outside of it; pass them as inputs");
    }
    for (const auto& [name, function] : traced->functions) library[name] = function;
    expr.node.attrs.Set(attr, FunctionRef{traced->main});
  }
  expr.functions = std::move(functions);
  return absl::OkStatus();
}

// What the op yields, and what the caller declared of it, taken together.
absl::StatusOr<std::vector<TensorType>> MergeDeclared(const std::vector<TensorType>& inferred,
                                                      const std::vector<TensorType>& declared) {
  if (declared.empty()) return inferred;
  if (declared.size() != inferred.size()) {
    return InvalidArgument("expected ", inferred.size(), " declared output types, found ",
                           declared.size());
  }
  std::vector<TensorType> merged = inferred;
  for (size_t i = 0; i < declared.size(); ++i) {
    auto shape = Merge(declared[i].shape, inferred[i].shape);
    if (declared[i].dtype != inferred[i].dtype || !shape.ok()) {
      return InvalidArgument("output ", i, " is declared as ", declared[i].ToString(),
                             " but the op's shape function ", "yields ", inferred[i].ToString());
    }
    merged[i].shape = *std::move(shape);
  }
  return merged;
}

// A body for an op that other machines may lack.
absl::Status TraceBody(const OpDef& op, Expr& expr, const std::vector<TensorType>& inputs) {
  if (!op.body) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, ResolveAttributes(op.attrs, expr.node.attrs));
  NOMO_ASSIGN_OR_RETURN(expr.body, TraceOpBody(op, attrs, inputs));
  return absl::OkStatus();
}

absl::Status FillCall(Expr& expr, const CallOptions& options,
                      std::vector<std::pair<std::string, TracedFunctionPtr>> functions) {
  for (const CallOptions::FunctionArg& arg : options.functions) {
    NOMO_ASSIGN_OR_RETURN(auto traced, Trace(arg.function, arg.input_types, arg.attr));
    functions.emplace_back(arg.attr, std::move(traced));
  }
  FunctionLibrary library;
  NOMO_RETURN_IF_ERROR(SetFunctions(std::move(functions), expr, library));
  const std::vector<TensorType> inputs = TypesOf(expr.inputs);
  const OpRegistry& registry = ScopedRegistry::Current();
  Node& node = expr.node;
  if (node.op.empty()) return InvalidArgument("the name of an op is empty");
  const OpDef* op = registry.Find(node.op, options.version);
  if (op == nullptr) {
    if (options.output_types.empty()) {
      const absl::Status missing = registry.NotFound(node.op, options.version);
      return absl::Status(
          missing.code(),
          absl::StrCat(missing.message(),
                       "; to name an op that only other machines have, declare its output types"));
    }
    node.version = std::max(options.version, 1);
    node.provider = options.provider;
    expr.outputs = options.output_types;
    node.signature = Signature{inputs, expr.outputs};
    return absl::OkStatus();
  }
  node.version = op->version;
  node.inputs.resize(inputs.size());
  node.outputs.resize(options.num_outputs);
  const TypeInferrer inferrer(library, registry);
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> outputs,
                        inferrer.InferOneNode(node, inputs, ConstantsOf(expr.inputs)));
  NOMO_ASSIGN_OR_RETURN(expr.outputs, MergeDeclared(outputs, options.output_types));
  if (registry.IsStandard(*op)) return absl::OkStatus();
  node.provider = registry.ProviderOf(*op);
  node.signature = Signature{inputs, expr.outputs};
  return TraceBody(*op, expr, inputs);
}

// Of an index along an axis whose size is known; all else is left to the op.
absl::Status CheckIndex(const Value& x, int64_t index, int64_t axis) {
  if (!x.valid() || !x.shape().has_rank()) return absl::OkStatus();
  const absl::StatusOr<int> at = NormalizeAxis(axis, x.shape().rank());
  if (!at.ok() || !x.shape()[*at].known()) return absl::OkStatus();
  const int64_t size = x.shape()[*at].size();
  if (-size <= index && index < size) return absl::OkStatus();
  return InvalidArgument("At: index ", index, " is outside of [", -size, ", ", size, ") for axis ",
                         axis, " of ", x.shape().ToString());
}

std::vector<Value> OutputsOf(std::shared_ptr<Expr> expr, int count) {
  if (!expr->status.ok()) expr->outputs.clear();
  expr->outputs.resize(count);
  std::shared_ptr<const Expr> done = std::move(expr);
  std::vector<Value> outputs;
  for (int i = 0; i < count; ++i) outputs.emplace_back(done, i);
  return outputs;
}

}  // namespace

Expr::Expr(Kind expr_kind) : kind(expr_kind) {
  static std::atomic<uint64_t> counter = 0;
  id = ++counter;
}

Expr::~Expr() {
  std::vector<Value> open;
  const auto take = [&open](const Expr& expr) {
    // Nobody else has it, so that it is about to go.
    Expr& dying = const_cast<Expr&>(expr);
    for (Value& value : dying.inputs) open.push_back(std::move(value));
    dying.inputs.clear();
    if (dying.mask.use_count() == 1) open.push_back(*dying.mask);
    dying.mask = nullptr;
    if (dying.body.use_count() != 1) return;
    auto& captured = const_cast<TracedFunction&>(*dying.body).captured;
    for (Value& value : captured) open.push_back(std::move(value));
    captured.clear();
  };
  take(*this);
  while (!open.empty()) {
    const Value value = std::move(open.back());
    open.pop_back();
    if (!value.valid() || value.expr().use_count() != 1) continue;
    std::atomic_thread_fence(std::memory_order_acquire);
    take(*value.expr());
  }
}

ScopedRegistry::ScopedRegistry(const OpRegistry& registry)
    : previous_(std::exchange(current_registry, &registry)) {}
ScopedRegistry::~ScopedRegistry() { current_registry = previous_; }
const OpRegistry& ScopedRegistry::Current() {
  return current_registry != nullptr ? *current_registry : OpRegistry::Default();
}

ScopedLayer::ScopedLayer(std::shared_ptr<const LayerScope> layer)
    : previous_(std::move(current_layer)) {
  current_layer = std::move(layer);
}
ScopedLayer::~ScopedLayer() { current_layer = std::move(previous_); }
const std::shared_ptr<const LayerScope>& ScopedLayer::Current() { return current_layer; }

const TensorType& Value::type() const { return expr_->outputs[output_]; }
const absl::Status& Value::status() const { return expr_->status; }

Value InputValue(TensorType type, std::string name) {
  auto expr = NewExpr(Expr::Kind::kInput);
  expr->node.name = std::move(name);
  expr->outputs = {std::move(type)};
  return Value(std::move(expr), 0);
}

Value Constant(Tensor tensor) {
  if (!tensor.valid()) return ErrorValue(InvalidArgument("a constant needs a tensor"));
  auto expr = NewExpr(Expr::Kind::kCall);
  expr->node.op = "core.Constant";
  expr->outputs = {tensor.type()};
  expr->node.attrs.Set("value", std::move(tensor));
  return Value(std::move(expr), 0);
}

Value ErrorValue(absl::Status status, std::vector<Value> inputs) {
  auto expr = NewExpr(Expr::Kind::kError);
  expr->status = std::move(status);
  expr->inputs = std::move(inputs);
  expr->outputs.resize(1);
  return Value(std::move(expr), 0);
}

Value WeightValue(WeightSpec spec, std::shared_ptr<const LayerScope> layer) {
  auto expr = NewExpr(Expr::Kind::kWeight);
  expr->layer = std::move(layer);
  expr->outputs = {spec.type};
  expr->weight = std::make_shared<const WeightSpec>(std::move(spec));
  return Value(std::move(expr), 0);
}

std::vector<Value> CallMulti(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                             CallOptions options) {
  return CallMulti(op, std::move(inputs), std::move(attrs), std::move(options), {});
}

std::vector<Value> CallMulti(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                             CallOptions options,
                             std::vector<std::pair<std::string, TracedFunctionPtr>> functions) {
  auto expr = NewExpr(Expr::Kind::kCall);
  expr->node.name = options.name;
  expr->node.op = std::string(op);
  expr->node.attrs = std::move(attrs);
  expr->inputs = std::move(inputs);
  if (!AnyFault(expr->inputs))
    expr->status = Annotate(FillCall(*expr, options, std::move(functions)), op);
  return OutputsOf(std::move(expr), options.num_outputs);
}

Value Call(absl::string_view op, std::vector<Value> inputs, Attributes attrs, CallOptions options) {
  return CallMulti(op, std::move(inputs), std::move(attrs), std::move(options))[0];
}

std::vector<Value> CallTraced(TraceFn function, std::vector<Value> inputs, CallOptions options,
                              absl::string_view op) {
  auto expr = NewExpr(Expr::Kind::kCall);
  expr->node.name = options.name;
  expr->node.op = std::string(op);
  expr->node.provider = options.provider;
  expr->inputs = std::move(inputs);
  int num_outputs = options.num_outputs;
  if (!AnyFault(expr->inputs)) {
    auto traced = Trace(function, TypesOf(expr->inputs), op.empty() ? "lambda" : op);
    expr->status = traced.status();
    if (traced.ok()) {
      expr->body = *std::move(traced);
      expr->inputs.insert(expr->inputs.end(), expr->body->captured.begin(),
                          expr->body->captured.end());
      const Graph& graph = expr->body->functions.at(expr->body->main).graph;
      std::vector<TensorType> types;
      for (const ValueId id : graph.outputs) types.push_back(graph.values[id].type);
      num_outputs = static_cast<int>(types.size());
      auto merged = MergeDeclared(types, options.output_types);
      expr->status = merged.status();
      if (merged.ok()) expr->outputs = *std::move(merged);
      expr->node.signature = Signature{TypesOf(expr->inputs), expr->outputs};
    }
    if (!op.empty()) expr->status = Annotate(expr->status, op);
  }
  return OutputsOf(std::move(expr), num_outputs);
}

namespace {

// `op` on a variable, which has its name when a model is built.
Value StateCall(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                const std::shared_ptr<const VariableSpec>& variable) {
  attrs.Set("variable", variable->name);
  const Value value = Call(op, std::move(inputs), std::move(attrs));
  auto expr = std::make_shared<Expr>(*value.expr());
  expr->variable = variable;
  return Value(std::move(expr), 0);
}

}  // namespace

Value ReadVariable(const std::shared_ptr<const VariableSpec>& variable) {
  const auto dims = variable->initial.shape().dims();
  return StateCall("state.Read", {},
                   {{"dtype", variable->initial.dtype()},
                    {"shape", std::vector<int64_t>(dims.begin(), dims.end())}},
                   variable);
}

Value AssignVariable(const std::shared_ptr<const VariableSpec>& variable, const Value& value) {
  return StateCall("state.Assign", {value}, {}, variable);
}

Value ConstantLike(double value, const Value& like) {
  if (!like.valid() || like.dtype() == DType::kInvalid) return like;
  const Tensor tensor = Tensor::Full(like.dtype(), {}, value);
  if (kInts.Contains(like.dtype()) && tensor.AsDouble(0) != value) {
    return ErrorValue(InvalidArgument("the number ", value, " is no ", DTypeName(like.dtype()),
                                      "; cast the other operand first (array.Cast)"));
  }
  return Constant(tensor);
}

Value Slice(const Value& x, int64_t begin, int64_t end, int64_t axis) {
  using Ints = std::vector<int64_t>;
  return Call("array.Slice", {x},
              {{"starts", Ints{begin}}, {"ends", Ints{end}}, {"axes", Ints{axis}}});
}

Value At(const Value& x, int64_t index, int64_t axis) {
  const absl::Status status = CheckIndex(x, index, axis);
  if (!status.ok()) return ErrorValue(status, {x});
  const int64_t end = index == -1 ? std::numeric_limits<int64_t>::max() : index + 1;
  return Call("array.Squeeze", {Slice(x, index, end, axis)},
              {{"axes", std::vector<int64_t>{axis}}});
}

}  // namespace nomograph
