// Descriptions of primitives, with the same arguments whatever the version of oneDNN: those of its
// version 3, which has no operation descriptors, names the destination wherever there is one, and
// has no second versions of primitives.
#ifndef NOMOGRAPH_CORE_ONEDNN_PRIMITIVES_H_
#define NOMOGRAPH_CORE_ONEDNN_PRIMITIVES_H_

#include "nomograph/core/onednn/desc.h"
#include "nomograph/core/onednn/runtime.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace nomograph::onednn {

#if DNNL_VERSION_MAJOR >= 3

using PoolingForward = dnnl::pooling_forward;
using SoftmaxForward = dnnl::softmax_forward;

namespace internal {

template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc Create(const dnnl::primitive_attr& attr, bool allow_empty,
                                          const Arguments&... arguments) {
  return typename Primitive::primitive_desc(Engine(), arguments..., attr, allow_empty);
}

template <typename Primitive, typename Forward, typename... Arguments>
typename Primitive::primitive_desc CreateBackward(const dnnl::primitive_attr& attr,
                                                  const Forward& forward,
                                                  const Arguments&... arguments) {
  return typename Primitive::primitive_desc(Engine(), arguments..., forward, attr);
}

}  // namespace internal

#else

using PoolingForward = dnnl::pooling_v2_forward;
using SoftmaxForward = dnnl::softmax_v2_forward;

namespace internal {

// The operation descriptor that version 2 makes of version 3's arguments. Some have one descriptor
// for source and destination, or for their gradients, which are alike.
template <typename Primitive>
struct Operation {
  template <typename... Arguments>
  static typename Primitive::desc Of(const Arguments&... arguments) {
    return typename Primitive::desc(arguments...);
  }
};

template <>
struct Operation<dnnl::eltwise_forward> {
  static dnnl::eltwise_forward::desc Of(dnnl::prop_kind kind, dnnl::algorithm algorithm,
                                        const Desc& src, const Desc& /*dst*/, float alpha,
                                        float beta) {
    return {kind, algorithm, src, alpha, beta};
  }
};

template <>
struct Operation<dnnl::eltwise_backward> {
  static dnnl::eltwise_backward::desc Of(dnnl::algorithm algorithm, const Desc& diff_src,
                                         const Desc& /*diff_dst*/, const Desc& data, float alpha,
                                         float beta) {
    return {algorithm, diff_src, data, alpha, beta};
  }
};

template <>
struct Operation<dnnl::lrn_forward> {
  static dnnl::lrn_forward::desc Of(dnnl::prop_kind kind, dnnl::algorithm algorithm,
                                    const Desc& src, const Desc& /*dst*/, int64_t size, float alpha,
                                    float beta, float k) {
    return {kind, algorithm, src, size, alpha, beta, k};
  }
};

template <typename Primitive>
struct NormalizationOperation {
  static typename Primitive::desc Of(dnnl::prop_kind kind, const Desc& src, const Desc& /*dst*/,
                                     float epsilon, dnnl::normalization_flags flags) {
    return {kind, src, epsilon, flags};
  }
};
template <>
struct Operation<dnnl::batch_normalization_forward>
    : NormalizationOperation<dnnl::batch_normalization_forward> {};
template <>
struct Operation<dnnl::layer_normalization_forward>
    : NormalizationOperation<dnnl::layer_normalization_forward> {};

template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc Create(const dnnl::primitive_attr& attr, bool allow_empty,
                                          const Arguments&... arguments) {
  return typename Primitive::primitive_desc(Operation<Primitive>::Of(arguments...), attr, Engine(),
                                            allow_empty);
}

template <typename Primitive, typename Forward, typename... Arguments>
typename Primitive::primitive_desc CreateBackward(const dnnl::primitive_attr& attr,
                                                  const Forward& forward,
                                                  const Arguments&... arguments) {
  return typename Primitive::primitive_desc(Operation<Primitive>::Of(arguments...), attr, Engine(),
                                            forward);
}

}  // namespace internal

#endif

// The description of a primitive with the attributes `attr`. `arguments` are what the constructor
// of Primitive::primitive_desc takes in oneDNN 3 between the engine and the attributes, all of
// them. It throws dnnl::error where oneDNN does not have the primitive.
//
//   const auto pd = Describe<dnnl::matmul>(b.Attr(), src, weights, dst);
template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc Describe(const dnnl::primitive_attr& attr,
                                            const Arguments&... arguments) {
  return internal::Create<Primitive>(attr, /*allow_empty=*/false, arguments...);
}

// The same, but empty, which is false, where oneDNN does not have the primitive.
template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc DescribeIfServed(const dnnl::primitive_attr& attr,
                                                    const Arguments&... arguments) {
  return internal::Create<Primitive>(attr, /*allow_empty=*/true, arguments...);
}

// The same for a primitive that computes a gradient of what `forward` describes. `arguments` are
// those ahead of the forward description.
template <typename Primitive, typename Forward, typename... Arguments>
typename Primitive::primitive_desc DescribeBackward(const dnnl::primitive_attr& attr,
                                                    const Forward& forward,
                                                    const Arguments&... arguments) {
  return internal::CreateBackward<Primitive>(attr, forward, arguments...);
}

// Whether the implementation multiplies the weights by zeros where no input is, next to the first
// and the last: NaN and infinities among them then make NaN of outputs that they have no part in.
// One of version 3's deconvolutions does (3.12.1 with AVX2).
bool MultipliesAbsentInputs(const dnnl::primitive_desc_base& pd);

// All elements of the primitive's argument (DNNL_ARG_SRC …) have one zero point. It is an int32[1]
// that each run is given as the argument DNNL_ARG_ATTR_ZERO_POINTS | argument.
void SetZeroPoint(dnnl::primitive_attr& attr, int argument);

// Whether the primitive and its post-ops are computed without minimum, maximum or comparison; the
// rest clamp their arguments, or choose by comparing, and may lose a NaN (core/op/keep_nan.h).
bool IsArithmetic(dnnl::primitive::kind kind, const dnnl::primitive_desc_base& pd,
                  const dnnl::post_ops& post_ops);

// Appends the function, without a scale for a sum. False where it stands there with other
// parameters: the loops of oneDNN 2.6 keep one for each algorithm, and would compute both with the
// same.
[[nodiscard]] bool AppendEltwise(dnnl::post_ops& post_ops, dnnl::algorithm algorithm, float alpha,
                                 float beta);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_PRIMITIVES_H_
