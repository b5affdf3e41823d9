// array.Slice: x[start:end:step] along given axes; array.SliceGrad: what flows back through it.
#include <limits>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

// What is taken of one axis.
struct AxisSlice {
  int axis;
  int64_t start, end, step;
};

// The arguments, as inputs from `first` on; nothing where one of them is not known yet.
absl::StatusOr<std::optional<std::vector<AxisSlice>>> GetSlices(const InferContext& context,
                                                                int rank, int first = 1) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg starts, GetRequiredInts(context, "starts", first));
  NOMO_ASSIGN_OR_RETURN(const IntsArg ends, GetRequiredInts(context, "ends", first + 1));
  NOMO_ASSIGN_OR_RETURN(IntsArg axes, GetInts(context, "axes", first + 2));
  NOMO_ASSIGN_OR_RETURN(IntsArg steps, GetInts(context, "steps", first + 3));
  for (const IntsArg* arg : std::initializer_list<const IntsArg*>{&ends, &axes, &steps}) {
    if (arg->given && arg->count.known() && starts.count.known() && arg->count != starts.count) {
      return InvalidArgument("starts has ", starts.count.size(), " values, ends, axes or steps ",
                             arg->count.size());
    }
  }
  if (!starts.known || !ends.known || (axes.given && !axes.known) ||
      (steps.given && !steps.known)) {
    return std::nullopt;
  }
  const int64_t count = starts.count.size();
  if (count > rank) return InvalidArgument("starts has ", count, " values for ", rank, " axes");
  NOMO_RETURN_IF_ERROR(NormalizeAxes(axes.values, rank).status());
  std::vector<AxisSlice> slices;
  for (int i = 0; i < count; ++i) {
    const int64_t axis = axes.given ? axes.values[i] : i;
    slices.push_back({static_cast<int>(axis < 0 ? axis + rank : axis), starts.values[i],
                      ends.values[i], steps.given ? steps.values[i] : 1});
    if (slices.back().step == 0) return InvalidArgument("steps: 0 for axis ", axis);
  }
  return slices;
}

// Python's slice.indices(): the first element and how many there are.
struct Range {
  int64_t start, count;
};

