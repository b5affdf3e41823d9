// Calls of linear algebra, and of functions of numbers that are more than one op.
#include <algorithm>
#include <limits>
#include <numbers>
#include <numeric>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

Ints Count(int64_t from, int64_t to) {
  Ints numbers(std::max<int64_t>(0, to - from));
  std::iota(numbers.begin(), numbers.end(), from);
  return numbers;
}

// x . y over the last axis of x and the last but one of y, whatever their ranks: K.dot and np.dot.
RuleResult Dot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const int rank_x, RankOf(xy[0]));
  NOMO_ASSIGN_OR_RETURN(const int rank_y, RankOf(xy[1]));
  if (rank_x == 0 || rank_y == 0) return call.Result(Op("math.Mul", {xy[0], xy[1]}));
  if (rank_y <= 2) return call.Result(Op("math.MatMul", {xy[0], xy[1]}));
  // The letters of einsum.
  if (rank_x + rank_y > 20) return absl::UnimplementedError("tensors of so many axes");
  std::string x, y, z;
  for (int i = 0; i < rank_x; ++i) x += static_cast<char>('a' + i);
  for (int i = 0; i < rank_y; ++i) y += static_cast<char>('A' + i);
  y[rank_y - 2] = x[rank_x - 1];
  z = x.substr(0, rank_x - 1);
  for (const char c : y) {
    if (c != x[rank_x - 1]) z += c;
  }
  return call.Result(
      Op("math.Einsum", {xy[0], xy[1]}, {{"equation", absl::StrCat(x, ",", y, "->", z)}}));
}

// K.batch_dot: row by row of the first axis, over one axis of each.
RuleResult BatchDot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const int rank_x, RankOf(xy[0]));
  NOMO_ASSIGN_OR_RETURN(const int rank_y, RankOf(xy[1]));
  if (rank_x < 2 || rank_y < 2 || rank_x + rank_y > 20) {
    return InvalidArgument("tensors of ", rank_x, " and ", rank_y, " axes");
  }
  Ints axes = {rank_x - 1, rank_y == 2 ? 1 : rank_y - 2};
  if (call.Has("axes")) {
    NOMO_ASSIGN_OR_RETURN(axes, call.Ints("axes"));
    if (axes.size() == 1) axes.push_back(axes[0]);
    if (axes.size() != 2) return InvalidArgument("expected two axes");
    NOMO_ASSIGN_OR_RETURN(axes[0], NormalizeAxis(axes[0], rank_x));
    NOMO_ASSIGN_OR_RETURN(axes[1], NormalizeAxis(axes[1], rank_y));
  }
  if (axes[0] == 0 || axes[1] == 0) return InvalidArgument("the first axis is the batch's");
  std::string x, y, z;
  for (int i = 0; i < rank_x; ++i) x += static_cast<char>('a' + i);
  for (int i = 0; i < rank_y; ++i) y += static_cast<char>('A' + i);
  y[0] = x[0];
  const char both = x[axes[0]];
  y[axes[1]] = both;
  for (const char c : x) {
    if (c != both) z += c;
  }
  for (const char c : y.substr(1)) {
    if (c != both) z += c;
  }
  Value result =
      Op("math.Einsum", {xy[0], xy[1]}, {{"equation", absl::StrCat(x, ",", y, "->", z)}});
  // Of two matrices it yields a column.
  if (z.size() == 1) result = Op("array.Unsqueeze", {result}, {{"axes", Ints{1}}});
  return call.Result(result);
}

RuleResult MatMul(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const bool a, call.Bool("transpose_a"));
  NOMO_ASSIGN_OR_RETURN(const bool b, call.Bool("transpose_b"));
  return call.Result(Op("math.MatMul", {xy[0], xy[1]}, {{"transpose_a", a}, {"transpose_b", b}}));
}

