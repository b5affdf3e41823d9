#include "nomograph/ops/math/reduce.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph::math {
namespace {

constexpr int kAxesInput = 1;

absl::StatusOr<std::vector<TensorType>> InferReduce(const InferContext& context) {
  const auto yield = [&](PartialShape shape) {
    return std::vector<TensorType>{{context.dtype(0), std::move(shape)}};
  };
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return yield(PartialShape());
  NOMO_ASSIGN_OR_RETURN(const auto axes, ReducedAxes(context));
  const bool keepdims = context.attrs().Bool("keepdims");
  if (!axes) return yield(keepdims ? PartialShape::OfRank(x.rank()) : PartialShape());
  PartialShape shape = PartialShape::OfRank(0);
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool reduced = std::binary_search(axes->begin(), axes->end(), axis);
    if (!reduced)
      shape.Append(x[axis]);
    else if (keepdims)
      shape.Append(1);
  }
  return yield(std::move(shape));
}

// Neighbouring axes of x that are all reduced, or all kept.
struct Group {
  int64_t size;
  bool reduced;
  int64_t out_step = 0;
};
using Groups = absl::InlinedVector<Group, 6>;

Groups GroupAxes(const Shape& x, absl::Span<const int> axes) {
  Groups groups;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), axis);
    if (x[axis] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced) {
      groups.back().size *= x[axis];
    } else {
      groups.push_back({x[axis], reduced});
    }
  }
  if (groups.empty()) groups.push_back({1, true});
  int64_t step = 1;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    if (group->reduced) continue;
    group->out_step = step;
    step *= group->size;
  }
  return groups;
}

// The groups as the axes of a Reduction; none where there are too many.
std::optional<Reduction> ReductionOf(const Groups& groups) {
  Reduction r;
  auto group = groups.begin();
  const auto take = [&](bool reduced, int64_t& size) {
    if (group != groups.end() && group->reduced == reduced) size = group++->size;
  };
  take(false, r.outer);
  take(true, r.reduced);
  take(false, r.kept);
  take(true, r.length);
  if (group != groups.end()) return std::nullopt;
  if (r.kept == 1 && r.length == 1) {  // rows
    std::swap(r.outer, r.kept);
    std::swap(r.reduced, r.length);
  }
  return r;
}

// `value`, of y's shape, with the reduced axes that it lacks; one number may stay one.
Value WithReducedAxes(const GradientContext& g, const Value& value) {
  if (g.attrs().Bool("keepdims") || value.shape().rank() == 0) return value;
  if (g.has_input(kAxesInput)) return Call("array.Unsqueeze", {value, g.input(kAxesInput)});
  const std::vector<int64_t>* axes = nullptr;
  if (g.attrs().Has("axes")) axes = &g.attrs().Ints("axes");
  if (axes == nullptr || axes->empty()) return value;
  return Call("array.Unsqueeze", {value}, {{"axes", *axes}});
}

}  // namespace

Value ReducedLike(const GradientContext& g, absl::string_view op, const Value& value) {
  Attributes attrs = g.attrs();
  attrs.Set("keepdims", true);
  return Call(op, {value, g.has_input(kAxesInput) ? g.input(kAxesInput) : Value()}, attrs);
}

Value ExpandLike(const Value& value, const Value& x) {
  CallOptions options;
  options.output_types.push_back(x.type());
  return Call("array.Expand", {value, ShapeOf(x)}, {}, options);
}

GradientFn ReduceGradient(ReduceGradientPart dx) {
  return [dx = std::move(dx)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    const Value result = dx(g, WithReducedAxes(g, g.output(0)), WithReducedAxes(g, g.gradient(0)));
    const bool vague = !result.shape().has_rank();  // as y is, where the axes are an input
    return std::vector<Value>{vague ? ReshapeLike(result, g.input(0)) : result, Value()};
  };
}

GradientFn ReduceExtremeGradient() {
  return ReduceGradient([](const GradientContext& g, const Value& y, const Value& dy) {
    const Value chosen = g.input(0) == y, zero = ConstantLike(0, dy);
    const Value counted = Call("array.Where", {chosen, ConstantLike(1, dy), zero});
    const Value share = dy / ReducedLike(g, "math.ReduceSum", counted);
    return Call("array.Where", {chosen, share, zero});
  });
}

