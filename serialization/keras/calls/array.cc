// Calls that put tensors together, take them apart and make them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult Concatenate(CallContext& call) {
  // TensorFlow 0 had the axis first.
  const bool axis_first = call.Get("values").is_number() && call.Get("axis").is_sequence();
  const char* const values = axis_first ? "axis" : "values";
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int(axis_first ? "values" : "axis"));
  const PyValue& list = call.Get(values);
  // Shapes stay shapes.
  const auto is_shape = [](const PyValue& part) {
    return part.is_sequence() || (part.is(Kind::kTensor) && part.heap->is_shape);
  };
  if (list.is_sequence() && axis == 0 &&
      std::any_of(
          list.heap->items.begin(), list.heap->items.end(),
          [](const PyValue& part) { return part.is(Kind::kTensor) && part.heap->is_shape; }) &&
      std::all_of(list.heap->items.begin(), list.heap->items.end(), is_shape)) {
    std::vector<PyValue> sizes;
    for (const PyValue& part : list.heap->items) {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> more, call.interpreter().ToSizes(part));
      sizes.insert(sizes.end(), more.begin(), more.end());
    }
    return call.interpreter().MakeShape(std::move(sizes));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tensors, call.Tensors(values));
  if (tensors.size() == 1) return call.Result(tensors[0]);
  return call.Result(Op("array.Concat", tensors, {{"axis", axis}}));
}

RuleResult Stack(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  const PyValue& list = call.Get("values");
  const bool sizes =
      list.is_sequence() &&
      std::all_of(list.heap->items.begin(), list.heap->items.end(), [](const PyValue& part) {
        return part.is_integer() || (part.is(Kind::kTensor) && part.heap->size_axis >= 0);
      });
  if (sizes && axis == 0) return call.interpreter().MakeShape(list.heap->items);
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> tensors, call.Tensors("values"));
  for (Value& tensor : tensors) tensor = Op("array.Unsqueeze", {tensor}, {{"axes", Ints{axis}}});
  return call.Result(Op("array.Concat", tensors, {{"axis", axis}}));
}

// np.hstack joins along the second axis, of vectors along the only one.
RuleResult HStack(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tensors, call.Tensors("values"));
  if (tensors.empty()) return InvalidArgument("an empty list");
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(tensors[0]));
  return call.Result(Op("array.Concat", tensors, {{"axis", rank > 1 ? 1 : 0}}));
}

RuleResult Unstack(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis"));
  const PyValue& list = call.Get("x");
  if (list.is(Kind::kTensor) && list.heap->is_shape) {
    return call.interpreter().arena().List(list.heap->items);
  }
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  int64_t count = x.shape()[axes[0]].size();
  if (call.Has("num")) {
    NOMO_ASSIGN_OR_RETURN(count, call.Int("num"));
  }
  if (count < 0) return absl::UnimplementedError("the axis has no known size");
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(count * 100));
  std::vector<PyValue> parts;
  for (int64_t i = 0; i < count; ++i) {
    NOMO_ASSIGN_OR_RETURN(const PyValue part, call.Result(At(x, i, axes[0])));
    parts.push_back(part);
  }
  return call.interpreter().arena().List(std::move(parts));
}