RuleResult TensorDot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const int rank_x, RankOf(xy[0]));
  NOMO_ASSIGN_OR_RETURN(const int rank_y, RankOf(xy[1]));
  if (rank_x + rank_y > 40) return absl::UnimplementedError("tensors of so many axes");
  Ints left, right;
  const PyValue& axes = call.Get("axes");
  if (axes.is_integer()) {
    if (axes.number < 0 || axes.number > std::min(rank_x, rank_y)) {
      return InvalidArgument("a product over ", axes.number, " axes");
    }
    left = Count(rank_x - axes.number, rank_x);
    right = Count(0, axes.number);
  } else {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> pair, call.interpreter().Elements(axes));
    if (pair.size() != 2) return InvalidArgument("expected axes of both tensors");
    NOMO_ASSIGN_OR_RETURN(const Ints given_left, call.interpreter().ToInts(pair[0]));
    NOMO_ASSIGN_OR_RETURN(const Ints given_right, call.interpreter().ToInts(pair[1]));
    NOMO_ASSIGN_OR_RETURN(left, NormalAxes(xy[0], given_left));
    NOMO_ASSIGN_OR_RETURN(right, NormalAxes(xy[1], given_right));
  }
  if (left.size() != right.size()) return InvalidArgument("other numbers of axes");
  std::string x, y, z;
  for (int i = 0; i < rank_x; ++i) x += static_cast<char>(i < 26 ? 'a' + i : 'A' + i - 26);
  for (int i = 0; i < rank_y; ++i) {
    const int k = rank_x + i;
    y += static_cast<char>(k < 26 ? 'a' + k : 'A' + k - 26);
  }
  for (size_t i = 0; i < left.size(); ++i) y[right[i]] = x[left[i]];
  for (const char c : x) {
    if (y.find(c) == std::string::npos) z += c;
  }
  for (const char c : y) {
    if (x.find(c) == std::string::npos) z += c;
  }
  return call.Result(
      Op("math.Einsum", {xy[0], xy[1]}, {{"equation", absl::StrCat(x, ",", y, "->", z)}}));
}

RuleResult Einsum(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string equation, call.Text("equation"));
  const PyValue& given = call.Get("operands");
  const bool list = given.heap->items.size() == 1 && given.heap->items[0].is_sequence();
  NOMO_ASSIGN_OR_RETURN(
      const std::vector<Value> operands,
      call.interpreter().Promote(list ? given.heap->items[0].heap->items : given.heap->items));
  return call.Result(Op("math.Einsum", operands, {{"equation", equation}}));
}

RuleResult Outer(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}));
  const Value column = Op("array.Reshape", {xy[0]}, {{"shape", Ints{-1, 1}}});
  const Value row = Op("array.Reshape", {xy[1]}, {{"shape", Ints{1, -1}}});
  return call.Result(Op("math.Mul", {column, row}));
}

RuleResult Triangle(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t k, call.Int("k", 0));
  const bool upper = absl::EndsWith(call.name(), "triu");
  return call.Result(Op("array.Trilu", {x}, {{"k", k}, {"upper", upper}}));
}

// Bounds that are numbers are attributes; others are tensors.
RuleResult Clip(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values,
                        call.interpreter().Promote({call.Get("x")}, kNumbers));
  Value x = values[0];
  Attributes attrs;
  for (const auto& [parameter, attr, op] :
       {std::tuple("x_min", "min", "math.Max"), {"x_max", "max", "math.Min"}}) {
    const PyValue& bound = call.Get(parameter);
    if (!call.Has(parameter)) continue;
    if (bound.is_number() && nomograph::kFloats.Contains(x.dtype())) {
      attrs.Set(attr, bound.AsDouble());
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(
        const std::vector<Value> both,
        call.interpreter().Promote({call.interpreter().arena().Tensor(x), bound}));
    x = Op(op, both);
  }
  return call.Result(attrs.empty() ? x : Op("math.Clip", {x}, attrs));
}

// 1 / (1 + x)-like pieces that are several ops.
RuleResult LogSum(CallContext& call) {  // log(exp(x) + exp(y)), without overflow
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"x", "y"}, nomograph::kFloats));
  const Value greatest = Op("math.Max", {xy[0], xy[1]});
  const Value distance = Op("math.Neg", {Op("math.Abs", {Op("math.Sub", {xy[0], xy[1]})})});
  return call.Result(Op("math.Add", {greatest, Op("math.Log1p", {Op("math.Exp", {distance})})}));
}

