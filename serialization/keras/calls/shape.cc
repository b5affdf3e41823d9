// Calls about shapes: what they are, and tensors in other ones.
#include <algorithm>
#include <numeric>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult ShapeRule(CallContext& call) {
  if (call.Get("x").is_sequence() && !call.Get("x").heap->items.empty() &&
      call.Get("x").heap->items[0].is_number()) {
    const int64_t size = static_cast<int64_t>(call.Get("x").heap->items.size());
    return call.interpreter().arena().Tuple({PyValue::Int(size)});
  }
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.interpreter().ShapeOf(x);
}

RuleResult IntShape(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.interpreter().Attribute(call.interpreter().arena().Tensor(x), "shape");
}

RuleResult Rank(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  return PyValue::Int(rank);
}

RuleResult SizeRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  if (x.shape().fully_known()) return PyValue::Int(x.shape().ToShape().num_elements());
  return call.Result(Op("array.Size", {x}));
}

RuleResult Reshape(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes,
                        call.interpreter().ToSizes(call.Get("shape")));
  NOMO_ASSIGN_OR_RETURN(const Value y, ReshapeTo(call.interpreter(), x, sizes));
  return call.Result(y);
}

RuleResult Ravel(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("array.Reshape", {x}, {{"shape", Ints{-1}}}));
}

RuleResult BatchFlatten(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("array.Flatten", {x}, {{"axis", 1}}));
}

RuleResult ExpandDims(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, call.Ints("axis"));
  return call.Result(Op("array.Unsqueeze", {x}, {{"axes", axes}}));
}

RuleResult SqueezeRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  Attributes attrs;
  if (call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(const Ints axes, call.Ints("axis"));
    attrs.Set("axes", axes);
  }
  return call.Result(Op("array.Squeeze", {x}, attrs));
}

RuleResult TransposeRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  Attributes attrs;
  if (call.Has("perm")) {
    NOMO_ASSIGN_OR_RETURN(Ints perm, call.Ints("perm"));
    NOMO_ASSIGN_OR_RETURN(perm, NormalAxes(x, perm));
    attrs.Set("perm", perm);
  }
  return call.Result(Op("array.Transpose", {x}, attrs));
}

// All axes in reverse order.
RuleResult Reverse(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("array.Transpose", {x}));
}

RuleResult MatrixTranspose(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 2) return InvalidArgument("a matrix has two axes");
  Ints perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[rank - 1], perm[rank - 2]);
  return call.Result(Op("array.Transpose", {x}, {{"perm", perm}}));
}

RuleResult SwapAxes(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t a, call.Int("axis1"));
  NOMO_ASSIGN_OR_RETURN(const int64_t b, call.Int("axis2"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {a, b}));
  Ints perm(x.shape().rank());
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[axes[0]], perm[axes[1]]);
  return call.Result(Op("array.Transpose", {x}, {{"perm", perm}}));
}

RuleResult MoveAxis(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints given, call.Ints("source"));
  NOMO_ASSIGN_OR_RETURN(const Ints wanted, call.Ints("destination"));
  NOMO_ASSIGN_OR_RETURN(const Ints source, NormalAxes(x, given));
  NOMO_ASSIGN_OR_RETURN(const Ints destination, NormalAxes(x, wanted));
  if (source.size() != destination.size()) return InvalidArgument("other numbers of axes");
  const int rank = x.shape().rank();
  Ints perm(rank, -1);
  for (size_t i = 0; i < source.size(); ++i) perm[destination[i]] = source[i];
  int64_t next = 0;
  for (int64_t& axis : perm) {
    if (axis >= 0) continue;
    while (std::find(source.begin(), source.end(), next) != source.end()) ++next;
    axis = next++;
  }
  return call.Result(Op("array.Transpose", {x}, {{"perm", perm}}));
}

RuleResult BroadcastTo(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> sizes, call.interpreter().ToSizes(call.Get("shape")));
  for (PyValue& size : sizes) {
    if (size.is_integer() && size.number == -1) size.number = 1;
  }
  std::vector<Value> inputs = {x};
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(SetShape(call.interpreter(), sizes, "shape", inputs, attrs));
  return call.Result(Op("array.Expand", inputs, attrs));
}

RuleResult Tile(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> repeats, call.interpreter().ToSizes(call.Get("n")));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  // NumPy and Keras: the shorter of the two is filled up with ones in front.
  while (static_cast<int>(repeats.size()) < rank) repeats.insert(repeats.begin(), PyValue::Int(1));
  if (static_cast<int>(repeats.size()) > rank) {
    Ints axes(repeats.size() - rank);
    std::iota(axes.begin(), axes.end(), 0);
    x = Op("array.Unsqueeze", {x}, {{"axes", axes}});
  }
  std::vector<Value> inputs = {x};
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(SetShape(call.interpreter(), repeats, "repeats", inputs, attrs));
  return call.Result(Op("array.Tile", inputs, attrs));
}

