#include "nomograph/core/onednn.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/onednn_kernel.h"

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

// Makes neighbouring axes one where a, b and the output all run on evenly: oneDNN is fastest with
// few axes.
void CollapseAxes(Shape& a, Shape& b, Shape& output) {
  Shape shapes[3];
  Shape* from[3] = {&a, &b, &output};
  for (int axis = 0; axis < output.rank(); ++axis) {
    bool joins = axis > 0;
    for (int s = 0; s < 2 && joins; ++s) {
      joins = ((*from[s])[axis - 1] == output[axis - 1]) == ((*from[s])[axis] == output[axis]);
    }
    for (int s = 0; s < 3; ++s) {
      if (joins) {
        shapes[s][shapes[s].rank() - 1] *= (*from[s])[axis];
      } else {
        shapes[s].Append((*from[s])[axis]);
      }
    }
  }
  for (int s = 0; s < 3; ++s) *from[s] = shapes[s];
}

bool BuildBinary(dnnl_alg_kind_t algorithm, onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  if (context.outputs[0].dtype != DType::kFloat32) return false;  // predicates yield bool
  Shape output = context.outputs[0].shape;
  Shape left = Padded(context.inputs[0].shape, output.rank());
  Shape right = Padded(context.inputs[1].shape, output.rank());
  CollapseAxes(left, right, output);
  const onednn::Desc src0 = onednn::RowMajor(DType::kFloat32, left.dims());
  const onednn::Desc src1 = onednn::RowMajor(DType::kFloat32, right.dims());
  const onednn::Desc dst = onednn::RowMajor(DType::kFloat32, output.dims());
  const dnnl::binary::primitive_desc pd({static_cast<dnnl::algorithm>(algorithm), src0, src1, dst},
                                        b.Attr(), onednn::Engine());
  // Its generic code, which serves where a is repeated, is hundreds of times slower than a loop;
  // and short rows that are added to again and again are ten times slower.
  constexpr int64_t kShortRow = 64;
  if (absl::StartsWith(pd.impl_info_str(), "ref")) return false;
  if (right != output && output.rank() > 1 && output[output.rank() - 1] < kShortRow) return false;
  b.Add<dnnl::binary>(pd, {{DNNL_ARG_SRC_0, b.Input(0, src0)},
                           {DNNL_ARG_SRC_1, b.Input(1, src1)},
                           {DNNL_ARG_DST, b.Output(0, dst)}});
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
  return [eltwise](const PostOpQuery& query) -> std::optional<PostOp> {
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

PostOpFn BinaryPostOp(dnnl_alg_kind_t algorithm, bool commutative) {
  return [=](const PostOpQuery& query) -> std::optional<PostOp> {
    if (query.output.dtype != DType::kFloat32 || query.inputs[0].dtype != DType::kFloat32) {
      return std::nullopt;
    }
    if (query.fused_input != 0 && !commutative) return std::nullopt;
    if (query.inputs[query.fused_input].shape != query.output.shape) return std::nullopt;
    return PostOp{.kind = PostOp::Kind::kBinary, .algorithm = algorithm};
  };
}

}  // namespace nomograph