// The parts of an axis: so many of equal size, or of given sizes or places.
RuleResult SplitAxis(CallContext& call, bool places) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  const int64_t size = x.shape()[axes[0]].size();
  Ints ends;
  const bool list = call.Get("sections").is_sequence();
  NOMO_ASSIGN_OR_RETURN(Ints sections, call.Ints("sections"));
  if (list) {
    if (std::count(sections.begin(), sections.end(), -1) == 1 && !places && size >= 0) {
      int64_t rest = size;
      for (const int64_t section : sections) rest -= std::max<int64_t>(section, 0);
      std::replace(sections.begin(), sections.end(), int64_t{-1}, rest);
    }
    int64_t end = 0;
    for (const int64_t section : sections) {
      end = places ? section : SaturatingAdd(end, section);
      if (end < 0) return InvalidArgument("a part of size ", section);
      ends.push_back(end);
    }
    if (places) ends.push_back(std::numeric_limits<int64_t>::max());
  } else {
    const int64_t count = sections[0];
    if (size < 0) return absl::UnimplementedError("the axis has no known size");
    if (count < 1 || size % count != 0) {
      return InvalidArgument("an axis of ", size, " in ", count, " equal parts");
    }
    NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(count * 100));
    for (int64_t i = 1; i <= count; ++i) ends.push_back(size / count * i);
  }
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(static_cast<int64_t>(ends.size()) * 100));
  std::vector<PyValue> parts;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    NOMO_ASSIGN_OR_RETURN(const PyValue part,
                          call.Result(nomograph::Slice(x, begin, end, axes[0])));
    parts.push_back(part);
    begin = end;
  }
  return call.interpreter().arena().List(std::move(parts));
}
// TensorFlow's sizes, and NumPy's places.
RuleResult SplitSizes(CallContext& call) {
  // TensorFlow 0 had the axis first, the number of parts next and the tensor last.
  if (call.Get("x").is_integer() && call.Get("axis").is(Kind::kTensor)) {
    return call.interpreter().CallKnown(
        "tf.split", {{call.Get("axis"), call.Get("sections"), call.Get("x")}, {}});
  }
  return SplitAxis(call, false);
}
RuleResult SplitPlaces(CallContext& call) { return SplitAxis(call, true); }

// [begin, begin + size) of every axis; -1 is all that is left.
RuleResult SliceRule(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> begins, interpreter.ToSizes(call.Get("start")));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(call.Get("size")));
  if (begins.size() != sizes.size()) return InvalidArgument("other numbers of begins and sizes");
  std::vector<PyValue> index;
  for (size_t i = 0; i < sizes.size(); ++i) {
    PyValue end = PyValue::None();
    if (!(sizes[i].is_integer() && sizes[i].number == -1)) {
      NOMO_ASSIGN_OR_RETURN(end, interpreter.Binary(BinaryOperator::kAdd, begins[i], sizes[i]));
    }
    index.push_back(interpreter.arena().Make(Kind::kSlice, {begins[i], end, PyValue::None()}));
  }
  return interpreter.Subscript(interpreter.arena().Tensor(x),
                               interpreter.arena().Tuple(std::move(index)));
}

RuleResult StridedSlice(CallContext& call) {
  for (const char* mask :
       {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    NOMO_ASSIGN_OR_RETURN(const int64_t bits, call.Int(mask, 0));
    const absl::string_view name = mask;
    if (bits != 0 && name != "begin_mask" && name != "end_mask" && name != "shrink_axis_mask") {
      return absl::UnimplementedError(absl::StrCat(mask, " is not covered"));
    }
  }
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> begins, interpreter.ToSizes(call.Get("begin")));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> ends, interpreter.ToSizes(call.Get("end")));
  std::vector<PyValue> steps(begins.size(), PyValue::Int(1));
  if (call.Has("strides")) {
    NOMO_ASSIGN_OR_RETURN(steps, interpreter.ToSizes(call.Get("strides")));
  }
  if (begins.size() != ends.size() || begins.size() != steps.size() || begins.size() > 62) {
    return InvalidArgument("other numbers of begins, ends and steps");
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t no_begin, call.Int("begin_mask", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t no_end, call.Int("end_mask", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t shrink, call.Int("shrink_axis_mask", 0));
  std::vector<PyValue> index;
  for (size_t i = 0; i < begins.size(); ++i) {
    const int64_t bit = int64_t{1} << i;
    const PyValue begin = (no_begin & bit) != 0 ? PyValue::None() : begins[i];
    const PyValue end = (no_end & bit) != 0 ? PyValue::None() : ends[i];
    index.push_back((shrink & bit) != 0
                        ? begins[i]
                        : interpreter.arena().Make(Kind::kSlice, {begin, end, steps[i]}));
  }
  return interpreter.Subscript(interpreter.arena().Tensor(x),
                               interpreter.arena().Tuple(std::move(index)));
}

RuleResult Gather(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(Value indices, call.Tensor("indices"));
  if (nomograph::kFloats.Contains(indices.dtype())) indices = Cast(indices, DType::kInt32);
  NOMO_ASSIGN_OR_RETURN(const int64_t batch_dims, call.Int("batch_dims", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis", batch_dims));
  if (absl::EndsWith(call.name(), ".take") && !call.Has("axis")) {
    x = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});  // NumPy: of all elements
  }
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  if (batch_dims == 0) {
    return call.Result(Op("array.Gather", {x, indices}, {{"axis", axes[0]}}));
  }
  if (axes[0] != batch_dims) return absl::UnimplementedError("batch_dims other than the axis");
  return call.Result(Op("array.GatherND",
                        {x, Op("array.Unsqueeze", {indices}, {{"axes", Ints{-1}}})},
                        {{"batch_dims", batch_dims}}));
}

RuleResult ReverseRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  Ints axes;
  if (call.Has("axes")) {
    NOMO_ASSIGN_OR_RETURN(axes, call.Ints("axes"));
  } else {
    NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  return call.Result(Op("array.Reverse", {x}, {{"axes", axes}}));
}

RuleResult Roll(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints shifts, call.Ints("shift"));
  NOMO_ASSIGN_OR_RETURN(const Ints given, call.Ints("axis"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, given));
  if (shifts.size() != axes.size()) return InvalidArgument("other numbers of shifts and axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t size = x.shape()[axes[i]].size();
    // A shift by no more than the size needs no size.
    const int64_t shift = size > 0 ? shifts[i] % size : shifts[i];
    if (shift == 0) continue;
    const Value head = nomograph::Slice(x, 0, -shift, axes[i]);
    const Value tail = nomograph::Slice(x, -shift, std::numeric_limits<int64_t>::max(), axes[i]);
    x = Op("array.Concat", {tail, head}, {{"axis", axes[i]}});
  }
  return call.Result(x);
}

