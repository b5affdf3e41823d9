// image.Rescale: y = x * scale + offset in floating point.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  return std::vector<TensorType>{{context.attrs().Type("dtype"), context.shape(0)}};
}

// y = x * scale + offset, in the arithmetic of C.
template <typename C, typename From, typename To>
void Rescale(absl::Span<const From> x, absl::Span<To> y, const Attributes& attrs) {
  const auto scale = static_cast<C>(attrs.Float("scale"));
  const auto offset = static_cast<C>(attrs.Float("offset"));
  const From* in = x.data();
  To* out = y.data();
  const auto count = static_cast<int64_t>(y.size());
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<To>(static_cast<C>(in[i]) * scale + offset);
  }
}

absl::Status Reference(KernelContext& context) {
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename From>() {
    Dispatch(FloatTypes{}, context.output_dtype(0), [&]<typename To>() {
      Rescale<double>(context.input<From>(0), context.output<To>(0), context.attrs());
    });
  });
  return absl::OkStatus();
}

// Types that float holds exactly.
using FastTypes = TypeList<float, Half, BFloat16, int8_t, uint8_t, int16_t, uint16_t>;

absl::Status Fast(KernelContext& context) {
  Dispatch(FastTypes{}, context.input_dtype(0), [&]<typename From>() {
    Rescale<float>(context.input<From>(0), context.output<float>(0), context.attrs());
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareFast(const PrepareContext& context) {
  if (!DTypesOf(FastTypes{}).Contains(context.inputs[0].dtype) ||
      context.outputs[0].dtype != DType::kFloat32) {
    return nullptr;
  }
  return MakeComputeKernel(Fast, "loop");
}

std::optional<PostOp> AsPostOp(const FusionQuery& query) {
  if (query.inputs[0].dtype != query.output.dtype) return std::nullopt;
  return EltwisePostOp(dnnl_eltwise_linear, static_cast<float>(query.attrs.Float("scale")),
                       static_cast<float>(query.attrs.Float("offset")))(query);
}

std::vector<Example> Examples() {
  return {
      {.name = "pixels to [0, 1]",
       .attrs = {{"scale", 1.0 / 255}},
       .inputs = {Tensor::Of<uint8_t>({2, 2}, {0, 51, 102, 255})},
       .outputs = {Tensor::Of<float>({2, 2}, {0, 0.2f, 0.4f, 1})}},
      {.name = "pixels to [-1, 1]",
       .attrs = {{"scale", 1.0 / 127.5}, {"offset", -1}},
       .inputs = {Tensor::Vector<float>({0, 63.75f, 127.5f, 255})},
       .outputs = {Tensor::Vector<float>({-1, -0.5f, 0, 1})}},
      {.name = "other types",
       .attrs = {{"scale", 0.5}, {"offset", 2}, {"dtype", DType::kFloat64}},
       .inputs = {Tensor::Vector<int64_t>({-3, 0, int64_t{1} << 40})},
       .outputs = {Tensor::Vector<double>({0.5, 2, 549755813890})}},
      {.name = "to float16",
       .attrs = {{"scale", 1.0 / 255}, {"dtype", DType::kFloat16}},
       .inputs = {Tensor::Vector<uint8_t>({0, 1, 128, 255})},
       .outputs = {Tensor::Vector<Half>(
           {Half(0.0f), Half(0.0039215088f), Half(0.50195312f), Half(1.0f)})},
       .rtol = 0,
       .atol = 0},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  return std::vector<Value>{
      Call("image.Rescale", {g.gradient(0)},
           {{"scale", g.attrs().Float("scale")}, {"dtype", g.input(0).dtype()}})};
}

NOMO_REGISTER_OP(OpDef("image.Rescale")
                     .Doc("y = x * scale + offset, in floating point of type `dtype`.")
                     .Source("Keras Rescaling")
                     .TypeVar("T", kNumbers)
                     .TypeVar("R", kFloats)
                     .Input("x", "T", "any shape")
                     .Output("y", "R", "the shape of x")
                     .RequiredAttr("scale", AttrType::kFloat,
                                   "the factor, e.g. 1/255 for bytes to [0, 1]")
                     .Attr("offset", 0.0, "what is added after scaling, in the units of y")
                     .Attr("dtype", DType::kFloat32, "the type of y")
                     .Infer(Infer)
                     .Reference(Reference)
                     .Fast(PrepareFast)
                     .AsPostOp(AsPostOp)
                     .Gradient(Gradient)
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph
