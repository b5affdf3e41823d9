// Calls that reduce axes, and norms.
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
  return call.Result(Op(op, {x}, {{"axis", axis}, {"keepdims", keepdims}}));
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

const CallRegistrar kRules[] = {
    {"{keras.backend,keras.ops,np}.sum,tf.reduce_sum,tf.math.reduce_sum,tensor.sum("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False,dtype=None)",
     Sum},
    {"{keras.backend,keras.ops,np}.prod,tf.reduce_prod,tf.math.reduce_prod,tensor.prod("
     "x|input_tensor|a,axis|reduction_indices=None,keepdims|keep_dims=False,dtype=None)",
     Prod},
    {"{keras.backend,keras.ops,np}.mean,tf.reduce_mean,tf.math.reduce_mean,tensor.mean,"
     "{keras.ops,np}.average(x|input_tensor|a,axis|reduction_indices=None,"
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
    {"keras.backend.argmax,keras.activations.argmax(x,axis=-1,keepdims=False)", ArgMax},
    {"keras.backend.argmin(x,axis=-1,keepdims=False)", ArgMin},
    {"{tf,tf.math}.argmax,tf.arg_max(x|input,axis|dimension=0,keepdims=False,output_type=None)",
     ArgMax},
    {"{tf,tf.math}.argmin,tf.arg_min(x|input,axis|dimension=0,keepdims=False,output_type=None)",
     ArgMin},
    {"{keras.ops,np}.argmax,tensor.argmax(x|a,axis=None,keepdims=False)", ArgMax},
    {"{keras.ops,np}.argmin,tensor.argmin(x|a,axis=None,keepdims=False)", ArgMin},
    {"keras.backend.cumsum,{tf,tf.math}.cumsum(x,axis=0,exclusive=False,reverse=False)", CumSum},
    {"keras.backend.cumprod,{tf,tf.math}.cumprod(x,axis=0,exclusive=False,reverse=False)", CumProd},
    {"{keras.ops,np}.cumsum(x|a,axis=None,exclusive=False,reverse=False)", CumSum},
    {"{keras.ops,np}.cumprod(x|a,axis=None,exclusive=False,reverse=False)", CumProd},
    {"keras.backend.l2_normalize,{tf.nn,tf.math,tf.linalg}.l2_normalize(x,axis|dim=None,"
     "epsilon=1e-12)",
     L2Normalize},
    {"keras.ops.normalize(x,axis=-1,order=2,epsilon=1e-12)", Normalize},
    {"keras.normalize(x,axis=-1,order=2,epsilon=1e-12)", Normalize},
    {"{tf,tf.linalg}.norm(x|tensor,ord=euclidean,axis=None,keepdims|keep_dims=False)", Norm},
    {"{keras.ops,np.linalg}.norm(x,ord=None,axis=None,keepdims=False)", Norm},
};

}  // namespace
}  // namespace nomograph::keras
