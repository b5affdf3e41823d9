// Calls that put elements elsewhere: blocks of an image into the batch, updates into a tensor, rows
// chosen or repeated.
#include <algorithm>
#include <numeric>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// np.vstack joins along the first axis; vectors are rows.
RuleResult VStack(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> tensors, call.Tensors("values"));
  for (Value& x : tensors) {
    NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
    if (rank == 1) x = Op("array.Unsqueeze", {x}, {{"axes", Ints{0}}});
  }
  if (tensors.empty()) return InvalidArgument("an empty list");
  return call.Result(Op("array.Concat", tensors, {{"axis", 0}}));
}

// The choice of the first condition that holds, else the default.
RuleResult Select(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> conditions,
                        interpreter.Elements(call.Get("condlist")));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> choices,
                        interpreter.Elements(call.Get("choicelist")));
  if (conditions.size() != choices.size()) return InvalidArgument("other numbers of choices");
  PyValue chosen = call.Get("default");
  for (size_t i = conditions.size(); i-- > 0;) {
    NOMO_ASSIGN_OR_RETURN(
        chosen, interpreter.CallKnown("np.where", {{conditions[i], choices[i], chosen}, {}}));
  }
  return chosen;
}

// tf.case: pairs of a condition and a function.
RuleResult Case(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> pairs, interpreter.Elements(call.Get("pairs")));
  if (!call.Has("default")) return absl::UnimplementedError("without a default");
  PyValue otherwise = call.Get("default");
  for (size_t i = pairs.size(); i-- > 0;) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> pair, interpreter.Elements(pairs[i]));
    if (pair.size() != 2) return InvalidArgument("expected pairs of a condition and a function");
    NOMO_ASSIGN_OR_RETURN(otherwise, interpreter.CallKnown("keras.backend.switch",
                                                           {{pair[0], pair[1], otherwise}, {}}));
  }
  return otherwise;
}

// The spatial axes of x, whose sizes must be known, ahead of them the batch, behind them the rest.
absl::StatusOr<Ints> SpatialSizes(const Value& x, size_t axes) {
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < static_cast<int>(axes) + 1) return InvalidArgument("more blocks than axes");
  Ints sizes;
  for (int i = 1; i < rank; ++i) {
    if (!x.shape()[i].known()) return absl::UnimplementedError("axes of unknown sizes");
    sizes.push_back(x.shape()[i].size());
  }
  return sizes;
}

absl::StatusOr<Ints> Blocks(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Ints blocks, call.Ints("block_shape"));
  if (call.Get("block_shape").is_integer()) blocks.push_back(blocks[0]);
  for (const int64_t block : blocks) {
    if (block < 1 || block > 1 << 20) return InvalidArgument("a block of ", block);
  }
  return blocks;
}

// Rows and columns before and after each spatial axis.
absl::StatusOr<Ints> Margins(CallContext& call, size_t axes) {
  Ints both(2 * axes, 0);
  if (!call.Has("margins")) return both;
  NOMO_ASSIGN_OR_RETURN(const PyValue known, call.interpreter().Known(call.Get("margins")));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> rows, call.interpreter().Elements(known));
  if (rows.size() != axes) return InvalidArgument("expected margins of ", axes, " axes");
  for (size_t i = 0; i < axes; ++i) {
    NOMO_ASSIGN_OR_RETURN(const Ints pair, call.interpreter().ToInts(rows[i]));
    if (pair.size() != 2 || pair[0] < 0 || pair[1] < 0) return InvalidArgument("expected pairs");
    both[i] = pair[0];
    both[axes + i] = pair[1];
  }
  return both;
}

// Places within blocks go to the batch, ahead of what it counts.
RuleResult SpaceToBatch(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints blocks, Blocks(call));
  const int64_t axes = static_cast<int64_t>(blocks.size());
  NOMO_ASSIGN_OR_RETURN(const Ints margins, Margins(call, blocks.size()));
  Ints padded(axes);
  std::iota(padded.begin(), padded.end(), 1);
  x = Op("array.Pad", {x}, {{"pads", margins}, {"axes", padded}});
  NOMO_RETURN_IF_ERROR(x.status());
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, SpatialSizes(x, blocks.size()));
  Ints apart = {-1}, together = {-1}, perm;
  for (int64_t i = 0; i < axes; ++i) {
    if (sizes[i] % blocks[i] != 0) {
      return InvalidArgument("an axis of ", sizes[i], " in blocks of ", blocks[i]);
    }
    apart.insert(apart.end(), {sizes[i] / blocks[i], blocks[i]});
    together.push_back(sizes[i] / blocks[i]);
    perm.push_back(2 * i + 2);
  }
  perm.push_back(0);
  for (int64_t i = 0; i < axes; ++i) perm.push_back(2 * i + 1);
  for (size_t i = axes; i < sizes.size(); ++i) {
    perm.push_back(static_cast<int64_t>(apart.size()));
    apart.push_back(sizes[i]);
    together.push_back(sizes[i]);
  }
  x = Op("array.Reshape", {x}, {{"shape", apart}});
  x = Op("array.Transpose", {x}, {{"perm", perm}});
  return call.Result(Op("array.Reshape", {x}, {{"shape", together}}));
}

