#include "nomograph/core/onednn/primitives.h"

#include "absl/strings/match.h"

namespace nomograph::onednn {
namespace {

// An elementwise post-op.
struct PostFunction {
  dnnl::algorithm algorithm = dnnl::algorithm::undef;
  float alpha = 0, beta = 0;
};

bool IsArithmetic(dnnl::algorithm algorithm) {
  switch (algorithm) {
    case dnnl::algorithm::eltwise_abs:
    case dnnl::algorithm::eltwise_linear:
    case dnnl::algorithm::eltwise_round:
    case dnnl::algorithm::eltwise_sqrt:
    case dnnl::algorithm::eltwise_square:
    case dnnl::algorithm::binary_add:
    case dnnl::algorithm::binary_sub:
    case dnnl::algorithm::binary_mul:
    case dnnl::algorithm::binary_div:
    case dnnl::algorithm::pooling_avg_include_padding:
    case dnnl::algorithm::pooling_avg_exclude_padding:
    case dnnl::algorithm::reduction_sum:
    case dnnl::algorithm::reduction_mean:
    case dnnl::algorithm::reduction_mul:
      return true;
    default:
      return false;
  }
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::algorithm AlgorithmOf(dnnl::primitive::kind /*kind*/, const dnnl::primitive_desc_base& pd) {
  dnnl_alg_kind_t algorithm = dnnl_alg_kind_undef;
  if (dnnl_primitive_desc_query(pd.get(), dnnl_query_alg_kind, 0, &algorithm) != dnnl_success) {
    return dnnl::algorithm::undef;
  }
  return static_cast<dnnl::algorithm>(algorithm);
}

PostFunction FunctionAt(const dnnl::post_ops& post_ops, int i) {
  PostFunction function;
  post_ops.get_params_eltwise(i, function.algorithm, function.alpha, function.beta);
  return function;
}

#else

// The algorithm of a primitive, whose description `Operation` is of the kind that `query` asks for.
template <typename Operation>
dnnl::algorithm AlgorithmIn(const dnnl::primitive_desc_base& pd, dnnl_query_t query) {
  const Operation* operation = nullptr;
  if (dnnl_primitive_desc_query(pd.get(), query, 0, &operation) != dnnl_success ||
      operation == nullptr) {
    return dnnl::algorithm::undef;
  }
  return static_cast<dnnl::algorithm>(operation->alg_kind);
}

dnnl::algorithm AlgorithmOf(dnnl::primitive::kind kind, const dnnl::primitive_desc_base& pd) {
  switch (kind) {
    case dnnl::primitive::kind::eltwise:
      return AlgorithmIn<dnnl_eltwise_desc_t>(pd, dnnl_query_eltwise_d);
    case dnnl::primitive::kind::binary:
      return AlgorithmIn<dnnl_binary_desc_t>(pd, dnnl_query_binary_d);
    case dnnl::primitive::kind::pooling:
      return AlgorithmIn<dnnl_pooling_desc_t>(pd, dnnl_query_pooling_d);
    case dnnl::primitive::kind::pooling_v2:
      return AlgorithmIn<dnnl_pooling_v2_desc_t>(pd, dnnl_query_pooling_v2_d);
    case dnnl::primitive::kind::reduction:
      return AlgorithmIn<dnnl_reduction_desc_t>(pd, dnnl_query_reduction_d);
    default:
      return dnnl::algorithm::undef;
  }
}

PostFunction FunctionAt(const dnnl::post_ops& post_ops, int i) {
  PostFunction function;
  float scale = 0;
  post_ops.get_params_eltwise(i, scale, function.algorithm, function.alpha, function.beta);
  return function;
}

#endif

}  // namespace

bool MultipliesAbsentInputs(const dnnl::primitive_desc_base& pd) {
  return DNNL_VERSION_MAJOR >= 3 &&
         absl::StrContains(pd.impl_info_str(), "conv:any+brgconv_strided");
}

void SetZeroPoint(dnnl::primitive_attr& attr, int argument) {
#if DNNL_VERSION_MAJOR >= 3
  attr.set_zero_points_mask(argument, /*mask=*/0);
#else
  attr.set_zero_points(argument, /*mask=*/0, {DNNL_RUNTIME_S32_VAL});
#endif
}

bool AppendEltwise(dnnl::post_ops& post_ops, dnnl::algorithm algorithm, float alpha, float beta) {
  for (int i = 0; i < post_ops.len(); ++i) {
    if (post_ops.kind(i) != dnnl::primitive::kind::eltwise) continue;
    const PostFunction before = FunctionAt(post_ops, i);
    if (before.algorithm == algorithm && (before.alpha != alpha || before.beta != beta)) {
      return false;
    }
  }
#if DNNL_VERSION_MAJOR >= 3
  post_ops.append_eltwise(algorithm, alpha, beta);
#else
  post_ops.append_eltwise(/*scale=*/1.0f, algorithm, alpha, beta);
#endif
  return true;
}

bool IsArithmetic(dnnl::primitive::kind kind, const dnnl::primitive_desc_base& pd,
                  const dnnl::post_ops& post_ops) {
  for (int i = 0; i < post_ops.len(); ++i) {
    dnnl::algorithm algorithm = dnnl::algorithm::undef;
    if (post_ops.kind(i) == dnnl::primitive::kind::eltwise) {
      algorithm = FunctionAt(post_ops, i).algorithm;
    } else {
      Desc operand;
      post_ops.get_params_binary(i, algorithm, operand);
    }
    if (!IsArithmetic(algorithm)) return false;
  }
  switch (kind) {
    case dnnl::primitive::kind::reorder:
    case dnnl::primitive::kind::concat:
    case dnnl::primitive::kind::sum:
    case dnnl::primitive::kind::convolution:
    case dnnl::primitive::kind::deconvolution:
    case dnnl::primitive::kind::inner_product:
    case dnnl::primitive::kind::matmul:
    case dnnl::primitive::kind::batch_normalization:
    case dnnl::primitive::kind::layer_normalization:
    case dnnl::primitive::kind::resampling:
      return true;
    default:
      return IsArithmetic(AlgorithmOf(kind, pd));
  }
}

}  // namespace nomograph::onednn
