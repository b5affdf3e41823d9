// Python's own functions.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/numbers.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult Len(CallContext& call) {
  const PyValue& x = call.Get("x");
  if (x.is(Kind::kText)) return PyValue::Int(static_cast<int64_t>(x.heap->text.size()));
  if (x.is(Kind::kDict)) return PyValue::Int(static_cast<int64_t>(x.heap->items.size() / 2));
  if (x.is(Kind::kTensor) && !x.heap->is_shape) {
    const PartialShape& shape = x.heap->tensor.shape();
    if (shape.rank() > 0 && shape[0].known()) return PyValue::Int(shape[0].size());
    return absl::UnimplementedError(absl::StrCat("the size of ", Describe(x), " is not known"));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, call.interpreter().Elements(x));
  return PyValue::Int(static_cast<int64_t>(elements.size()));
}

RuleResult Range(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(int64_t start, call.Int("start"));
  int64_t stop = start;
  NOMO_ASSIGN_OR_RETURN(const int64_t step, call.Int("step"));
  if (call.Has("stop")) {
    NOMO_ASSIGN_OR_RETURN(stop, call.Int("stop"));
  } else {
    start = 0;
  }
  if (step == 0) return InvalidArgument("a step of 0");
  const bool any = step > 0 ? start < stop : start > stop;
  const double count =
      any ? std::ceil((static_cast<double>(stop) - static_cast<double>(start)) / step) : 0;
  NOMO_RETURN_IF_ERROR(
      call.interpreter().SpendElements(static_cast<int64_t>(std::min(count, 1e15))));
  std::vector<PyValue> items;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
    items.push_back(PyValue::Int(start + i * step));
  }
  return call.interpreter().arena().List(std::move(items));
}

RuleResult IntRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const PyValue x, call.interpreter().Known(call.Get("x")));
  int64_t number = 0;
  if (x.is(Kind::kText) && absl::SimpleAtoi(x.heap->text, &number)) return PyValue::Int(number);
  if (x.is_integer()) return PyValue::Int(x.number);
  if (x.is(Kind::kFloat) && std::fabs(x.real) < 9e18) {
    return PyValue::Int(static_cast<int64_t>(x.real));
  }
  return InvalidArgument("of ", Describe(x));
}

RuleResult FloatRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const PyValue x, call.interpreter().Known(call.Get("x")));
  if (x.is_number()) return PyValue::Float(x.AsDouble());
  double number = 0;
  if (x.is(Kind::kText) && absl::SimpleAtod(x.heap->text, &number)) return PyValue::Float(number);
  return InvalidArgument("of ", Describe(x));
}

RuleResult BoolRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const bool truth, call.Bool("x"));
  return PyValue::Bool(truth);
}

RuleResult Str(CallContext& call) {
  const PyValue& x = call.Get("x");
  if (x.is(Kind::kText)) return x;
  return call.interpreter().arena().Text(x.is(Kind::kInt) ? absl::StrCat(x.number) : "...");
}

RuleResult Print(CallContext&) { return PyValue::None(); }

RuleResult Sum(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements,
                        call.interpreter().Elements(call.Get("x")));
  PyValue sum = call.Get("start");
  for (const PyValue& element : elements) {
    // 0 + x is x.
    if (sum.is(Kind::kInt) && sum.number == 0) {
      sum = element;
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(sum, call.interpreter().Binary(BinaryOperator::kAdd, sum, element));
  }
  return sum;
}

// By what elements are compared: key(element), or themselves.
absl::StatusOr<std::vector<PyValue>> KeysOf(CallContext& call,
                                            const std::vector<PyValue>& elements) {
  if (!call.Has("key")) return elements;
  std::vector<PyValue> keys;
  for (const PyValue& element : elements) {
    NOMO_ASSIGN_OR_RETURN(const PyValue key,
                          call.interpreter().Call(call.Get("key"), {{element}, {}}));
    keys.push_back(key);
  }
  return keys;
}

RuleResult Extreme(CallContext& call) {
  const std::vector<PyValue>& given = call.Get("values").heap->items;
  std::vector<PyValue> elements = given;
  if (given.size() == 1) {
    NOMO_ASSIGN_OR_RETURN(elements, call.interpreter().Elements(given[0]));
  }
  if (elements.empty() && call.Has("default")) return call.Get("default");
  if (elements.empty()) return InvalidArgument("of nothing");
  const Comparison better =
      call.name() == "builtins.max" ? Comparison::kGreater : Comparison::kLess;
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> keys, KeysOf(call, elements));
  size_t best = 0;
  for (size_t i = 1; i < elements.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(const PyValue holds,
                          call.interpreter().Compare(better, keys[i], keys[best]));
    NOMO_ASSIGN_OR_RETURN(const bool truth, call.interpreter().Truth(holds));
    if (truth) best = i;
  }
  return elements[best];
}

