// Calls that apply a function over and over: to each element of an axis, or while a condition
// holds. What has to be known for that at import is unrolled; else a core.Scan or core.While does
// it, whose body is the function.
#include <functional>

#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

using Values = std::vector<Value>;
using PyFn = std::function<RuleResult(const std::vector<PyValue>&)>;

// A function of the code as one of the model.
struct Body {
  TraceFn function;  // of the inputs that it was traced with, then of `captured`
  Values captured;   // what it takes from around it
  // What it yields: a tensor, or a list or tuple of tensors. Unknown where something is missing.
  Kind form = Kind::kTensor;
};

absl::StatusOr<Values> ToValues(Interpreter& interpreter, const PyValue& value) {
  Values values;
  if (!value.is_sequence()) {
    NOMO_ASSIGN_OR_RETURN(Value one, interpreter.ToTensor(value));
    return Values{std::move(one)};
  }
  for (const PyValue& item : value.heap->items) {
    NOMO_ASSIGN_OR_RETURN(Value one, interpreter.ToTensor(item));
    values.push_back(std::move(one));
  }
  return values;
}

PyValue FromValues(Interpreter& interpreter, Kind form, absl::Span<const Value> values) {
  PyArena& arena = interpreter.arena();
  if (form == Kind::kTensor) return arena.Tensor(values[0]);
  std::vector<PyValue> items;
  for (const Value& value : values) items.push_back(arena.Tensor(value));
  return arena.Make(form, std::move(items));
}

// Interprets `fn` once, for values of these types.
absl::StatusOr<Body> TraceBody(Interpreter& interpreter, const PyFn& fn,
                               const std::vector<TensorType>& types) {
  Body body;
  absl::Status status;
  const TraceFn interpret = [&](absl::Span<const Value> inputs) -> Values {
    std::vector<PyValue> arguments;
    for (const Value& input : inputs) arguments.push_back(interpreter.arena().Tensor(input));
    const auto result = fn(arguments);
    if (!result.ok()) {
      status = result.status();
      return {};
    }
    body.form = result->is_sequence() || result->is(Kind::kUnknown) ? result->kind : Kind::kTensor;
    if (body.form == Kind::kUnknown) return {};
    auto values = ToValues(interpreter, *result);
    if (!values.ok()) status = values.status();
    return values.ok() ? *std::move(values) : Values();
  };
  const auto traced = Trace(interpret, types, "body");
  NOMO_RETURN_IF_ERROR(status);
  if (body.form == Kind::kUnknown) return body;
  NOMO_RETURN_IF_ERROR(traced.status());
  body.captured = (*traced)->captured;
  body.function = [traced = *traced](absl::Span<const Value> inputs) -> Values {
    const Graph& graph = traced->functions.at(traced->main).graph;
    ReopenLeaves leaves;
    leaves.values.resize(graph.values.size());
    for (size_t i = 0; i < graph.inputs.size(); ++i) leaves.values[graph.inputs[i]] = inputs[i];
    const Values values = Reopen(graph, traced->functions, std::move(leaves));
    Values outputs;
    for (const ValueId id : graph.outputs) outputs.push_back(values[id]);
    return outputs;
  };
  return body;
}

// The type of the elements along the first axis.
absl::StatusOr<TensorType> ElementType(const Value& x) {
  NOMO_RETURN_IF_ERROR(x.status());
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 1) return InvalidArgument("a scalar has no elements");
  const std::vector<Dim>& dims = x.shape().dims();
  return TensorType{x.dtype(), PartialShape(std::vector<Dim>(dims.begin() + 1, dims.end()))};
}

absl::StatusOr<std::vector<TensorType>> ElementTypes(const Values& sequences) {
  std::vector<TensorType> types;
  for (const Value& x : sequences) {
    NOMO_ASSIGN_OR_RETURN(TensorType type, ElementType(x));
    types.push_back(std::move(type));
  }
  return types;
}

// Numbers that are known: each is taken by itself, so that the function may use it as a number.
bool IsKnownSequence(Interpreter& interpreter, const PyValue& value) {
  if (value.is(Kind::kTensor)) return interpreter.Known(value).ok();
  return false;
}