RuleResult Where(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value condition, call.Tensor("condition"));
  condition = Cast(condition, DType::kBool);
  if (!call.Has("x") || !call.Has("y")) {
    // The places where it holds, a row each.
    return call.Result(Op("array.Transpose", {Op("array.NonZero", {condition})}));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values, Together(call, {"x", "y"}));
  return call.Result(Op("array.Where", {condition, values[0], values[1]}));
}

// K.switch and tf.cond: both ways are computed. A condition of fewer axes holds for whole rows.
RuleResult Switch(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  PyValue ways[2] = {call.Get("x"), call.Get("y")};
  const auto known = interpreter.Truth(call.Get("condition"));
  for (PyValue& way : ways) {
    if (!way.is(Kind::kFunction)) continue;
    NOMO_ASSIGN_OR_RETURN(way, interpreter.Call(way, {}));
  }
  if (known.ok()) return ways[*known ? 0 : 1];
  NOMO_ASSIGN_OR_RETURN(Value condition, call.Tensor("condition"));
  condition = Cast(condition, DType::kBool);
  if (ways[0].is(Kind::kUnknown) || ways[1].is(Kind::kUnknown)) return PyValue::Unknown();
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values, interpreter.Promote(ways));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(values[0]));
  NOMO_ASSIGN_OR_RETURN(const int condition_rank, RankOf(condition));
  if (condition_rank > 0 && condition_rank < rank) {
    Ints axes(rank - condition_rank);
    std::iota(axes.begin(), axes.end(), condition_rank);
    condition = Op("array.Unsqueeze", {condition}, {{"axes", axes}});
  }
  return call.Result(Op("array.Where", {condition, values[0], values[1]}));
}

RuleResult OneHot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value indices, call.Tensor("x"));
  if (nomograph::kFloats.Contains(indices.dtype())) indices = Cast(indices, DType::kInt32);
  NOMO_ASSIGN_OR_RETURN(const int64_t depth, call.Int("num_classes"));
  NOMO_ASSIGN_OR_RETURN(const double on, call.Number("on_value", 1));
  NOMO_ASSIGN_OR_RETURN(const double off, call.Number("off_value", 0));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis", -1));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", call.interpreter().options().floatx));
  // Indices outside of [0, depth) are no class, so that negative ones must not count from the end,
  // as they do in array.OneHot.
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(indices));
  NOMO_ASSIGN_OR_RETURN(const int place, NormalizeAxis(axis, rank + 1));
  if (depth < 0) return InvalidArgument("a depth of ", depth);
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(depth));
  Tensor classes(DType::kInt64, Shape{depth});
  std::iota(classes.mutable_data<int64_t>().begin(), classes.mutable_data<int64_t>().end(), 0);
  Ints sizes(rank + 1 - place, 1);
  sizes[0] = depth;
  const Value numbers = nomograph::Constant(classes.Reshaped(Shape(sizes)));
  const Value each = Op("array.Unsqueeze", {Cast(indices, DType::kInt64)}, {{"axes", Ints{place}}});
  return call.Result(Op("array.Where", {Op("math.Equal", {each, numbers}),
                                        nomograph::Constant(Tensor::Full(type, {}, on)),
                                        nomograph::Constant(Tensor::Full(type, {}, off))}));
}

