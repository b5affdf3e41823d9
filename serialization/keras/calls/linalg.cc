// Calls on matrices, which are the last two axes, and norms of several tensors.
#include <algorithm>
#include <numeric>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// The diagonal of zeros and ones, [rows, columns], of matrices of known sizes.
absl::StatusOr<Value> DiagonalMask(CallContext& call, const Value& x) {
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 2) return InvalidArgument("a matrix has two axes, found ", rank);
  std::vector<PyValue> sizes;
  for (const int axis : {rank - 2, rank - 1}) {
    if (!x.shape()[axis].known()) return absl::UnimplementedError("matrices of unknown sizes");
    sizes.push_back(PyValue::Int(x.shape()[axis].size()));
  }
  NOMO_ASSIGN_OR_RETURN(const Value zeros,
                        Filled(call.interpreter(), sizes, Tensor::Full(x.dtype(), {1}, 0)));
  return Op("array.EyeLike", {zeros});
}

RuleResult Trace(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("math.Einsum", {x}, {{"equation", "...ii->..."}}));
}

// The main diagonals of matrices, which need not be square.
RuleResult DiagonalPart(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 2) return InvalidArgument("a matrix has two axes, found ", rank);
  const Dim rows = x.shape()[rank - 2], columns = x.shape()[rank - 1];
  if (rows.known() && columns.known() && rows.size() != columns.size()) {
    const int64_t size = std::min(rows.size(), columns.size());
    x = Slice(Slice(x, 0, size, rank - 2), 0, size, rank - 1);
  }
  return call.Result(Op("math.Einsum", {x}, {{"equation", "...ii->...i"}}));
}

// np.diag and keras.ops.diag: the diagonal of a matrix, or the matrix of a diagonal.
RuleResult DiagonalOrPart(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  return call.interpreter().CallKnown(rank == 1 ? "tf.linalg.diag" : "tf.linalg.diag_part",
                                      {{call.interpreter().arena().Tensor(x)}, {}});
}

RuleResult SetDiagonal(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values, Together(call, {"x", "diagonal"}));
  NOMO_ASSIGN_OR_RETURN(const Value mask, DiagonalMask(call, values[0]));
  const Value column = Op("array.Unsqueeze", {values[1]}, {{"axes", Ints{-1}}});
  return call.Result(Op("array.Where", {Cast(mask, DType::kBool), column, values[0]}));
}

// So many diagonals below and above the main one; all where the number is negative.
RuleResult Band(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t lower, call.Int("num_lower"));
  NOMO_ASSIGN_OR_RETURN(const int64_t upper, call.Int("num_upper"));
  if (lower >= 0) x = Op("array.Trilu", {x}, {{"k", -lower}, {"upper", true}});
  if (upper >= 0) x = Op("array.Trilu", {x}, {{"k", upper}, {"upper", false}});
  return call.Result(x);
}

RuleResult MatVec(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> ab, Together(call, {"a", "b"}, kNumbers));
  NOMO_ASSIGN_OR_RETURN(const bool transpose, call.Bool("transpose_a"));
  const Value column = Op("array.Unsqueeze", {ab[1]}, {{"axes", Ints{-1}}});
  const Value product = Op("math.MatMul", {ab[0], column}, {{"transpose_a", transpose}});
  return call.Result(Op("array.Squeeze", {product}, {{"axes", Ints{-1}}}));
}

// Elements along the last axis, each in the place `places` before its own.
Value Rolled(const Value& x, int places) {
  const Value head = Slice(x, 0, places, -1), tail = Slice(x, places, 3, -1);
  return Op("array.Concat", {tail, head}, {{"axis", -1}});
}

// The cross product of vectors of three numbers, the last axis.
RuleResult Cross(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> ab, Together(call, {"a", "b"}, kNumbers));
  for (const Value& x : ab) {
    NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
    if (rank < 1 || x.shape()[rank - 1] != Dim(3)) {
      return absl::UnimplementedError("vectors of other than three numbers");
    }
  }
  return call.Result(Op("math.Sub", {Op("math.Mul", {Rolled(ab[0], 1), Rolled(ab[1], 2)}),
                                     Op("math.Mul", {Rolled(ab[0], 2), Rolled(ab[1], 1)})}));
}

// The sum of products of all elements.
RuleResult VDot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> xy, Together(call, {"x", "y"}, kNumbers));
  for (Value& value : xy) value = Op("array.Reshape", {value}, {{"shape", Ints{-1}}});
  return call.Result(Reduce("math.ReduceSum", Op("math.Mul", xy), {0}, false));
}

