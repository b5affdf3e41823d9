#include "nomograph/core/onednn/onednn.h"

#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/onednn/collapse_axes.h"
#include "nomograph/core/onednn/elementwise_loop.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/elementwise.h"

namespace nomograph {
namespace {

EltwiseOf Always(int algorithm, float alpha, float beta) {
  return [=](const Attributes&) { return Eltwise{algorithm, alpha, beta}; };
}

PostOp ToPostOp(const Eltwise& function) {
  return {PostOp::Kind::kEltwise, function.algorithm, function.alpha, function.beta};
}

bool BuildEltwise(const EltwiseOf& eltwise, onednn::Builder& b) {
  const PrepareContext& context = b.context();
  const std::optional<Eltwise> function = eltwise(context.attrs);
  if (!function || IsOwnAlgorithm(function->algorithm) || !context.post_ops.empty() ||
      context.inputs[0].dtype != DType::kFloat32) {
    return false;
  }
  const onednn::Desc desc =
      onednn::RowMajor(DType::kFloat32, {context.inputs[0].shape.num_elements()});
  const auto pd =
      onednn::Describe<dnnl::eltwise_forward>(b.Attr(), dnnl::prop_kind::forward_inference,
                                              static_cast<dnnl::algorithm>(function->algorithm),
                                              desc, desc, function->alpha, function->beta);
  b.Add<dnnl::eltwise_forward>(
      pd, {{DNNL_ARG_SRC, b.Input(0, desc)}, {DNNL_ARG_DST, b.Output(0, desc)}});
  return true;
}

bool IsCommutative(dnnl_alg_kind_t algorithm) {
  return algorithm == dnnl_binary_add || algorithm == dnnl_binary_mul ||
         algorithm == dnnl_binary_max || algorithm == dnnl_binary_min;
}

// Which input the other one is applied to: only that can be repeated.
int FirstOperand(dnnl_alg_kind_t algorithm, const PrepareContext& context) {
  return IsCommutative(algorithm) && context.inputs[0].shape != context.outputs[0].shape ? 1 : 0;
}

PostOp AsStep(dnnl_alg_kind_t algorithm, int first) {
  return {.kind = PostOp::Kind::kBinary, .algorithm = algorithm, .input = 1 - first};
}

bool BuildBinary(dnnl_alg_kind_t algorithm, onednn::Builder& b) {
  const PrepareContext& context = b.context();
  if (context.inputs[0].dtype != DType::kFloat32) return false;
  if (context.outputs[0].dtype != DType::kFloat32) return false;  // predicates yield bool
  const Shape& y = context.outputs[0].shape;
  const int first = FirstOperand(algorithm, context);
  std::vector<Shape> shapes = {onednn::WithLeadingOnes(context.inputs[first].shape, y.rank()),
                               onednn::WithLeadingOnes(context.inputs[1 - first].shape, y.rank())};
  for (const PostOp& op : context.post_ops) {
    if (op.kind == PostOp::Kind::kEltwise) continue;
    shapes.push_back(onednn::WithLeadingOnes(context.inputs[op.input].shape, y.rank()));
  }
  shapes.push_back(y);
  shapes = onednn::CollapseAxes(shapes);
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
  const auto pd = onednn::Describe<dnnl::binary>(b.Attr(), static_cast<dnnl::algorithm>(algorithm),
                                                 desc(shapes[0]), desc(right), desc(output));
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

FastKernel OneDnnEltwise(EltwiseOf eltwise) {
  const PrepareFn primitive =
      onednn::Prepare([eltwise](onednn::Builder& b) { return BuildEltwise(eltwise, b); });
  return {.prepare = [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            const std::optional<Eltwise> function = eltwise(context.attrs);
            if (!function || context.inputs[0].dtype != DType::kFloat32) return nullptr;
            const PostOp step = ToPostOp(*function);
            auto loop = onednn::PrepareElementwiseLoop(context, 0, step);
            if (loop == nullptr) loop = onednn::PrepareElementwiseRows(context, 0, step);
            return loop != nullptr ? std::move(loop) : primitive(context);
          },
          .takes_post_ops = [=](const PrepareContext& context) -> std::optional<bool> {
            const std::optional<Eltwise> function = eltwise(context.attrs);
            return function && onednn::ElementwiseRowsServe(context, 0, ToPostOp(*function));
          }};
}

FastKernel OneDnnEltwise(int algorithm, float alpha, float beta) {
  return OneDnnEltwise(Always(algorithm, alpha, beta));
}

PostOpFn EltwisePostOp(EltwiseOf eltwise) {
  return [eltwise](const FusionQuery& query) -> std::optional<PostOp> {
    const std::optional<Eltwise> function = eltwise(query.attrs);
    if (!function || query.output.dtype != DType::kFloat32) return std::nullopt;
    return ToPostOp(*function);
  };
}

PostOpFn EltwisePostOp(int algorithm, float alpha, float beta) {
  return EltwisePostOp(Always(algorithm, alpha, beta));
}

OpDef VectorFunctionOp(std::string name, double (*exact)(double), Elementary function,
                       float (*fast)(float)) {
  const int algorithm = AlgorithmOf(function);
  return FloatFunctionOp(std::move(name), exact)
      .Fast(OneDnnEltwise(algorithm))
      .Fast(FastElementwise(TypeList<float, Half, BFloat16>{}, [fast](float x) { return fast(x); }))
      .AsPostOp(EltwisePostOp(algorithm));
}

FastKernel OneDnnBinary(dnnl_alg_kind_t algorithm) {
  const FastKernel primitive =
      onednn::Fast([algorithm](onednn::Builder& b) { return BuildBinary(algorithm, b); });
  return {.prepare = [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
            const int first = FirstOperand(algorithm, context);
            const PostOp step = AsStep(algorithm, first);
            auto loop = onednn::PrepareElementwiseLoop(context, first, step);
            if (loop != nullptr) return loop;
            NOMO_ASSIGN_OR_RETURN(auto kernel, primitive.prepare(context));
            return kernel != nullptr ? std::move(kernel)
                                     : onednn::PrepareElementwiseRows(context, first, step);
          },
          .takes_post_ops = [=](const PrepareContext& context) -> std::optional<bool> {
            if (context.inputs[0].dtype != DType::kFloat32) return false;
            const int first = FirstOperand(algorithm, context);
            if (onednn::ElementwiseRowsServe(context, first, AsStep(algorithm, first))) return true;
            return primitive.takes_post_ops(context);
          }};
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
