// Calls that reduce axes, and norms.
#include <algorithm>
#include <cmath>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// The axes of a call: all where it gives none.
absl::StatusOr<Ints> AxesOf(CallContext& call, const Value& x) {
  if (!call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
    Ints axes(rank);
    for (int i = 0; i < rank; ++i) axes[i] = i;
    return axes;
  }
  NOMO_ASSIGN_OR_RETURN(const Ints axes, call.Ints("axis"));
  return NormalAxes(x, axes);
}

RuleResult ReduceBy(CallContext& call, absl::string_view op, DTypeSet types) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> x,
                        call.interpreter().Promote({call.Get("x")}, types));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  Attributes attrs = {{"keepdims", keepdims}};
  if (call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x[0]));
    // No axes at all is no reduction.
    if (axes.empty()) return call.Result(x[0]);
    attrs.Set("axes", axes);
  }
  return call.Result(Op(op, x, attrs));
}
// Booleans count as integers.
RuleResult Sum(CallContext& call) { return ReduceBy(call, "math.ReduceSum", kNumbers); }
RuleResult Prod(CallContext& call) { return ReduceBy(call, "math.ReduceProd", kNumbers); }
RuleResult Mean(CallContext& call) { return ReduceBy(call, "math.ReduceMean", nomograph::kFloats); }
RuleResult Max(CallContext& call) { return ReduceBy(call, "math.ReduceMax", kNumbers); }
RuleResult Min(CallContext& call) { return ReduceBy(call, "math.ReduceMin", kNumbers); }
RuleResult LogSumExp(CallContext& call) {
  return ReduceBy(call, "math.ReduceLogSumExp", nomograph::kFloats);
}
RuleResult EuclideanNorm(CallContext& call) {
  return ReduceBy(call, "math.ReduceL2", nomograph::kFloats);
}

// Whether any or all hold: the greatest or least of 0 and 1.
RuleResult Logic(CallContext& call, absl::string_view op) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  const Value bits = Cast(Cast(x, DType::kBool), DType::kInt32);
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  if (axes.empty()) return call.Result(Cast(x, DType::kBool));
  return call.Result(Cast(Reduce(op, bits, axes, keepdims), DType::kBool));
}
RuleResult Any(CallContext& call) { return Logic(call, "math.ReduceMax"); }
RuleResult All(CallContext& call) { return Logic(call, "math.ReduceMin"); }

RuleResult CountNonZero(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  const Value bits = Cast(Cast(x, DType::kBool), DType::kInt64);
  return call.Result(Reduce("math.ReduceSum", bits, axes, keepdims));
}

// The mean of squared distances from the mean, with divisor n.
absl::StatusOr<Value> VarianceOf(CallContext& call, const Value& x, bool keepdims) {
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  const Value mean = Reduce("math.ReduceMean", x, axes, true);
  const Value distance = Op("math.Sub", {x, mean});
  return Reduce("math.ReduceMean", Op("math.Square", {distance}), axes, keepdims);
}

RuleResult Variance(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  NOMO_ASSIGN_OR_RETURN(const Value variance, VarianceOf(call, x, keepdims));
  return call.Result(variance);
}

RuleResult Deviation(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  NOMO_ASSIGN_OR_RETURN(const Value variance, VarianceOf(call, x, keepdims));
  return call.Result(Op("math.Sqrt", {variance}));
}

RuleResult Moments(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  NOMO_ASSIGN_OR_RETURN(const Value variance, VarianceOf(call, x, keepdims));
  NOMO_RETURN_IF_ERROR(variance.status());
  PyArena& arena = call.interpreter().arena();
  return arena.Tuple(
      {arena.Tensor(Reduce("math.ReduceMean", x, axes, keepdims)), arena.Tensor(variance)});
}

RuleResult ArgBy(CallContext& call, absl::string_view op) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  if (x.dtype() == DType::kBool) x = Cast(x, DType::kInt32);
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  int64_t axis = 0;
  if (call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(axis, call.Int("axis"));
  } else {
    // NumPy: of all elements.
    x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  }
  const Value place = Op(op, {x}, {{"axis", axis}, {"keepdims", keepdims}});
  NOMO_RETURN_IF_ERROR(place.status());
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("output_type", place.dtype()));
  return call.Result(Cast(place, type));
}
RuleResult ArgMax(CallContext& call) { return ArgBy(call, "math.ArgMax"); }
RuleResult ArgMin(CallContext& call) { return ArgBy(call, "math.ArgMin"); }