// Sums of products over the last axes of both.
RuleResult Inner(CallContext& call) {
  return call.interpreter().CallKnown(
      "np.tensordot",
      {{call.Get("x"), call.Get("y")},
       {{"axes", call.interpreter().arena().List({PyValue::Int(-1), PyValue::Int(-1)})}}});
}

// x / norm and the norm.
RuleResult NormalizeRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  PyArguments arguments{{call.interpreter().arena().Tensor(x), call.Get("ord"), call.Get("axis")},
                        {{"keepdims", PyValue::Bool(true)}}};
  NOMO_ASSIGN_OR_RETURN(const PyValue norm,
                        call.interpreter().CallKnown("tf.norm", std::move(arguments)));
  NOMO_ASSIGN_OR_RETURN(const PyValue unit,
                        call.interpreter().Binary(BinaryOperator::kDivide,
                                                  call.interpreter().arena().Tensor(x), norm));
  return call.interpreter().arena().Tuple({unit, norm});
}

// x where its norm is at most clip_norm, else scaled to it.
RuleResult ClipByNorm(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "t"));
  NOMO_ASSIGN_OR_RETURN(const double limit, call.Number("clip_norm"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  Ints axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.Has("axes")) {
    NOMO_ASSIGN_OR_RETURN(axes, call.Ints("axes"));
  }
  const Value norm = Reduce("math.ReduceL2", x, axes, true);
  return call.Result(x * limit / Op("math.Max", {norm, ConstantLike(limit, x)}));
}

absl::StatusOr<Value> GlobalNormOf(const std::vector<Value>& tensors) {
  Value sum;
  for (const Value& x : tensors) {
    NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
    Ints axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    const Value squares = Reduce("math.ReduceSumSquare", x, axes, false);
    sum = sum.valid() ? sum + squares : squares;
  }
  if (!sum.valid()) return InvalidArgument("an empty list");
  return Op("math.Sqrt", {sum});
}

RuleResult GlobalNorm(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tensors, call.Tensors("t_list"));
  NOMO_ASSIGN_OR_RETURN(const Value norm, GlobalNormOf(tensors));
  return call.Result(norm);
}

RuleResult ClipByGlobalNorm(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tensors, call.Tensors("t_list"));
  NOMO_ASSIGN_OR_RETURN(const double limit, call.Number("clip_norm"));
  NOMO_ASSIGN_OR_RETURN(const Value norm, GlobalNormOf(tensors));
  const Value factor = limit / Op("math.Max", {norm, ConstantLike(limit, norm)});
  std::vector<PyValue> clipped;
  for (const Value& x : tensors) {
    NOMO_ASSIGN_OR_RETURN(const PyValue y, call.Result(x * factor));
    clipped.push_back(y);
  }
  PyArena& arena = call.interpreter().arena();
  return arena.Tuple({arena.List(std::move(clipped)), arena.Tensor(norm)});
}

const CallRegistrar kRules[] = {
    {"{tf,tf.linalg,keras.ops,np}.trace(x|a)", Trace},
    {"tf.linalg.{diag_part,tensor_diag_part},tf.{diag_part,matrix_diag_part},"
     "{keras.ops,np}.diagonal(x|input|a)",
     DiagonalPart},
    {"{keras.ops,np}.diag(x|v)", DiagonalOrPart},
    {"tf.linalg.set_diag,tf.matrix_set_diag(x|input,diagonal)", SetDiagonal},
    {"tf.linalg.band_part,tf.matrix_band_part(x|input,num_lower,num_upper)", Band},
    {"tf.linalg.matvec(a,b,transpose_a=False)", MatVec},
    {"tf.linalg.cross,tf.cross,{keras.ops,np}.cross(a|x1,b|x2)", Cross},
    {"{keras.ops,np}.vdot(x|x1|a,y|x2|b)", VDot},
    {"{keras.ops,np}.inner(x|x1|a,y|x2|b)", Inner},
    {"tf.linalg.normalize(x|tensor,ord=euclidean,axis=None)", NormalizeRule},
    {"tf.clip_by_norm(t,clip_norm,axes=None)", ClipByNorm},
    {"tf.linalg.global_norm,tf.global_norm(t_list)", GlobalNorm},
    {"tf.clip_by_global_norm(t_list,clip_norm,use_norm=None)", ClipByGlobalNorm},
};

}  // namespace
}  // namespace nomograph::keras
