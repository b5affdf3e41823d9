// random.Bernoulli: 1 with the probability that each element of the input gives, else 0.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/random/draw.h"

namespace nomograph::random {
namespace {

void DrawBernoulli(KernelContext& context) {
  const PhiloxStream stream = RandomStream(context);
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename P>() {
    Dispatch(AllTypes{}, context.output_dtype(0), [&]<typename T>() {
      const auto p = context.input<P>(0);
      const auto y = context.output<T>(0);
      ForEachWord(stream, context.output_shape(0).num_elements(), [&](int64_t i, uint32_t word) {
        y[i] = static_cast<T>(UniformFloat(word) < static_cast<double>(p[i]));
      });
    });
  });
}

std::vector<Example> Examples() {
  return {
      {.name = "sure",
       .inputs = {Tensor::Vector<float>({0, 1, 1, 0, 1})},
       .outputs = {Tensor::Vector<float>({0, 1, 1, 0, 1})}},
      {.name = "of the same type",
       .inputs = {Tensor::Vector<float>(
           {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.9f, 0.9f, 0.9f, 0.1f, 0.1f, 0.1f})},
       .outputs = {Tensor::Vector<float>({0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1})},
       .seed = 4,
       .keyed_by_node = true},
      {.name = "bool",
       .attrs = {{"dtype", DType::kBool}, {"seed", 4}},
       .inputs = {Tensor::Of<double>({1, 2, 2}, {0.5, 0.5, 0.5, 0.5})},
       .outputs = {Tensor::Of<bool>({1, 2, 2}, {false, true, false, true})},
       .keyed_by_node = true},
  };
}

NOMO_REGISTER_OP(
    WithDraw(LikeOp("random.Bernoulli", kFloats, kAnyType), DrawBernoulli)
        .Doc("1 (true) with probability x, else 0, the same in training and inference: y = u < x, "
             "where u is the uniform number in [0, 1) of the upper 24 bits of the element's word "
             "of the Philox4x32-10 stream of (seed, node, step).")
        .Source("ONNX Bernoulli")
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::random
