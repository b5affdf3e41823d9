#include "nomograph/core/onednn/onednn.h"

#include <utility>

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

FastKernel FastBinary(dnnl_alg_kind_t algorithm) {
  return {.prepare = [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
            const int first = FirstOperand(algorithm, context);
            const PostOp step = AsStep(algorithm, first);
            auto loop = onednn::PrepareElementwiseLoop(context, first, step);
            return loop != nullptr ? std::move(loop)
                                   : onednn::PrepareElementwiseRows(context, first, step);
          },
          .takes_post_ops = [=](const PrepareContext& context) -> std::optional<bool> {
            if (context.inputs[0].dtype != DType::kFloat32) return false;
            const int first = FirstOperand(algorithm, context);
            if (!onednn::ElementwiseRowsServe(context, first, AsStep(algorithm, first))) {
              return std::nullopt;
            }
            return true;
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
