// array.Pad: elements added, or cut off, at the ends of axes.
#include <algorithm>

#include "absl/algorithm/container.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

// How many elements are added at each end of each axis; negative: cut off.
struct Pads {
  Ints before, after;
};

// The arguments for all axes of a rank; nothing where they are not known yet.
absl::StatusOr<std::optional<Pads>> GetPads(const InferContext& context, int rank) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg given, GetRequiredInts(context, "pads", 1));
  NOMO_ASSIGN_OR_RETURN(const IntsArg axes, GetInts(context, "axes", 3));
  const Dim count = axes.given ? axes.count : Dim(rank);
  if (given.count.known() && count.known() && given.count.size() != 2 * count.size()) {
    return InvalidArgument("pads: expected 2 values for each of ", count.size(), " axes, found ",
                           given.count.size());
  }
  if (!given.known || (axes.given && !axes.known)) return std::nullopt;
  NOMO_RETURN_IF_ERROR(Annotate(NormalizeAxes(axes.values, rank).status(), "axes"));
  Pads pads{Ints(rank), Ints(rank)};
  for (int64_t i = 0; i < count.size(); ++i) {
    const int64_t axis = axes.given ? axes.values[i] : i;
    const int64_t normal = axis < 0 ? axis + rank : axis;
    pads.before[normal] = given.values[i];
    pads.after[normal] = given.values[i + count.size()];
    for (const int64_t pad : {pads.before[normal], pads.after[normal]}) {
      constexpr int64_t kMaxPad = int64_t{1} << 60;
      if (pad < -kMaxPad || pad > kMaxPad) return InvalidArgument("pads: ", pad, " passes 2^60");
    }
  }
  return pads;
}

// An axis of the output: the part that comes from the input lies at [start, start + count).
struct PaddedAxis {
  int64_t size, start, count;
};