// Keras' own square root takes what is below 0 as 0.
RuleResult KerasSqrt(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(Op("math.Sqrt", {Op("nn.Relu", {x})}));
}

RuleResult Divide(CallContext& call) {
  return call.interpreter().Binary(BinaryOperator::kDivide, call.Get("x"), call.Get("y"));
}

RuleResult SquaredDifference(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  return call.Result(Op("math.Square", {Op("math.Sub", {xy[0], xy[1]})}));
}

// 0 where y is 0.
RuleResult DivideNoNan(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"x", "y"}, nomograph::kFloats));
  const Value zero = ConstantLike(0, xy[1]), one = ConstantLike(1, xy[1]);
  const Value none = Op("math.Equal", {xy[1], zero});
  const Value safe = Op("array.Where", {none, one, xy[1]});
  return call.Result(Op("array.Where", {none, zero, Op("math.Div", {xy[0], safe})}));
}

// 0 where a factor is 0, whatever the other is.
RuleResult NoNan(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"x", "y"}, nomograph::kFloats));
  const Value zero = ConstantLike(0, xy[0]), one = ConstantLike(1, xy[0]);
  const std::string& name = call.name();
  // tf.math.multiply_no_nan looks at y, the others at x.
  const bool product = absl::EndsWith(name, "multiply_no_nan");
  const Value none = Op("math.Equal", {xy[product ? 1 : 0], zero});
  const Value safe = Op("array.Where", {none, one, xy[1]});
  Value y = product ? xy[0] * xy[1] : xy[0] / safe;
  if (absl::EndsWith(name, "xlogy")) y = xy[0] * Op("math.Log", {safe});
  if (absl::EndsWith(name, "xlog1py")) y = xy[0] * Op("math.Log1p", {safe});
  return call.Result(Op("array.Where", {none, zero, y}));
}

RuleResult ReciprocalNoNan(CallContext& call) {
  return call.interpreter().CallKnown("tf.math.divide_no_nan",
                                      {{PyValue::Float(1), call.Get("x")}, {}});
}

RuleResult Erfc(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(1.0 - Op("math.Erf", {x}));
}

RuleResult Hypot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"x", "y"}, nomograph::kFloats));
  return call.Result(Op("math.Sqrt", {Op("math.Square", {xy[0]}) + Op("math.Square", {xy[1]})}));
}

RuleResult Radians(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  constexpr double kDegree = std::numbers::pi / 180;
  const bool to_radians =
      absl::EndsWith(call.name(), "deg2rad") || absl::EndsWith(call.name(), "radians");
  return call.Result(x * (to_radians ? kDegree : 1 / kDegree));
}

// |x - y| <= atol + rtol |y|.
RuleResult IsClose(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"x", "y"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const double rtol, call.Number("rtol"));
  NOMO_ASSIGN_OR_RETURN(const double atol, call.Number("atol"));
  const Value distance = Op("math.Abs", {xy[0] - xy[1]});
  return call.Result(Op("math.LessOrEqual", {distance, Op("math.Abs", {xy[1]}) * rtol + atol}));
}

// Numbers in place of NaN and infinities: without a word the greatest and least there are.
RuleResult NanToNum(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double nan, call.Number("nan", 0));
  if (x.dtype() != DType::kFloat32) return absl::UnimplementedError("other than float32");
  const double greatest = std::numeric_limits<float>::max();
  NOMO_ASSIGN_OR_RETURN(const double posinf, call.Number("posinf", greatest));
  NOMO_ASSIGN_OR_RETURN(const double neginf, call.Number("neginf", -greatest));
  const Value infinite = Op("math.IsInf", {x});
  const Value end = Op("array.Where", {Op("math.Greater", {x, ConstantLike(0, x)}),
                                       ConstantLike(posinf, x), ConstantLike(neginf, x)});
  const Value bounded = Op("array.Where", {infinite, end, x});
  return call.Result(Op("array.Where", {Op("math.IsNaN", {x}), ConstantLike(nan, x), bounded}));
}