RuleResult Abs(CallContext& call) {
  const PyValue& x = call.Get("x");
  if (x.is(Kind::kFloat)) return PyValue::Float(std::fabs(x.real));
  if (x.is_integer() && x.number >= 0) return PyValue::Int(x.number);
  if (x.is_integer()) return call.interpreter().Unary(UnaryOperator::kNegative, x);
  NOMO_ASSIGN_OR_RETURN(const Value tensor, call.Tensor("x"));
  return call.interpreter().FromTensor(Op("math.Abs", {tensor}),
                                       x.is(Kind::kTensor) && x.heap->weak);
}

RuleResult Round(CallContext& call) {
  const PyValue& x = call.Get("x");
  NOMO_ASSIGN_OR_RETURN(const int64_t digits, call.Int("digits", 0));
  if (x.is_integer()) return PyValue::Int(x.number);
  if (x.is(Kind::kFloat) && digits == 0 && std::fabs(x.real) < 9e18) {
    const double rounded = std::nearbyint(x.real);
    return call.Has("digits") ? PyValue::Float(rounded)
                              : PyValue::Int(static_cast<int64_t>(rounded));
  }
  if (x.is(Kind::kFloat) && std::abs(digits) < 15) {
    const double factor = std::pow(10.0, static_cast<double>(digits));
    return PyValue::Float(std::nearbyint(x.real * factor) / factor);
  }
  NOMO_ASSIGN_OR_RETURN(const Value tensor, call.Tensor("x"));
  return call.Result(Op("math.Round", {tensor}));
}

RuleResult Pow(CallContext& call) {
  return call.interpreter().Binary(BinaryOperator::kPower, call.Get("x"), call.Get("y"));
}

RuleResult DivMod(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const PyValue quotient, interpreter.Binary(BinaryOperator::kFloorDivide,
                                                                   call.Get("x"), call.Get("y")));
  NOMO_ASSIGN_OR_RETURN(const PyValue remainder, interpreter.Binary(BinaryOperator::kRemainder,
                                                                    call.Get("x"), call.Get("y")));
  return interpreter.arena().Tuple({quotient, remainder});
}

RuleResult Sequence(CallContext& call) {
  std::vector<PyValue> elements;
  if (call.Has("x")) {
    NOMO_ASSIGN_OR_RETURN(elements, call.interpreter().Elements(call.Get("x")));
  }
  const Kind kind = absl::EndsWith(call.name(), "tuple")  ? Kind::kTuple
                    : absl::EndsWith(call.name(), "list") ? Kind::kList
                                                          : Kind::kSet;
  return call.interpreter().arena().Make(kind, std::move(elements));
}

RuleResult Iter(CallContext& call) {
  if (call.Get("x").is(Kind::kIterator)) return call.Get("x");
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, call.interpreter().Elements(call.Get("x")));
  return call.interpreter().arena().Make(Kind::kIterator, std::move(elements));
}

RuleResult Reversed(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, call.interpreter().Elements(call.Get("x")));
  std::reverse(elements.begin(), elements.end());
  return call.interpreter().arena().List(std::move(elements));
}

// Whether a is less than b: numbers, texts, and sequences of them, element by element.
absl::StatusOr<bool> Less(Interpreter& interpreter, const PyValue& a, const PyValue& b, int depth) {
  NOMO_RETURN_IF_ERROR(interpreter.Spend(1));
  if (!a.is_sequence() || !b.is_sequence()) {
    NOMO_ASSIGN_OR_RETURN(const PyValue less, interpreter.Compare(Comparison::kLess, a, b));
    return interpreter.Truth(less);
  }
  constexpr int kMaxDepth = 20;
  if (depth > kMaxDepth) return InvalidArgument("lists lie too deep in one another");
  const std::vector<PyValue>& x = a.heap->items;
  const std::vector<PyValue>& y = b.heap->items;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    NOMO_ASSIGN_OR_RETURN(const bool equal, interpreter.Equal(x[i], y[i]));
    if (!equal) return Less(interpreter, x[i], y[i], depth + 1);
  }
  return x.size() < y.size();
}