absl::StatusOr<PaddedAxis> PadAxis(int64_t size, int64_t before, int64_t after,
                                   const std::string& mode) {
  const int64_t count = size + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
  if (count < 0) return InvalidArgument("pads cut off ", size - count, " of ", size, " elements");
  const int64_t longest = std::max({before, after, int64_t{0}});
  if (mode == "reflect" && longest > 0 && longest > count - 1) {
    return InvalidArgument("mode reflect: ", longest, " elements need more than ", longest,
                           " to reflect, found ", count);
  }
  if (mode == "wrap" && longest > count) {
    return InvalidArgument("mode wrap: ", longest, " elements need as many to repeat, found ",
                           count);
  }
  if (mode == "edge" && longest > 0 && count == 0)
    return InvalidArgument("mode edge: an empty axis has no edge");
  return PaddedAxis{size + before + after, std::max<int64_t>(before, 0), count};
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  if (context.has_input(2)) {
    const PartialShape& value = context.shape(2);
    if (value.fully_known() && (value.rank() > 1 || value.ToShape().num_elements() != 1)) {
      return InvalidArgument("value: expected one element, found shape ", value.ToString());
    }
  }
  PartialShape shape = context.shape(0);
  if (!shape.has_rank()) return std::vector<TensorType>{context.input(0)};
  NOMO_ASSIGN_OR_RETURN(const auto pads, GetPads(context, shape.rank()));
  if (!pads) return std::vector<TensorType>{{context.dtype(0), PartialShape::OfRank(shape.rank())}};
  for (int i = 0; i < shape.rank(); ++i) {
    const int64_t before = pads->before[i], after = pads->after[i];
    if (shape[i].known()) {
      auto axis = PadAxis(shape[i].size(), before, after, context.attrs().String("mode"));
      NOMO_RETURN_IF_ERROR(Annotate(axis.status(), absl::StrCat("axis ", i)));
      shape[i] = Dim(axis->size);
    } else if (before + after != 0) {
      shape[i] = Dim();
    }
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

// The part of `view` that the axes' `start` and `count` name.
StridedView Box(StridedView view, const std::vector<PaddedAxis>& axes) {
  for (int i = 0; i < view.rank(); ++i) view = view.Slice(i, axes[i].start, axes[i].count);
  return view;
}

// Fills the `count` elements from `start` on of axis `a` of `out` in mode reflect, edge or wrap.
// Ahead of `a` the axes are whole, behind it only the part that comes from the input is filled so
// far.
void FillBorder(const std::string& mode, const StridedView& out, std::vector<PaddedAxis> axes,
                int a, int64_t start, int64_t count, CopyPlan& plan) {
  const PaddedAxis inner = axes[a];
  const bool is_before = start == 0;
  axes[a] = {inner.size, 0, inner.size};
  const StridedView all = Box(out, axes);
  const StridedView border = all.Slice(a, start, count);
  const int64_t end = inner.start + inner.count;
  if (mode == "edge") {
    plan.Copy(all.Slice(a, is_before ? inner.start : end - 1, count, 0), border);
  } else if (mode == "reflect") {
    plan.Copy(all.Slice(a, is_before ? 2 * inner.start : end - 2, count, -1), border);
  } else {
    plan.Copy(all.Slice(a, is_before ? inner.count : inner.start, count), border);
  }
}

absl::Status Plan(const InferContext& node, absl::Span<const Shape> outputs, CopyPlan& plan) {
  const Shape shape = node.shape(0).ToShape();
  const std::string& mode = node.attrs().String("mode");
  NOMO_ASSIGN_OR_RETURN(const auto pads, GetPads(node, shape.rank()));
  std::vector<PaddedAxis> axes;
  StridedView kept = StridedView::Input(0, shape);
  for (int i = 0; i < shape.rank(); ++i) {
    NOMO_ASSIGN_OR_RETURN(const PaddedAxis axis,
                          PadAxis(shape[i], pads->before[i], pads->after[i], mode));
    axes.push_back(axis);
    kept = kept.Slice(i, std::max<int64_t>(-pads->before[i], 0), axis.count);
  }
  const StridedView out = StridedView::Output(0, outputs[0]);
  plan.Copy(kept, Box(out, axes));
  std::optional<StridedView> value;
  if (node.has_input(2)) {
    value = StridedView::Input(2, Shape{});
  } else if (mode == "constant") {
    value = plan.AddConstant(Tensor::Full(node.dtype(0), {}, node.attrs().Float("value")));
  }
  for (int a = 0; a < out.rank(); ++a) {
    const PaddedAxis inner = axes[a];
    const int64_t end = inner.start + inner.count;
    for (const auto& [start, count] :
         {std::pair(int64_t{0}, inner.start), std::pair(end, inner.size - end)}) {
      if (count == 0) continue;
      if (mode != "constant") {
        FillBorder(mode, out, axes, a, start, count, plan);
        continue;
      }
      axes[a] = {inner.size, start, count};
      const StridedView border = Box(out, axes);
      Ints sizes;
      for (int i = 0; i < border.rank(); ++i) sizes.push_back(border.size(i));
      plan.Copy(value->BroadcastTo(sizes), border);
    }
    axes[a] = {inner.size, 0, inner.size};
  }
  return absl::OkStatus();
}

std::optional<Padding> PaddingOf(const InferContext& node) {
  if (node.attrs().String("mode") != "constant") return std::nullopt;
  const auto pads = GetPads(node, node.shape(0).rank());
  if (!pads.ok() || !pads->has_value()) return std::nullopt;
  const auto cuts_off = [](int64_t pad) { return pad < 0; };
  if (absl::c_any_of((*pads)->before, cuts_off) || absl::c_any_of((*pads)->after, cuts_off)) {
    return std::nullopt;
  }
  double value = node.attrs().Float("value");
  if (node.has_input(2)) {
    if (node.constant(2) == nullptr) return std::nullopt;
    value = node.constant(2)->AsDouble(0);
  }
  return Padding{(*pads)->before, (*pads)->after, value, /*is_least=*/false};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({3, 2}, {1.0f, 1.2f, 2.3f, 3.4f, 4.5f, 5.7f});
  const Tensor square = Tensor::Of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Ints by_one = {1, 1, 1, 1};
  return {
      {.name = "ONNX example, mode constant",
       .inputs = {x, Tensor::Vector<int64_t>({0, 2, 0, 0}), Tensor::Scalar(0.0f)},
       .outputs = {Tensor::Of<float>({3, 4},
                                     {0, 0, 1.0f, 1.2f, 0, 0, 2.3f, 3.4f, 0, 0, 4.5f, 5.7f})}},
      {.name = "ONNX example, mode reflect",
       .attrs = {{"pads", Ints{0, 1, 0, 0}}, {"mode", "reflect"}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({3, 3},
                                     {1.2f, 1.0f, 1.2f, 3.4f, 2.3f, 3.4f, 5.7f, 4.5f, 5.7f})}},
      {.name = "value",
       .attrs = {{"pads", by_one}, {"value", -1.0}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>(
           {4, 5}, {-1, -1, -1, -1, -1, -1, 1, 2, 3, -1, -1, 4, 5, 6, -1, -1, -1, -1, -1, -1})}},
      {.name = "edge",
       .attrs = {{"pads", by_one}, {"mode", "edge"}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>(
           {4, 5}, {1, 1, 2, 3, 3, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 4, 4, 5, 6, 6})}},
      {.name = "reflect, both axes",
       .attrs = {{"pads", Ints{1, 2, 1, 2}}, {"mode", "reflect"}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>({4, 7}, {6, 5, 4, 5, 6, 5, 4, 3, 2, 1, 2, 3, 2, 1,
                                                6, 5, 4, 5, 6, 5, 4, 3, 2, 1, 2, 3, 2, 1})}},
      {.name = "wrap",
       .attrs = {{"pads", Ints{0, 2, 0, 1}}, {"mode", "wrap"}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>({2, 6}, {2, 3, 1, 2, 3, 1, 5, 6, 4, 5, 6, 4})}},
      {.name = "axes",
       .attrs = {{"pads", Ints{0, 2}}, {"axes", Ints{-1}}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>({2, 5}, {1, 2, 3, 0, 0, 4, 5, 6, 0, 0})}},
      {.name = "axes as an input",
       .attrs = {{"mode", "edge"}},
       .inputs = {square, Tensor::Vector<int64_t>({1, 0}), Tensor(), Tensor::Vector<int64_t>({0})},
       .outputs = {Tensor::Of<int32_t>({3, 3}, {1, 2, 3, 1, 2, 3, 4, 5, 6})}},
      {.name = "negative pads cut off",
       .attrs = {{"pads", Ints{0, -1, 1, 0}}},
       .inputs = {square},
       .outputs = {Tensor::Of<int32_t>({3, 2}, {2, 3, 5, 6, 0, 0})}},
  };
}

// Of mode constant: what was added is cut off, and the other way round.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  if (g.attrs().String("mode") != "constant") return PickingGradient()(g);
  const Value dy = g.gradient(0), axes = g.has_input(3) ? g.input(3) : Value();
  Attributes attrs;
  if (g.attrs().Has("axes")) attrs.Set("axes", g.attrs().Ints("axes"));
  Value pads;
  if (g.attrs().Has("pads")) {
    Ints negative = g.attrs().Ints("pads");
    for (int64_t& pad : negative) pad = -pad;
    attrs.Set("pads", negative);
  } else {
    pads = -g.input(1);
  }
  const Value dx = Call("array.Pad", {dy, pads, Value(), axes}, attrs);
  std::vector<Value> result(4);
  result[0] = dx;
  if (g.wants(2)) {
    const auto sum = [](const Value& x) {
      return Call("math.ReduceSum", {x}, {{"keepdims", false}});
    };
    result[2] = ReshapeLike(sum(dy) - sum(dx), g.input(2));
  }
  return result;
}

NOMO_REGISTER_OP(CopyOp(
    OpDef("array.Pad")
        .Doc("Adds elements at the ends of axes: `value` (mode constant), the outermost element "
             "(edge), the elements behind it mirrored (reflect) or those of the other end (wrap). "
             "Negative pads cut off elements, ahead of the padding. Reflect and wrap add at most "
             "as many as there are to reflect or repeat. Pads and axes are attributes or inputs.")
        .Source("ONNX Pad; numpy.pad; Keras ZeroPadding")
        .Known({.as = "onnx", .name = "Pad", .since = 2})
        .Known({.as = "onnx",
                .name = "Pad",
                .since = 18,
                .attrs = {{"pads", KnownAttr::kInput, "", 1},
                          {"value", KnownAttr::kLike, "", 2},
                          {"axes", KnownAttr::kInput, "", 3}}})
        .TypeVar("T", kAnyType)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("x", "T", "any shape")
        .OptionalInput("pads", "int64",
                       "a vector: the elements to add ahead of each axis, then those behind each")
        .OptionalInput("value", "T", "one element, in place of the attribute")
        .OptionalInput("axes", "I", "a vector of axes")
        .Output("y", "T", "the sizes of x and the pads added up")
        .OptionalAttr("pads", AttrType::kInts, "as the input pads; within 2^60")
        .OptionalAttr("axes", AttrType::kInts,
                      "the axes that pads are for, in [-rank, rank); absent: all")
        .Attr("mode", "constant", "what is added")
        .Choices({"constant", "edge", "reflect", "wrap"})
        .Attr("value", 0.0, "the element that mode constant adds, as array.Cast converts it to T")
        .Infer(Infer)
        .Pads(PaddingOf)
        .Gradient(Gradient)
        .Examples(Examples),
    Plan, {1, 3}));

}  // namespace
}  // namespace nomograph