// Differences of neighbours along an axis.
RuleResult Diff(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t n, call.Int("n"));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  if (n < 0 || n > 100) return InvalidArgument("n: ", n);
  for (int64_t i = 0; i < n; ++i) {
    x = Op("math.Sub", {nomograph::Slice(x, 1, std::numeric_limits<int64_t>::max(), axes[0]),
                        nomograph::Slice(x, 0, -1, axes[0])});
  }
  return call.Result(x);
}

// How many numbers of a rising sequence are below each value: its place among them.
RuleResult SearchSorted(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> both,
                        Together(call, {"sequence", "values"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const bool other, call.Bool("right"));
  NOMO_ASSIGN_OR_RETURN(const std::string side, call.Text("side"));
  if (both[0].shape().rank() != 1) return absl::UnimplementedError("sequences of several axes");
  const bool digitize = absl::EndsWith(call.name(), "digitize");
  // np.digitize counts equal ones unless `right`, searchsorted those of the side "right".
  const bool equal = digitize ? !other : side == "right";
  const Value each = Op("array.Unsqueeze", {both[1]}, {{"axes", Ints{-1}}});
  const Value below = Op(equal ? "math.LessOrEqual" : "math.Less", {both[0], each});
  return call.Result(Reduce("math.ReduceSum", Cast(below, DType::kInt32), {-1}, false));
}

// The value of a polynomial whose coefficients begin with the highest power: Horner's scheme.
RuleResult PolyVal(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> coefficients,
                        interpreter.Elements(call.Get("coeffs")));
  PyValue y = PyValue::Int(0);
  for (const PyValue& coefficient : coefficients) {
    NOMO_ASSIGN_OR_RETURN(y, interpreter.Binary(BinaryOperator::kMultiply, y, call.Get("x")));
    NOMO_ASSIGN_OR_RETURN(y, interpreter.Binary(BinaryOperator::kAdd, y, coefficient));
  }
  return y;
}

RuleResult BitCast(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("type", x.dtype()));
  return call.Result(Op("array.BitCast", {x}, {{"to", type}}));
}

// Operators of Python by name.
RuleResult Operator(CallContext& call) {
  const std::string name = call.name().substr(call.name().rfind('.') + 1);
  using B = BinaryOperator;
  const B op = name == "add"        ? B::kAdd
               : name == "sub"      ? B::kSubtract
               : name == "mul"      ? B::kMultiply
               : name == "truediv"  ? B::kDivide
               : name == "floordiv" ? B::kFloorDivide
               : name == "mod"      ? B::kRemainder
               : name == "pow"      ? B::kPower
                                    : B::kMatMul;
  return call.interpreter().Binary(op, call.Get("x"), call.Get("y"));
}

// Layers of Keras that merge a list, as functions.
RuleResult Merge(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> inputs, call.Tensors("inputs"));
  if (inputs.empty()) return InvalidArgument("an empty list");
  const std::string name = call.name().substr(call.name().rfind('.') + 1);
  if (name == "subtract" && inputs.size() != 2) return InvalidArgument("expected two tensors");
  const absl::string_view op = name == "subtract"   ? "math.Sub"
                               : name == "multiply" ? "math.Mul"
                               : name == "maximum"  ? "math.Max"
                               : name == "minimum"  ? "math.Min"
                                                    : "math.Add";
  Value y = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) y = Op(op, {y, inputs[i]});
  return call.Result(name == "average" ? y / static_cast<double>(inputs.size()) : y);
}

// keras.layers.dot: K.batch_dot of a list, perhaps of vectors of length 1.
RuleResult DotLayer(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> inputs, interpreter.Elements(call.Get("inputs")));
  NOMO_ASSIGN_OR_RETURN(const bool normalize, call.Bool("normalize"));
  if (inputs.size() != 2) return InvalidArgument("expected two tensors");
  if (normalize) {
    if (!call.Get("axes").is_integer()) return absl::UnimplementedError("axes of both");
    for (PyValue& x : inputs) {
      NOMO_ASSIGN_OR_RETURN(
          x, interpreter.CallKnown("keras.backend.l2_normalize", {{x, call.Get("axes")}, {}}));
    }
  }
  return interpreter.CallKnown("keras.backend.batch_dot",
                               {{inputs[0], inputs[1], call.Get("axes")}, {}});
}