// The elements along an axis, each its own number of times.
RuleResult RepeatEach(CallContext& call, Value x, const Ints& repeats) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis", 0));
  if (!call.Has("axis")) x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  Ints places;
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0) return InvalidArgument("repeats: ", repeats[i]);
    NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(repeats[i]));
    places.insert(places.end(), repeats[i], static_cast<int64_t>(i));
  }
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {axis}));
  const Dim size = x.shape()[axes[0]];
  if (size.known() && size.size() != static_cast<int64_t>(repeats.size())) {
    return InvalidArgument("repeats: expected ", size.size(), " numbers, found ", repeats.size());
  }
  const int64_t count = static_cast<int64_t>(places.size());
  const Value indices = nomograph::Constant(Tensor::Of<int64_t>(Shape{count}, places));
  return call.Result(Op("array.Gather", {x, indices}, {{"axis", axes[0]}}));
}

// Every element `repeats` times, one after the other.
RuleResult Repeat(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints each, call.Ints("repeats"));
  if (each.size() != 1) return RepeatEach(call, x, each);
  const int64_t repeats = each[0];
  if (repeats < 0) return InvalidArgument("repeats: ", repeats);
  int64_t axis = 0;
  if (call.Has("axis")) {
    NOMO_ASSIGN_OR_RETURN(axis, call.Int("axis"));
    NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {axis}));
    axis = axes[0];
  } else {
    x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  }
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  Ints tile(rank + 1, 1);
  tile[axis + 1] = repeats;
  const Value tiled = Op("array.Tile", {Op("array.Unsqueeze", {x}, {{"axes", Ints{axis + 1}}})},
                         {{"repeats", tile}});
  NOMO_ASSIGN_OR_RETURN(const PyValue shape, call.interpreter().ShapeOf(x));
  std::vector<PyValue> sizes = shape.heap->items;
  NOMO_ASSIGN_OR_RETURN(sizes[axis], call.interpreter().Binary(BinaryOperator::kMultiply,
                                                               sizes[axis], PyValue::Int(repeats)));
  NOMO_ASSIGN_OR_RETURN(const Value y, ReshapeTo(call.interpreter(), tiled, sizes));
  return call.Result(y);
}

// [batch, features] -> [batch, n, features]
RuleResult RepeatRows(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t n, call.Int("n"));
  return call.Result(Op("array.Tile", {Op("array.Unsqueeze", {x}, {{"axes", Ints{1}}})},
                        {{"repeats", Ints{1, n, 1}}}));
}

const CallRegistrar kRules[] = {
    {"{keras.backend,keras.ops,tf,np}.shape,tf.shape_v2(x|input|a,out_type=None)", ShapeRule},
    {"keras.backend.get_variable_shape(x)", IntShape},
    {"keras.backend.int_shape(x)", IntShape},
    {"{tf,keras.ops,np}.rank,{keras.backend,keras.ops,np}.ndim(x|input|a)", Rank},
    {"{keras.ops,tf,np}.size,keras.backend.count_params(x|input|a,out_type=None)", SizeRule},
    {"{keras.backend,keras.ops,tf,np}.reshape,tensor.reshape_to(x|tensor|a|inputs,"
     "shape|newshape|target_shape)",
     Reshape},
    {"{keras.ops,np}.ravel,keras.backend.flatten,tensor.{flatten,ravel}(x|a,order=C)", Ravel},
    {"keras.backend.batch_flatten,{tf.layers,tf.contrib.layers}.flatten(x|inputs)", BatchFlatten},
    {"{keras.backend,keras.ops,tf,np}.expand_dims(x|input|a,axis|dim=-1)", ExpandDims},
    {"{keras.backend,keras.ops,tf,np}.squeeze,tensor.squeeze(x|input|a,axis|squeeze_dims=None)",
     SqueezeRule},
    {"keras.backend.permute_dimensions,{keras.ops,tf,np}.transpose(x|a,"
     "perm|pattern|axes=None,conjugate=False)",
     TransposeRule},
    {"keras.backend.transpose(x)", Reverse},
    {"tf.linalg.{matrix_transpose,transpose,adjoint},tf.matrix_transpose(x|a,conjugate=False)",
     MatrixTranspose},
    {"{keras.ops,np}.swapaxes(x|a,axis1,axis2)", SwapAxes},
    {"{keras.ops,np}.moveaxis(x|a,source,destination)", MoveAxis},
    {"{tf,keras.ops,np}.broadcast_to(x|input|array,shape)", BroadcastTo},
    {"{keras.backend,keras.ops,tf,np}.tile(x|input|A,n|multiples|repeats|reps)", Tile},
    {"{keras.ops,tf,np}.repeat(x|input|a,repeats,axis=None)", Repeat},
    {"keras.backend.repeat_elements(x,repeats|rep,axis)", Repeat},
    {"keras.backend.repeat(x,n)", RepeatRows},
};

}  // namespace
}  // namespace nomograph::keras