RuleResult Sorted(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter.Elements(call.Get("x")));
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> keys, KeysOf(call, elements));
  std::vector<size_t> order(elements.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // What cannot be compared leaves some order, which nobody sees.
  absl::Status fault;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (!fault.ok()) return false;
    const auto less = Less(interpreter, keys[reverse ? b : a], keys[reverse ? a : b], 0);
    fault.Update(less.status());
    return less.ok() && *less;
  });
  NOMO_RETURN_IF_ERROR(fault);
  std::vector<PyValue> sorted;
  for (const size_t i : order) sorted.push_back(elements[i]);
  return interpreter.arena().List(std::move(sorted));
}

RuleResult Enumerate(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements,
                        call.interpreter().Elements(call.Get("x")));
  NOMO_ASSIGN_OR_RETURN(int64_t number, call.Int("start"));
  PyArena& arena = call.interpreter().arena();
  std::vector<PyValue> pairs;
  for (const PyValue& element : elements) {
    pairs.push_back(arena.Tuple({PyValue::Int(number++), element}));
  }
  return arena.List(std::move(pairs));
}

RuleResult Zip(CallContext& call) {
  std::vector<std::vector<PyValue>> lists;
  size_t size = call.Get("lists").heap->items.empty() ? 0 : SIZE_MAX;
  for (const PyValue& list : call.Get("lists").heap->items) {
    NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, call.interpreter().Elements(list));
    size = std::min(size, elements.size());
    lists.push_back(std::move(elements));
  }
  PyArena& arena = call.interpreter().arena();
  std::vector<PyValue> rows;
  for (size_t i = 0; i < size; ++i) {
    std::vector<PyValue> row;
    for (const auto& list : lists) row.push_back(list[i]);
    rows.push_back(arena.Tuple(std::move(row)));
  }
  return arena.List(std::move(rows));
}

// The function of the elements of one or more lists, side by side.
RuleResult Map(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const PyValue rows,
                        interpreter.CallKnown("builtins.zip", {call.Get("lists").heap->items, {}}));
  std::vector<PyValue> results;
  for (const PyValue& row : rows.heap->items) {
    NOMO_ASSIGN_OR_RETURN(const PyValue result,
                          interpreter.Call(call.Get("function"), {row.heap->items, {}}));
    results.push_back(result);
  }
  return interpreter.arena().List(std::move(results));
}

RuleResult Filter(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter.Elements(call.Get("x")));
  std::vector<PyValue> kept;
  for (const PyValue& element : elements) {
    PyValue holds = element;
    if (call.Has("function")) {
      NOMO_ASSIGN_OR_RETURN(holds, interpreter.Call(call.Get("function"), {{element}, {}}));
    }
    NOMO_ASSIGN_OR_RETURN(const bool truth, interpreter.Truth(holds));
    if (truth) kept.push_back(element);
  }
  return interpreter.arena().List(std::move(kept));
}

// functools.reduce.
RuleResult ReduceRule(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter.Elements(call.Get("x")));
  PyValue result = call.Get("initial");
  for (const PyValue& element : elements) {
    if (!call.Has("initial") && (result.is(Kind::kNone) || result.is(Kind::kNull))) {
      result = element;
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(result, interpreter.Call(call.Get("function"), {{result, element}, {}}));
  }
  return result;
}

RuleResult AnyAll(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements,
                        call.interpreter().Elements(call.Get("x")));
  const bool any = absl::EndsWith(call.name(), "any");
  for (const PyValue& element : elements) {
    NOMO_ASSIGN_OR_RETURN(const bool truth, call.interpreter().Truth(element));
    if (truth == any) return PyValue::Bool(any);
  }
  return PyValue::Bool(!any);
}

RuleResult IsInstance(CallContext& call) {
  const PyValue& x = call.Get("x");
  const PyValue& types = call.Get("types");
  const std::vector<PyValue> all =
      types.is(Kind::kTuple) ? types.heap->items : std::vector<PyValue>{types};
  for (const PyValue& type : all) {
    const std::string name = type.is(Kind::kName) ? type.heap->text : "";
    const bool is = name == "builtins.list"    ? x.is(Kind::kList)
                    : name == "builtins.tuple" ? x.is(Kind::kTuple)
                    : name == "builtins.int"   ? x.is_integer()
                    : name == "builtins.float" ? x.is(Kind::kFloat)
                    : name == "builtins.str"   ? x.is(Kind::kText)
                    : name == "builtins.dict"  ? x.is(Kind::kDict)
                    : name == "builtins.bool"
                        ? x.is(Kind::kBool)
                        : x.is(Kind::kTensor) && absl::EndsWith(name, "Tensor");
    if (is) return PyValue::Bool(true);
  }
  return PyValue::Bool(false);
}

