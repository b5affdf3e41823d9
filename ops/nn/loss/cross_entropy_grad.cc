// nn.CrossEntropyGrad: probabilities less 1 for the class that is right, each loss with its factor.
#include <algorithm>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/loss/class_loss.h"

namespace nomograph::nn {
namespace {

enum Input { kFactor, kProbabilities, kLabels };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const TensorType loss[] = {context.input(kProbabilities), context.input(kLabels)};
  Attributes attrs = context.attrs();
  attrs.Set("reduction", "none");
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferClassLoss(InferContext(attrs, loss, {}, 1)));
  if (!Compatible(context.shape(kFactor), shape)) {
    return InvalidArgument("input factor: expected the shape of labels, ", shape.ToString(),
                           ", found ", context.shape(kFactor).ToString());
  }
  return std::vector<TensorType>{context.input(kProbabilities)};
}

template <typename T, typename I>
absl::Status ComputeFor(KernelContext& context, int threads) {
  const Shape& shape = context.input_shape(kProbabilities);
  const int axis = *NormalizeAxis(context.attrs().Int("axis"), shape.rank());
  const int64_t classes = shape[axis];
  const int64_t inner = Shape(shape.dims().subspan(axis + 1)).num_elements();
  const auto factors = context.input<T>(kFactor), x = context.input<T>(kProbabilities);
  const auto labels = context.input<I>(kLabels);
  const auto dx = context.output<T>(0);
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < classes) continue;
    return InvalidArgument("labels: element ", i, " is ", labels[i], ", outside of [0, ", classes,
                           ")");
  }
  const int64_t rows = inner == 0 ? 0 : static_cast<int64_t>(labels.size()) / inner;
  ParallelFor(threads, rows, [&](int64_t row) {
    const T* const factor = factors.data() + row * inner;
    const I* const label = labels.data() + row * inner;
    const int64_t first = row * classes * inner;
    for (int64_t c = 0; c < classes; ++c) {
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t at = first + c * inner + i;
        const auto right = static_cast<ComputeType<T>>(label[i] == c);
        dx[at] = static_cast<T>(static_cast<ComputeType<T>>(factor[i]) *
                                (static_cast<ComputeType<T>>(x[at]) - right));
      }
    }
  });
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context, int threads) {
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(kProbabilities), [&]<typename T>() {
    Dispatch(TypeList<int32_t, int64_t>{}, context.input_dtype(kLabels),
             [&]<typename I>() { status = ComputeFor<T, I>(context, threads); });
  });
  return status;
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 15;
  const bool small = context.inputs[kProbabilities].shape.num_elements() < kWorthThreads;
  if (context.inputs[kProbabilities].dtype != DType::kFloat32 || small) return nullptr;
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& kernel) { return Compute(kernel, threads); },
      "class loop");
}

// It is linear in the factors, and in the probabilities but for the 1.
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value factor = g.input(kFactor), gradient = g.gradient(0);
  const std::vector<int64_t> axes = {g.attrs().Int("axis")};
  const Value wide = Call("array.Unsqueeze", {factor}, {{"axes", axes}});
  std::vector<Value> result(3);
  if (g.wants(kProbabilities)) result[kProbabilities] = gradient * wide;
  if (g.wants(kFactor)) {
    const Value slope =
        Call("nn.CrossEntropyGrad", {OnesLike(factor), g.input(kProbabilities), g.input(kLabels)},
             g.attrs());
    result[kFactor] =
        Call("math.ReduceSum", {gradient * slope}, {{"axes", axes}, {"keepdims", false}});
  }
  return result;
}

std::vector<Example> Examples() {
  return {
      {.name = "a matrix",
       .inputs = {Tensor::Of<float>({2}, {1, 0.5}),
                  Tensor::Of<float>({2, 3}, {0.0674253553, 0.11116562, 0.821409047, 0.821409047,
                                             0.11116562, 0.0674253553}),
                  Tensor::Of<int64_t>({2}, {2, 0})},
       .outputs = {Tensor::Of<float>({2, 3}, {0.0674253553, 0.11116562, -0.178590983, -0.0892954916,
                                              0.0555828102, 0.0337126777})}},
      {.name = "pixels",
       .inputs = {Tensor::Of<float>({1, 2, 2}, {1, 0.5, 1.5, 1}),
                  Tensor::Of<float>({1, 3, 2, 2},
                                    {0.186323717, 0.0725214481, 0.348207414, 0.736124754,
                                     0.307195872, 0.0439864807, 0.0776955783, 0.0996236503,
                                     0.506480396, 0.883492053, 0.574096978, 0.164251626}),
                  Tensor::Of<int64_t>({1, 2, 2}, {2, 1, 0, 1})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 2, 2},
           {0.186323717, 0.0362607241, -0.977688849, 0.736124754, 0.307195872, -0.47800675,
            0.116543368, -0.900376379, -0.493519604, 0.441746026, 0.861145496, 0.164251626})}},
      {.name = "pixels, the classes last",
       .attrs = {{"axis", -1}},
       .inputs = {Tensor::Of<float>({1, 2, 2}, {1, 0.5, 1.5, 1}),
                  Tensor::Of<float>({1, 2, 2, 3},
                                    {0.186323717, 0.307195872, 0.506480396, 0.0725214481,
                                     0.0439864807, 0.883492053, 0.348207414, 0.0776955783,
                                     0.574096978, 0.736124754, 0.0996236503, 0.164251626}),
                  Tensor::Of<int64_t>({1, 2, 2}, {2, 1, 0, 1})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 3},
           {0.186323717, 0.307195872, -0.493519604, 0.0362607241, -0.47800675, 0.441746026,
            -0.977688849, 0.116543368, 0.861145496, 0.736124754, -0.900376379, 0.164251626})}},

  };
}

NOMO_REGISTER_OP(
    OpDef("nn.CrossEntropyGrad")
        .Doc("dx = factor (probabilities - 1 for the class that is right, 0 for the others): with "
             "probabilities = nn.Softmax(scores), the gradient for the scores of losses whose "
             "gradients are the factors. A label that is no class is an error.")
        .Source("torch.nn.functional.cross_entropy")
        .TypeVar("T", kFloats)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("factor", "T", "[N, d1, ...]: of each loss")
        .Input("probabilities", "T", "[N, C, d1, ...]")
        .Input("labels", "I", "[N, d1, ...]: the classes")
        .Output("dx", "T", "as probabilities")
        .Attr("axis", 1, "the axis of the classes, in [-rank, rank)")
        .Infer(Infer)
        .Reference([](KernelContext& context) { return Compute(context, 1); })
        .Fast(Prepare)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