// f(x) for each element of the first axis.
RuleResult MapFn(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  const PyValue& fn = call.Get("fn");
  const PyValue& elems = call.Get("elems");
  PyArena& arena = interpreter.arena();
  if (IsKnownSequence(interpreter, elems)) {
    NOMO_ASSIGN_OR_RETURN(const PyValue known, interpreter.Known(elems));
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> rows, interpreter.Elements(known));
    std::vector<PyValue> results;
    for (const PyValue& row : rows) {
      NOMO_ASSIGN_OR_RETURN(const PyValue result, interpreter.Call(fn, {{row}, {}}));
      if (result.is(Kind::kUnknown)) return result;
      results.push_back(result);
    }
    NOMO_ASSIGN_OR_RETURN(const Value stacked, interpreter.ToTensor(arena.List(results)));
    return call.Result(stacked);
  }
  NOMO_ASSIGN_OR_RETURN(const Values sequences, ToValues(interpreter, elems));
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> types, ElementTypes(sequences));
  const Kind form = elems.is_sequence() ? elems.kind : Kind::kTensor;
  const PyFn apply = [&](const std::vector<PyValue>& slices) {
    const PyValue one = form == Kind::kTensor ? slices[0] : arena.Make(form, slices);
    return interpreter.Call(fn, {{one}, {}});
  };
  NOMO_ASSIGN_OR_RETURN(const Body body, TraceBody(interpreter, apply, types));
  if (body.form == Kind::kUnknown) return PyValue::Unknown();
  const Values results = Scan({}, sequences, body.function, body.captured);
  NOMO_RETURN_IF_ERROR(results[0].status());
  return FromValues(interpreter, body.form, results);
}

// fn(a, x) with what came of the elements before, from the first element on where there is no
// initializer. foldl and foldr yield the last, scan all of them.
RuleResult Fold(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  PyArena& arena = interpreter.arena();
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("elems"));
  NOMO_ASSIGN_OR_RETURN(const TensorType type, ElementType(x));
  const bool all = absl::EndsWith(call.name(), "scan");
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  const bool backward = reverse || absl::EndsWith(call.name(), "foldr");
  const bool from_first = !call.Has("initializer");
  Value state, rest = x;
  if (from_first) {
    state = At(x, backward ? -1 : 0);
    rest = backward ? Slice(x, 0, -1, 0) : Slice(x, 1, std::numeric_limits<int64_t>::max(), 0);
  } else {
    NOMO_ASSIGN_OR_RETURN(state, interpreter.ToTensor(call.Get("initializer"), x.dtype()));
  }
  const PyFn apply = [&](const std::vector<PyValue>& values) {
    return interpreter.Call(call.Get("fn"), {values, {}});
  };
  NOMO_ASSIGN_OR_RETURN(const Body body, TraceBody(interpreter, apply, {state.type(), type}));
  if (body.form == Kind::kUnknown) return PyValue::Unknown();
  if (body.form != Kind::kTensor) return absl::UnimplementedError("a function of several states");
  const TraceFn step = [&](absl::Span<const Value> inputs) {
    const Values next = body.function(inputs);
    return all ? Values{next[0], next[0]} : next;
  };
  ScanOptions options;
  if (backward) options.input_directions = {1};
  if (backward && all) options.output_directions = {1};
  const Values results = Scan({state}, {rest}, step, body.captured, options);
  NOMO_RETURN_IF_ERROR(results[0].status());
  if (!all) return arena.Tensor(results[0]);
  if (!from_first) return arena.Tensor(results[1]);
  const Value first = Op("array.Unsqueeze", {state}, {{"axes", Ints{0}}});
  return call.Result(Op("array.Concat",
                        backward ? Values{results[1], first} : Values{first, results[1]},
                        {{"axis", 0}}));
}

// keras.ops.scan: (carry, y) = f(carry, x) for each element; yields the last carry and all y.
RuleResult ScanRule(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  PyArena& arena = interpreter.arena();
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("xs"));
  NOMO_ASSIGN_OR_RETURN(const TensorType type, ElementType(x));
  NOMO_ASSIGN_OR_RETURN(const Value state, call.Tensor("init"));
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  const PyFn apply = [&](const std::vector<PyValue>& values) {
    return interpreter.Call(call.Get("f"), {values, {}});
  };
  NOMO_ASSIGN_OR_RETURN(const Body body, TraceBody(interpreter, apply, {state.type(), type}));
  if (body.form == Kind::kUnknown) return PyValue::Unknown();
  ScanOptions options;
  if (reverse) options = {.input_directions = {1}, .output_directions = {1}};
  const Values results = Scan({state}, {x}, body.function, body.captured, options);
  NOMO_RETURN_IF_ERROR(results[0].status());
  if (results.size() != 2) return InvalidArgument("f yields ", results.size(), " values, not 2");
  return arena.Tuple({arena.Tensor(results[0]), arena.Tensor(results[1])});
}