RuleResult Cumulative(CallContext& call, absl::string_view op) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  if (x.dtype() == DType::kBool) x = Cast(x, DType::kInt32);
  NOMO_ASSIGN_OR_RETURN(const bool exclusive, call.Bool("exclusive"));
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  int64_t axis = 0;
  if (call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(axis, call.Int("axis"));
  } else {
    x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  }
  return call.Result(Op(op, {x}, {{"axis", axis}, {"exclusive", exclusive}, {"reverse", reverse}}));
}
RuleResult CumSum(CallContext& call) { return Cumulative(call, "math.CumSum"); }
RuleResult CumProd(CallContext& call) { return Cumulative(call, "math.CumProd"); }

// x / sqrt(max(sum(x^2), epsilon)), as TensorFlow has it. Keras' default epsilon is 1e-12 as well.
RuleResult L2Normalize(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, call.Number("epsilon", 1e-12));
  const Value sum = Reduce("math.ReduceSumSquare", x, axes, true);
  const Value bounded = Op("math.Max", {sum, ConstantLike(epsilon, x)});
  return call.Result(Op("math.Mul", {x, Op("math.Rsqrt", {bounded})}));
}

// keras.ops.normalize and keras.utils.normalize: x / max(norm, epsilon).
RuleResult Normalize(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  NOMO_ASSIGN_OR_RETURN(const int64_t order, call.Int("order", 2));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, call.Number("epsilon", 1e-12));
  if (order != 1 && order != 2) return absl::UnimplementedError("an order other than 1 and 2");
  const Value norm = Reduce(order == 1 ? "math.ReduceL1" : "math.ReduceL2", x, axes, true);
  return call.Result(Op("math.Div", {x, Op("math.Max", {norm, ConstantLike(epsilon, x)})}));
}

RuleResult Norm(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, x));
  const PyValue& ord = call.Get("ord");
  const bool euclidean =
      !call.Has("ord") ||
      (ord.is(Kind::kText) && (ord.heap->text == "euclidean" || ord.heap->text == "fro"));
  const double order = euclidean ? 2 : ord.is_number() ? ord.AsDouble() : std::nan("");
  if (!euclidean && axes.size() > 1 && call.Has("axis")) {
    return absl::UnimplementedError("a norm of matrices other than the Euclidean one");
  }
  if (order == 1) return call.Result(Reduce("math.ReduceL1", x, axes, keepdims));
  if (order == 2) return call.Result(Reduce("math.ReduceL2", x, axes, keepdims));
  const Value size = Op("math.Abs", {x});
  if (std::isinf(order) && order > 0) {
    return call.Result(Reduce("math.ReduceMax", size, axes, keepdims));
  }
  if (std::isinf(order)) return call.Result(Reduce("math.ReduceMin", size, axes, keepdims));
  if (std::isnan(order) || order <= 0) return absl::UnimplementedError("this order");
  const Value sum =
      Reduce("math.ReduceSum", Op("math.Pow", {size, ConstantLike(order, x)}), axes, keepdims);
  return call.Result(Op("math.Pow", {sum, ConstantLike(1 / order, x)}));
}

// The mean with weights, of all elements or of one axis.
RuleResult Average(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  const PyArguments axis{{}, {{"axis", call.Get("axis")}}};
  const auto reduce = [&](const char* name, const PyValue& x) {
    return interpreter.CallKnown(name, {{x}, axis.keywords});
  };
  if (!call.Has("weights")) return reduce("np.mean", call.Get("x"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xw,
                        Together(call, {"x", "weights"}, nomograph::kFloats));
  Value weights = xw[1];
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(xw[0]));
  NOMO_ASSIGN_OR_RETURN(const int weight_rank, RankOf(weights));
  if (weight_rank == 1 && rank > 1) {
    NOMO_ASSIGN_OR_RETURN(const Ints axes, AxesOf(call, xw[0]));
    if (axes.size() != 1) return InvalidArgument("weights of one axis for several");
    Ints sizes(rank, 1);
    sizes[axes[0]] = -1;
    weights = Op("array.Reshape", {weights}, {{"shape", sizes}});
  }
  weights = Op("math.Add", {weights, Op("math.Mul", {xw[0], ConstantLike(0, xw[0])})});
  NOMO_ASSIGN_OR_RETURN(const PyValue sum,
                        reduce("np.sum", interpreter.arena().Tensor(xw[0] * weights)));
  NOMO_ASSIGN_OR_RETURN(const PyValue all, reduce("np.sum", interpreter.arena().Tensor(weights)));
  return interpreter.Binary(BinaryOperator::kDivide, sum, all);
}