RuleResult Dict(CallContext& call) {
  const PyValue& x = call.Get("x");
  if (call.Has("x") && !x.is(Kind::kDict)) return absl::UnimplementedError("a dict of pairs");
  std::vector<PyValue> items = call.Has("x") ? x.heap->items : std::vector<PyValue>();
  const std::vector<PyValue>& more = call.Get("keywords").heap->items;
  items.insert(items.end(), more.begin(), more.end());
  return call.interpreter().arena().Make(Kind::kDict, std::move(items));
}

RuleResult SliceObject(CallContext& call) {
  const bool one = !call.Has("stop") && !call.Has("step");
  return call.interpreter().arena().Make(
      Kind::kSlice, {one ? PyValue::None() : call.Get("start"),
                     one ? call.Get("start") : call.Get("stop"), call.Get("step")});
}

RuleResult GetAttr(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string name, call.Text("name"));
  return call.interpreter().Attribute(call.Get("x"), name);
}

// Without a note of what is not there.
RuleResult HasAttr(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string name, call.Text("name"));
  return PyValue::Bool(call.interpreter().HasAttribute(call.Get("x"), name));
}

// The name of a type, for comparisons and messages.
RuleResult Type(CallContext& call) {
  const PyValue& x = call.Get("x");
  const auto name = [&]() -> const char* {
    switch (x.kind) {
      case Kind::kBool:
        return "builtins.bool";
      case Kind::kInt:
        return "builtins.int";
      case Kind::kFloat:
        return "builtins.float";
      case Kind::kText:
        return "builtins.str";
      case Kind::kList:
        return "builtins.list";
      case Kind::kTuple:
        return "builtins.tuple";
      case Kind::kDict:
        return "builtins.dict";
      case Kind::kSet:
        return "builtins.set";
      case Kind::kTensor:
        return "tf.Tensor";
      default:
        return "";
    }
  };
  const std::string type = name();
  if (type.empty()) return absl::UnimplementedError(absl::StrCat("of ", Describe(x)));
  return call.interpreter().arena().Name(type);
}

RuleResult Callable(CallContext& call) {
  const PyValue& x = call.Get("x");
  return PyValue::Bool(x.is(Kind::kFunction) || x.is(Kind::kMethod) || x.is(Kind::kName));
}

RuleResult Next(CallContext& call) {
  const PyValue& x = call.Get("x");
  if (!x.is(Kind::kIterator)) return InvalidArgument("of ", Describe(x));
  PyHeap& heap = *x.heap;
  if (heap.position < heap.items.size()) return heap.items[heap.position++];
  if (call.Has("default")) return call.Get("default");
  return InvalidArgument("nothing is left");
}

const CallRegistrar kRules[] = {
    {"builtins.len(x)", Len},
    {"builtins.{range,xrange}(start,stop=None,step=1)", Range},
    {"builtins.{int,long}(x=0)", IntRule},
    {"builtins.float(x=0)", FloatRule},
    {"builtins.bool(x=False)", BoolRule},
    {"builtins.{str,repr,format}(x=,spec=None)", Str},
    {"builtins.print(*values)", Print},
    {"builtins.sum(x,start=0)", Sum},
    {"builtins.{max,min}(*values,key=None,default=None)", Extreme},
    {"builtins.abs(x)", Abs},
    {"builtins.round(x,digits=None)", Round},
    {"builtins.pow(x,y)", Pow},
    {"builtins.divmod(x,y)", DivMod},
    {"builtins.{tuple,list,set,frozenset}(x=None)", Sequence},
    {"builtins.iter(x)", Iter},
    {"builtins.reversed(x)", Reversed},
    {"builtins.sorted(x,key=None,reverse=False)", Sorted},
    {"builtins.enumerate(x,start=0)", Enumerate},
    {"builtins.zip(*lists)", Zip},
    {"builtins.map(function,*lists)", Map},
    {"builtins.filter(function,x)", Filter},
    {"builtins.next(x,default=None)", Next},
    {"builtins.hasattr(x,name)", HasAttr},
    {"builtins.callable(x)", Callable},
    {"builtins.type(x)", Type},
    {"builtins.reduce,functools.reduce(function,x,initial=None)", ReduceRule},
    {"builtins.{any,all}(x)", AnyAll},
    {"builtins.isinstance(x,types)", IsInstance},
    {"builtins.dict(x=None,**keywords)", Dict},
    {"builtins.slice(start,stop=None,step=None)", SliceObject},
    {"builtins.getattr(x,name,absent=None)", GetAttr},
};

}  // namespace
}  // namespace nomograph::keras