Range Indices(const AxisSlice& slice, int64_t size) {
  const bool back = slice.step < 0;
  const auto clamp = [&](int64_t i) {
    if (i < 0) i += size;
    return std::clamp<int64_t>(i, back ? -1 : 0, back ? size - 1 : size);
  };
  const int64_t start = clamp(slice.start);
  const int64_t distance = back ? start - clamp(slice.end) : clamp(slice.end) - start;
  // Unsigned, for the step -2^63.
  const uint64_t step = back ? -static_cast<uint64_t>(slice.step) : slice.step;
  return {start, distance > 0 ? static_cast<int64_t>((distance - 1) / step) + 1 : 0};
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) return std::vector<TensorType>{context.input(0)};
  NOMO_ASSIGN_OR_RETURN(const auto slices, GetSlices(context, shape.rank()));
  if (!slices)
    return std::vector<TensorType>{{context.dtype(0), PartialShape::OfRank(shape.rank())}};
  for (const AxisSlice& slice : *slices) {
    Dim& dim = shape[slice.axis];
    if (dim.known()) {
      dim = Dim(Indices(slice, dim.size()).count);
    } else if (!(slice.start == 0 && slice.end == kEnd && slice.step == 1)) {  // not the whole axis
      dim = Dim();
    }
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

// What the slices name of a tensor of this shape.
StridedView Sliced(StridedView view, const Shape& shape, const std::vector<AxisSlice>& slices) {
  for (const AxisSlice& slice : slices) {
    const Range range = Indices(slice, shape[slice.axis]);
    view = view.Slice(slice.axis, range.start, range.count, slice.step);
  }
  return view;
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  const Shape shape = node.shape(0).ToShape();
  NOMO_ASSIGN_OR_RETURN(const auto slices, GetSlices(node, shape.rank()));
  plan.Copy(Sliced(StridedView::Input(0, shape), shape, *slices),
            StridedView::Output(0, outputs[0]));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferGrad(const InferContext& context) {
  const PartialShape& dy = context.shape(0);
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, GetShape(context, "shape", 1));
  if (!shape.has_rank() && dy.has_rank()) shape = PartialShape::OfRank(dy.rank());
  if (!shape.has_rank()) return std::vector<TensorType>{{context.dtype(0), shape}};
  NOMO_ASSIGN_OR_RETURN(const auto slices, GetSlices(context, shape.rank(), 2));
  PartialShape expected = slices ? shape : PartialShape::OfRank(shape.rank());
  for (const AxisSlice& slice : slices.value_or(std::vector<AxisSlice>{})) {
    Dim& dim = expected[slice.axis];
    dim = dim.known() ? Dim(Indices(slice, dim.size()).count) : Dim();
  }
  if (!Compatible(dy, expected)) {
    return InvalidArgument("dy: expected the slice's shape ", expected.ToString(), ", found ",
                           dy.ToString());
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

absl::Status PlanGrad(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  NOMO_ASSIGN_OR_RETURN(const auto slices, GetSlices(node, outputs[0].rank(), 2));
  const StridedView dx = StridedView::Output(0, outputs[0]);
  const StridedView zero = plan.AddConstant(Tensor(node.dtype(0), {}));
  plan.Copy(zero.BroadcastTo(outputs[0].dims()), dx);
  plan.Copy(StridedView::Input(0, node.shape(0).ToShape()), Sliced(dx, outputs[0], *slices));
  return absl::OkStatus();
}

// Both ops' arguments of the slice: those from input `first` on, and the attributes.
std::vector<Value> WithArguments(const GradientContext& g, std::vector<Value> inputs, int first) {
  for (int i = first; i < first + 4; ++i) inputs.push_back(g.has_input(i) ? g.input(i) : Value());
  return inputs;
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  CallOptions options;
  options.output_types = {g.input(0).type()};
  return std::vector<Value>{Call("array.SliceGrad",
                                 WithArguments(g, {g.gradient(0), ShapeOf(g.input(0))}, 1),
                                 g.attrs(), options)};
}

absl::StatusOr<std::vector<Value>> GradientOfGrad(const GradientContext& g) {
  Attributes attrs = g.attrs();
  attrs.Erase("shape");
  return std::vector<Value>{Call("array.Slice", WithArguments(g, {g.gradient(0)}, 2), attrs)};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor row = Tensor::Vector<int32_t>({0, 1, 2, 3, 4, 5, 6});
  const auto ints = [](std::initializer_list<int64_t> values) {
    return Tensor::Vector<int64_t>(values);
  };
  return {
      {.name = "ONNX example 1",
       .attrs = {{"starts", Ints{1, 0}},
                 {"ends", Ints{2, 3}},
                 {"axes", Ints{0, 1}},
                 {"steps", Ints{1, 2}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 2}, {5, 7})}},
      {.name = "ONNX example 2: ends are clamped",
       .attrs = {{"starts", Ints{0, 1}}, {"ends", Ints{-1, 1000}}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({1, 3}, {2, 3, 4})}},
      {.name = "arguments as inputs",
       .inputs = {x, ints({-3}), ints({kEnd}), ints({-1}), ints({2})},
       .outputs = {Tensor::Of<float>({2, 2}, {2, 4, 6, 8})}},
      {.name = "backwards",
       .attrs = {{"starts", Ints{-1}}, {"ends", Ints{-kEnd}}, {"steps", Ints{-1}}},
       .inputs = {row},
       .outputs = {Tensor::Vector<int32_t>({6, 5, 4, 3, 2, 1, 0})}},
      {.name = "backwards by 3",
       .attrs = {{"starts", Ints{20}}, {"ends", Ints{0}}, {"steps", Ints{-3}}},
       .inputs = {row},
       .outputs = {Tensor::Vector<int32_t>({6, 3})}},
      {.name = "nothing is left",
       .attrs = {{"starts", Ints{5}}, {"ends", Ints{2}}},
       .inputs = {row},
       .outputs = {Tensor::Of<int32_t>({0}, {})}},
  };
}

// NumPy: dx = numpy.zeros(shape); dx[start:end:step] = dy.
std::vector<Example> GradExamples() {
  const auto ints = [](std::initializer_list<int64_t> values) {
    return Tensor::Vector<int64_t>(values);
  };
  return {
      {.name = "dx[1:2, 0:3:2] = dy",
       .attrs = {{"shape", Ints{2, 4}},
                 {"starts", Ints{1, 0}},
                 {"ends", Ints{2, 3}},
                 {"steps", Ints{1, 2}}},
       .inputs = {Tensor::Of<float>({1, 2}, {5, 7})},
       .outputs = {Tensor::Of<float>({2, 4}, {0, 0, 0, 0, 5, 0, 7, 0})}},
      {.name = "dx[:, -3::2] = dy, arguments as inputs",
       .inputs = {Tensor::Of<float>({2, 2}, {2, 4, 6, 8}), ints({2, 4}), ints({-3}), ints({kEnd}),
                  ints({-1}), ints({2})},
       .outputs = {Tensor::Of<float>({2, 4}, {0, 2, 0, 4, 0, 6, 0, 8})}},
      {.name = "dx[20:0:-3] = dy",
       .attrs = {{"shape", Ints{7}}, {"starts", Ints{20}}, {"ends", Ints{0}}, {"steps", Ints{-3}}},
       .inputs = {Tensor::Vector<double>({6, 3})},
       .outputs = {Tensor::Vector<double>({0, 0, 0, 3, 0, 0, 6})}},
      {.name = "nothing was taken",
       .attrs = {{"shape", Ints{2}}, {"starts", Ints{5}}, {"ends", Ints{2}}},
       .inputs = {Tensor::Of<float>({0}, {})},
       .outputs = {Tensor::Vector<float>({0, 0})}},
  };
}

NOMO_REGISTER_OP(
    CopyOp(OpDef("array.Slice")
               .Doc("y = x[start:end:step] along each of `axes`, as NumPy slices: negative starts "
                    "and ends count from the end, those past it are clamped to it, negative steps "
                    "go backwards (then an end of -2^63 includes element 0), and ends are not "
                    "included. Each argument is an attribute or an input.")
               .Source("ONNX Slice; Keras Cropping")
               .Known({.as = "onnx",
                       .name = "Slice",
                       .attrs = {{"starts", KnownAttr::kInput, "", 1},
                                 {"ends", KnownAttr::kInput, "", 2},
                                 {"axes", KnownAttr::kInput, "", 3},
                                 {"steps", KnownAttr::kInput, "", 4}}})
               .TypeVar("T", kStoredType)
               .TypeVar("I", {DType::kInt32, DType::kInt64})
               .Input("x", "T", "any shape")
               .OptionalInput("starts", "I", "a vector")
               .OptionalInput("ends", "I", "a vector")
               .OptionalInput("axes", "I", "a vector")
               .OptionalInput("steps", "I", "a vector")
               .Output("y", "T", "the rank of x")
               .OptionalAttr("starts", AttrType::kInts, "the first index, for each of `axes`")
               .OptionalAttr("ends", AttrType::kInts, "the index behind the last one")
               .OptionalAttr("axes", AttrType::kInts,
                             "each once, in [-rank, rank); absent: the first ones")
               .OptionalAttr("steps", AttrType::kInts, "not 0; absent: 1")
               .Infer(Infer)
               .InLowPrecision(LowPrecision::kFollows)
               .Gradient(Gradient)
               .Examples(Examples),
           Plan, {1, 2, 3, 4}));

NOMO_REGISTER_OP(
    CopyOp(OpDef("array.SliceGrad")
               .Doc("What flows back through array.Slice: zeros of the given shape, but for the "
                    "elements that array.Slice would take, which are those of dy in their order.")
               .Source("jax.lax.pad with negative and interior padding, the transpose of "
                       "jax.lax.slice")
               .TypeVar("T", kAnyType)
               .TypeVar("I", {DType::kInt32, DType::kInt64})
               .Input("dy", "T", "the shape of the slice")
               .OptionalInput("shape", "int64", "a vector: the sizes of dx")
               .OptionalInput("starts", "I", "a vector, here and below as array.Slice has it")
               .OptionalInput("ends", "I", "a vector")
               .OptionalInput("axes", "I", "a vector")
               .OptionalInput("steps", "I", "a vector")
               .Output("dx", "T", "the given shape")
               .OptionalAttr("shape", AttrType::kInts, "as the input")
               .OptionalAttr("starts", AttrType::kInts, "the first index, for each of `axes`")
               .OptionalAttr("ends", AttrType::kInts, "the index behind the last one")
               .OptionalAttr("axes", AttrType::kInts,
                             "each once, in [-rank, rank); absent: the first ones")
               .OptionalAttr("steps", AttrType::kInts, "not 0; absent: 1")
               .Infer(InferGrad)
               .Gradient(GradientOfGrad)
               .Examples(GradExamples),
           PlanGrad, {1, 2, 3, 4, 5}));

}  // namespace
}  // namespace nomograph
