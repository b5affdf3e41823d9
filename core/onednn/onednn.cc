#include "nomograph/core/onednn/onednn.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "nomograph/core/onednn/onednn_kernel.h"

namespace nomograph {
namespace {

EltwiseOf Always(dnnl_alg_kind_t algorithm, float alpha, float beta) {
  return [=](const Attributes&) { return Eltwise{algorithm, alpha, beta}; };
}

bool BuildEltwise(const EltwiseOf& eltwise, onednn::Builder& b) {
  const PrepareContext& context = b.context();
  const std::optional<Eltwise> function = eltwise(context.attrs);
  if (!function || context.inputs[0].dtype != DType::kFloat32) return false;
  const onednn::Desc desc =
      onednn::RowMajor(DType::kFloat32, {context.inputs[0].shape.num_elements()});
  const dnnl::eltwise_forward::primitive_desc pd(
      {dnnl::prop_kind::forward_inference, static_cast<dnnl::algorithm>(function->algorithm), desc,
       function->alpha, function->beta},
      b.Attr(), onednn::Engine());
  b.Add<dnnl::eltwise_forward>(
      pd, {{DNNL_ARG_SRC, b.Input(0, desc)}, {DNNL_ARG_DST, b.Output(0, desc)}});
  return true;
}

// The shape with leading axes of size 1 up to `rank`.
Shape Padded(const Shape& shape, int rank) {
  Shape padded;
  for (int i = shape.rank(); i < rank; ++i) padded.Append(1);
  for (int64_t dim : shape.dims()) padded.Append(dim);
  return padded;
}

// Makes neighbouring axes one where all the shapes run on evenly, the last of which is the
// output's: oneDNN is fastest with few axes.
std::vector<Shape> CollapseAxes(const std::vector<Shape>& shapes) {
  const Shape& output = shapes.back();
  std::vector<Shape> collapsed(shapes.size());
  for (int axis = 0; axis < output.rank(); ++axis) {
    const bool joins =
        axis > 0 && absl::c_all_of(shapes, [&](const Shape& shape) {
          return (shape[axis - 1] == output[axis - 1]) == (shape[axis] == output[axis]);
        });
    for (size_t s = 0; s < shapes.size(); ++s) {
      Shape& to = collapsed[s];
      if (joins) {
        to[to.rank() - 1] *= shapes[s][axis];
      } else {
        to.Append(shapes[s][axis]);
      }
    }
  }
  return collapsed;
}

bool IsCommutative(dnnl_alg_kind_t algorithm) {
  return algorithm == dnnl_binary_add || algorithm == dnnl_binary_mul ||
         algorithm == dnnl_binary_max || algorithm == dnnl_binary_min;
}

bool BuildBinary(dnnl_alg_kind_t algorithm, onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  if (context.outputs[0].dtype != DType::kFloat32) return false;  // predicates yield bool
  const Shape& y = context.outputs[0].shape;
  // oneDNN repeats the second operand only.
  const int first = IsCommutative(algorithm) && context.inputs[0].shape != y ? 1 : 0;
  std::vector<Shape> shapes = {Padded(context.inputs[first].shape, y.rank()),
                               Padded(context.inputs[1 - first].shape, y.rank())};
  for (const PostOp& op : context.post_ops) {
    if (op.kind == PostOp::Kind::kEltwise) continue;
    shapes.push_back(Padded(context.inputs[op.input].shape, y.rank()));
  }
  shapes.push_back(y);
  shapes = CollapseAxes(shapes);
  const auto desc = [](const Shape& shape) {
    return onednn::RowMajor(DType::kFloat32, shape.dims());
  };
  const Shape& right = shapes[1];
  const Shape& output = shapes.back();
  auto operand = shapes.begin() + 2;
  const auto next_operand = [&](const TensorSpec&, onednn::Desc& operand_desc) {
    operand_desc = desc(*operand++);
    return true;
  };
  if (!b.PostNodeOps(next_operand)) return false;
  const dnnl::binary::primitive_desc pd(
      {static_cast<dnnl::algorithm>(algorithm), desc(shapes[0]), desc(right), desc(output)},
      b.Attr(), onednn::Engine());
  // Its generic code, which serves where the first operand is repeated, is hundreds of times slower
  // than a loop; and short rows that are added to again and again are ten times slower.
  constexpr int64_t kShortRow = 64;
  if (absl::StartsWith(pd.impl_info_str(), "ref")) return false;
  if (right != output && output.rank() > 1 && output[output.rank() - 1] < kShortRow) return false;
  b.Add<dnnl::binary>(pd, {{DNNL_ARG_SRC_0, b.Input(first, desc(shapes[0]))},
                           {DNNL_ARG_SRC_1, b.Input(1 - first, desc(right))},
                           {DNNL_ARG_DST, b.Output(0, desc(output))}});
  return true;
}

}  // namespace

PrepareFn OneDnnEltwise(EltwiseOf eltwise) {
  return onednn::Prepare([eltwise](onednn::Builder& b) { return BuildEltwise(eltwise, b); });
}

PrepareFn OneDnnEltwise(dnnl_alg_kind_t algorithm, float alpha, float beta) {
  return OneDnnEltwise(Always(algorithm, alpha, beta));
}

PostOpFn EltwisePostOp(EltwiseOf eltwise) {
  return [eltwise](const FusionQuery& query) -> std::optional<PostOp> {
    const std::optional<Eltwise> function = eltwise(query.attrs);
    if (!function || query.output.dtype != DType::kFloat32) return std::nullopt;
    return PostOp{PostOp::Kind::kEltwise, function->algorithm, function->alpha, function->beta};
  };
}

PostOpFn EltwisePostOp(dnnl_alg_kind_t algorithm, float alpha, float beta) {
  return EltwisePostOp(Always(algorithm, alpha, beta));
}

PrepareFn OneDnnBinary(dnnl_alg_kind_t algorithm) {
  return onednn::Prepare([algorithm](onednn::Builder& b) { return BuildBinary(algorithm, b); });
}

std::function<bool(const PrepareContext&)> BinaryTakesPostOps(dnnl_alg_kind_t algorithm) {
  return onednn::TakesPostOps(
      [algorithm](onednn::Builder& b) { return BuildBinary(algorithm, b); });
}

PostOpFn BinaryPostOp(dnnl_alg_kind_t algorithm, bool commutative) {
  return [=](const FusionQuery& query) -> std::optional<PostOp> {
    if (query.output.dtype != DType::kFloat32 || query.inputs[0].dtype != DType::kFloat32) {
      return std::nullopt;
    }
    if (query.fused_input != 0 && !commutative) return std::nullopt;
    if (query.inputs[query.fused_input].shape != query.output.shape) return std::nullopt;
    return PostOp{.kind = PostOp::Kind::kBinary, .algorithm = algorithm};
  };
}

}  // namespace nomograph