OpDef ReduceSchema(std::string name, DTypeSet types) {
  return OpDef(std::move(name))
      .TypeVar("T", types)
      .TypeVar("I", {DType::kInt32, DType::kInt64})
      .Input("x", "T", "any shape")
      .OptionalInput("axes", "I", "a vector: the axes to reduce, instead of the attribute")
      .Output("y", "T", "the shape of x, whose reduced axes have size 1 or are gone")
      .OptionalAttr(
          "axes", AttrType::kInts,
          "the axes to reduce, negative ones counted from the end; all where none is given")
      .Attr("keepdims", true, "whether reduced axes stay, with size 1")
      .Attr("noop_with_empty_axes", false,
            "whether to reduce no axis, not all, where none is given")
      .Infer(InferReduce);
}

absl::StatusOr<std::optional<std::vector<int>>> ReducedAxes(const InferContext& context) {
  const int rank = context.shape(0).rank();
  NOMO_ASSIGN_OR_RETURN(const IntsArg arg, GetInts(context, "axes", kAxesInput));
  if (arg.given && !arg.known) return std::nullopt;
  if (!arg.values.empty()) {
    NOMO_ASSIGN_OR_RETURN(std::vector<int> axes, NormalizeAxes(arg.values, rank));
    return axes;
  }
  std::vector<int> axes(context.attrs().Bool("noop_with_empty_axes") ? 0 : rank);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

absl::StatusOr<std::vector<int>> StartReduction(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferReduce));
  NOMO_ASSIGN_OR_RETURN(const auto axes, ReducedAxes(node.context()));
  return axes.value_or(std::vector<int>{});  // at this time they are known
}

PrepareFn FastReduction(Reduction::Kind kind, SumResult result) {
  return [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    const TensorSpec& x = context.inputs[0];
    if (x.dtype != DType::kFloat32 || x.shape.num_elements() == 0) return nullptr;
    std::vector<TensorType> types;
    for (const TensorSpec& spec : context.inputs) types.push_back({spec.dtype, spec.shape});
    const auto axes = ReducedAxes(InferContext(context.attrs, types, context.constants, 1));
    if (!axes.ok() || !*axes) return nullptr;
    std::optional<Reduction> reduction = ReductionOf(GroupAxes(x.shape, **axes));
    if (!reduction) return nullptr;
    reduction->kind = kind;
    reduction->root = result == SumResult::kRoot;
    const int64_t results = reduction->outer * reduction->kept;
    if (result == SumResult::kMean) {
      reduction->factor =
          static_cast<double>(results) / static_cast<double>(x.shape.num_elements());
    }
    constexpr int64_t kWorthThreads = 1 << 16;
    const int threads = x.shape.num_elements() < kWorthThreads ? 1 : context.threads;
    return MakeComputeKernel(
        [=, r = *reduction](KernelContext& run) {
          const float* const in = run.input<float>(0).data();
          float* const out = run.output<float>(0).data();
          ParallelParts(threads, [&](int part, int parts) {
            Reduce(r, in, out, results * part / parts, results * (part + 1) / parts);
          });
          return absl::OkStatus();
        },
        absl::StrCat("reduction ", VectorTargetName(BestVectorTarget())));
  };
}

void ForEachReduceRun(const Shape& x, absl::Span<const int> axes, ReduceRunFn run) {
  const int64_t count = x.num_elements();
  const Groups groups = GroupAxes(x, axes);
  const Group& inner = groups.back();
  // Counts through the outer groups like an odometer.
  absl::InlinedVector<int64_t, 6> index(groups.size() - 1, 0);
  int64_t out = 0;
  for (int64_t in = 0; in < count; in += inner.size) {
    run(in, out, inner.size, inner.out_step);
    for (int g = static_cast<int>(index.size()) - 1; g >= 0; --g) {
      out += groups[g].out_step;
      if (++index[g] < groups[g].size) break;
      out -= groups[g].out_step * groups[g].size;
      index[g] = 0;
    }
  }
}

}  // namespace nomograph::math
