// A full op: a reference kernel that specifies it and a fast kernel on a oneDNN primitive. Both
// run, and are compared.
#include <cmath>
#include <iostream>

#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/nomograph.h"

using namespace nomograph;

constexpr float kAlpha = 1e-4f, kBeta = 0.75f, kBias = 1.0f;

// y = x / (bias + alpha / size * sum of x² over the neighbouring channels) ^ beta, as in AlexNet
// (A. Krizhevsky et al., 2012).
absl::Status Reference(KernelContext& c) {
  const Shape& shape = c.input_shape(0);
  const int64_t channels = shape[3], half = c.attrs().Int("size") / 2;
  const auto x = c.input<float>(0);
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    const int64_t channel = i % channels;
    double squares = 0;
    for (int64_t k = std::max<int64_t>(channel - half, 0);
         k <= std::min(channel + half, channels - 1); ++k) {
      squares += double{x[i - channel + k]} * x[i - channel + k];
    }
    const double scale = kBias + kAlpha / static_cast<double>(2 * half + 1) * squares;
    c.output<float>(0)[i] = static_cast<float>(x[i] / std::pow(scale, kBeta));
  }
  return absl::OkStatus();
}

bool BuildFast(onednn::Builder& b) {
  // oneDNN takes the axes as N, C, H, W; in memory they lie as N, H, W, C.
  const onednn::Desc desc =
      onednn::Permuted(DType::kFloat32, b.context().inputs[0].shape, {0, 3, 1, 2});
  const auto pd = onednn::Describe<dnnl::lrn_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, dnnl::algorithm::lrn_across_channels, desc,
      desc, b.context().attrs.Int("size"), kAlpha, kBeta, kBias);
  b.Add<dnnl::lrn_forward>(pd,
                           {{DNNL_ARG_SRC, b.Input(0, desc)}, {DNNL_ARG_DST, b.Output(0, desc)}});
  return true;
}

OpDef LocalResponseNormalization() {
  return OpDef("acme.LocalResponseNormalization")
      .Doc("Divides each element by a power of the sum of squares over neighbouring channels.")
      .Input("x", "float32", "[batch, height, width, channels]")
      .Attr("size", 5, "how many neighbouring channels count; odd")
      .Min(1)
      .Output("y", "float32", "as x")
      .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
        if (c.shape(0).has_rank() && c.shape(0).rank() != 4) {
          return InvalidArgument("expected [batch, height, width, channels], found ",
                                 c.shape(0).ToString());
        }
        return std::vector<TensorType>{c.input(0)};
      })
      .Reference(Reference)
      .Fast(onednn::Prepare(BuildFast));
}
NOMO_REGISTER_OP(LocalResponseNormalization());

int main() {
  const auto model =
      Sequential({Input({2, 2, 8}), Lambda("acme.LocalResponseNormalization", {{"size", 3}})})
          .Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  const Tensor x = Tensor::Full(DType::kFloat32, {1, 2, 2, 8}, 100);
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(*model, {.exact = exact});
    if (!session.ok()) return std::cerr << session.status() << "\n", 1;
    std::cout << (exact ? "reference " : "oneDNN    ") << (*session)->Run(x)->ToString(4) << "\n";
  }
}