// The number at the place q (n - 1) of those of an axis in rising order, between two of them by
// linear interpolation.
RuleResult Quantile(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool keepdims, call.Bool("keepdims"));
  NOMO_ASSIGN_OR_RETURN(double q, call.Number("q", 0.5));
  if (absl::EndsWith(call.name(), "percentile")) q /= 100;
  if (!(q >= 0 && q <= 1)) return InvalidArgument("q: ", q);
  NOMO_ASSIGN_OR_RETURN(Ints axes, AxesOf(call, x));
  if (axes.size() != 1) {
    if (call.Has("axis") || keepdims) return absl::UnimplementedError("of several axes");
    x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
    axes = {0};
  }
  const int64_t size = x.shape()[axes[0]].size();
  if (size < 1) return absl::UnimplementedError("the axis has no known size");
  CallOptions options;
  options.num_outputs = 2;
  const Value sorted = CallMulti("array.TopK", {x},
                                 {{"k", size}, {"axis", axes[0]}, {"largest", false}}, options)[0];
  NOMO_RETURN_IF_ERROR(sorted.status());
  const double place = q * static_cast<double>(size - 1);
  const auto below = static_cast<int64_t>(place);
  const int64_t above = std::min(below + 1, size - 1);
  const auto at = [&](int64_t i) {
    return keepdims ? nomograph::Slice(sorted, i, i + 1, axes[0]) : At(sorted, i, axes[0]);
  };
  const double share = place - static_cast<double>(below);
  return call.Result(share == 0 ? at(below) : at(below) * (1 - share) + at(above) * share);
}

// The share of elements that are 0.
RuleResult ZeroFraction(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  const Value flat = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  const Value zeros = Op("math.Equal", {flat, ConstantLike(0, flat)});
  return call.Result(Reduce("math.ReduceMean", Cast(zeros, DType::kFloat32), {0}, false));
}

// Whether fewer than k predictions of a row exceed that of its target.
RuleResult InTopK(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(Value predictions, call.Tensor("predictions"));
  NOMO_ASSIGN_OR_RETURN(Value targets, call.Tensor("targets"));
  NOMO_ASSIGN_OR_RETURN(const int64_t k, call.Int("k"));
  // TensorFlow 1 and Keras have the predictions first, others the targets.
  if (!nomograph::kFloats.Contains(predictions.dtype())) std::swap(predictions, targets);
  if (predictions.shape().rank() != 2) return InvalidArgument("predictions: expected two axes");
  const Value rows = Op("array.Unsqueeze", {Cast(targets, DType::kInt64)}, {{"axes", Ints{-1}}});
  const Value own = Op("array.GatherElements", {predictions, rows}, {{"axis", 1}});
  const Value greater = Cast(Op("math.Greater", {predictions, own}), DType::kInt32);
  const Value count = Reduce("math.ReduceSum", greater, {1}, false);
  NOMO_ASSIGN_OR_RETURN(const PyValue limit,
                        interpreter.FromTensor(ConstantLike(static_cast<double>(k), count)));
  return interpreter.Compare(Comparison::kLess, interpreter.arena().Tensor(count), limit);
}

// log of the sum of e^x up to each element.
RuleResult CumulativeLogSumExp(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  NOMO_ASSIGN_OR_RETURN(const bool exclusive, call.Bool("exclusive"));
  NOMO_ASSIGN_OR_RETURN(const bool reverse, call.Bool("reverse"));
  const Value greatest = Reduce("math.ReduceMax", x, {axis}, true);
  const Value sum = Op("math.CumSum", {Op("math.Exp", {x - greatest})},
                       {{"axis", axis}, {"exclusive", exclusive}, {"reverse", reverse}});
  return call.Result(Op("math.Log", {sum}) + greatest);
}