// Which rows hold, along one axis.
RuleResult BooleanMask(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Value mask, call.Tensor("mask"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis", 0));
  if (mask.shape().rank() != 1) return absl::UnimplementedError("a mask of several axes");
  return call.Result(Op("array.Compress", {x, Cast(mask, DType::kBool)}, {{"axis", axis}}));
}

// The greatest k along the last axis: values and indices.
RuleResult TopK(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t k, call.Int("k"));
  CallOptions options;
  options.num_outputs = 2;
  const std::vector<Value> outputs = CallMulti("array.TopK", {x}, {{"k", k}}, options);
  NOMO_RETURN_IF_ERROR(outputs[0].status());
  PyArena& arena = call.interpreter().arena();
  return arena.Make(Kind::kTuple,
                    {arena.Tensor(outputs[0]), arena.Tensor(Cast(outputs[1], DType::kInt32))},
                    "values indices");
}

RuleResult SortRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis", -1));
  NOMO_ASSIGN_OR_RETURN(const std::string direction, call.Text("direction", "ASCENDING"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  const int64_t size = x.shape()[axes[0]].size();
  if (size < 0) return absl::UnimplementedError("the axis has no known size");
  CallOptions options;
  options.num_outputs = 2;
  const std::vector<Value> outputs =
      CallMulti("array.TopK", {x},
                {{"k", size}, {"axis", axes[0]}, {"largest", direction == "DESCENDING"}}, options);
  NOMO_RETURN_IF_ERROR(outputs[0].status());
  const bool arg = absl::StrContains(call.name(), "argsort");
  return call.Result(arg ? Cast(outputs[1], DType::kInt32) : outputs[0]);
}

// [[a, b], ...] -> true below lengths: tf.sequence_mask.
RuleResult SequenceMask(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value lengths, call.Tensor("lengths"));
  NOMO_ASSIGN_OR_RETURN(const int64_t size, call.Int("maxlen"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", DType::kBool));
  if (size < 0) return InvalidArgument("a length of ", size);
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(size));
  Tensor places(DType::kInt64, Shape{size});
  std::iota(places.mutable_data<int64_t>().begin(), places.mutable_data<int64_t>().end(), 0);
  const Value each = Op("array.Unsqueeze", {Cast(lengths, DType::kInt64)}, {{"axes", Ints{-1}}});
  return call.Result(Cast(Op("math.Less", {nomograph::Constant(places), each}), type));
}

// The coordinates of a grid, one tensor for each.
RuleResult MeshGrid(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  const std::vector<PyValue>& given = call.Get("values").heap->items;
  NOMO_ASSIGN_OR_RETURN(const std::string indexing, call.Text("indexing"));
  const int count = static_cast<int>(given.size());
  if (count == 0 || count > kMaxRank) return InvalidArgument("a grid of ", count, " axes");
  std::vector<PyValue> sizes;
  std::vector<Value> vectors;
  for (const PyValue& value : given) {
    NOMO_ASSIGN_OR_RETURN(Value vector, interpreter.ToTensor(value));
    vector = Op("array.Reshape", {vector}, {{"shape", Ints{-1}}});
    NOMO_ASSIGN_OR_RETURN(const PyValue shape, interpreter.ShapeOf(vector));
    sizes.push_back(shape.heap->items[0]);
    vectors.push_back(std::move(vector));
  }
  const bool swapped = indexing == "xy" && count > 1;
  if (swapped) std::swap(sizes[0], sizes[1]);
  std::vector<PyValue> grids;
  for (int i = 0; i < count; ++i) {
    Ints column(count, 1);
    column[swapped && i < 2 ? 1 - i : i] = -1;
    std::vector<Value> inputs = {Op("array.Reshape", {vectors[i]}, {{"shape", column}})};
    Attributes attrs;
    NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
    NOMO_ASSIGN_OR_RETURN(const PyValue grid, call.Result(Op("array.Expand", inputs, attrs)));
    grids.push_back(grid);
  }
  return interpreter.arena().List(std::move(grids));
}

// Row i of the last two axes is the i-th element of the last axis, on the diagonal.
RuleResult Diagonal(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 1 || !x.shape()[rank - 1].known()) {
    return absl::UnimplementedError("the size of the diagonal is not known");
  }
  const int64_t size = x.shape()[rank - 1].size();
  NOMO_ASSIGN_OR_RETURN(const Value zeros,
                        Filled(call.interpreter(), {PyValue::Int(size), PyValue::Int(size)},
                               Tensor::Full(x.dtype(), {1}, 0)));
  const Value column = Op("array.Unsqueeze", {x}, {{"axes", Ints{-1}}});
  return call.Result(Op("math.Mul", {column, Op("array.EyeLike", {zeros})}));
}

