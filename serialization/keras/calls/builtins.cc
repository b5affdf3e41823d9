// Python's own functions.
#include <algorithm>
#include <cmath>

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
  if (x.is_integer()) return PyValue::Int(x.number);
  if (x.is(Kind::kFloat) && std::fabs(x.real) < 9e18) {
    return PyValue::Int(static_cast<int64_t>(x.real));
  }
  return InvalidArgument("of ", Describe(x));
}

RuleResult FloatRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const PyValue x, call.interpreter().Known(call.Get("x")));
  if (x.is_number()) return PyValue::Float(x.AsDouble());
  if (x.is(Kind::kText) && (x.heap->text == "inf" || x.heap->text == "-inf")) {
    return PyValue::Float(x.heap->text[0] == '-' ? -INFINITY : INFINITY);
  }
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

RuleResult Extreme(CallContext& call) {
  const std::vector<PyValue>& given = call.Get("values").heap->items;
  std::vector<PyValue> elements = given;
  if (given.size() == 1) {
    NOMO_ASSIGN_OR_RETURN(elements, call.interpreter().Elements(given[0]));
  }
  if (elements.empty()) return InvalidArgument("of nothing");
  const bool max = call.name() == "builtins.max";
  PyValue best = elements[0];
  for (const PyValue& element : elements) {
    NOMO_ASSIGN_OR_RETURN(
        const PyValue better,
        call.interpreter().Compare(max ? Comparison::kGreater : Comparison::kLess, element, best));
    NOMO_ASSIGN_OR_RETURN(const bool truth, call.interpreter().Truth(better));
    if (truth) best = element;
  }
  return best;
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

RuleResult Reversed(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, call.interpreter().Elements(call.Get("x")));
  std::reverse(elements.begin(), elements.end());
  return call.interpreter().arena().List(std::move(elements));
}

RuleResult Sorted(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, call.interpreter().Elements(call.Get("x")));
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  for (const PyValue& element : elements) {
    if (!element.is_number()) return absl::UnimplementedError("of what are no numbers");
  }
  std::stable_sort(elements.begin(), elements.end(), [&](const PyValue& a, const PyValue& b) {
    return reverse ? a.AsDouble() > b.AsDouble() : a.AsDouble() < b.AsDouble();
  });
  return call.interpreter().arena().List(std::move(elements));
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

RuleResult Map(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter.Elements(call.Get("x")));
  std::vector<PyValue> results;
  const bool filter = absl::EndsWith(call.name(), "filter");
  for (const PyValue& element : elements) {
    NOMO_ASSIGN_OR_RETURN(const PyValue result,
                          interpreter.Call(call.Get("function"), {{element}, {}}));
    bool keep = true;
    if (filter) {
      NOMO_ASSIGN_OR_RETURN(keep, interpreter.Truth(result));
    }
    if (keep) results.push_back(filter ? element : result);
  }
  return interpreter.arena().List(std::move(results));
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

const CallRegistrar kRules[] = {
    {"builtins.len(x)", Len},
    {"builtins.{range,xrange}(start,stop=None,step=1)", Range},
    {"builtins.{int,long}(x=0)", IntRule},
    {"builtins.float(x=0)", FloatRule},
    {"builtins.bool(x=False)", BoolRule},
    {"builtins.{str,repr,format}(x=,spec=None)", Str},
    {"builtins.print(*values)", Print},
    {"builtins.sum(x,start=0)", Sum},
    {"builtins.{max,min}(*values)", Extreme},
    {"builtins.abs(x)", Abs},
    {"builtins.round(x,digits=None)", Round},
    {"builtins.pow(x,y)", Pow},
    {"builtins.divmod(x,y)", DivMod},
    {"builtins.{tuple,list,set,frozenset,iter}(x=None)", Sequence},
    {"builtins.reversed(x)", Reversed},
    {"builtins.sorted(x,key=None,reverse=False)", Sorted},
    {"builtins.enumerate(x,start=0)", Enumerate},
    {"builtins.zip(*lists)", Zip},
    {"builtins.{map,filter}(function,x)", Map},
    {"builtins.reduce,functools.reduce(function,x,initial=None)", ReduceRule},
    {"builtins.{any,all}(x)", AnyAll},
    {"builtins.isinstance(x,types)", IsInstance},
    {"builtins.dict(x=None,**keywords)", Dict},
    {"builtins.slice(start,stop=None,step=None)", SliceObject},
    {"builtins.getattr(x,name,absent=None)", GetAttr},
};

}  // namespace
}  // namespace nomograph::keras
