#include <algorithm>
#include <cmath>
#include <limits>

#include "nomograph/core/exact_math.h"
#include "nomograph/core/onednn_kernel.h"
#include "nomograph/core/registry.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferSoftmax(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(NormalizeAxis(context.attrs().Int("axis"), context.shape(0).rank()).status());
  }
  return SameAsInput(context);
}

// x as [outer, size, inner].
Shape ThreeAxes(const Shape& x, int64_t attr_axis) {
  const int axis = *NormalizeAxis(attr_axis, x.rank());
  Shape result = {1, x[axis], 1};
  for (int i = 0; i < axis; ++i) result[0] *= x[i];
  for (int i = axis + 1; i < x.rank(); ++i) result[2] *= x[i];
  return result;
}

template <typename T>
void SoftmaxReference(const KernelContext& context, bool logarithm) {
  const Shape shape = ThreeAxes(context.input_shape(0), context.attrs().Int("axis"));
  const int64_t size = shape[1], inner = shape[2];
  for (int64_t row = 0; row < shape[0] * inner; ++row) {
    const int64_t first = row / inner * size * inner + row % inner;
    const T* x = context.input<T>(0).data() + first;
    T* y = context.output<T>(0).data() + first;
    double greatest = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < size; ++i) {
      greatest = std::max(greatest, static_cast<double>(x[i * inner]));
    }
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += exact::Exp(static_cast<double>(x[i * inner]) - greatest);
    for (int64_t i = 0; i < size; ++i) {
      const double shifted = static_cast<double>(x[i * inner]) - greatest;
      y[i * inner] = static_cast<T>(logarithm ? shifted - exact::Log(sum) : exact::Exp(shifted) / sum);
    }
  }
}

ComputeFn SoftmaxCompute(bool logarithm) {
  return [logarithm](KernelContext& context) {
    Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() { SoftmaxReference<T>(context, logarithm); });
    return absl::OkStatus();
  };
}

PrepareFn SoftmaxFast(dnnl::algorithm algorithm) {
  return onednn::Prepare([algorithm](onednn::Builder& b) {
    const PrepareContext& context = b.context();
    if (context.inputs[0].dtype != DType::kFloat32) return false;
    const Shape shape = ThreeAxes(context.inputs[0].shape, context.attrs.Int("axis"));
    const auto data = shape[2] == 1 ? onednn::RowMajor(DType::kFloat32, {shape[0], shape[1]})
                                    : onednn::RowMajor(DType::kFloat32, shape.dims());
    const dnnl::softmax_v2_forward::primitive_desc pd(
        {dnnl::prop_kind::forward_inference, algorithm, data, data, 1}, b.Attr(), onednn::Engine());
    b.Add<dnnl::softmax_v2_forward>(pd, {{DNNL_ARG_SRC, b.Input(0, data)}, {DNNL_ARG_DST, b.Output(0, data)}});
    return true;
  });
}

OpDef SoftmaxSchema(std::string name, std::string doc, std::string source) {
  return OpDef(std::move(name), 1)
      .Doc(std::move(doc))
      .Source(std::move(source))
      .TypeVar("T", kFloats)
      .Input("x", "T", "logits, any shape of at least one axis")
      .Output("y", "T", "as x")
      .Attr("axis", -1, "the axis along which y sums to 1")
      .Infer(InferSoftmax)
      .InPlace();
}

NOMO_REGISTER_OP(SoftmaxSchema("nn.Softmax",
                               "y[i] = exp(x[i]) / sum over j of exp(x[j]) along axis, computed with x - max(x) so that it "
                               "does not overflow. Where all are -infinity, or one is NaN or +infinity, y is NaN.",
                               "ONNX Softmax since version 13; Keras Softmax")
                     .Reference(SoftmaxCompute(false))
                     .Fast(SoftmaxFast(dnnl::algorithm::softmax_accurate)));
NOMO_REGISTER_OP(SoftmaxSchema("nn.LogSoftmax",
                               "y[i] = log(softmax(x)[i]) along axis, computed as x - max(x) - log(sum(exp(x - max(x)))), "
                               "which is accurate where the softmax itself is 0. Where all are -infinity, or one is NaN or "
                               "+infinity, y is NaN.",
                               "ONNX LogSoftmax since version 13; tf.nn.log_softmax")
                     .Reference(SoftmaxCompute(true))
                     .Fast(SoftmaxFast(dnnl::algorithm::softmax_log)));

}  // namespace
}  // namespace nomograph::nn