RuleResult AddN(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> inputs, call.Tensors("inputs"));
  if (inputs.empty()) return InvalidArgument("an empty list");
  return call.Result(inputs.size() == 1 ? inputs[0] : Op("math.Sum", inputs));
}

const CallRegistrar kRules[] = {
    {"{keras.backend,keras.ops,np}.dot,tensor.dot(x|x1|a,y|x2|b)", Dot},
    {"{keras.backend,keras.layers}.batch_dot(x,y,axes=None)", BatchDot},
    {"{keras.ops,np}.matmul,{tf,tf.linalg}.matmul,tf.batch_matmul(x|x1|a,y|x2|b,transpose_a|adj_x="
     "False,transpose_b|adj_y=False)",
     MatMul},
    {"{tf,keras.ops,np,tf.linalg}.tensordot(x|x1|a,y|x2|b,axes=2)", TensorDot},
    {"{tf,keras.ops,np,tf.linalg}.einsum(equation|subscripts,*operands)", Einsum},
    {"{keras.ops,np}.outer(x|x1|a,y|x2|b)", Outer},
    {"{keras.ops,np}.{triu,tril}(x|m,k=0)", Triangle},
    {"{keras.backend,keras.ops,np}.clip,{tf,tf.math}.clip_by_value(x|t|a,x_min|min_value|"
     "clip_value_min|a_min=None,x_max|max_value|clip_value_max|a_max=None)",
     Clip},
    {"{keras.ops,np}.logaddexp(x|x1,y|x2)", LogSum},
    {"keras.backend.sqrt(x)", KerasSqrt},
    {"{keras.ops,np,tf,tf.math}.{divide,true_divide},{tf,tf.math}.truediv,tf.{div,realdiv}("
     "x|x1,y|x2)",
     Divide},
    {"tf.math.squared_difference,tf.squared_difference(x,y)", SquaredDifference},
    {"tf.math.divide_no_nan,tf.div_no_nan,keras.ops.divide_no_nan(x|x1,y|x2)", DivideNoNan},
    {"{tf,tf.math}.{add_n,accumulate_n}(inputs)", AddN},
    {"keras.layers.{add,subtract,multiply,average,maximum,minimum}(inputs)", Merge},
    {"keras.layers.dot(inputs,axes,normalize=False)", DotLayer},
    {"operator.{add,sub,mul,truediv,floordiv,mod,pow,matmul}(x,y)", Operator},
    {"tf.math.{multiply_no_nan,xdivy,xlogy,xlog1py}(x,y)", NoNan},
    {"tf.math.reciprocal_no_nan(x)", ReciprocalNoNan},
    {"{tf,tf.math}.erfc(x)", Erfc},
    {"{keras.ops,np}.hypot(x|x1,y|x2)", Hypot},
    {"{keras.ops,np}.{deg2rad,rad2deg},np.{radians,degrees}(x)", Radians},
    {"{keras.ops,np}.isclose(x|x1|a,y|x2|b,rtol=1e-5,atol=1e-8)", IsClose},
    {"{keras.ops,np}.nan_to_num(x,nan=0,posinf=None,neginf=None)", NanToNum},
    {"{keras.ops,np}.diff(x|a,n=1,axis=-1)", Diff},
    {"tf.searchsorted,{keras.ops,np}.searchsorted(sequence|sorted_sequence|a,values|v,side=left,"
     "right=False)",
     SearchSorted},
    {"{keras.ops,np}.digitize(values|x,sequence|bins,right=False,side=left)", SearchSorted},
    {"tf.math.polyval(coeffs,x)", PolyVal},
    {"tf.bitcast(x|input,type)", BitCast},
};

}  // namespace
}  // namespace nomograph::keras