RuleResult BatchToSpace(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints blocks, Blocks(call));
  const int64_t axes = static_cast<int64_t>(blocks.size());
  NOMO_ASSIGN_OR_RETURN(Ints margins, Margins(call, blocks.size()));
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, SpatialSizes(x, blocks.size()));
  Ints apart = blocks, together = {-1}, perm = {axes};
  apart.push_back(-1);
  for (int64_t i = 0; i < axes; ++i) {
    perm.insert(perm.end(), {axes + 1 + i, i});
    apart.push_back(sizes[i]);
    together.push_back(SaturatingMultiply(sizes[i], blocks[i]));
  }
  for (size_t i = axes; i < sizes.size(); ++i) {
    perm.push_back(static_cast<int64_t>(apart.size()));
    apart.push_back(sizes[i]);
    together.push_back(sizes[i]);
  }
  x = Op("array.Reshape", {x}, {{"shape", apart}});
  x = Op("array.Transpose", {x}, {{"perm", perm}});
  x = Op("array.Reshape", {x}, {{"shape", together}});
  for (int64_t& margin : margins) margin = -margin;
  Ints cropped(axes);
  std::iota(cropped.begin(), cropped.end(), 1);
  return call.Result(Op("array.Pad", {x}, {{"pads", margins}, {"axes", cropped}}));
}

// tf.scatter_nd and keras.ops.scatter: zeros to which the updates are added.
RuleResult Scatter(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value updates, call.Tensor("updates"));
  NOMO_ASSIGN_OR_RETURN(const Value indices, call.Tensor("indices"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes,
                        call.interpreter().ToSizes(call.Get("shape")));
  NOMO_ASSIGN_OR_RETURN(const Value zeros,
                        Filled(call.interpreter(), sizes, Tensor::Full(updates.dtype(), {1}, 0)));
  return call.Result(Op("array.ScatterND", {zeros, Cast(indices, DType::kInt64), updates},
                        {{"reduction", "add"}}));
}

RuleResult ScatterInto(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values, Together(call, {"x", "updates"}));
  NOMO_ASSIGN_OR_RETURN(const Value indices, call.Tensor("indices"));
  const std::string& name = call.name();
  const std::string reduction = absl::EndsWith(name, "_add")   ? "add"
                                : absl::EndsWith(name, "_max") ? "max"
                                : absl::EndsWith(name, "_min") ? "min"
                                                               : "none";
  return call.Result(Op("array.ScatterND", {values[0], Cast(indices, DType::kInt64), values[1]},
                        {{"reduction", reduction}}));
}

// Sums of the rows of each segment.
RuleResult SegmentSum(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value data, call.Tensor("data"));
  NOMO_ASSIGN_OR_RETURN(const Value ids, call.Tensor("segment_ids"));
  if (!call.Has("num_segments")) return absl::UnimplementedError("without num_segments");
  NOMO_ASSIGN_OR_RETURN(const PyValue shape, interpreter.ShapeOf(data));
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> sizes, interpreter.ToSizes(shape));
  if (sizes.empty()) return InvalidArgument("a scalar has no rows");
  sizes[0] = call.Get("num_segments");
  NOMO_ASSIGN_OR_RETURN(const Value zeros,
                        Filled(interpreter, sizes, Tensor::Full(data.dtype(), {1}, 0)));
  const Value rows = Op("array.Unsqueeze", {Cast(ids, DType::kInt64)}, {{"axes", Ints{-1}}});
  return call.Result(Op("array.ScatterND", {zeros, rows, data}, {{"reduction", "add"}}));
}

// One or more classes of each row: 1 where any index is that class.
RuleResult MultiHot(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(
      const PyValue hot,
      call.interpreter().CallKnown("keras.ops.one_hot", {{call.Get("x"), call.Get("num_classes")},
                                                         {{"dtype", call.Get("dtype")}}}));
  NOMO_ASSIGN_OR_RETURN(const Value each, call.interpreter().ToTensor(hot));
  return call.Result(Reduce("math.ReduceMax", each, {-2}, false));
}

const CallRegistrar kRules[] = {
    {"{keras.ops,np}.vstack(values|xs|tup)", VStack},
    {"{keras.ops,np}.select(condlist,choicelist,default=0)", Select},
    {"tf.case(pairs|pred_fn_pairs,default=None,exclusive=False,strict=False)", Case},
    {"tf.{space_to_batch_nd}(x|input,block_shape,margins|paddings=None)", SpaceToBatch},
    {"tf.space_to_batch,tf.nn.space_to_batch(x|input,block_shape|block_size,"
     "margins|paddings=None)",
     SpaceToBatch},
    {"tf.{batch_to_space_nd,batch_to_space}(x|input,block_shape|block_size,margins|crops=None)",
     BatchToSpace},
    {"tf.scatter_nd(indices,updates,shape)", Scatter},
    {"keras.ops.scatter(indices,updates|values,shape)", Scatter},
    {"tf.{tensor_scatter_nd_update,tensor_scatter_nd_add,tensor_scatter_nd_max,"
     "tensor_scatter_nd_min,tensor_scatter_update,tensor_scatter_add},keras.ops.scatter_update("
     "x|tensor|inputs,indices,updates)",
     ScatterInto},
    {"{tf,tf.math}.unsorted_segment_sum,keras.ops.segment_sum,{tf,tf.math}.segment_sum("
     "data,segment_ids,num_segments=None,sorted=False)",
     SegmentSum},
    {"keras.ops.multi_hot(x|inputs,num_classes,axis=-1,dtype=None)", MultiHot},
};

}  // namespace
}  // namespace nomograph::keras
