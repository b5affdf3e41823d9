// nn.NegativeLogLikelihoodLoss: the loss of log-probabilities and the classes that are right.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/loss/class_loss.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape loss, InferClassLoss(context));
  return std::vector<TensorType>{{context.dtype(0), std::move(loss)}};
}

// x as [outer, classes, inner]; targets and losses are [outer, inner].
struct Layout {
  int64_t outer, classes, inner;
};

Layout LayoutOf(const Shape& x, int axis) {
  return {Shape(x.dims().first(axis)).num_elements(), x[axis],
          Shape(x.dims().subspan(axis + 1)).num_elements()};
}

template <typename T, typename I>
class Loss {
 public:
  explicit Loss(KernelContext& context)
      : context_(context),
        layout_(LayoutOf(context.input_shape(0), *NormalizeAxis(context.attrs().Int("axis"),
                                                                context.input_shape(0).rank()))),
        ignored_(context.attrs().Find("ignore_index")) {}

  absl::Status Run() {
    const std::string& reduction = context_.attrs().String("reduction");
    const absl::Span<T> y = context_.output<T>(0);
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < layout_.outer * layout_.inner; ++i) {
      const int64_t target = context_.input<I>(1)[i];
      const bool counts = ignored_ == nullptr || target != *ignored_->As<int64_t>();
      if (counts && (target < 0 || target >= layout_.classes)) return TargetError(target, i);
      const double weight = counts ? WeightOf(target) : 0;
      const double loss = counts ? -weight * LogProbability(i, target) : 0;
      if (reduction == "none") y[i] = static_cast<T>(loss);
      sum += loss;
      weights += weight;
    }
    if (reduction != "none") y[0] = static_cast<T>(reduction == "sum" ? sum : sum / weights);
    return absl::OkStatus();
  }

 private:
  double WeightOf(int64_t target) const {
    return context_.has_input(2) ? static_cast<double>(context_.input<T>(2)[target]) : 1;
  }

  double LogProbability(int64_t i, int64_t target) const {
    const int64_t row = i / layout_.inner * layout_.classes + target;
    return static_cast<double>(context_.input<T>(0)[row * layout_.inner + i % layout_.inner]);
  }

  absl::Status TargetError(int64_t target, int64_t i) const {
    return InvalidArgument("target: element ", i, " is ", target, ", outside of [0, ",
                           layout_.classes, ")");
  }

  KernelContext& context_;
  const Layout layout_;
  const AttrValue* const ignored_;
};

absl::Status Compute(KernelContext& context) {
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(TypeList<int32_t, int64_t>{}, context.input_dtype(1),
             [&]<typename I>() { status = Loss<T, I>(context).Run(); });
  });
  return status;
}

std::vector<Example> Examples() {
  // Of ONNX's documentation: two sequences of two steps, three classes.
  const Tensor x = Tensor::Of<float>({2, 3, 2}, {1, 2, 2, 2, 3, 2, 0, 1, 2, 2, 1, 2});
  const Tensor target = Tensor::Of<int64_t>({2, 2}, {2, 1, 0, 2});
  const Tensor weight = Tensor::Vector<float>({0.2f, 0.3f, 0.1f});
  return {
      {.name = "ONNX example 1",
       .attrs = {{"reduction", "none"}},
       .inputs = {x, target},
       .outputs = {Tensor::Of<float>({2, 2}, {-3, -2, 0, -2})}},
      {.name = "ONNX example 2",
       .attrs = {{"reduction", "sum"}},
       .inputs = {x, target, weight},
       .outputs = {Tensor::Scalar<float>(-1.1f)}},
      {.name = "ONNX example 3",
       .inputs = {x, target, weight},
       .outputs = {Tensor::Scalar<float>(-1.1f / 0.7f)}},
      {.name = "the mean without what is ignored",
       .attrs = {{"ignore_index", 1}},
       .inputs = {x, target},
       .outputs = {Tensor::Scalar<float>(-5.0f / 3)}},
      {.name = "an ignored index that is no class, weights",
       .attrs = {{"ignore_index", -100}, {"reduction", "none"}},
       .inputs = {x, Tensor::Of<int64_t>({2, 2}, {2, -100, 0, 1}), weight},
       .outputs = {Tensor::Of<float>({2, 2}, {-0.3f, 0, 0, -0.6f})}},
      {.name = "one axis, classes last, indices of 32 bits",
       .attrs = {{"axis", -1}},
       .inputs = {Tensor::Of<double>({2, 3}, {-1, -2, -3, -4, -5, -6}),
                  Tensor::Vector<int32_t>({0, 2})},
       .outputs = {Tensor::Scalar<double>(3.5)}},
      {.name = "float16 of images, classes last",
       .attrs = {{"axis", 3}, {"reduction", "sum"}},
       .inputs = {Tensor::Of<Half>({1, 1, 2, 2},
                                   {Half(-1.0f), Half(-0.5f), Half(-0.25f), Half(-4.0f)}),
                  Tensor::Of<int64_t>({1, 1, 2}, {1, 0})},
       .outputs = {Tensor::Scalar<Half>(Half(0.75f))}},
      {.name = "empty batch",
       .attrs = {{"reduction", "sum"}},
       .inputs = {Tensor::Of<float>({0, 3}, {}), Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Scalar<float>(0)}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value x = g.input(0);
  const int64_t axis = g.attrs().Int("axis");
  const auto column = [&](const Value& v) {
    return Call("array.Unsqueeze", {v}, {{"axes", std::vector<int64_t>{axis}}});
  };
  const ClassLossParts parts = PartsOf(g);
  std::vector<Value> result(3);
  if (g.wants(0)) {
    result[0] =
        Call("array.ScatterElements", {ZerosLike(x), column(parts.labels), column(-parts.factors)},
             {{"axis", axis}});
  }
  if (g.wants(2)) result[2] = WeightGradient(g, parts, x);
  return result;
}

NOMO_REGISTER_OP(
    ClassLossSchema(
        OpDef("nn.NegativeLogLikelihoodLoss")
            .Doc("loss = -weight[target] * x[.., target, ..]: what log-probabilities x say of the "
                 "classes that are right, for each index of x's other axes; 0 where the target is "
                 "ignore_index. Then with the reduction mean sum(loss) / sum(weight[target]) over "
                 "those that are not ignored (NaN where there is none), with sum their sum. A "
                 "target that is no class and not ignored is an error.")
            .Source("ONNX NegativeLogLikelihoodLoss; torch.nn.NLLLoss")
            .Known({.as = "onnx",
                    .name = "NegativeLogLikelihoodLoss",
                    .since = 12,
                    .attrs = {{"axis", KnownAttr::kDefault}}})
            .TypeVar("T", kFloats)
            .TypeVar("I", {DType::kInt32, DType::kInt64})
            .Input("x", "T", "[N, C, d1, ...]: log-probabilities of C classes")
            .Input("target", "I", "[N, d1, ...]: the classes")
            .OptionalInput("weight", "T", "[C]; absent: 1")
            .Output("loss", "T", "a scalar, or with the reduction none the shape of target"))
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
