// oneDNN for elementwise ops: fast kernels and post-op hooks, a line each. What the other
// primitives need is in core/onednn/onednn_kernel.h; this header stays light, because many files
// include it.
//
//   op.Fast(OneDnnEltwise(dnnl_eltwise_relu)).AsPostOp(EltwisePostOp(dnnl_eltwise_relu));
#ifndef NOMOGRAPH_CORE_ONEDNN_ONEDNN_H_
#define NOMOGRAPH_CORE_ONEDNN_ONEDNN_H_

#include <functional>
#include <optional>
#include <string>

#include "nomograph/core/elementary/functions.h"
#include "nomograph/core/op/op.h"
#include "oneapi/dnnl/dnnl_types.h"
#include "oneapi/dnnl/dnnl_version.h"

namespace nomograph {

// min(max(alpha * x + beta, 0), 1), which version 3 has as one function: with an older one a linear
// function and bounds stand for it.
#if DNNL_VERSION_MAJOR >= 3
inline constexpr int kEltwiseHardSigmoid = dnnl_eltwise_hardsigmoid;
#else
#define NOMO_ONEDNN_HAS_NO_HARD_SIGMOID
inline constexpr int kEltwiseHardSigmoid = 0x7fff0001;
#endif

// Algorithms of a PostOp that oneDNN's primitives do not take: of a binary one x where x >= 0, else
// x times the operand; of others x to the power alpha, which IsEasyPower() (core/vector/steps.h),
// and the functions of core/elementary/functions.h, whose a and b are alpha and beta.
inline constexpr int kBinaryPRelu = 0x7fff0002, kEltwisePower = 0x7fff0003;
inline constexpr int kEltwiseFunction = 0x7fff0100;
constexpr int AlgorithmOf(Elementary function) {
  return kEltwiseFunction + static_cast<int>(function);
}
constexpr bool IsOwnAlgorithm(int algorithm) { return algorithm >= kBinaryPRelu; }

// An elementwise function with its parameters: one of oneDNN's (dnnl_eltwise_*,
// kEltwiseHardSigmoid), or one of ours.
// Their meaning, and the values that make the function the one that is wanted (e.g. alpha = 1 for
// swish, 1/6 and 1/2 for hardswish, which older versions take for granted), stand in oneDNN's
// documentation of "Eltwise".
struct Eltwise {
  int algorithm;
  float alpha = 0, beta = 0;
};
// The function for a node's attributes; none where there is none.
using EltwiseOf = std::function<std::optional<Eltwise>(const Attributes&)>;
using PostOpFn = std::function<std::optional<PostOp>(const FusionQuery&)>;

// The fast kernel of an op with one input that applies the function to each element. It serves
// float32.
FastKernel OneDnnEltwise(EltwiseOf eltwise);
FastKernel OneDnnEltwise(int algorithm, float alpha = 0, float beta = 0);
// The same for OpDef::AsPostOp.
PostOpFn EltwisePostOp(EltwiseOf eltwise);
PostOpFn EltwisePostOp(int algorithm, float alpha = 0, float beta = 0);

// The op of FloatFunctionOp() (core/op/elementwise.h) with loops of vectors for float32 and, for
// other floats and machines without vectors, `fast`.
OpDef VectorFunctionOp(std::string name, double (*exact)(double), Elementary function,
                       float (*fast)(float));

// The fast kernel of an op with two inputs, a and b, that broadcast as NumPy's do; `algorithm` is a
// dnnl_binary_*. It serves float32 by loops of vectors of our own: oneDNN's primitive is up to
// three times slower with AVX2, and where a division fills its last vector up with zeros it raises
// the flag "invalid operation", so that the run would be repeated (core/op/keep_nan.h).
FastKernel FastBinary(dnnl_alg_kind_t algorithm);
// The same for OpDef::AsPostOp. Unless `commutative`, only a can be what the producer yields.
PostOpFn BinaryPostOp(dnnl_alg_kind_t algorithm, bool commutative);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ONEDNN_ONEDNN_H_