const CallRegistrar kRules[] = {
    {"tf.sequence_mask(lengths,maxlen=None,dtype=None)", SequenceMask},
    {"{tf,np,keras.ops}.meshgrid(*values,indexing=xy)", MeshGrid},
    {"tf.linalg.{diag,tensor_diag},tf.{diag,matrix_diag}(x|diagonal)", Diagonal},
    {"tf.nn.embedding_lookup(x|params,indices|ids,axis=0,batch_dims=0)", Gather},
    {"{keras.backend,keras.ops,keras.layers}.concatenate(values|tensors|xs|inputs,axis=-1)",
     Concatenate},
    {"tf.concat,np.concatenate(values|arrays,axis=0)", Concatenate},
    {"{keras.backend,keras.ops,tf,np}.stack,tf.{pack,parallel_stack},keras.backend.pack("
     "values|x|arrays,axis=0)",
     Stack},
    {"{keras.ops,np}.hstack(values|xs|tup)", HStack},
    {"{tf,keras.ops}.unstack,tf.unpack(x|value,num=None,axis=0)", Unstack},
    {"tf.split(x|value,sections|num_or_size_splits,axis=0)", SplitSizes},
    {"{keras.ops,np}.split(x|ary,sections|indices_or_sections,axis=0)", SplitPlaces},
    {"{tf,keras.backend,keras.ops}.slice(x|input_|inputs,start|begin|start_indices,size|shape)",
     SliceRule},
    {"tf.strided_slice(x|input_,begin,end,strides=None,begin_mask=0,end_mask=0,ellipsis_mask=0,"
     "new_axis_mask=0,shrink_axis_mask=0,var=None)",
     StridedSlice},
    {"tf.gather,{keras.ops,np}.take(x|params|a,indices,validate_indices=None,axis=None,"
     "batch_dims=0)",
     Gather},
    {"keras.backend.gather(x|reference,indices,axis=0,batch_dims=0)", Gather},
    {"{keras.backend,tf}.reverse,{keras.ops,np}.flip,tf.reverse_v2(x|tensor|m,axes|axis|dims=None)",
     ReverseRule},
    {"{tf,keras.ops,np}.roll,tf.manip.roll(x|input|a,shift,axis=None)", Roll},
    {"{tf,keras.ops,np}.where,tf.{where_v2,select}(condition,x|x1|t=None,y|x2|e=None)", Where},
    {"keras.backend.switch(condition,x|then_expression,y|else_expression)", Switch},
    {"{tf,keras.ops}.cond(condition|pred,x|true_fn|fn1,y|false_fn|fn2)", Switch},
    {"tf.one_hot(x|indices,num_classes|depth,on_value=None,off_value=None,axis=None,dtype=None)",
     OneHot},
    {"keras.backend.one_hot,{keras.ops,keras.activations}.one_hot,keras.utils.to_categorical("
     "x|indices,num_classes|nb_classes,axis=-1,"
     "dtype=None,on_value=None,off_value=None)",
     OneHot},
    {"tf.boolean_mask(x|tensor,mask,axis=None)", BooleanMask},
    {"{tf.nn,tf.math}.top_k,keras.ops.top_k(x|input,k=1,sorted=True)", TopK},
    {"{tf,keras.ops,np}.{sort,argsort}(x|values|a,axis=-1,direction=ASCENDING)", SortRule},
};

}  // namespace
}  // namespace nomograph::keras
