// nn.SoftmaxCrossEntropyLoss: the loss of scores (logits) and the classes that are right.
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/loss/class_loss.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape loss, InferClassLoss(context));
  return std::vector<TensorType>{{context.dtype(0), std::move(loss)}, context.input(0)};
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> inputs, const Attributes& attrs) {
  const Value log_prob = Call("nn.LogSoftmax", {inputs[0]}, {{"axis", attrs.Int("axis")}});
  std::vector<Value> arguments(inputs.begin(), inputs.end());
  arguments[0] = log_prob;
  return std::vector<Value>{Call("nn.NegativeLogLikelihoodLoss", std::move(arguments), attrs),
                            log_prob};
}

std::vector<Example> Examples() {
  const Tensor scores =
      Tensor::Of<float>({2, 3, 2}, {2, 2, -1.25, -1, -1, -0.75, -1, 1.25, 1.25, 1.75, -1.75, 0.5});
  const Tensor labels = Tensor::Of<int64_t>({2, 2}, {2, 0, 1, 1});
  const Tensor log_prob = Tensor::Of<float>(
      {2, 3, 2}, {-0.0848568943, -0.107701211, -3.33485689, -3.10770121, -3.08485689, -2.85770121,
                  -2.39426162, -1.1381816, -0.144261624, -0.638181602, -3.14426162, -1.8881816});
  const Tensor weights = Tensor::Vector<float>({0.5f, 1, 2});
  return {
      {.name = "mean", .inputs = {scores, labels}, .outputs = {Tensor::Scalar<float>(0.993750333)}},
      {.name = "none, with log_prob",
       .attrs = {{"reduction", "none"}},
       .inputs = {scores, labels},
       .outputs = {Tensor::Of<float>({2, 2}, {3.08485689, 0.107701211, 0.144261624, 0.638181602}),
                   log_prob}},
      {.name = "weights, the mean without what is ignored",
       .attrs = {{"ignore_index", 2}},
       .inputs = {scores, labels, weights},
       .outputs = {Tensor::Scalar<float>(0.334517533), log_prob}},
      {.name = "sum, classes last, indices of 32 bits",
       .attrs = {{"reduction", "sum"}, {"axis", -1}},
       .inputs = {Tensor::Of<float>({3, 4},
                                    {-1.5, -1.25, -1.75, 0, 1, -1, -1.25, 1, 1.25, 0.25, -1, 1.5}),
                  Tensor::Of<int32_t>({3}, {3, 0, 1})},
       .outputs = {Tensor::Scalar<float>(3.34187798)}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value scores = g.input(0);
  const Attributes axis = {{"axis", g.attrs().Int("axis")}};
  std::vector<Value> result(3);
  const auto add = [](Value& sum, const Value& part) { sum = sum.valid() ? sum + part : part; };
  if (g.has_gradient(0)) {
    const ClassLossParts parts = PartsOf(g);
    if (g.wants(0)) {
      result[0] = Call("nn.CrossEntropyGrad",
                       {parts.factors, Call("nn.Softmax", {scores}, axis), parts.labels}, axis);
    }
    if (g.wants(2)) result[2] = WeightGradient(g, parts, Call("nn.LogSoftmax", {scores}, axis));
  }
  if (g.wants(0) && g.has_gradient(1)) {
    const Value dy = g.gradient(1);
    const std::vector<int64_t> axes = {g.attrs().Int("axis")};
    const Value sum = Call("math.ReduceSum", {dy}, {{"axes", axes}, {"keepdims", true}});
    add(result[0], dy - Call("nn.Softmax", {scores}, axis) * sum);
  }
  return result;
}

NOMO_REGISTER_OP(
    ClassLossSchema(
        OpDef("nn.SoftmaxCrossEntropyLoss")
            .Doc("log_prob = nn.LogSoftmax(scores) along `axis`; loss = "
                 "nn.NegativeLogLikelihoodLoss(log_prob, labels, weights), with the same "
                 "attributes.")
            .Source("ONNX SoftmaxCrossEntropyLoss; torch.nn.CrossEntropyLoss; Keras "
                    "SparseCategoricalCrossentropy(from_logits)")
            .Known({.as = "onnx",
                    .name = "SoftmaxCrossEntropyLoss",
                    .since = 12,
                    .attrs = {{"axis", KnownAttr::kDefault}}})
            .TypeVar("T", kFloats)
            .TypeVar("I", {DType::kInt32, DType::kInt64})
            .Input("scores", "T", "[N, C, d1, ...]: logits of C classes")
            .Input("labels", "I", "[N, d1, ...]: the classes")
            .OptionalInput("weights", "T", "[C]; absent: 1")
            .Output("loss", "T", "a scalar, or with the reduction none the shape of labels")
            .OptionalOutput("log_prob", "T", "as scores"))
        .Infer(Infer)
        .Body(Body)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