// variables = body(*variables) as long as cond(*variables). Where the condition is known it is
// unrolled.
RuleResult WhileLoop(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  PyValue variables = call.Get("loop_vars");
  const bool one = !variables.is_sequence();
  if (one) variables = interpreter.arena().Tuple({variables});
  const Kind form = variables.kind;
  const auto apply = [&](const char* function, const std::vector<PyValue>& values) {
    return interpreter.Call(call.Get(function), {values, {}});
  };
  const size_t count = variables.heap->items.size();
  while (true) {
    NOMO_ASSIGN_OR_RETURN(const PyValue holds, apply("cond", variables.heap->items));
    if (holds.is(Kind::kUnknown)) return holds;
    const auto truth = interpreter.Truth(holds);
    if (!truth.ok()) break;
    if (!*truth) return one ? variables.heap->items[0] : variables;
    NOMO_ASSIGN_OR_RETURN(variables, apply("body", variables.heap->items));
    if (variables.is(Kind::kUnknown)) return variables;
    if (!variables.is_sequence()) variables = interpreter.arena().Make(form, {variables});
    if (variables.heap->items.size() != count) return InvalidArgument("the body changes how many");
  }
  NOMO_ASSIGN_OR_RETURN(Values initial, ToValues(interpreter, variables));
  std::vector<TensorType> types;
  for (const Value& value : initial) types.push_back(value.type());
  const auto trace = [&](const char* function) {
    return TraceBody(
        interpreter, [&](const std::vector<PyValue>& values) { return apply(function, values); },
        types);
  };
  NOMO_ASSIGN_OR_RETURN(const Body cond, trace("cond"));
  NOMO_ASSIGN_OR_RETURN(const Body body, trace("body"));
  if (body.form == Kind::kUnknown) return PyValue::Unknown();
  // What the functions take from around them are variables that do not change.
  const size_t of_cond = cond.captured.size();
  initial.insert(initial.end(), cond.captured.begin(), cond.captured.end());
  initial.insert(initial.end(), body.captured.begin(), body.captured.end());
  const auto taken = [=](absl::Span<const Value> all, size_t from, size_t size) {
    Values values(all.begin(), all.begin() + count);
    values.insert(values.end(), all.begin() + from, all.begin() + from + size);
    return values;
  };
  const Values results = While(
      initial,
      [&](absl::Span<const Value> all) { return cond.function(taken(all, count, of_cond)); },
      [&](absl::Span<const Value> all) {
        Values next = body.function(taken(all, count + of_cond, body.captured.size()));
        next.insert(next.end(), all.begin() + count, all.end());
        return next;
      });
  NOMO_RETURN_IF_ERROR(results[0].status());
  return FromValues(interpreter, one ? Kind::kTensor : form,
                    absl::MakeSpan(results).subspan(0, count));
}

// value = body(i, value) for i from lower up to upper.
RuleResult ForLoop(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const int64_t lower, call.Int("lower"));
  NOMO_ASSIGN_OR_RETURN(const int64_t upper, call.Int("upper"));
  PyValue value = call.Get("init_val");
  for (int64_t i = lower; i < upper; ++i) {
    NOMO_RETURN_IF_ERROR(interpreter.Spend(1));
    NOMO_ASSIGN_OR_RETURN(value,
                          interpreter.Call(call.Get("body_fun"), {{PyValue::Int(i), value}, {}}));
  }
  return value;
}

const CallRegistrar kRules[] = {
    {"keras.backend.map_fn,tf.{map_fn,vectorized_map}(fn,elems,dtype|name=None,"
     "parallel_iterations=None,back_prop=None,swap_memory=None,infer_shape=None,"
     "fn_output_signature=None,fallback_to_while_loop=None)",
     MapFn},
    {"keras.ops.{map,vectorized_map}(fn|f|function,elems|xs|elements)", MapFn},
    {"keras.backend.{foldl,foldr}(fn,elems,initializer=None,reverse=False)", Fold},
    {"tf.{foldl,foldr,scan}(fn,elems,initializer=None,parallel_iterations=None,back_prop=None,"
     "swap_memory=None,infer_shape=None,reverse=False)",
     Fold},
    {"keras.ops.scan(f,init,xs,length=None,reverse=False,unroll=None)", ScanRule},
    {"tf.while_loop,keras.ops.while_loop(cond,body,loop_vars,shape_invariants|maximum_iterations="
     "None,parallel_iterations=None,back_prop=None,swap_memory=None)",
     WhileLoop},
    {"keras.ops.fori_loop(lower,upper,body_fun,init_val)", ForLoop},
};

}  // namespace
}  // namespace nomograph::keras