const CallRegistrar kRules[] = {
    {"{keras.backend,keras.ops,np}.sum,tf.reduce_sum,tf.math.reduce_sum,tensor.sum("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False,dtype=None)",
     Sum},
    {"{keras.backend,keras.ops,np}.prod,tf.reduce_prod,tf.math.reduce_prod,tensor.prod("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False,dtype=None)",
     Prod},
    {"{keras.backend,keras.ops,np}.mean,tf.reduce_mean,tf.math.reduce_mean,tensor.mean("
     "x|input_tensor|a,axis|reduction_indices=None,"
     "keepdims|keep_dims=False,dtype=None)",
     Mean},
    {"{keras.backend,keras.ops,np}.max,np.amax,keras.ops.amax,tf.reduce_max,tf.math.reduce_max,"
     "tensor.max(x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False)",
     Max},
    {"{keras.backend,keras.ops,np}.min,np.amin,keras.ops.amin,tf.reduce_min,tf.math.reduce_min,"
     "tensor.min(x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False)",
     Min},
    {"{keras.backend,keras.ops}.logsumexp,tf.reduce_logsumexp,tf.math.reduce_logsumexp("
     "x|input_tensor,axis|reduction_indices=None,keepdims|keep_dims=False)",
     LogSumExp},
    {"{keras.ops,np}.average(x|a,axis=None,weights=None)", Average},
    {"{keras.ops,np}.median(x|a,axis=None,q=0.5,keepdims=False)", Quantile},
    {"{keras.ops,np}.quantile,np.percentile(x|a,q,axis=None,keepdims=False)", Quantile},
    {"tf.{nn.zero_fraction,math.zero_fraction}(x|value)", ZeroFraction},
    {"{tf.nn,tf.math}.in_top_k,keras.backend.in_top_k,keras.ops.in_top_k(predictions,targets,k)",
     InTopK},
    {"tf.math.cumulative_logsumexp(x,axis=0,exclusive=False,reverse=False)", CumulativeLogSumExp},
    {"tf.math.reduce_euclidean_norm(x|input_tensor,axis=None,keepdims=False)", EuclideanNorm},
    {"{keras.backend,keras.ops,np}.any,tf.reduce_any,tf.math.reduce_any,tensor.any("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False)",
     Any},
    {"{keras.backend,keras.ops,np}.all,tf.reduce_all,tf.math.reduce_all,tensor.all("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False)",
     All},
    {"{tf,tf.math,keras.ops,np}.count_nonzero(x|input|input_tensor|a,axis=None,keepdims=False)",
     CountNonZero},
    {"{keras.backend,keras.ops,np}.var,tf.math.reduce_variance,tensor.var("
     "x|input_tensor|a,axis=None,keepdims=False)",
     Variance},
    {"{keras.backend,keras.ops,np}.std,tf.math.reduce_std,tensor.std("
     "x|input_tensor|a,axis=None,keepdims=False)",
     Deviation},
    {"tf.nn.moments,keras.ops.moments(x,axis|axes,shift=None,keepdims|keep_dims=False)", Moments},
    {"keras.backend.argmax,keras.activations.argmax(x,axis=-1,keepdims=False,output_type=None)",
     ArgMax},
    {"keras.backend.argmin(x,axis=-1,keepdims=False,output_type=None)", ArgMin},
    {"{tf,tf.math}.argmax,tf.arg_max(x|input,axis|dimension=0,keepdims=False,output_type=None)",
     ArgMax},
    {"{tf,tf.math}.argmin,tf.arg_min(x|input,axis|dimension=0,keepdims=False,output_type=None)",
     ArgMin},
    {"{keras.ops,np}.argmax,tensor.argmax(x|a,axis=None,keepdims=False,output_type=None)", ArgMax},
    {"{keras.ops,np}.argmin,tensor.argmin(x|a,axis=None,keepdims=False,output_type=None)", ArgMin},
    {"keras.backend.cumsum,{tf,tf.math}.cumsum(x,axis=0,exclusive=False,reverse=False)", CumSum},
    {"keras.backend.cumprod,{tf,tf.math}.cumprod(x,axis=0,exclusive=False,reverse=False)", CumProd},
    {"{keras.ops,np}.cumsum(x|a,axis=None,exclusive=False,reverse=False)", CumSum},
    {"{keras.ops,np}.cumprod(x|a,axis=None,exclusive=False,reverse=False)", CumProd},
    {"keras.backend.l2_normalize,{tf.nn,tf.math,tf.linalg}.l2_normalize(x,axis|dim=None,"
     "epsilon=1e-12)",
     L2Normalize},
    {"keras.ops.normalize,keras.utils.normalize(x,axis=-1,order=2,epsilon=1e-12)", Normalize},
    {"{tf,tf.linalg}.norm(x|tensor,ord=euclidean,axis=None,keepdims|keep_dims=False)", Norm},
    {"{keras.ops,np.linalg}.norm(x,ord=None,axis=None,keepdims=False)", Norm},
};

}  // namespace
}  // namespace nomograph::keras
